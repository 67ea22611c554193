// SPDX-License-Identifier: Apache-2.0
// One expert's view of a flow: how it wants time and input, and how its output becomes the velocity of the common flow.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine/core/error.h"
#include "engine/model/model_description.h"

namespace moescope {

/// A place in a discrete diffusion: a fractional index into its steps and the share of data there.
struct DiffusionPlace {
    double index = 0;
    double abar = 1;  // x = sqrt(abar) data + sqrt(1 - abar) noise
};

/// Where a falling table `abar` [steps] has the value `wanted`: the table is read linearly between neighbours; values beyond
/// its ends give the ends.
DiffusionPlace diffusionPlace(std::span<const double> abar, double wanted);

/// The common flow has data at t = 1 and noise at 0, z = t data + (1 - t) noise, and velocities data - noise. Const.
class ExpertVelocity {
public:
    /// `abar`: of a noise predictor. Throws EngineException where one lacks it.
    ExpertVelocity(const ModelDescription& description, std::vector<double> abar);

    /// What the expert is given at one flow time.
    struct View {
        float flowTime = 0;
        float time = 0;           // as the network receives it
        float inputScale = 1;     // its input is z times this
        double data = 1, noise = 0;  // noise predictors: the shares sqrt(abar) and sqrt(1 - abar) of its input
    };
    View at(float flowTime) const;

    /// z, prediction and velocity of one picture and of equal length (further channels of a prediction left out). Velocities
    /// pass unchanged or with another sign. A clean picture d gives (d - z) / max(1 - t, tEps). Noise e gives, with
    /// x = z / sqrt(t^2 + (1 - t)^2) at the index where abar = t^2 / (t^2 + (1 - t)^2), (x - noise e) / data - e.
    void velocity(const View& view, std::span<const float> z, std::span<const float> prediction, std::span<float> velocity) const;

private:
    Prediction m_prediction;
    TimeConvention m_time;
    double m_tEps;
    std::vector<double> m_abar;
};

}  // namespace moescope
