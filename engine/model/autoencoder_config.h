// SPDX-License-Identifier: Apache-2.0
// The shape of an AutoencoderKL in the Stable Diffusion layout, from its config.json or from its tensors.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <vector>

#include "engine/core/error.h"
#include "engine/core/host_tensor.h"
#include "engine/model/vae_names.h"

namespace moescope {

struct AutoencoderConfig {
    int64_t inChannels = 3;  // of the picture
    int64_t outChannels = 3;
    int64_t latentChannels = 4;
    std::vector<int64_t> blockOutChannels;  // from the picture down to the latent
    int64_t layersPerBlock = 1;             // residual blocks per level of the encoder; the decoder has one more
    int64_t normGroups = 32;
    bool useQuantConv = true;
    bool usePostQuantConv = true;
    bool midAttention = true;
    bool doubleZ = true;  // the encoder gives mean and log variance; false: the mean alone

    // From the denoiser's latents to the decoder's: z * std / scalingFactor + mean, or z / scalingFactor + shiftFactor.
    double scalingFactor = 0.18215;
    std::optional<double> shiftFactor;
    std::vector<double> latentsMean, latentsStd;  // [latentChannels], empty: none

    int64_t levels() const { return static_cast<int64_t>(blockOutChannels.size()); }
    /// Pixels per latent pixel, in each direction.
    int64_t reduction() const { return int64_t{1} << (levels() - 1); }
    int64_t momentChannels() const { return doubleZ ? 2 * latentChannels : latentChannels; }
};

/// Reads what save_pretrained writes. Values that this program does not run are an Unsupported sentence.
Result<AutoencoderConfig> parseAutoencoderConfig(const nlohmann::json& config);

/// What shapes can tell; the number of norm groups can not be seen and is 32, as in every released model of this
/// layout.
Result<AutoencoderConfig> deriveAutoencoderConfig(const VaeNameIndex& index);

/// Denoiser's latents [B, C, h, w] or [C, h, w] -> what `decode` expects, and back. Throw EngineException on another
/// channel count.
HostTensor unscaleLatent(const AutoencoderConfig& config, const HostTensor& latent);
HostTensor scaleLatent(const AutoencoderConfig& config, const HostTensor& latent);

}  // namespace moescope
