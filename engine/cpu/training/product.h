// SPDX-License-Identifier: Apache-2.0
// The three products of a linear layer in training, y = x W^T, dx = dy W and dW += dy^T x, on one register-blocked
// kernel.
//
// Every element of y and dx is one chain of multiply-adds over k in ascending order. dW is summed over slices of rows
// that the shape alone fixes, each slice one chain, the slices added in order. So no result depends on the number of
// threads.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "engine/cpu/gemm.h"
#include "engine/cpu/thread_pool.h"

namespace moescope::cpu {

constexpr int64_t roundedUp(int64_t n, int64_t unit) {
    return (n + unit - 1) / unit * unit;
}
constexpr int64_t ceilDivide(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}

/// Floats of a right operand [depth, columns] in panels of kPanel columns.
constexpr int64_t panelFloats(int64_t depth, int64_t columns) {
    return roundedUp(columns, kPanel) * depth;
}

/// W [out, in] as the right operand of y = x W^T (depth in, columns out) or of dx = dy W (depth out, columns in).
struct WeightView {
    const float* weight = nullptr;
    int64_t out = 0, in = 0;
    bool backward = false;

    int64_t depth() const { return backward ? out : in; }
    int64_t columns() const { return backward ? in : out; }
    int64_t panels() const { return ceilDivide(columns(), kPanel); }
    int64_t floats() const { return panelFloats(depth(), columns()); }
};

/// One panel of W, its values rounded to bf16 where asked for; `panels` is where panel 0 goes.
void packWeightPanel(const WeightView& view, bool toBf16, int64_t panel, float* panels);

/// All panels of several weights one after the other at `panels`, in parallel; `stride` floats from one weight to the
/// next.
void packWeights(ThreadPool& pool, const WeightView* views, int64_t count, bool toBf16, float* panels, int64_t stride);

/// out [rows, columns] = start + left [rows, depth] x panels. Row r of the left is left + (gather ? gather[r] : r) *
/// leftStride. start: null for zeros; startStride 0: a bias [columns]; start == out: the product is added to what is
/// there.
struct RowProduct {
    const float* left = nullptr;
    int64_t leftStride = 0;
    const int32_t* gather = nullptr;
    int64_t rows = 0, depth = 0, columns = 0;
    const float* panels = nullptr;
    const float* start = nullptr;
    int64_t startStride = 0;
    float* out = nullptr;
    int64_t outStride = 0;
    bool far = true;
};

/// On the calling thread.
void multiplyRows(const RowProduct& product);
/// Rows that are multiplied with one panel after the other: they stay in the first-level cache, and the next so many
/// are asked for meanwhile.
inline constexpr int64_t kProductRows = 60;
/// Groups of such rows in a task at most.
inline constexpr int64_t kProductGroups = 4;
/// Rows in groups of `unit`, which row blocks divide; the last group takes what is left, half a unit to one and a half.
struct RowGroups {
    int64_t rows, unit;

    int64_t count() const { return rows == 0 ? 0 : std::max<int64_t>(1, (rows + unit / 2) / unit); }
    int64_t start(int64_t group) const { return group >= count() ? rows : group * unit; }
    static constexpr int64_t most(int64_t unit) { return unit + unit / 2; }
};
/// Over the threads, in tasks of rows and panels.
void multiplyRows(ThreadPool& pool, const RowProduct& product);

/// out [a, columns] = or += the transpose of left [depth, a] times panels; on the calling thread, in one piece.
struct TurnedProduct {
    const float* left = nullptr;
    int64_t leftStride = 0;
    int64_t depth = 0, a = 0, columns = 0;
    const float* panels = nullptr;
    bool adds = false;
    float* out = nullptr;
    int64_t outStride = 0;
};
void multiplyTurned(const TurnedProduct& product);

/// gradient [a, b] += sum over rows of scale * left [row][0 .. a) * right [row][0 .. b); leftSums [a] += sum of scale *
/// left. `gradient` and `leftSums` may be null where they are not wanted; scale [rows] null: 1.
struct OuterJob {
    int64_t rows = 0;
    const float* left = nullptr;
    int64_t leftStride = 0;
    const int32_t* leftGather = nullptr;
    const float* leftScale = nullptr;
    int64_t a = 0;
    const float* right = nullptr;
    int64_t rightStride = 0;
    const int32_t* rightGather = nullptr;
    int64_t b = 0;
    float* gradient = nullptr;
    float* leftSums = nullptr;
};

/// Floats of working memory for `alike` jobs of these sizes with `rows` rows together, among `jobs` jobs in all.
int64_t outerFloats(int64_t rows, int64_t a, int64_t b, int64_t alike, int64_t jobs);
/// Floats of working memory per thread.
int64_t outerWorkerFloats();

/// All jobs over the threads; no two of them may share a gradient. `scratch`: the outerFloats of the jobs, then
/// outerWorkerFloats for every thread.
void accumulateOuter(ThreadPool& pool, const OuterJob* jobs, int64_t count, float* scratch);

}  // namespace moescope::cpu
