// SPDX-License-Identifier: GPL-3.0-or-later
// Autoencoder files for tests: the reference case rewritten under other names, and random weights of any shape.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "engine/core/host_tensor.h"
#include "engine/model/autoencoder_config.h"
#include "tests/support/temporary_folder.h"

namespace moescope::test {

using NamedTensors = std::map<std::string, HostTensor>;

/// All tensors of a file as fp32.
NamedTensors readTensors(const std::filesystem::path& path);
/// As fp32 safetensors.
void writeTensors(const std::filesystem::path& path, const NamedTensors& tensors);

/// Weights under the names of diffusers: uniform, variance 1 / inputs for matrices; norm weights around 1.
NamedTensors randomVae(const AutoencoderConfig& config, uint32_t seed);
/// The same tensors under the names of the original latent-diffusion code, projections as [C, C, 1, 1].
NamedTensors latentDiffusionNames(const NamedTensors& tensors, int64_t levels);

}  // namespace moescope::test
