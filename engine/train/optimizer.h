// SPDX-License-Identifier: Apache-2.0
// AdamW over the flat parameters with a step count for every tensor, and their moving averages.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "engine/train/parameter_layout.h"
#include "engine/train/training_device.h"

namespace moescope::train {

struct OptimizerOptions {
    double beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
    double weightDecay = 0;  // not of one-dimensional tensors
    double clipNorm = 0;    // largest norm of all gradients together; 0: not clipped
    std::vector<double> averageDecays;
    bool rampAverages = false;    // the decay grows as min(decay, (1 + step) / (10 + step))
    bool averageBuffers = false;  // selection biases are averaged too, else copied
};

/// What a step is told of each tensor.
struct StepTensors {
    std::vector<bool> present;  // by parameter index: it has a gradient (an expert without a token has none)
};

struct StepResult {
    double gradientNorm = 0;  // before clipping, of the tensors that are trained
};

/// Memory of the device: parameters and averages [allValues], gradients and both moments [learnedValues]. One thread.
class Optimizer {
public:
    Optimizer(TrainingDevice& device, const ParameterLayout& layout, const OptimizerOptions& options);

    /// Of everything it holds.
    int64_t bytes() const;
    void allocate();

    float* values() { return m_values; }
    const float* values() const { return m_values; }
    float* gradients() { return m_gradients; }
    float* moment1() { return m_moment1; }
    float* moment2() { return m_moment2; }
    float* average(size_t index) { return m_averages[index]; }
    const float* average(size_t index) const { return m_averages[index]; }
    size_t averages() const { return m_averages.size(); }
    const OptimizerOptions& options() const { return m_options; }

    /// Tensors that are never changed, and of the others the first value that is; by parameter index. Averages of what is frozen stay
    /// as they are, too.
    void freeze(std::vector<bool> frozen, std::vector<int64_t> firstValue) {
        m_frozen = std::move(frozen);
        m_firstValue = std::move(firstValue);
    }
    bool trained(size_t parameter) const;
    /// Steps that each tensor has taken.
    std::vector<int64_t>& steps() { return m_steps; }
    const std::vector<int64_t>& steps() const { return m_steps; }

    void clearGradients();
    /// One step at `rate`; gradients count times `gradientScale`. Throws nothing but device errors; a norm that is not finite changes nothing.
    StepResult step(const StepTensors& tensors, double rate, double gradientScale);
    /// Moves the averages towards the values; `step` counts from 1. Call after everything that changes the values.
    void updateAverages(int64_t step);
    /// Averages begin as copies of the values.
    void startAverages();

private:
    /// Adjacent tensors that take the same step.
    struct Run {
        int64_t offset, values;
        size_t parameter;
    };
    std::vector<Run> runs(const StepTensors& tensors) const;

    TrainingDevice& m_device;
    const ParameterLayout& m_layout;
    OptimizerOptions m_options;
    std::vector<bool> m_frozen;           // empty: everything is trained
    std::vector<int64_t> m_firstValue;
    std::vector<int64_t> m_steps;
    std::unique_ptr<MemoryBlock> m_memory;
    float *m_values = nullptr, *m_gradients = nullptr, *m_moment1 = nullptr, *m_moment2 = nullptr;
    std::vector<float*> m_averages;
};

}  // namespace moescope::train
