// SPDX-License-Identifier: Apache-2.0
// Convolutions over rows of pixels: a strip of outputs is gathered as rows (ky, kx, c) and multiplied at once.
#include <algorithm>
#include <cstring>
#include <new>

#include "engine/cpu/gemm.h"
#include "engine/cpu/ops.h"

namespace moescope::cpu {
namespace {

// Gathered rows live in one scratch block of the context; a strip that the device chooses stays below this.
constexpr int64_t kScratchFloats = (int64_t{16} << 20) / static_cast<int64_t>(sizeof(float));
constexpr int64_t kPixelsPerTask = 32;  // one task of the gather
constexpr int64_t kStripUnit = 32;      // chosen strips are multiples of this many pixels where they can be

/// Pictures of one size, one after the other.
struct Picture {
    const float* pixels = nullptr;  // [samples height width, channels]
    int64_t height = 0, width = 0, channels = 0, samples = 1;
};

/// The taps of one output pixel, in the order of the weights' columns: row [kernel, kernel, channels].
void gatherPixel(const Picture& picture, const MsConvDesc& desc, int64_t sample, int64_t outY, int64_t outX,
                 float* row) {
    const int64_t channels = picture.channels, kernel = desc.kernel;
    const int64_t height = picture.height * desc.upsample, width = picture.width * desc.upsample;
    const int64_t firstX = outX * desc.stride - desc.padLeft;
    const bool insideX = firstX >= 0 && firstX + kernel <= width;
    for (int64_t ky = 0; ky < kernel; ++ky, row += kernel * channels) {
        const int64_t y = outY * desc.stride - desc.padTop + ky;
        if (y < 0 || y >= height) {
            std::fill_n(row, kernel * channels, 0.0f);
            continue;
        }
        const float* line = picture.pixels + (sample * picture.height + y / desc.upsample) * picture.width * channels;
        if (insideX && desc.upsample == 1) {
            std::memcpy(row, line + firstX * channels, sizeof(float) * static_cast<size_t>(kernel * channels));
            continue;
        }
        for (int64_t kx = 0; kx < kernel; ++kx) {
            const int64_t x = firstX + kx;
            if (x < 0 || x >= width)
                std::fill_n(row + kx * channels, channels, 0.0f);
            else
                std::memcpy(row + kx * channels, line + (x / desc.upsample) * channels,
                            sizeof(float) * static_cast<size_t>(channels));
        }
    }
}

int64_t stripPixels(const MsConvDesc& desc, int64_t columns, int64_t outRows, int64_t outWidth) {
    if (desc.stripRows > 0) return std::min(desc.stripRows, outRows) * outWidth;
    const int64_t fitting = std::max<int64_t>(1, kScratchFloats / columns);
    return std::min(outRows * outWidth, fitting >= kStripUnit ? fitting / kStripUnit * kStripUnit : fitting);
}

MsStatus convolve(MsContext& context, const Picture& picture, const MsLinear& weights, const MsConvDesc& desc,
                  int64_t outHeight, int64_t outWidth, float* out) {
    const int64_t each = outHeight * outWidth, pixels = picture.samples * each;
    const int64_t columns = weights.desc.in, outChannels = weights.desc.out;
    const bool plain =
        desc.kernel == 1 && desc.stride == 1 && desc.upsample == 1 && each == picture.height * picture.width;
    if (plain) {  // the input rows already are what is to be multiplied
        const GemmJob job{{picture.pixels, columns, nullptr}, pixels, 0, out, outChannels, nullptr};
        return gemm(context, weights, &job, 1, desc.activation);
    }
    const int64_t strip = stripPixels(desc, columns, picture.samples * outHeight, outWidth);
    float* gathered = context.scratch(MsContext::Convolution, strip * columns);
    for (int64_t first = 0; first < pixels; first += strip) {
        const int64_t count = std::min(strip, pixels - first);
        const MsStatus status = context.forRows(count, kPixelsPerTask, [&](int64_t begin, int64_t end, int) {
            for (int64_t row = begin; row < end; ++row) {
                const int64_t pixel = (first + row) % each;
                gatherPixel(picture, desc, (first + row) / each, pixel / outWidth, pixel % outWidth,
                            gathered + row * columns);
            }
        });
        if (status != MS_OK) return status;
        const GemmJob job{{gathered, columns, nullptr}, count, 0, out + first * outChannels, outChannels, nullptr};
        if (const MsStatus product = gemm(context, weights, &job, 1, desc.activation); product != MS_OK) return product;
    }
    return MS_OK;
}

}  // namespace

MsStatus conv2d(MsContext* context, const MsTensor* x, const MsLinear* weights, const MsConvDesc* desc, MsTensor* out) {
    const MsConvDesc& d = *desc;
    MS_REQUIRE(context, d.kernel == 1 || d.kernel == 3, "[conv2d] kernel must be 1 or 3, got {}", d.kernel);
    MS_REQUIRE(context, d.stride == 1 || d.stride == 2, "[conv2d] stride must be 1 or 2, got {}", d.stride);
    MS_REQUIRE(context, d.upsample == 1 || d.upsample == 2, "[conv2d] upsample must be 1 or 2, got {}", d.upsample);
    MS_REQUIRE(context, d.stripRows >= 0, "[conv2d] stripRows must not be negative, got {}", d.stripRows);
    MS_REQUIRE(context, std::min({d.padTop, d.padBottom, d.padLeft, d.padRight}) >= 0,
               "[conv2d] padding must not be negative");
    MS_REQUIRE(context, d.height > 0 && d.width > 0, "[conv2d] the picture has {} x {} pixels", d.height, d.width);
    MS_REQUIRE(context, x->dtype == MS_F32 && out->dtype == MS_F32 && x != out,
               "[conv2d] needs two different F32 tensors");
    MS_REQUIRE(context, weights->desc.count == 1 && weights->desc.layout == MS_LINEAR_PLAIN,
               "[conv2d] needs one plain weight matrix");

    const int64_t channels = x->lastDim(), samples = std::max<int64_t>(1, d.samples);
    MS_REQUIRE(context, x->rows() == samples * d.height * d.width,
               "[conv2d] expected {} x {} pixels of {} samples, got {} rows", d.height, d.width, samples, x->rows());
    MS_REQUIRE(context, weights->desc.in == channels * d.kernel * d.kernel,
               "[conv2d] the weights have {} columns, {} channels with kernel {} need {}", weights->desc.in, channels,
               d.kernel, channels * d.kernel * d.kernel);
    const int64_t spanY = d.height * d.upsample + d.padTop + d.padBottom - d.kernel;
    const int64_t spanX = d.width * d.upsample + d.padLeft + d.padRight - d.kernel;
    MS_REQUIRE(context, spanY >= 0 && spanX >= 0, "[conv2d] a picture of {} x {} pixels is smaller than the kernel",
               d.height, d.width);
    const int64_t outHeight = spanY / d.stride + 1, outWidth = spanX / d.stride + 1;
    MS_REQUIRE(context, out->rows() == samples * outHeight * outWidth && out->lastDim() == weights->desc.out,
               "[conv2d] the output must be [{}, {}], got [{}, {}]", samples * outHeight * outWidth, weights->desc.out,
               out->rows(), out->lastDim());
    try {
        return convolve(*context, {x->f32(), d.height, d.width, channels, samples}, *weights, d, outHeight, outWidth,
                        out->f32());
    } catch (const std::bad_alloc&) {
        return context->fail(MS_OUT_OF_MEMORY,
                             "the system refused memory for the strip of a convolution; close other programs "
                             "or choose a smaller picture");
    }
}

}  // namespace moescope::cpu
