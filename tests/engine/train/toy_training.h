// SPDX-License-Identifier: GPL-3.0-or-later
// Tiny recipes and a source of fixed batches for tests of the trainer.
#pragma once

#include <fmt/format.h>

#include <string>

#include "engine/train/recipe.h"
#include "engine/train/step_random.h"
#include "engine/train/trainer.h"
#include "engine/train/run_start.h"

namespace moescope::test {

/// One batch of random pictures (fixed: the same one every time, so that it can be learned by heart), or a fresh one per number.
class ToySource final : public train::BatchSource {
public:
    ToySource(Shape shape, int64_t batch, int classes, bool fixed = false) : m_shape(std::move(shape)), m_batch(batch), m_fixed(fixed) {
        for (int i = 0; i < classes; ++i) m_names.push_back(fmt::format("class {}", i));
    }
    Shape pictureShape() const override { return m_shape; }
    int64_t batchSize() const override { return m_batch; }
    int64_t items() const override { return 1000; }
    const std::vector<std::string>& classNames() const override { return m_names; }
    std::vector<std::string> captions() const override { return {}; }
    Result<train::SourceBatch> batch(int64_t number) override {
        train::StepRandom random(99, m_fixed ? 0 : static_cast<uint64_t>(number), train::RandomPurpose::Words);
        train::SourceBatch made;
        made.pictures.resize(static_cast<size_t>(m_batch * elementCount(m_shape)));
        random.normals(made.pictures, 0.5);
        for (int64_t i = 0; i < m_batch; ++i) made.labels.push_back(static_cast<int32_t>(random.uniform() * static_cast<double>(m_names.size())));
        made.captions.resize(static_cast<size_t>(m_batch));
        return made;
    }

private:
    Shape m_shape;
    int64_t m_batch;
    bool m_fixed;
    std::vector<std::string> m_names;
};

/// A recipe on 8 x 8 pictures (DSMoE: 3 channels too, so that it needs no autoencoder); `more` are further assignments.
inline train::Recipe toyRecipe(const std::string& family, const std::vector<std::string>& more = {}) {
    const bool pixels = family != "DSMoE", dense = family == "JiT";
    std::string yaml = fmt::format("name: toy\nmodel: {{family: {}, image_size: 8, patch: 2, width: 16, depth: 4, heads: 2, channels: 3", family);
    if (pixels) yaml += ", bottleneck: 8, context_tokens: 2, context_start: 1";
    yaml += "}\n";
    if (!dense) yaml += "experts: {count: 4, top_k: 2, width: 8}\n";
    yaml += "training: {steps: 20, batch: 4, rate: 0.003, averages: [0.9]}\nsamples: {every: 0}\n";
    return train::parseRecipe(train::withFields(yaml, more).orThrow(), "toy.yaml").orThrow();
}

inline ToySource toySourceFor(const train::Recipe& recipe, bool fixed = false) {
    return ToySource({3, recipe.data.side, recipe.data.side}, recipe.training.batch, 5, fixed);
}

/// A trainer with random weights, ready to step.
inline std::unique_ptr<train::Trainer> toyTrainer(const train::Recipe& recipe, int threads = 1) {
    const ToySource source = toySourceFor(recipe);
    const ModelDescription description = train::describeRun(recipe, {}, source).orThrow();
    auto trainer = std::make_unique<train::Trainer>(train::makeCpuTrainingDevice(threads), recipe, description);
    trainer->begin(train::startValues(recipe, {}, description, trainer->layout()).orThrow().values);
    return trainer;
}

}  // namespace moescope::test
