// SPDX-License-Identifier: Apache-2.0
// The reference cutting of pictures into patch tokens and back.
#pragma once

#include "engine/reference/matrix.h"

namespace moescope::reference {

/// A batch of pictures: values [batch, channels, height, width].
template <class T>
struct Pictures {
    int64_t batch = 0, channels = 0, height = 0, width = 0;
    std::vector<T> data;

    Pictures(int64_t b, int64_t c, int64_t h, int64_t w)
        : batch(b), channels(c), height(h), width(w), data(static_cast<size_t>(b * c * h * w)) {}
    T& operator()(int64_t b, int64_t c, int64_t y, int64_t x) {
        return data[static_cast<size_t>(((b * channels + c) * height + y) * width + x)];
    }
    T operator()(int64_t b, int64_t c, int64_t y, int64_t x) const { return const_cast<Pictures&>(*this)(b, c, y, x); }
};

/// -> [batch * h * w, C p p] for h = height / p rows of w = width / p patches; channel first inside a token, as the
/// weights of a strided convolution lie.
template <class T>
Matrix<T> patchify(const Pictures<T>& image, int64_t patch) {
    const int64_t h = image.height / patch, w = image.width / patch;
    Matrix<T> tokens(image.batch * h * w, image.channels * patch * patch);
    for (int64_t b = 0; b < image.batch; ++b)
        for (int64_t c = 0; c < image.channels; ++c)
            for (int64_t y = 0; y < image.height; ++y)
                for (int64_t x = 0; x < image.width; ++x)
                    tokens((b * h + y / patch) * w + x / patch, (c * patch + y % patch) * patch + x % patch) =
                        image(b, c, y, x);
    return tokens;
}

/// The inverse, and so the backward: dTokens [batch * h * w, C p p] -> [batch, C, h p, w p].
template <class T>
Pictures<T> patchifyBackward(const Matrix<T>& dTokens, int64_t patch, int64_t batch, int64_t h, int64_t w) {
    Pictures<T> d(batch, dTokens.cols / (patch * patch), h * patch, w * patch);
    for (int64_t b = 0; b < batch; ++b)
        for (int64_t c = 0; c < d.channels; ++c)
            for (int64_t y = 0; y < d.height; ++y)
                for (int64_t x = 0; x < d.width; ++x)
                    d(b, c, y, x) =
                        dTokens((b * h + y / patch) * w + x / patch, (c * patch + y % patch) * patch + x % patch);
    return d;
}

/// tokens [batch * h * w, p p C], channel last inside a token -> [batch, C, h p, w p].
template <class T>
Pictures<T> unpatchify(const Matrix<T>& tokens, int64_t patch, int64_t batch, int64_t h, int64_t w) {
    Pictures<T> image(batch, tokens.cols / (patch * patch), h * patch, w * patch);
    for (int64_t b = 0; b < batch; ++b)
        for (int64_t c = 0; c < image.channels; ++c)
            for (int64_t y = 0; y < image.height; ++y)
                for (int64_t x = 0; x < image.width; ++x)
                    image(b, c, y, x) = tokens((b * h + y / patch) * w + x / patch,
                                               (y % patch * patch + x % patch) * image.channels + c);
    return image;
}

/// The inverse, and so the backward: dImage [batch, C, h p, w p] -> [batch * h * w, p p C].
template <class T>
Matrix<T> unpatchifyBackward(const Pictures<T>& dImage, int64_t patch) {
    const int64_t h = dImage.height / patch, w = dImage.width / patch;
    Matrix<T> d(dImage.batch * h * w, patch * patch * dImage.channels);
    for (int64_t b = 0; b < dImage.batch; ++b)
        for (int64_t c = 0; c < dImage.channels; ++c)
            for (int64_t y = 0; y < dImage.height; ++y)
                for (int64_t x = 0; x < dImage.width; ++x)
                    d((b * h + y / patch) * w + x / patch, (y % patch * patch + x % patch) * dImage.channels + c) =
                        dImage(b, c, y, x);
    return d;
}

}  // namespace moescope::reference
