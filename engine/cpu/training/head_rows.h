// SPDX-License-Identifier: Apache-2.0
// What attention in training does to single rows: norm and rotation of queries and keys, the softmax, and their
// gradients. All on the calling thread.
#pragma once

#include <cstdint>

#include "engine/train/training_device.h"

namespace moescope::cpu {

/// The norm and rotation of the rows of one head. With tables a row becomes value * cos + partner * sin, where partners
/// are the two values of a turned pair: cos, sin [tokens, d], tokens in front 1 and 0, sin negative for the first of a
/// pair.
struct HeadRows {
    const float* norm = nullptr;  // [d] or null
    float eps = 0;
    train::RopeKind rope = train::RopeKind::None;
    const float* cos = nullptr;  // null: not turned
    const float* sin = nullptr;
    int64_t d = 0;
    float* work = nullptr;  // [d]
};

/// The tables of HeadRows [tokens, d] each.
void expandAngles(const train::AttentionShape& shape, const train::RopeAngles& angles, float* cos, float* sin);

/// Tokens [first, first + count) normed and rotated, as [count, d]; `stride` floats lie between tokens in `from`.
/// `scale` of the tokens is written, or read where `known`. `also`: rows laid out as `from` that will be written soon,
/// or null.
void prepareHead(const HeadRows& head, const float* from, int64_t stride, int64_t first, int64_t count, bool known,
                 float* scale, const float* also, float* to);

/// [count, width] rows of which neighbours start `stride` apart. `also`: as above.
void copyHead(const float* from, int64_t stride, int64_t count, int64_t width, const float* also, float* to);

/// From the gradient of prepared rows [count, gradientStride] to that of the rows themselves. With h = x scale:
/// dx = scale (dy w - h mean(dy w h)), and dNorm [d] (null: not wanted) += dy h.
void returnHead(const HeadRows& head, const float* from, int64_t stride, int64_t first, int64_t count,
                const float* scale, const float* gradient, int64_t gradientStride, float* to, float* dNorm);

/// Scores [rows, scoreStride] of which `tokens` columns count; those behind them, up to `columns`, become zero.
struct ScoreBlock {
    int64_t rows = 0, tokens = 0, columns = 0, stride = 0;
    float scale = 1;  // of the scores in the softmax
};

/// scores = e^(scale (score - largest)); kept [rows, 2] = (largest, 1 / sum) of each row.
void softmaxRowsOf(const ScoreBlock& block, float* scores, float* kept);

/// out [rows, width] *= kept[row][1].
void shareRows(int64_t rows, int64_t width, const float* kept, float* out, int64_t stride);

/// scores become probabilities P, dScores (gradients of the probabilities) those of q k^T: scale P (dP - <out, dOut>).
/// out [rows, outStride], dOut [rows, d].
void softmaxGradient(const ScoreBlock& block, const float* kept, const float* out, int64_t outStride, const float* dOut,
                     int64_t d, float* scores, float* dScores);

}  // namespace moescope::cpu
