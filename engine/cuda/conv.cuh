// SPDX-License-Identifier: Apache-2.0
// The rows that a convolution multiplies: a strip of outputs, each with its taps in the order (ky, kx, c).
#pragma once

#include "engine/cuda/device_math.cuh"
#include "engine/cuda/values.cuh"

namespace moescope::cuda {

struct Taps {
    const float* pixels;  // [height width, channels]
    int64_t height, width, channels, kernel, stride, padTop, padLeft, upsample, outWidth;
    int64_t first, count;  // output pixels of the strip
    int64_t rowStride;     // values from row to row of the gathered strip; behind the taps zeros
};

template <class Out>
__global__ void gatherTapsKernel(Taps t, Out* rows) {
    const int64_t i = globalThread();
    if (i >= t.count * t.rowStride) return;
    const auto [row, inside] = rowColumn(i, t.rowStride);
    const auto [tap, c] = rowColumn(inside, t.channels);
    const auto [outY, outX] = rowColumn(t.first + row, t.outWidth);
    const int64_t y = outY * t.stride - t.padTop + tap / t.kernel;
    const int64_t x = outX * t.stride - t.padLeft + tap % t.kernel;
    const bool read =
        tap < t.kernel * t.kernel && y >= 0 && x >= 0 && y < t.height * t.upsample && x < t.width * t.upsample;
    storeAs(rows + i, read ? t.pixels[(y / t.upsample * t.width + x / t.upsample) * t.channels + c] : 0.0f);
}

}  // namespace moescope::cuda
