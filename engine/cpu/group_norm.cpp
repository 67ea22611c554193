// SPDX-License-Identifier: Apache-2.0
// Group norm over all pixels of a picture, or of each of several: statistics in double, summed in an order that the
// shape alone decides.
#include <algorithm>
#include <cmath>
#include <new>

#include "engine/cpu/ops.h"
#include "engine/cpu/vector_targets.h"

// The order matters: foreach_target compiles this file once per instruction set.
// clang-format off
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/cpu/group_norm.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
#include "engine/cpu/vector_math-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace moescope::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// sums[c] and squares[c] of `rows` rows, row after row: one chain per channel, so the vector width changes no bit.
void sumChannels(const float* x, int64_t rows, int64_t channels, double* HWY_RESTRICT sums,
                 double* HWY_RESTRICT squares) {
    std::fill_n(sums, channels, 0.0);
    std::fill_n(squares, channels, 0.0);
    for (int64_t row = 0; row < rows; ++row, x += channels) {
        for (int64_t c = 0; c < channels; ++c) {
            const double value = x[c];
            sums[c] += value;
            squares[c] += value * value;
        }
    }
}

/// out = x * scale[c] + shift[c], then SiLU where asked; out may be x.
void scaleRows(const float* x, int64_t rows, int64_t channels, const float* scale, const float* shift, bool withSilu,
               float* out) {
    const hn::ScalableTag<float> d;
    const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
    const int64_t whole = channels / lanes * lanes;
    for (int64_t row = 0; row < rows; ++row, x += channels, out += channels) {
        for (int64_t c = 0; c < whole; c += lanes) {
            auto v = hn::MulAdd(hn::LoadU(d, x + c), hn::LoadU(d, scale + c), hn::LoadU(d, shift + c));
            if (withSilu) v = silu(d, v);
            hn::StoreU(v, d, out + c);
        }
        if (whole == channels) continue;
        HWY_ALIGN float tail[3][HWY_MAX_BYTES / sizeof(float)] = {};  // the last channels, padded to one vector
        const size_t rest = static_cast<size_t>(channels - whole);
        std::copy_n(x + whole, rest, tail[0]);
        std::copy_n(scale + whole, rest, tail[1]);
        std::copy_n(shift + whole, rest, tail[2]);
        auto v = hn::MulAdd(hn::Load(d, tail[0]), hn::Load(d, tail[1]), hn::Load(d, tail[2]));
        if (withSilu) v = silu(d, v);
        hn::Store(v, d, tail[0]);
        std::copy_n(tail[0], rest, out + whole);
    }
}

}  // namespace moescope::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moescope::cpu {

HWY_EXPORT(sumChannels);
HWY_EXPORT(scaleRows);

namespace {

constexpr int64_t kMaxChunks = 64;      // partial sums kept per channel
constexpr int64_t kMinChunkRows = 128;  // pixels

MsStatus normalise(MsContext& context, const float* x, int64_t rows, int64_t channels, int64_t groups, float eps,
                   const float* weight, const float* bias, bool withSilu, float* out) {
    const int64_t width = channels / groups;
    const int64_t chunkRows = std::max(kMinChunkRows, (rows + kMaxChunks - 1) / kMaxChunks);
    const int64_t chunks = (rows + chunkRows - 1) / chunkRows;
    // Scratch: per chunk the sums and the sums of squares of all channels (double), then scale and shift (float).
    float* scratch = context.scratch(MsContext::Misc, chunks * channels * 4 + channels * 2);
    double* partial = reinterpret_cast<double*>(scratch);
    float* scale = scratch + chunks * channels * 4;
    float* shift = scale + channels;

    MsStatus status = context.forRows(rows, chunkRows, [&](int64_t begin, int64_t end, int) {
        double* sums = partial + begin / chunkRows * channels * 2;
        HWY_DYNAMIC_DISPATCH(sumChannels)(x + begin * channels, end - begin, channels, sums, sums + channels);
    });
    if (status != MS_OK) return status;

    const double count = static_cast<double>(rows) * static_cast<double>(width);
    for (int64_t group = 0; group < groups; ++group) {
        double sum = 0.0, square = 0.0;
        for (int64_t chunk = 0; chunk < chunks; ++chunk) {
            for (int64_t c = group * width; c < (group + 1) * width; ++c) {
                sum += partial[chunk * channels * 2 + c];
                square += partial[chunk * channels * 2 + channels + c];
            }
        }
        const double mean = sum / count;
        const double variance = std::max(0.0, square / count - mean * mean);
        const double inverse = 1.0 / std::sqrt(variance + static_cast<double>(eps));
        for (int64_t c = group * width; c < (group + 1) * width; ++c) {
            scale[c] = static_cast<float>(weight[c] * inverse);
            shift[c] = static_cast<float>(bias[c] - mean * inverse * weight[c]);
        }
    }
    return context.forRows(rows, chunkRows, [&](int64_t begin, int64_t end, int) {
        HWY_DYNAMIC_DISPATCH(scaleRows)
        (x + begin * channels, end - begin, channels, scale, shift, withSilu, out + begin * channels);
    });
}

}  // namespace

MsStatus groupNorm(MsContext* context, const MsTensor* x, int64_t groups, float eps, const MsTensor* weight,
                   const MsTensor* bias, MsActivation activation, MsTensor* out) {
    const int64_t channels = x->lastDim();
    MS_REQUIRE(context, groups > 0 && channels % groups == 0,
               "[group_norm] {} channels do not fall into {} equal groups", channels, groups);
    MS_REQUIRE(context, x->dtype == MS_F32 && out->dtype == MS_F32, "[group_norm] needs F32 tensors");
    MS_REQUIRE(context, out->rows() == x->rows() && out->lastDim() == channels,
               "[group_norm] the output must be [{}, {}], got [{}, {}]", x->rows(), channels, out->rows(),
               out->lastDim());
    MS_REQUIRE(context, weight->elements() == channels && bias->elements() == channels,
               "[group_norm] {} channels need as many weights and biases, got {} and {}", channels, weight->elements(),
               bias->elements());
    MS_REQUIRE(context, activation == MS_ACT_NONE || activation == MS_ACT_SILU,
               "[group_norm] can only be followed by SiLU");
    if (x->rows() == 0 || channels == 0) return MS_OK;
    try {
        const int64_t samples = x->shape.size() == 3 ? x->dim(0) : 1, pixels = x->rows() / samples;
        for (int64_t sample = 0; sample < samples; ++sample) {
            const int64_t first = sample * pixels * channels;
            const MsStatus status = normalise(*context, x->f32() + first, pixels, channels, groups, eps, weight->f32(),
                                              bias->f32(), activation == MS_ACT_SILU, out->f32() + first);
            if (status != MS_OK) return status;
        }
        return MS_OK;
    } catch (const std::bad_alloc&) {
        return context->fail(MS_OUT_OF_MEMORY,
                             "the system refused memory for the sums of a group norm; close other programs or "
                             "choose a smaller picture");
    }
}

}  // namespace moescope::cpu
#endif  // HWY_ONCE
