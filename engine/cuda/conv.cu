// SPDX-License-Identifier: Apache-2.0
// Convolutions over rows of pixels: a strip of outputs is gathered as rows and multiplied at once.
#include <algorithm>

#include "engine/cuda/conv.cuh"
#include "engine/cuda/linear.h"
#include "engine/cuda/ops.h"

namespace moescope::cuda {
namespace {

constexpr int64_t kStripValues = int64_t{64} << 20;  // gathered at a time

void checkConv(const MsTensor* x, const MsLinear* weights, const MsConvDesc& d, const MsTensor* out) {
    MS_CUDA_REQUIRE(d.kernel == 1 || d.kernel == 3, "[conv2d] kernel must be 1 or 3, got ", d.kernel);
    MS_CUDA_REQUIRE(d.stride == 1 || d.stride == 2, "[conv2d] stride must be 1 or 2, got ", d.stride);
    MS_CUDA_REQUIRE(d.upsample == 1 || d.upsample == 2, "[conv2d] upsample must be 1 or 2, got ", d.upsample);
    MS_CUDA_REQUIRE(d.stripRows >= 0, "[conv2d] stripRows must not be negative, got ", d.stripRows);
    MS_CUDA_REQUIRE(std::min({d.padTop, d.padBottom, d.padLeft, d.padRight}) >= 0,
                    "[conv2d] padding must not be negative");
    MS_CUDA_REQUIRE(d.height > 0 && d.width > 0, "[conv2d] the picture has ", d.height, " x ", d.width, " pixels");
    MS_CUDA_REQUIRE(x->dtype == MS_F32 && out->dtype == MS_F32 && x != out, "[conv2d] needs two different F32 tensors");
    MS_CUDA_REQUIRE(weights->desc.count == 1 && weights->desc.layout == MS_LINEAR_PLAIN,
                    "[conv2d] needs one plain weight matrix");
    const int64_t channels = x->lastDim(), taps = channels * d.kernel * d.kernel;
    MS_CUDA_REQUIRE(x->rows() == d.height * d.width, "[conv2d] expected ", d.height, " x ", d.width, " pixels, got ",
                    x->rows(), " rows");
    MS_CUDA_REQUIRE(weights->desc.in == taps, "[conv2d] the weights have ", weights->desc.in, " columns, ", channels,
                    " channels with kernel ", d.kernel, " need ", taps);
}

}  // namespace

void conv2d(MsContext& context, const MsTensor* x, const MsLinear* weights, const MsConvDesc* desc, MsTensor* out) {
    const MsConvDesc& d = *desc;
    checkConv(x, weights, d, out);
    const int64_t spanY = d.height * d.upsample + d.padTop + d.padBottom - d.kernel;
    const int64_t spanX = d.width * d.upsample + d.padLeft + d.padRight - d.kernel;
    MS_CUDA_REQUIRE(spanY >= 0 && spanX >= 0, "[conv2d] a picture of ", d.height, " x ", d.width,
                    " pixels is smaller than the kernel");
    const int64_t outHeight = spanY / d.stride + 1, outWidth = spanX / d.stride + 1, pixels = outHeight * outWidth;
    const int64_t outChannels = weights->desc.out, columns = weights->desc.in;
    MS_CUDA_REQUIRE(out->rows() == pixels && out->lastDim() == outChannels, "[conv2d] the output must be [", pixels,
                    ", ", outChannels, "], got ", shapeOf(out));
    if (d.kernel == 1 && d.stride == 1 && d.upsample == 1 && pixels == d.height * d.width) {
        const Operand rows = operandOf(context, x->f32(), pixels, columns, weights->type, Slot::Rounded);
        denseLinear(context, rows, pixels, *weights, d.activation, MS_F32, out->f32(), outChannels);
        return;
    }
    const int64_t stride = paddedTo(columns, kRowUnit);
    const int64_t strip = d.stripRows > 0 ? std::min(d.stripRows, outHeight) * outWidth
                                          : std::min(pixels, std::max<int64_t>(1, kStripValues / stride));
    const bool rounds = weights->type == MS_BF16;
    void* rows = context.scratchBytes(Slot::Strip, static_cast<size_t>(strip * stride) * (rounds ? 2 : 4));
    Taps taps{x->f32(), d.height, d.width, x->lastDim(), d.kernel, d.stride, d.padTop, d.padLeft, d.upsample,
              outWidth, 0,        0,       stride};
    for (taps.first = 0; taps.first < pixels; taps.first += strip) {
        if (context.stopRequested()) fail(MS_CANCELLED, "cancelled");
        taps.count = std::min(strip, pixels - taps.first);
        const dim3 grid(blocksFor(taps.count * stride));
        if (rounds)
            context.launch(gatherTapsKernel<uint16_t>, grid, dim3(kThreads), 0, taps, static_cast<uint16_t*>(rows));
        else
            context.launch(gatherTapsKernel<float>, grid, dim3(kThreads), 0, taps, static_cast<float*>(rows));
        const Operand operand{weights->type, rows, stride};
        denseLinear(context, operand, taps.count, *weights, d.activation, MS_F32, out->f32() + taps.first * outChannels,
                    outChannels);
    }
}

}  // namespace moescope::cuda
