// SPDX-License-Identifier: Apache-2.0
// One head of attention, forward and backward, with everything in the second-level cache: the products of product.h on
// the rows of head_rows.h.
#include "engine/cpu/training/attention_head.h"

#include <cmath>
#include <utility>

namespace moescope::cpu {
namespace {

void packAll(const WeightView& view, float* panels) {
    for (int64_t panel = 0; panel < view.panels(); ++panel) packWeightPanel(view, false, panel, panels);
}

/// rows [count, d] as the right operand of a product over the rows: themselves where one panel holds them.
const float* asPanels(const HeadSizes& s, const float* rows, int64_t count, float* panels) {
    if (s.isPanel()) return rows;
    packAll({rows, count, s.d, true}, panels);
    return panels;
}

RowProduct scoresOf(const HeadSizes& s, const float* rows, int64_t count, const float* turned, float* out) {
    RowProduct p;
    p.left = rows;
    p.leftStride = p.depth = s.d;
    p.rows = count;
    p.columns = s.scoreColumns;
    p.panels = turned;
    p.out = out;
    p.outStride = s.scoreStride;
    p.far = false;
    return p;
}

float* queryScaleOf(const HeadTask& t, int64_t head) {
    return t.queryScale ? t.queryScale + head * t.sizes->tokens : nullptr;
}

ScoreBlock blockOf(const HeadSizes& s, int64_t rows) {
    return {rows, s.tokens, s.scoreColumns, s.scoreStride, 1.0f / std::sqrt(static_cast<float>(s.d))};
}

RowProduct mixOf(const HeadSizes& s, const float* scores, int64_t count, const float* panels, float* out,
                 int64_t outStride) {
    RowProduct p;
    p.left = scores;
    p.leftStride = s.scoreStride;
    p.rows = count;
    p.depth = s.tokens;
    p.columns = s.d;
    p.panels = panels;
    p.out = out;
    p.outStride = outStride;
    p.far = false;
    return p;
}

}  // namespace

HeadSizes::HeadSizes(const train::AttentionShape& shape)
    : tokens(shape.tokens), d(shape.headWidth), group(shape.heads / shape.keyHeads) {
    constexpr int64_t kMostRows = 96;
    rows = ceilDivide(tokens, ceilDivide(tokens, kMostRows));
    scoreColumns = roundedUp(tokens, 16);
    scoreStride = roundedUp(tokens, kPanel) + 16;  // an odd number of lines: rows do not share places in a cache
    padded = roundedUp(d, kPanel);
}

HeadScratch::HeadScratch(const HeadSizes& s, bool backward, float* base) {
    train::ScratchParts parts(base);
    keys = parts.floats(s.tokens * s.d);
    values = parts.floats(s.tokens * s.d);
    queries = parts.floats(s.rows * s.d);
    keysTurned = parts.floats(s.keyPanels());
    valuePanels = parts.floats(s.valuePanels());
    scores = parts.floats(s.rows * s.scoreStride);
    row = parts.floats(s.d);
    if (backward) {
        valuesTurned = parts.floats(s.keyPanels());
        keyPanels = parts.floats(s.valuePanels());
        queryPanels = parts.floats(panelFloats(s.rows, s.d));
        dOut = parts.floats(s.rows * s.d);
        dOutPanels = parts.floats(panelFloats(s.rows, s.d));
        dScores = parts.floats(s.rows * s.scoreStride);
        dQueries = parts.floats(s.rows * s.padded);
        dKeys = parts.floats(s.tokens * s.padded);
    }
    floats = parts.used();
}

void headForward(const HeadTask& t, const HeadScratch& w) {
    const HeadSizes& s = *t.sizes;
    prepareHead(t.keyRows, t.k, t.stride, 0, s.tokens, false, t.keyScale, nullptr, w.keys);
    copyHead(t.v, t.stride, s.tokens, s.d, nullptr, w.values);
    packAll({w.keys, s.tokens, s.d, false}, w.keysTurned);
    const float* values = asPanels(s, w.values, s.tokens, w.valuePanels);
    for (int64_t head = 0; head < s.group; ++head)
        for (int64_t block = 0; block < s.blocks(); ++block) {
            const int64_t first = block * s.rows, count = std::min(s.rows, s.tokens - first);
            float* kept = t.kept + 2 * (head * s.tokens + first);
            prepareHead(t.queryRows, t.q + head * s.d, t.stride, first, count, false, queryScaleOf(t, head), nullptr,
                        w.queries);
            multiplyRows(scoresOf(s, w.queries, count, w.keysTurned, w.scores));
            softmaxRowsOf(blockOf(s, count), w.scores, kept);
            float* out = t.out + first * t.outStride + head * s.d;
            multiplyRows(mixOf(s, w.scores, count, values, out, t.outStride));
            shareRows(count, s.d, kept, out, t.outStride);
        }
}

void headBackward(const HeadTask& t, const HeadScratch& w) {
    const HeadSizes& s = *t.sizes;
    prepareHead(t.keyRows, t.k, t.stride, 0, s.tokens, true, t.keyScale, t.dk, w.keys);
    copyHead(t.v, t.stride, s.tokens, s.d, t.dv, w.values);
    packAll({w.keys, s.tokens, s.d, false}, w.keysTurned);
    packAll({w.values, s.tokens, s.d, false}, w.valuesTurned);
    const float* keys = asPanels(s, w.keys, s.tokens, w.keyPanels);
    bool adds = false;
    for (int64_t head = 0; head < s.group; ++head)
        for (int64_t block = 0; block < s.blocks(); ++block) {
            const int64_t first = block * s.rows, count = std::min(s.rows, s.tokens - first);
            const float* q = t.q + head * s.d;
            const float* out = t.out + first * t.outStride + head * s.d;
            float* dq = t.dq + head * s.d;
            float* queryScale = queryScaleOf(t, head);
            prepareHead(t.queryRows, q, t.stride, first, count, true, queryScale, dq, w.queries);
            copyHead(t.dOut + (out - t.out), t.outStride, count, s.d, out, w.dOut);
            multiplyRows(scoresOf(s, w.queries, count, w.keysTurned, w.scores));
            multiplyRows(scoresOf(s, w.dOut, count, w.valuesTurned, w.dScores));
            softmaxGradient(blockOf(s, count), t.kept + 2 * (head * s.tokens + first), out, t.outStride, w.dOut, s.d,
                            w.scores, w.dScores);
            multiplyRows(mixOf(s, w.dScores, count, keys, w.dQueries, s.padded));
            TurnedProduct turned;
            turned.leftStride = s.scoreStride;
            turned.depth = count;
            turned.a = s.tokens;
            turned.columns = s.d;
            turned.adds = std::exchange(adds, true);
            turned.left = w.scores;
            turned.panels = asPanels(s, w.dOut, count, w.dOutPanels);
            turned.out = t.dv;
            turned.outStride = t.stride;
            multiplyTurned(turned);
            turned.left = w.dScores;
            turned.panels = asPanels(s, w.queries, count, w.queryPanels);
            turned.out = w.dKeys;
            turned.outStride = s.padded;
            multiplyTurned(turned);
            returnHead(t.queryRows, q, t.stride, first, count, queryScale, w.dQueries, s.padded, dq, t.dQueryNorm);
        }
    returnHead(t.keyRows, t.k, t.stride, 0, s.tokens, t.keyScale, w.dKeys, s.padded, t.dk, t.dKeyNorm);
}

}  // namespace moescope::cpu
