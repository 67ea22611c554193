// SPDX-License-Identifier: Apache-2.0
// Self-attention: fp32, tensor cores where the context computes in bf16, and products through scratch for heads wider
// than the kernels' tiles.
#include <algorithm>
#include <cmath>

#include "engine/cuda/attention_bf16.cuh"
#include "engine/cuda/attention_f32.cuh"
#include "engine/cuda/attention_wide.cuh"
#include "engine/cuda/context.h"
#include "engine/cuda/linear.h"
#include "engine/cuda/ops.h"

namespace moescope::cuda {
namespace {

constexpr int64_t kWidestHead = 128;                 // of the kernels that keep a head in shared memory
constexpr int64_t kWidestPrepared = 512;             // of a head with norm, rotation or rounding
constexpr int64_t kScoreValues = int64_t{16} << 20;  // scores held at a time for wider heads

template <class T>
const T* dataOf(const MsTensor* tensor) {
    return tensor ? static_cast<const T*>(tensor->start) : nullptr;
}

AttentionRows checkedRows(const MsTensor* qkv, const MsAttentionDesc& desc, const MsTensor* out) {
    MS_CUDA_REQUIRE(isFloats(qkv, 2) && desc.samples > 0 && qkv->dim(0) % desc.samples == 0,
                    "[attention] expected fp32 queries, keys and values [", desc.samples, " * S, 3 D], got ",
                    shapeOf(qkv));
    MS_CUDA_REQUIRE(desc.heads > 0 && qkv->dim(1) > 0 && qkv->dim(1) % (3 * desc.heads) == 0,
                    "[attention] expected a width of 3 D with D a multiple of ", desc.heads, " heads, got ",
                    qkv->dim(1));
    const int64_t width = qkv->dim(1) / 3, d = width / desc.heads, tokens = qkv->dim(0) / desc.samples;
    MS_CUDA_REQUIRE(hasShape(out, {qkv->dim(0), width}) && out != qkv, "[attention] expected a separate fp32 output [",
                    qkv->dim(0), ", ", width, "], got ", shapeOf(out));
    for (const MsTensor* norm : {desc.queryNorm, desc.keyNorm, desc.queryNormBias, desc.keyNormBias})
        MS_CUDA_REQUIRE(!norm || hasShape(norm, {d}), "[attention] expected fp32 norm weights [", d, "], got ",
                        shapeOf(norm));
    AttentionRows a{qkv->f32(), out->f32(), desc.samples, desc.heads, tokens, d};
    a.queryNorm = dataOf<float>(desc.queryNorm);
    a.keyNorm = dataOf<float>(desc.keyNorm);
    a.queryNormBias = dataOf<float>(desc.queryNormBias);
    a.keyNormBias = dataOf<float>(desc.keyNormBias);
    a.eps = desc.eps;
    a.rope = desc.rope;
    a.roundToHalf = desc.roundQueryKeyToHalf != 0;
    if (desc.rope == MS_ROPE_NONE) return a;
    MS_CUDA_REQUIRE(desc.rope == MS_ROPE_SPLIT_HALVES || desc.rope == MS_ROPE_ADJACENT_PAIRS,
                    "[attention] expected a known rotation, got number ", static_cast<int>(desc.rope));
    const int64_t unit = desc.rope == MS_ROPE_SPLIT_HALVES ? 4 : 2;
    MS_CUDA_REQUIRE(d % unit == 0, "[attention] expected a head width that is a multiple of ", unit, " to rotate, got ",
                    d);
    MS_CUDA_REQUIRE(desc.leadTokens >= 0 && desc.leadTokens <= tokens, "[attention] expected 0 to ", tokens,
                    " tokens in front of the image, got ", desc.leadTokens);
    for (const MsTensor* table : {desc.ropeCos, desc.ropeSin})
        MS_CUDA_REQUIRE(hasShape(table, {tokens - desc.leadTokens, d / 2}),
                        "[attention] expected fp32 rotation tables [", tokens - desc.leadTokens, ", ", d / 2, "], got ",
                        shapeOf(table));
    a.ropeCos = desc.ropeCos->f32();
    a.ropeSin = desc.ropeSin->f32();
    a.leadTokens = desc.leadTokens;
    return a;
}

int64_t tilesOf(const AttentionRows& a, int64_t tile) {
    return (a.tokens + tile - 1) / tile * a.samples * a.heads;
}

/// Queries and keys (`thirds` 2), or the values too (3).
template <class Out>
void prepareRows(MsContext& context, const AttentionRows& a, const PreparedRows& p, unsigned thirds) {
    const dim3 grid(blocksFor(p.pairs * a.tokens, kPrepareWarps), thirds), block(kPrepareWarps * kWarpSize);
    const size_t shared = kPrepareWarps * static_cast<size_t>(a.d) * sizeof(float);
    if (a.d <= kWidestHead)
        context.launch(prepareRowsKernel<Out, 4>, grid, block, shared, a, p);
    else
        context.launch(prepareRowsKernel<Out, 16>, grid, block, shared, a, p);
}

void attendF32(MsContext& context, const AttentionRows& a) {
    const auto kernel = a.d <= 64   ? attentionF32Kernel<4>
                        : a.d <= 80 ? attentionF32Kernel<5>
                        : a.d <= 96 ? attentionF32Kernel<6>
                                    : attentionF32Kernel<8>;
    context.launch(kernel, dim3(static_cast<unsigned>(tilesOf(a, kAttentionTile))), dim3(kAttentionThreads),
                   attentionSharedBytes(a.d), a);
}

template <int kD>
void attendBf16(MsContext& context, const PreparedAttention& p, int64_t blocks) {
    context.launch(attentionBf16Kernel<kD>, dim3(static_cast<unsigned>(blocks)), dim3(kFlashThreads),
                   FlashShape<kD>::kSharedBytes, p);
}

void attendOnTensorCores(MsContext& context, const AttentionRows& a, const MsTensor* out) {
    const int64_t stride = paddedTo(a.d, 8), pairs = a.samples * a.heads, third = pairs * a.tokens * stride;
    auto* rows = context.scratch<uint16_t>(Slot::Attention, 3 * third);
    prepareRows<uint16_t>(context, a, {0, pairs, stride, rows}, 3);
    // The kernel fills no padding: where rows need it, the next reader rounds.
    const RoundedTwin twin = out->lastDim() % kRowUnit == 0 ? roomForTwin(context, out, Slot::Rounded) : RoundedTwin{};
    const PreparedAttention p{rows, rows + third, rows + 2 * third, a.out, a.heads, a.tokens, a.d, stride, twin.values};
    const int64_t blocks = tilesOf(a, kFlashTile);
    if (a.d <= 64)
        attendBf16<64>(context, p, blocks);
    else if (a.d <= 80)
        attendBf16<80>(context, p, blocks);
    else if (a.d <= 96)
        attendBf16<96>(context, p, blocks);
    else
        attendBf16<128>(context, p, blocks);
    context.twins.remember(twin);
}

/// One pair after another, a strip of its queries at a time: scores, softmax, times the values.
void attendWide(MsContext& context, const AttentionRows& a) {
    const bool prepares = a.queryNorm || a.keyNorm || a.rope != MS_ROPE_NONE || a.roundToHalf;
    MS_CUDA_REQUIRE(!prepares || a.d <= kWidestPrepared, "[attention] heads of ", a.d,
                    " channels with norms or rotation are wider than this GPU code takes (", kWidestPrepared, ")");
    const int64_t strip = std::min(a.tokens, std::max<int64_t>(1, kScoreValues / a.tokens)),
                  rowStride = 3 * a.heads * a.d;
    auto* scores = context.scratch<float>(Slot::Strip, strip * a.tokens);
    float* prepared = prepares ? context.scratch<float>(Slot::Attention, 2 * a.tokens * a.d) : nullptr;
    for (int64_t pair = 0; pair < a.samples * a.heads; ++pair) {
        const float* own = a.qkv + pair / a.heads * a.tokens * rowStride + pair % a.heads * a.d;
        const float *queries = own, *keys = own + a.heads * a.d, *values = own + 2 * a.heads * a.d;
        if (prepares) {
            prepareRows<float>(context, a, {pair, 1, a.d, prepared}, 2);
            queries = prepared;
            keys = prepared + a.tokens * a.d;
        }
        const int64_t stride = prepares ? a.d : rowStride;
        for (int64_t first = 0; first < a.tokens; first += strip) {
            if (context.stopRequested()) fail(MS_CANCELLED, "cancelled");
            Product p;
            p.x = queries + first * stride;
            p.xStride = stride;
            p.right = keys;
            p.rightStride = stride;
            p.out = scores;
            p.outStride = a.tokens;
            p.rows = std::min(strip, a.tokens - first);
            p.columns = a.tokens;
            p.depth = a.d;
            p.factor = 1.0f / std::sqrt(static_cast<float>(a.d));
            context.products.run(context, p);
            context.launch(softmaxRowsKernel, dim3(static_cast<unsigned>(p.rows)), dim3(kThreads), 0, scores, a.tokens);
            p.x = scores;
            p.xStride = a.tokens;
            p.right = values;
            p.rightStride = rowStride;
            p.rightByDepth = true;
            p.out = a.out + (pair / a.heads * a.tokens + first) * a.heads * a.d + pair % a.heads * a.d;
            p.outStride = a.heads * a.d;
            p.columns = a.d;
            p.depth = a.tokens;
            p.factor = 1.0f;
            context.products.run(context, p);
        }
    }
}

}  // namespace

void attention(MsContext& context, const MsTensor* qkv, const MsAttentionDesc* desc, MsTensor* out) {
    const AttentionRows a = checkedRows(qkv, *desc, out);
    if (a.tokens == 0) return;
    if (a.d > kWidestHead)
        attendWide(context, a);
    else if (context.compute == MS_BF16)
        attendOnTensorCores(context, a, out);
    else
        attendF32(context, a);
}

}  // namespace moescope::cuda
