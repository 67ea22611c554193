// SPDX-License-Identifier: GPL-3.0-or-later
// Ensembles of the toy networks of tests/golden/mode-toy, asked and run with given prompts.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "engine/ensemble/ensemble.h"
#include "engine/model/network_request.h"

namespace moescope::test {

/// The first `experts` of landscape, portrait, texture, typography with the stored router of three or four rows; files are named as seen
/// from `folder`.
EnsembleFile toyMixture(size_t experts, const std::filesystem::path& folder, int64_t topK = 2);

/// Opens and loads it as if it lay in `folder`.
struct ToyMixture {
    ToyMixture(Backend& backend, EnsembleFile file, const std::filesystem::path& folder, const LoadOptions& options = {});
    std::shared_ptr<const Ensemble> ensemble;
    std::unique_ptr<Denoiser> denoiser;
};

/// What one evaluation gave: the velocities [n, ...], and logits and weights [n, experts].
struct ToyAnswer {
    std::vector<float> velocity, logits, weights;
};

/// The stored pictures, times and prompts of forward.safetensors.
ToyAnswer askOnce(const Denoiser& denoiser, const NetworkEdits& edits = {});

/// Six steps from the stored noise with the stored prompts: the final latents.
std::vector<float> runToy(const Denoiser& denoiser, const NetworkEdits& edits = {}, double cfgScale = 1);

}  // namespace moescope::test
