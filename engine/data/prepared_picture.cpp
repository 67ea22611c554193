// SPDX-License-Identifier: Apache-2.0
// Pictures of any size as squares of one size: preparedBytes and preparePicture of picture_set.h.
#include <algorithm>
#include <cmath>

#include "engine/data/picture_set.h"
#include "engine/data/resample.h"

namespace moescope {
namespace {

Picture8 cropped(const Picture8& picture, int64_t side) {
    const int64_t length = std::min(picture.width, picture.height);
    const auto left = static_cast<double>((picture.width - length) / 2),
               top = static_cast<double>((picture.height - length) / 2);
    if (picture.width == side && picture.height == side) return picture;
    return resample(picture, {left, top, left + static_cast<double>(length), top + static_cast<double>(length)}, side,
                    side, ResampleFilter::Area);
}

Picture8 padded(const Picture8& picture, const PreparedSize& size) {
    const int64_t longer = std::max(picture.width, picture.height);
    const auto scaledTo = [&](int64_t length) {
        return std::max<int64_t>(1, (length * size.side + longer / 2) / longer);
    };
    const int64_t width = scaledTo(picture.width), height = scaledTo(picture.height);
    const Picture8 inner =
        resample(picture, {0, 0, static_cast<double>(picture.width), static_cast<double>(picture.height)}, width,
                 height, ResampleFilter::Area);
    Picture8 square{size.side, size.side, {}};
    square.rgb.reserve(static_cast<size_t>(3 * size.side * size.side));
    const int64_t left = (size.side - width) / 2, top = (size.side - height) / 2;
    for (int64_t y = 0; y < size.side; ++y)
        for (int64_t x = 0; x < size.side; ++x) {
            const bool inside = x >= left && x < left + width && y >= top && y < top + height;
            const uint8_t* pixel = inside ? inner.rgb.data() + 3 * ((y - top) * width + x - left) : size.padding.data();
            square.rgb.insert(square.rgb.end(), pixel, pixel + 3);
        }
    return square;
}

}  // namespace

std::vector<uint8_t> preparedBytes(const Picture8& picture, const PreparedSize& size, bool mirrored) {
    const Picture8 square = size.fit == PreparedSize::Fit::Crop ? cropped(picture, size.side) : padded(picture, size);
    const auto side = static_cast<size_t>(size.side);
    std::vector<uint8_t> planes(3 * side * side);
    for (size_t y = 0; y < side; ++y)
        for (size_t x = 0; x < side; ++x) {
            const uint8_t* pixel = square.rgb.data() + 3 * (y * side + (mirrored ? side - 1 - x : x));
            for (size_t channel = 0; channel < 3; ++channel) planes[(channel * side + y) * side + x] = pixel[channel];
        }
    return planes;
}

std::vector<float> preparePicture(const Picture8& picture, const PreparedSize& size, bool mirrored) {
    const std::vector<uint8_t> bytes = preparedBytes(picture, size, mirrored);
    std::vector<float> values(bytes.size());
    std::ranges::transform(bytes, values.begin(), [](uint8_t byte) { return static_cast<float>(byte) / 127.5F - 1; });
    return values;
}

}  // namespace moescope
