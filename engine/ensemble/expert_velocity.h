// SPDX-License-Identifier: Apache-2.0
// One expert's view of a flow: how it wants time and input, and how its output becomes the velocity of the common flow.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "engine/core/error.h"
#include "engine/model/model_description.h"
#include "engine/model/noise_schedule.h"

namespace moescope {

/// The common flow has data at t = 1 and noise at 0, z = t data + (1 - t) noise, and velocities data - noise. Const.
class ExpertVelocity {
public:
    /// `schedule`: of a network of a discrete diffusion (Prediction::Noise); null for others.
    ExpertVelocity(const ModelDescription& description, std::shared_ptr<const NoiseSchedule> schedule);

    /// What the expert is given at one flow time.
    struct View {
        float flowTime = 0;
        float time = 0;           // as the network receives it
        float inputScale = 1;     // its input is z times this
        double alphaBar = 1;      // of its input x = sqrt(abar) data + sqrt(1 - abar) noise, in a discrete diffusion
    };
    View at(float flowTime) const;

    /// z, prediction and velocity of one picture and of equal length (further channels of a prediction left out). Velocities
    /// pass unchanged or with another sign. A clean picture d gives (d - z) / max(1 - t, tEps). A discrete diffusion is given
    /// x = z / sqrt(t^2 + (1 - t)^2) at the index where abar = t^2 / (t^2 + (1 - t)^2), or at the nearest end of its table;
    /// its noise e gives (x - sqrt(1 - abar) e) / sqrt(abar) - e, other targets likewise (splitPrediction).
    void velocity(const View& view, std::span<const float> z, std::span<const float> prediction, std::span<float> velocity) const;

private:
    Prediction m_prediction;
    TimeConvention m_time;
    double m_tEps;
    std::shared_ptr<const NoiseSchedule> m_schedule;
};

}  // namespace moescope
