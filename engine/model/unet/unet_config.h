// SPDX-License-Identifier: Apache-2.0
// Shape of a U-Net in the layouts of diffusers: UNet2DConditionModel (text by cross-attention) and UNet2DModel.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/model/model_description.h"
#include "engine/model/setting_bag.h"

namespace moescope::unet {

/// One resolution on the way down or up, in the order in which it runs.
struct Level {
    int64_t channels = 0;
    bool attends = false;  // attention after every resnet
    int64_t heads = 1;
    int64_t transformerLayers = 1;  // with cross-attention: transformer blocks in each attention
    int64_t groups = 32;            // of the norms in front of plain attention
};

struct Config final : FamilyDetails {
    int64_t side = 0;      // pixels (or latent pixels) per side
    int64_t channels = 0;  // of the picture, in and out
    std::vector<Level> down, up;
    int64_t layers = 0;  // resnets per level on the way down; one more on the way up
    bool middle = true, middleAttends = true;
    Level deepest;        // the middle
    int64_t groups = 32;  // of all other group norms
    double eps = 1e-5;
    int64_t contextWidth = 0;        // 0: plain attention, no text
    bool linearProjection = false;   // of transformers: linear instead of 1x1 convolution
    bool oldAttentionNames = false;  // plain attention under query, key, value, proj_attn
    bool padDownBothSides = true;    // false: zeros right and below only
    int64_t timeWidth = 0;
    bool sinFirst = false;
    double frequencyShift = 0;
    int64_t classRows = 0;   // of the class embedding; 0: none
    bool nullClass = true;   // its last row stands for "no class"
    int64_t addedWidth = 0;  // columns of (pooled text | waves of the time ids) that are added to the time; 0: none
    int64_t idWaves = 0;     // columns of the waves of one time id

    int64_t levels() const { return static_cast<int64_t>(down.size()); }
};

/// Reads the model's config.json from `settings`. Throws EngineException naming the setting for anything that would
/// compute something else than what this program runs, and where the file is missing.
Config readConfig(SettingBag& settings);

}  // namespace moescope::unet
