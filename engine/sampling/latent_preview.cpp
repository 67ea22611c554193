// SPDX-License-Identifier: Apache-2.0
#include "engine/sampling/latent_preview.h"

#include <algorithm>
#include <cmath>

namespace moescope {
namespace {

constexpr int64_t kLargestPreview = 64;

// What one unit of each latent channel adds to red, green and blue (in [-1, 1]); rounded, good for a first impression only.
constexpr float kLatentColour[4][3] = {{0.30f, 0.19f, 0.21f}, {0.19f, 0.29f, 0.17f}, {-0.16f, 0.19f, 0.26f}, {-0.18f, -0.27f, -0.47f}};

uint8_t toByte(float value) { return static_cast<uint8_t>(std::nearbyint(127.5f * (std::clamp(value, -1.0f, 1.0f) + 1.0f))); }

int64_t factorFor(int64_t side) {
    int64_t factor = 1;
    while (side / factor > kLargestPreview || side % factor != 0) ++factor;
    return factor;
}

}  // namespace

PreviewSize previewSize(PictureSpace, const Shape& latentShape) {
    return {static_cast<int>(latentShape[1] / factorFor(latentShape[1])), static_cast<int>(latentShape[2] / factorFor(latentShape[2]))};
}

std::vector<float> linearRgb(const float* latent, int64_t channels, int64_t pixels) {
    std::vector<float> rgb(static_cast<size_t>(3 * pixels), 0.0f);
    for (int colour = 0; colour < 3; ++colour)
        for (int64_t c = 0; c < channels; ++c) {
            const float weight = channels == 4 ? kLatentColour[c][colour] : 0.5f / static_cast<float>(channels);
            for (int64_t i = 0; i < pixels; ++i) rgb[static_cast<size_t>(colour * pixels + i)] += weight * latent[c * pixels + i];
        }
    return rgb;
}

std::vector<uint8_t> makePreviews(PictureSpace space, const std::vector<float>& clean, const Shape& latentShape, int64_t images) {
    const int64_t channels = latentShape[0], height = latentShape[1], width = latentShape[2], pixels = height * width;
    const PreviewSize size = previewSize(space, latentShape);
    const int64_t fy = height / size.height, fx = width / size.width;
    std::vector<uint8_t> previews(static_cast<size_t>(images) * size.height * size.width * 3);
    std::vector<float> rgb;
    uint8_t* out = previews.data();
    for (int64_t image = 0; image < images; ++image) {
        const float* source = clean.data() + image * channels * pixels;
        if (space != PictureSpace::Pixels || channels != 3) {
            rgb = linearRgb(source, channels, pixels);
            source = rgb.data();
        }
        for (int64_t y = 0; y < size.height; ++y)
            for (int64_t x = 0; x < size.width; ++x)
                for (int64_t c = 0; c < 3; ++c) {
                    float sum = 0;
                    for (int64_t dy = 0; dy < fy; ++dy)
                        for (int64_t dx = 0; dx < fx; ++dx) sum += source[c * pixels + (y * fy + dy) * width + x * fx + dx];
                    *out++ = toByte(sum / static_cast<float>(fy * fx));
                }
    }
    return previews;
}

}  // namespace moescope
