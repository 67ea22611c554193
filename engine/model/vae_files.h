// SPDX-License-Identifier: Apache-2.0
// Where the weights and the config of an AutoencoderKL are, given a folder or a file.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "engine/core/error.h"

namespace moescope {

struct VaeFiles {
    std::filesystem::path weights;
    std::optional<nlohmann::json> config;  // of config.json, where there is one that describes an autoencoder
};

/// A folder: its diffusion_pytorch_model.*, or the same in its subfolder `vae`, or its only file of weights. A file:
/// that file.
Result<VaeFiles> findVaeFiles(const std::filesystem::path& path);

}  // namespace moescope
