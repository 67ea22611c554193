// SPDX-License-Identifier: Apache-2.0
#include "engine/ensemble/expert_velocity.h"

#include <algorithm>
#include <cmath>

namespace moescope {

ExpertVelocity::ExpertVelocity(const ModelDescription& description, std::shared_ptr<const NoiseSchedule> schedule)
    : m_prediction(description.prediction), m_time(description.time), m_tEps(description.defaults.tEps), m_schedule(std::move(schedule)) {
    if (m_prediction == Prediction::Noise && !m_schedule)
        throw EngineException(ErrorCode::Internal, "a noise predictor without its schedule");
}

ExpertVelocity::View ExpertVelocity::at(float flowTime) const {
    View view;
    view.flowTime = flowTime;
    if (m_prediction != Prediction::Noise) {
        const double t = m_time.dataTime > 0.5 ? static_cast<double>(flowTime) : 1.0 - static_cast<double>(flowTime);
        view.time = static_cast<float>(t * m_time.timeScale);
        return view;
    }
    const double t = static_cast<double>(flowTime), length = t * t + (1 - t) * (1 - t);
    const double index = m_schedule->indexOfFlowTime(t);
    view.time = static_cast<float>(index);
    view.inputScale = static_cast<float>(1 / std::sqrt(length));
    view.alphaBar = m_schedule->alphaBarAt(index);
    return view;
}

void ExpertVelocity::velocity(const View& view, std::span<const float> z, std::span<const float> prediction,
                              std::span<float> velocity) const {
    if (m_prediction == Prediction::Velocity) {
        const float sign = m_time.dataTime > 0.5 ? 1.0f : -1.0f;
        for (size_t i = 0; i < velocity.size(); ++i) velocity[i] = sign * prediction[i];
    } else if (m_prediction == Prediction::CleanImage) {
        const float span = std::max(1.0f - view.flowTime, static_cast<float>(m_tEps));
        for (size_t i = 0; i < velocity.size(); ++i) velocity[i] = (prediction[i] - z[i]) / span;
    } else {
        for (size_t i = 0; i < velocity.size(); ++i) {
            const double x = static_cast<double>(view.inputScale * z[i]);
            const NoiseAndData split = splitPrediction(m_schedule->target, view.alphaBar, x, static_cast<double>(prediction[i]));
            velocity[i] = static_cast<float>(split.data - split.noise);
        }
    }
}

}  // namespace moescope
