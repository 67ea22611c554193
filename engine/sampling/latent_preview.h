// SPDX-License-Identifier: Apache-2.0
// Small pictures of a running generation that need no weights.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/model/model_description.h"

namespace moescope {

/// Side lengths of the preview of one image: the picture itself up to 64 pixels, else a whole fraction of it near 64.
struct PreviewSize {
    int height = 0, width = 0;
};
PreviewSize previewSize(PictureSpace space, const Shape& latentShape);

/// clean [images, C, H, W] -> [images, h, w, 3] bytes. Pixels: box average, clamped from [-1, 1]. Stable Diffusion latents
/// (scaled by 0.18215, 4 channels): the colour that each channel stands for on average, a linear map; other channel counts: grey.
std::vector<uint8_t> makePreviews(PictureSpace space, const std::vector<float>& clean, const Shape& latentShape, int64_t images);

/// The same linear map at the latent's own size as values in [-1, 1], [3, H, W], for a picture without a VAE.
std::vector<float> linearRgb(const float* latent, int64_t channels, int64_t pixels);

}  // namespace moescope
