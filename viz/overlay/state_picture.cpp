// SPDX-License-Identifier: GPL-3.0-or-later
#include "viz/overlay/state_picture.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "engine/sampling/latent_preview.h"

namespace moescope {
namespace {

QImage fromRgb(const uint8_t* rgb, int width, int height) {
    QImage image(width, height, QImage::Format_RGB32);
    for (int y = 0; y < height; ++y) {
        auto* line = reinterpret_cast<QRgb*>(image.scanLine(y));
        for (int x = 0; x < width; ++x, rgb += 3) line[x] = qRgb(rgb[0], rgb[1], rgb[2]);
    }
    return image;
}

/// One image of stored tensors [images, C, H, W]; empty when it is not there.
std::vector<float> stateOf(const std::vector<std::byte>& stored, const StateLayout& layout, int64_t image) {
    const auto bytes = static_cast<size_t>(elementCount(layout.latentShape)) * (layout.precision == LatentPrecision::F16 ? 2 : 4);
    if (layout.latentShape.size() != 3 || image < 0 || bytes == 0 || stored.size() < (static_cast<size_t>(image) + 1) * bytes) return {};
    const auto start = stored.begin() + static_cast<std::ptrdiff_t>(static_cast<size_t>(image) * bytes);
    return unpackLatents(std::vector<std::byte>(start, start + static_cast<std::ptrdiff_t>(bytes)), layout.precision);
}

QImage fromState(std::vector<float> values, const StateLayout& layout) {
    if (values.empty()) return {};
    const int64_t height = layout.latentShape[1], width = layout.latentShape[2], plane = height * width;
    if (!layout.pixels) values = linearRgb(values.data(), layout.latentShape[0], plane);
    QImage image(static_cast<int>(width), static_cast<int>(height), QImage::Format_RGB32);
    const auto byte = [](float value) {  // as engine/io/png_file's toPicture; a value that is no number is shown as grey
        return static_cast<int>(std::nearbyint(127.5f * ((value == value ? std::clamp(value, -1.0f, 1.0f) : 0.0f) + 1.0f)));
    };
    for (int64_t y = 0; y < height; ++y) {
        auto* line = reinterpret_cast<QRgb*>(image.scanLine(static_cast<int>(y)));
        const float* at = values.data() + y * width;
        for (int64_t x = 0; x < width; ++x) line[x] = qRgb(byte(at[x]), byte(at[x + plane]), byte(at[x + 2 * plane]));
    }
    return image;
}

}  // namespace

QImage imageOf(const Picture& picture) {
    if (picture.width <= 0 || picture.height <= 0) return {};
    return fromRgb(picture.rgb.data(), picture.width, picture.height);
}

Picture pictureOf(const QImage& image) {
    const QImage rgb = image.convertToFormat(QImage::Format_RGB888);
    Picture picture{rgb.width(), rgb.height(), {}};
    const auto row = static_cast<size_t>(3 * rgb.width());
    picture.rgb.resize(row * static_cast<size_t>(rgb.height()));
    for (int y = 0; y < rgb.height(); ++y) std::memcpy(picture.rgb.data() + static_cast<size_t>(y) * row, rgb.constScanLine(y), row);
    return picture;
}

QImage previewImage(const EvaluationRecord& evaluation, const StateLayout& layout, int64_t image) {
    const auto bytes = static_cast<size_t>(3) * static_cast<size_t>(std::max(0, layout.previewHeight) * std::max(0, layout.previewWidth));
    if (image < 0 || bytes == 0 || evaluation.preview.size() < (static_cast<size_t>(image) + 1) * bytes) return {};
    return fromRgb(evaluation.preview.data() + static_cast<size_t>(image) * bytes, layout.previewWidth, layout.previewHeight);
}

QImage cleanImage(const EvaluationRecord& evaluation, const StateLayout& layout, int64_t image) {
    std::vector<float> clean = stateOf(evaluation.noisy, layout, image);
    const std::vector<float> velocity = stateOf(evaluation.velocity, layout, image);
    if (clean.empty() || velocity.empty()) return {};
    const float span = std::max(evaluation.info.noiseLevel, static_cast<float>(layout.tEps));
    for (size_t i = 0; i < clean.size(); ++i) clean[i] += span * velocity[i];
    return fromState(std::move(clean), layout);
}

QImage noisyImage(const EvaluationRecord& evaluation, const StateLayout& layout, int64_t image) {
    return fromState(stateOf(evaluation.noisy, layout, image), layout);
}

QImage velocityImage(const EvaluationRecord& evaluation, const StateLayout& layout, int64_t image) {
    std::vector<float> velocity = stateOf(evaluation.velocity, layout, image);
    for (float& value : velocity) value /= 2;
    return fromState(std::move(velocity), layout);
}

}  // namespace moescope
