// SPDX-License-Identifier: Apache-2.0
// The reference convolution over one picture stored as rows of pixels.
#pragma once

#include "engine/reference/matrix.h"

namespace moescope::reference {

struct ConvShape {
    int64_t height = 0, width = 0;  // of the input
    int64_t kernel = 3, stride = 1;
    int64_t padTop = 0, padBottom = 0, padLeft = 0, padRight = 0;  // zeros
    int64_t upsample = 1;  // 2: the input is read as if enlarged by nearest neighbour first

    int64_t outHeight() const { return (height * upsample + padTop + padBottom - kernel) / stride + 1; }
    int64_t outWidth() const { return (width * upsample + padLeft + padRight - kernel) / stride + 1; }
};

/// out(y, x, o) = b_o + sum over ky, kx, c of w(o; ky, kx, c) in(y stride + ky - padTop, x stride + kx - padLeft, c).
/// x [H W, C], weights [out, (ky, kx, c)], bias [out] or empty -> [outHeight outWidth, out].
template <class T>
Matrix<T> conv2d(const Matrix<T>& x, const Matrix<T>& weights, const std::vector<T>& bias, const ConvShape& shape) {
    const int64_t channels = x.cols, k = shape.kernel;
    Matrix<T> out(shape.outHeight() * shape.outWidth(), weights.rows);
    for (int64_t oy = 0; oy < shape.outHeight(); ++oy)
        for (int64_t ox = 0; ox < shape.outWidth(); ++ox)
            for (int64_t o = 0; o < weights.rows; ++o) {
                T sum = bias.empty() ? T(0) : bias[static_cast<size_t>(o)];
                for (int64_t ky = 0; ky < k; ++ky)
                    for (int64_t kx = 0; kx < k; ++kx) {
                        const int64_t iy = oy * shape.stride + ky - shape.padTop,
                                      ix = ox * shape.stride + kx - shape.padLeft;
                        if (iy < 0 || ix < 0 || iy >= shape.height * shape.upsample ||
                            ix >= shape.width * shape.upsample)
                            continue;
                        const int64_t pixel = iy / shape.upsample * shape.width + ix / shape.upsample;
                        for (int64_t c = 0; c < channels; ++c)
                            sum += weights(o, (ky * k + kx) * channels + c) * x(pixel, c);
                    }
                out(oy * shape.outWidth() + ox, o) = sum;
            }
    return out;
}

}  // namespace moescope::reference
