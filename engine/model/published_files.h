// SPDX-License-Identifier: Apache-2.0
// Writes a trained model in the layout in which models of its family are published, so that the published code's
// readers and their relatives load it.
#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "engine/core/error.h"
#include "engine/model/model_description.h"

namespace moescope {

/// The fp32 values of a tensor of the description, valid until the file is written; empty for an optional buffer that
/// there is none of.
using TensorValues = std::function<std::span<const float>(const std::string& name)>;

struct PublishedWeights {
    TensorValues model;
    std::vector<TensorValues> averages;  // the preferred one first; a layout takes what it has names for
};

struct PublishedFacts {
    int64_t step = 0, epoch = 0;
    std::string date = "1970-01-01T00-00-00";        // in the name of a configuration beside the weights
    nlohmann::json args = nlohmann::json::object();  // of the training program; what the model itself says goes before
    nlohmann::json optimizer = nlohmann::json::object();  // its settings ("lr", "betas", ...); moments are not written
};

/// Models with a bottleneck in front (pixels): `path` is a .pth file with model, optimizer, epoch, args, model_ema1 and
/// model_ema2. Others (latents): `path` is a folder that gets config_<date>.yaml and checkpoints/<step>.pt with model,
/// ema, opt and args. Returns the file of weights. Each appears when it is complete. Options that no published model
/// has are stored too, but only this program reads them. Errors: Unsupported for families that are not trained here;
/// Io, NoSpace.
Result<std::filesystem::path> writePublished(const std::filesystem::path& path, const ModelDescription& description,
                                             const PublishedWeights& weights, const PublishedFacts& facts);

}  // namespace moescope
