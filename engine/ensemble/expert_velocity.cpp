// SPDX-License-Identifier: Apache-2.0
#include "engine/ensemble/expert_velocity.h"

#include <algorithm>
#include <cmath>

namespace moescope {

DiffusionPlace diffusionPlace(std::span<const double> abar, double wanted) {
    const size_t last = abar.size() - 1;
    if (wanted >= abar.front()) return {0, abar.front()};
    if (wanted <= abar[last]) return {static_cast<double>(last), abar[last]};
    // The first entry that is smaller; the one before it is not.
    const auto below = std::upper_bound(abar.begin(), abar.end(), wanted, [](double value, double entry) { return value > entry; });
    const auto i = static_cast<size_t>(below - abar.begin());
    return {static_cast<double>(i - 1) + (abar[i - 1] - wanted) / (abar[i - 1] - abar[i]), wanted};
}

ExpertVelocity::ExpertVelocity(const ModelDescription& description, std::vector<double> abar)
    : m_prediction(description.prediction), m_time(description.time), m_tEps(description.defaults.tEps), m_abar(std::move(abar)) {
    if (m_prediction == Prediction::Noise && m_abar.empty())
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
    const DiffusionPlace place = diffusionPlace(m_abar, t * t / length);
    view.time = static_cast<float>(place.index);
    view.inputScale = static_cast<float>(1 / std::sqrt(length));
    view.data = std::sqrt(place.abar);
    view.noise = std::sqrt(1 - place.abar);
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
        const auto data = static_cast<float>(view.data), noise = static_cast<float>(view.noise);
        for (size_t i = 0; i < velocity.size(); ++i)
            velocity[i] = (view.inputScale * z[i] - noise * prediction[i]) / data - prediction[i];
    }
}

}  // namespace moescope
