// SPDX-License-Identifier: Apache-2.0
// Attention of one sample and key head in training: what the forward computes, and the backward that repeats the
// probabilities from the saved logarithms of their sums.
#pragma once

#include <cstdint>

#include "engine/cpu/training/cpu_training_device.h"
#include "engine/cpu/training/head_rows.h"

namespace moescope::cpu {

/// Sizes that follow from the shape. Buffers hold whole vectors: scores have rows of `scoreStride` floats, heads of
/// `padded`.
struct HeadSizes {
    int64_t tokens = 0, d = 0, group = 0;  // group: query heads per key head
    int64_t rows = 0;                      // queries taken at a time
    int64_t scoreColumns = 0, scoreStride = 0, padded = 0;

    explicit HeadSizes(const train::AttentionShape& shape);
    int64_t blocks() const { return ceilDivide(tokens, rows); }
    int64_t keyPanels() const { return panelFloats(d, tokens); }    // of [d, tokens]
    int64_t valuePanels() const { return panelFloats(tokens, d); }  // of [tokens, d]
    bool isPanel() const { return d == kPanel; }                    // rows of a head are a packed panel as they are
};

/// Working memory of a thread. `backward` buffers are null in the forward.
struct HeadScratch {
    float* keys;                    // [tokens, d] normed and rotated
    float* values;                  // [tokens, d]
    float* queries;                 // [rows, d] of a block
    float* keysTurned;              // panels of [d, tokens]
    float* valuePanels;             // panels of [tokens, d]
    float* scores;                  // [rows, scoreStride]
    float* row;                     // [d]
    float* valuesTurned = nullptr;  // panels of [d, tokens]
    float* keyPanels = nullptr;     // panels of [tokens, d]
    float* queryPanels = nullptr;   // panels of [rows, d]
    float* dOut = nullptr;          // [rows, d]
    float* dOutPanels = nullptr;    // panels of [rows, d]
    float* dScores = nullptr;       // [rows, scoreStride]
    float* dQueries = nullptr;      // [rows, padded]
    float* dKeys = nullptr;         // [tokens, padded]
    int64_t floats = 0;

    HeadScratch(const HeadSizes& sizes, bool backward, float* base);
};

/// Everything about one sample and key head. Pointers are to the first token's channels of the first query head or of
/// the key head; `stride` floats lie between tokens.
struct HeadTask {
    const HeadSizes* sizes = nullptr;
    HeadRows queryRows, keyRows;
    const float* q = nullptr;
    const float* k = nullptr;
    const float* v = nullptr;
    int64_t stride = 0;
    float* queryScale = nullptr;  // [group, tokens] of the norms
    float* keyScale = nullptr;    // [tokens]
    float* kept = nullptr;        // [group, tokens, 2] of the softmax: largest score, 1 / sum
    float* out = nullptr;         // as q
    int64_t outStride = 0;
    // Backward
    const float* dOut = nullptr;  // as out
    float* dq = nullptr;          // as q, k, v
    float* dk = nullptr;
    float* dv = nullptr;
    float* dQueryNorm = nullptr;  // [d] sums of this task, or null
    float* dKeyNorm = nullptr;
};

void headForward(const HeadTask& task, const HeadScratch& scratch);
void headBackward(const HeadTask& task, const HeadScratch& scratch);

}  // namespace moescope::cpu
