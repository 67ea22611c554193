// SPDX-License-Identifier: Apache-2.0
// A model in training: one step at a time, its state, and its losses on data that it does not learn from.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "engine/train/batch_source.h"
#include "engine/train/optimizer.h"
#include "engine/train/recipe.h"
#include "engine/train/routing_statistics.h"
#include "engine/train/training_pass.h"

namespace moescope::train {

/// What one optimizer step did.
struct StepFacts {
    int64_t step = 0;  // counted from 1
    double loss = 0, gradientNorm = 0, rate = 0;
    RouterLossValues routerLosses;
    RoutingStatistics routing;
};

/// Of data that it does not learn from, over all t by the recipe's sampling, without dropped conditions.
struct HeldOutFacts {
    double loss = 0;
    RoutingStatistics routing;
};

struct MemoryStatement {
    int64_t parameters = 0;   // weights, averages, moments, gradients, and what is copied while weights are written
    int64_t activations = 0;  // of a pass, with the device's temporary memory
    int64_t data = 0;
    int64_t total() const { return parameters + activations + data; }
};

/// One thread; `step` may throw EngineException (Numeric: a loss or gradient that is not finite, naming step and tensor; the
/// parameters are then as before the step).
class Trainer {
public:
    /// `description` is the recipe's model with what the data decided. Takes no memory yet.
    Trainer(std::unique_ptr<TrainingDevice> device, const Recipe& recipe, const ModelDescription& description);

    MemoryStatement memory() const;
    /// Takes the memory and begins with these values [allValues].
    void begin(std::span<const float> values);
    /// Tensors to be trained alone; see PartsRecipe. `fresh`: experts that the start had no weights for.
    void restrict(const PartsRecipe& parts, const std::vector<int>& fresh);

    /// The next step, on accumulation consecutive batches of `source`.
    StepFacts step(BatchSource& source);
    HeldOutFacts evaluate(BatchSource& source, int64_t batches, bool averaged);

    int64_t steps() const { return m_steps; }
    const Recipe& recipe() const { return m_recipe; }
    const ModelDescription& description() const { return m_description; }
    const ParameterLayout& layout() const { return m_layout; }
    TrainingDevice& device() { return *m_device; }
    Optimizer& optimizer() { return m_optimizer; }
    /// Weights in host memory: the average `index`, or the raw ones for -1.
    std::vector<float> weights(int index) const;

    /// Everything a later run needs to go on as if there had been no break; written under a temporary name and renamed.
    Status save(const std::filesystem::path& file) const;
    /// Format: a file of another model or optimizer.
    Status load(const std::filesystem::path& file);

private:
    TrainingBatch makeBatch(BatchSource& source, int64_t number, bool dropping);
    void moveSelectionBiases(const RoutingStatistics& routing);
    double rateAt(int64_t step) const;
    RoutingStatistics routingOf(const std::vector<float>& times) const;
    [[noreturn]] void reportNotFinite(const StepTensors& tensors, double loss) const;

    std::unique_ptr<TrainingDevice> m_device;
    Recipe m_recipe;
    ModelDescription m_description;
    ParameterLayout m_layout;
    Optimizer m_optimizer;
    TrainingNetwork m_network;
    TrainingPass m_pass;
    int64_t m_steps = 0;
    bool m_movesBiases = false;
};

}  // namespace moescope::train
