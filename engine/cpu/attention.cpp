// SPDX-License-Identifier: Apache-2.0
// Self- and cross-attention in blocks of query rows: the scores of a block stay in the cache and no [S, S] matrix is
// ever whole.
//
// First the keys and values of each (sample, head) are packed into panels, then every block of queries runs by itself:
// scores = q K^T, softmax, times V. A row sees the same products in the same order whatever the block, the batch and
// the threads are. Values are taken kKeyChunk keys at a time and the parts added, which also keeps long sums accurate.
#include "engine/cpu/vector_targets.h"
// clang-format off: Highway compiles the rest of this file once per target from here
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/cpu/attention.cpp"
#include "hwy/foreach_target.h"
// clang-format on

#include <new>
#include <utility>

#include "engine/cpu/attention_rows-inl.h"
#include "engine/cpu/gemm.h"
#include "engine/cpu/op_checks.h"
#include "engine/cpu/ops.h"
#include "hwy/cache_control.h"
#include "hwy/highway.h"

#ifndef MOESCOPE_CPU_ATTENTION_LAYOUT
#define MOESCOPE_CPU_ATTENTION_LAYOUT
namespace moescope::cpu {
namespace {

constexpr int64_t kKeyChunk = 512;                  // a multiple of kPanel
constexpr int64_t kBlockRows = 48;                  // query rows of a task; a multiple of the row blocks of all levels
constexpr int64_t kPanelFloats = int64_t{4} << 20;  // packed keys and values held at a time, as far as one head allows

constexpr int64_t roundUp(int64_t n, int64_t unit) {
    return (n + unit - 1) / unit * unit;
}

/// How the rows of a query or a key are prepared.
struct HeadRows {
    const float* norm;      // [d] or null
    const float* normBias;  // [d] or null: with it the norm is a LayerNorm
    bool toHalf;            // rounded to fp16 at the end
    float eps;
    MsRope rope;
    const float* cos;  // [tokens - leadTokens, d / 2]
    const float* sin;
    int64_t leadTokens;
};

/// Sizes, and where things lie in memory. `tokens` keys and `queries` queries per sample, d channels per head.
struct Layout {
    int64_t samples, heads, tokens, queries, d;
    const float* rows[3];  // of the first query (0), key (1) and value (2)
    int64_t stride[3];     // floats from one row to the next
    float* out;

    int64_t width() const { return heads * d; }
    int64_t count(int64_t third) const { return third == 0 ? queries : tokens; }
    int64_t pairs() const { return samples * heads; }
    int64_t chunks() const { return (tokens + kKeyChunk - 1) / kKeyChunk; }
    int64_t chunkKeys(int64_t chunk) const { return std::min(kKeyChunk, tokens - chunk * kKeyChunk); }
    int64_t scoreStride() const { return roundUp(tokens, kPanel); }
    int64_t keyFloats() const { return scoreStride() * d; }              // packed keys of a pair
    int64_t valueFloats() const { return tokens * roundUp(d, kPanel); }  // packed values of a pair
    int64_t pairFloats() const { return roundUp(keyFloats() + valueFloats(), 16); }

    /// Query rows of a block: about kBlockRows, fewer where one block would compute for long.
    int64_t blockRows() const {
        int64_t rows = kBlockRows;
        while (rows > 12 && rows * tokens * d > (int64_t{1} << 27)) rows -= 12;
        const int64_t blocks = (queries + rows - 1) / rows;
        return roundUp((queries + blocks - 1) / blocks, 12);
    }
    /// Scratch of a worker: prepared rows, scores, a part of the output.
    int64_t preparedFloats() const { return roundUp(std::max(std::min(kKeyChunk, tokens), blockRows()) * d, 16); }
    int64_t scoreFloats() const { return blockRows() * scoreStride(); }
    int64_t workerFloats() const { return preparedFloats() + scoreFloats() + roundUp(blockRows() * d, 16); }

    /// Row `token` of a pair's queries (0), keys (1) or values (2).
    const float* row(int64_t pair, int64_t third, int64_t token) const {
        return rows[third] + (pair / heads * count(third) + token) * stride[third] + pair % heads * d;
    }
    float* outRow(int64_t pair, int64_t token) const {
        return out + (pair / heads * queries + token) * width() + pair % heads * d;
    }
};

}  // namespace
}  // namespace moescope::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace moescope::cpu {
namespace HWY_NAMESPACE {

// A head's rows lie 3 D floats apart, too far for the processor to foresee: rows are asked for this many tokens ahead.
constexpr int64_t kAhead = 6;

HWY_INLINE void fetchRow(const Layout& l, int64_t pair, int64_t third, int64_t token) {
    if (token >= l.count(third)) return;
    const float* row = l.row(pair, third, token);
    for (int64_t i = 0; i < l.d; i += 16) hwy::Prefetch(row + i);
}

/// Tokens [first, first + count) of a pair's queries or keys, normed and rotated, as [count, d].
HWY_INLINE void prepareRows(const Layout& l, const HeadRows& kind, int64_t pair, int64_t third, int64_t first,
                            int64_t count, float* to) {
    const int64_t half = l.d / 2, quarter = l.d / 4;
    for (int64_t token = first; token < first + count; ++token, to += l.d) {
        fetchRow(l, pair, third, token + kAhead);
        if (third == 1) fetchRow(l, pair, 2, token);  // the values of these keys are packed next
        const float* from = l.row(pair, third, token);
        for (int64_t i = 0; i < l.d; ++i) to[i] = from[i];
        if (kind.normBias)
            layerNormHead(to, l.d, kind.norm, kind.normBias, kind.eps);
        else if (kind.norm)
            normHead(to, l.d, kind.norm, kind.eps);
        if (token >= kind.leadTokens && kind.rope != MS_ROPE_NONE) {
            const float* cos = kind.cos + (token - kind.leadTokens) * half;
            const float* sin = kind.sin + (token - kind.leadTokens) * half;
            if (kind.rope == MS_ROPE_ADJACENT_PAIRS) {
                turnNeighbours(to, cos, sin, half);
            } else {
                turnHalves(to, to + quarter, cos, sin, quarter);
                turnHalves(to + half, to + half + quarter, cos + quarter, sin + quarter, quarter);
            }
        }
        if (kind.toHalf) roundToHalf(to, l.d);
    }
}

/// Packs the keys and values of one chunk of a pair.
void packChunk(const Layout& l, const HeadRows& keys, int64_t pair, int64_t chunk, float* panels, float* scratch) {
    const int64_t first = chunk * kKeyChunk, count = l.chunkKeys(chunk);
    prepareRows(l, keys, pair, 1, first, count, scratch);
    packPanels(scratch, l.d, count, 1, l.d, panels + first * l.d);
    packPanels(l.row(pair, 2, first), count, l.d, l.stride[2], 1,
               panels + l.keyFloats() + first * roundUp(l.d, kPanel));
}

/// Output rows [first, first + count) of a pair.
void attendBlock(const Layout& l, const HeadRows& queries, int64_t pair, int64_t first, int64_t count,
                 const float* panels, float* scratch) {
    float* prepared = scratch;
    float* scores = prepared + l.preparedFloats();
    float* part = scores + l.scoreFloats();
    prepareRows(l, queries, pair, 0, first, count, prepared);
    const int64_t stride = l.scoreStride();
    gemmPacked(prepared, l.d, count, panels, l.d, l.tokens, 1.0f / std::sqrt(static_cast<float>(l.d)), scores, stride);
    float sums[kBlockRows];
    for (int64_t r = 0; r < count; ++r) sums[r] = exponentiateRow(scores + r * stride, l.tokens, stride);

    for (int64_t chunk = 0; chunk < l.chunks(); ++chunk) {
        const int64_t key = chunk * kKeyChunk;
        const float* values = panels + l.keyFloats() + key * roundUp(l.d, kPanel);
        float* target = chunk == 0 ? l.outRow(pair, first) : part;
        gemmPacked(scores + key, stride, count, values, l.chunkKeys(chunk), l.d, 1.0f, target,
                   chunk == 0 ? l.width() : l.d);
        for (int64_t r = 0; chunk > 0 && r < count; ++r) {
            float* out = l.outRow(pair, first + r);
            for (int64_t i = 0; i < l.d; ++i) out[i] += part[r * l.d + i];
        }
    }
    for (int64_t r = 0; r < count; ++r) {
        float* out = l.outRow(pair, first + r);
        const float factor = 1.0f / sums[r];
        for (int64_t i = 0; i < l.d; ++i) out[i] *= factor;
    }
}

}  // namespace HWY_NAMESPACE
}  // namespace moescope::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moescope::cpu {

HWY_EXPORT(packChunk);
HWY_EXPORT(attendBlock);

namespace {

/// Sets `layout` from the shapes, or answers why they do not fit.
MsStatus checkShapes(MsContext* context, const MsTensor* qkv, const MsAttentionDesc& desc, MsTensor* out,
                     Layout& layout) {
    MS_REQUIRE(context, isFloats(qkv, 2) && desc.samples > 0 && qkv->dim(0) % desc.samples == 0,
               "[attention] expected fp32 queries, keys and values [{} * S, 3 D], got {}", desc.samples, shapeOf(qkv));
    MS_REQUIRE(context, desc.heads > 0 && qkv->dim(1) > 0 && qkv->dim(1) % (3 * desc.heads) == 0,
               "[attention] expected a width of 3 D with D a multiple of {} heads, got {}", desc.heads, qkv->dim(1));
    const int64_t width = qkv->dim(1) / 3, d = width / desc.heads, tokens = qkv->dim(0) / desc.samples;
    MS_REQUIRE(context, hasShape(out, {qkv->dim(0), width}) && out != qkv,
               "[attention] expected a separate fp32 output [{}, {}], got {}", qkv->dim(0), width, shapeOf(out));
    for (const MsTensor* norm : {desc.queryNorm, desc.keyNorm})
        MS_REQUIRE(context, !norm || hasShape(norm, {d}), "[attention] expected fp32 norm weights [{}], got {}", d,
                   shapeOf(norm));
    for (const auto& [norm, bias] : {std::pair{desc.queryNorm, desc.queryNormBias}, {desc.keyNorm, desc.keyNormBias}})
        MS_REQUIRE(context, !bias || (norm && hasShape(bias, {d})),
                   "[attention] expected fp32 norm biases [{}] beside norm weights, got {}", d, shapeOf(bias));
    const float* rows = qkv->f32();
    layout = {desc.samples,
              desc.heads,
              tokens,
              tokens,
              d,
              {rows, rows + width, rows + 2 * width},
              {3 * width, 3 * width, 3 * width},
              out->f32()};
    if (desc.rope == MS_ROPE_NONE) return MS_OK;
    MS_REQUIRE(context, desc.rope == MS_ROPE_SPLIT_HALVES || desc.rope == MS_ROPE_ADJACENT_PAIRS,
               "[attention] expected a known rotation, got number {}", static_cast<int>(desc.rope));
    const int64_t unit = desc.rope == MS_ROPE_SPLIT_HALVES ? 4 : 2;
    MS_REQUIRE(context, d % unit == 0, "[attention] expected a head width that is a multiple of {} to rotate, got {}",
               unit, d);
    MS_REQUIRE(context, desc.leadTokens >= 0 && desc.leadTokens <= tokens,
               "[attention] expected 0 to {} tokens in front of the image, got {}", tokens, desc.leadTokens);
    for (const MsTensor* table : {desc.ropeCos, desc.ropeSin})
        MS_REQUIRE(context, hasShape(table, {tokens - desc.leadTokens, d / 2}),
                   "[attention] expected fp32 rotation tables [{}, {}], got {}", tokens - desc.leadTokens, d / 2,
                   shapeOf(table));
    return MS_OK;
}

HeadRows rowsOf(const MsAttentionDesc& desc, const MsTensor* norm, const MsTensor* normBias) {
    const bool rotated = desc.rope != MS_ROPE_NONE;
    return {norm ? norm->f32() : nullptr,
            normBias ? normBias->f32() : nullptr,
            desc.roundQueryKeyToHalf != 0,
            desc.eps,
            desc.rope,
            rotated ? desc.ropeCos->f32() : nullptr,
            rotated ? desc.ropeSin->f32() : nullptr,
            desc.leadTokens};
}

MsStatus attend(MsContext* context, const Layout& l, const HeadRows& queries, const HeadRows& keys) {
    const int64_t group = std::clamp<int64_t>(kPanelFloats / l.pairFloats(), 1, l.pairs());
    const int64_t rows = l.blockRows(), blocks = (l.queries + rows - 1) / rows;
    const int64_t workers = context->pool.threads();
    float* panels = nullptr;
    try {
        panels = context->scratch(MsContext::Attention, group * l.pairFloats() + workers * l.workerFloats());
    } catch (const std::bad_alloc&) {
        return context->fail(MS_OUT_OF_MEMORY,
                             fmt::format("[attention] no memory for {} tokens of {} heads; choose a smaller "
                                         "picture or batch",
                                         l.tokens, l.pairs()));
    }
    float* scratch = panels + group * l.pairFloats();
    for (int64_t begin = 0; begin < l.pairs(); begin += group) {
        const int64_t pairs = std::min(group, l.pairs() - begin), chunks = l.chunks();
        MsStatus status = context->forEachTask(pairs * chunks, [&](int64_t task, int worker) {
            const int64_t slot = task / chunks;
            HWY_DYNAMIC_DISPATCH(packChunk)
            (l, keys, begin + slot, task % chunks, panels + slot * l.pairFloats(), scratch + worker * l.workerFloats());
        });
        if (status != MS_OK) return status;
        status = context->forEachTask(pairs * blocks, [&](int64_t task, int worker) {
            const int64_t slot = task / blocks, first = task % blocks * rows;
            HWY_DYNAMIC_DISPATCH(attendBlock)
            (l, queries, begin + slot, first, std::min(rows, l.queries - first), panels + slot * l.pairFloats(),
             scratch + worker * l.workerFloats());
        });
        if (status != MS_OK) return status;
    }
    return MS_OK;
}

}  // namespace

MsStatus attention(MsContext* context, const MsTensor* qkv, const MsAttentionDesc* desc, MsTensor* out) {
    Layout l{};
    if (const MsStatus status = checkShapes(context, qkv, *desc, out, l); status != MS_OK) return status;
    if (l.tokens == 0) return MS_OK;
    return attend(context, l, rowsOf(*desc, desc->queryNorm, desc->queryNormBias),
                  rowsOf(*desc, desc->keyNorm, desc->keyNormBias));
}

MsStatus crossAttention(MsContext* context, const MsTensor* q, const MsTensor* kv, int64_t samples, int64_t heads,
                        MsTensor* out) {
    MS_REQUIRE(context,
               isFloats(q, 2) && samples > 0 && q->dim(0) % samples == 0 && heads > 0 && q->dim(1) > 0 &&
                   q->dim(1) % heads == 0,
               "[cross_attention] expected fp32 queries [{} * S, D] with D a multiple of {} heads, got {}", samples,
               heads, shapeOf(q));
    const int64_t width = q->dim(1);
    MS_REQUIRE(context, isFloats(kv, 2) && kv->dim(0) > 0 && kv->dim(0) % samples == 0 && kv->dim(1) == 2 * width,
               "[cross_attention] expected fp32 keys and values [{} * T, {}], got {}", samples, 2 * width, shapeOf(kv));
    MS_REQUIRE(context, hasShape(out, q->shape) && out != q,
               "[cross_attention] expected a separate fp32 output {}, got {}", shapeOf(q), shapeOf(out));
    if (q->dim(0) == 0) return MS_OK;
    const Layout l{samples,
                   heads,
                   kv->dim(0) / samples,
                   q->dim(0) / samples,
                   width / heads,
                   {q->f32(), kv->f32(), kv->f32() + width},
                   {width, 2 * width, 2 * width},
                   out->f32()};
    const HeadRows plain{nullptr, nullptr, false, 0.0f, MS_ROPE_NONE, nullptr, nullptr, 0};
    return attend(context, l, plain, plain);
}

}  // namespace moescope::cpu
#endif  // HWY_ONCE
