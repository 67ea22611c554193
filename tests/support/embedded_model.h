// SPDX-License-Identifier: GPL-3.0-or-later
// The built-in models, loaded.
#pragma once

#include <memory>
#include <string>

#include "engine/backend/backend.h"
#include "engine/model/checkpoint.h"
#include "engine/model/class_labels.h"
#include "engine/sampling/generator.h"

namespace moescope::test {

struct EmbeddedModel {
    std::unique_ptr<Backend> backend;
    std::shared_ptr<const Checkpoint> checkpoint;
    std::unique_ptr<Denoiser> denoiser;
};

/// The emoji model. Throws when it can not be loaded: a broken checkout.
EmbeddedModel loadEmbedded(int threads = 0, const std::string& isa = "auto", MsDType storage = MS_F32);

/// A built-in model by its name (engine/model/built_in_models.h).
EmbeddedModel loadBuiltIn(const std::string& name, int threads = 0);

/// A few quick steps of one class.
GenerationRequest quickRequest(const LoadableModel& checkpoint, int label, uint64_t seed, int steps = 4);

ClassLabels embeddedLabels();

/// Runs and gives the record; throws when the run was stopped.
std::shared_ptr<const RunRecord> runToEnd(const Denoiser& denoiser, const GenerationRequest& request);

}  // namespace moescope::test
