// SPDX-License-Identifier: Apache-2.0
// One batch through the network: noisy pictures, loss, gradients, and what the routers decided.
#pragma once

#include <vector>

#include "engine/train/training_network.h"

namespace moescope::train {

struct FlowSettings {
    FlowTarget target = FlowTarget::Velocity;
    float tEps = 0.05f;
};

/// In host memory. noise is what is mixed in, scaled already.
struct TrainingBatch {
    std::vector<float> pictures, noise;  // [samples, channels, side, side]
    std::vector<float> times;            // [samples] data at 1
    std::vector<int32_t> labels;         // [samples], the null class where the condition was dropped
    PromptRows prompts;                  // instead, for networks that read prompts
};

struct PassResult {
    double loss = 0;               // mean of perSample
    std::vector<float> perSample;  // [samples] mean squared velocity error
    RouterLossValues routerLosses;
};

/// Owns the batch's place in device memory. One thread.
class TrainingPass {
public:
    TrainingPass(TrainingDevice& device, TrainingNetwork& network, const FlowSettings& settings);

    int64_t bytes() const { return m_plan.bytes(); }
    void allocate();
    /// Adds the gradients of lossScale * loss to `gradients` and sets present[i] for every parameter that has one.
    PassResult run(const float* values, const TrainingBatch& batch, float lossScale, float* gradients, const ParameterLayout& layout,
                   std::vector<bool>& present);
    /// The loss alone.
    PassResult evaluate(const float* values, const TrainingBatch& batch);

private:
    PassResult forward(const float* values, const TrainingBatch& batch, float lossScale);
    void markPresent(const ParameterLayout& layout, std::vector<bool>& present) const;

    TrainingDevice& m_device;
    TrainingNetwork& m_network;
    FlowSettings m_settings;
    int64_t m_samples = 0, m_values = 0;
    float *m_pictures = nullptr, *m_noise = nullptr, *m_times = nullptr, *m_z = nullptr, *m_perSample = nullptr, *m_dOutput = nullptr;
    int32_t *m_labels = nullptr, *m_promptIds = nullptr;
    float* m_promptWeights = nullptr;
    MemoryPlan m_plan;
    std::unique_ptr<MemoryBlock> m_memory;
};

}  // namespace moescope::train
