// SPDX-License-Identifier: Apache-2.0
// Gradients of weights: sums over rows of outer products. Both operands are packed a few rows of the batch at a time,
// by the task that uses them, so that they are read from memory once.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/cpu/training/outer_product.cpp"
// The order matters: everything below foreach_target is compiled once per instruction level.
// clang-format off
#include "engine/cpu/vector_targets.h"
#include "hwy/foreach_target.h"

#include "engine/cpu/training/product.h"
#include "engine/cpu/training/product_kernel-inl.h"
// clang-format on

#ifndef MOESCOPE_CPU_TRAINING_OUTER_TASK
#define MOESCOPE_CPU_TRAINING_OUTER_TASK
namespace moescope::cpu {
namespace {

constexpr int64_t kOuterDepth = 192;                 // rows of the batch packed at a time
constexpr int64_t kLeftColumns = 384;                // of a task at most
constexpr int64_t kLeastLeft = 40;                   // of a task where threads would else be idle
constexpr int64_t kRightColumns = 256;               // of a task at most, a multiple of kPanel
constexpr int64_t kSliceRows = 1024;                 // rows of a slice at least, where a job has several
constexpr int64_t kSlicedFloats = int64_t{2} << 20;  // that the slices of all jobs may hold
constexpr int64_t kPad = 16;  // floats between packed blocks, which must not share places in a cache

// Ten rows have sixteen places at the highest level, others fewer in proportion; and one block is partly filled.
constexpr int64_t kLeftFloats = kOuterDepth * (kLeftColumns * 8 / 5 + 48) + (kLeftColumns / 4 + 1) * kPad;
constexpr int64_t kRightFloats = kOuterDepth * kRightColumns + kRightColumns / kPanel * kPad;

/// Rows [rowBegin, rowEnd) of a job, columns [aBegin, aEnd) of its left and [bBegin, bEnd) of its right operand.
struct OuterTask {
    const OuterJob* job;
    int64_t rowBegin, rowEnd, aBegin, aEnd, bBegin, bEnd;
    float* out;   // of element (aBegin, bBegin), rows job->b apart; null: sums of the left alone
    bool adds;    // to what is there
    float* sums;  // of column aBegin, or null
};

}  // namespace
}  // namespace moescope::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace moescope::cpu {
namespace HWY_NAMESPACE {
namespace {

/// Values per row of a packed block: whole vectors, so that no store crosses a line.
constexpr int64_t kLeftStride = roundedUp(kBlockRows, kFloatLanes);

HWY_INLINE const float* rowOf(const float* base, int64_t stride, const int32_t* gather, int64_t row) {
    return base + (gather ? gather[row] : row) * stride;
}

/// Row blocks of a task's part of the gradient.
struct Blocks {
    int64_t count;
    int64_t start[kLeftColumns / 4 + 2];

    explicit Blocks(int64_t rows) : count(ceilDivide(rows, kBlockRows)) {
        for (int64_t block = 0; block <= count; ++block) start[block] = evenStart(rows, count, block);
    }
};

/// Some rows of the left operand, side by side: to the place of row k and block b go the block's values, kLeftStride
/// per row; `sums` (or null) collects the columns, the rows of a call added up first.
template <size_t... K>
HWY_INLINE void packLeftRows(std::index_sequence<K...>, const float* const* rows, const float* scales, int64_t columns,
                             const Blocks& blocks, int64_t blockFloats, float* HWY_RESTRICT to,
                             float* HWY_RESTRICT sums) {
    const FloatTag d;
    const float* const row[] = {rows[K]...};
    const FloatVector scale[] = {hn::Set(d, scales ? scales[K] : 1.0f)...};
    if (sums)
        forVectors(columns, [&](int64_t c, int64_t lanes) HWY_ATTR {
            FloatVector sum = hn::Zero(d);
            ((sum = hn::MulAdd(scale[K], loadPart(row[K] + c, lanes), sum)), ...);
            storePart(hn::Add(loadPart(sums + c, lanes), sum), sums + c, lanes);
        });
    if (!to) return;
    const auto copy = [&](const float* from, const FloatVector& factor, int64_t values, float* place) HWY_ATTR {
        for (int64_t c = 0; c < kLeftStride; c += kFloatLanes) {
            const int64_t lanes = values - c;
            const FloatVector v = lanes > 0 ? loadPart(from + c, lanes) : hn::Zero(d);
            hn::StoreU(scales ? hn::Mul(factor, v) : v, d, place + c);
        }
    };
    for (int64_t block = 0; block < blocks.count; ++block, to += blockFloats) {
        const int64_t begin = blocks.start[block];
        // Values of the next block fill the rest of a vector; only at the end of a row there are none.
        const int64_t values = std::min(kLeftStride, columns - begin);
        (copy(row[K] + begin, scale[K], values, to + K * kLeftStride), ...);
    }
}

/// Rows [first, first + count) of the left operand, block b at packed + b * blockFloats.
HWY_INLINE void packLeft(const OuterTask& t, int64_t first, int64_t count, const Blocks& blocks, int64_t blockFloats,
                         float* HWY_RESTRICT packed, float* HWY_RESTRICT sums) {
    const OuterJob& job = *t.job;
    const int64_t columns = t.aEnd - t.aBegin;
    const float* rows[4];
    for (int64_t k = 0; k < count; k += 4) {
        const int64_t some = std::min<int64_t>(4, count - k);
        for (int64_t i = 0; i < some; ++i)
            rows[i] = rowOf(job.left, job.leftStride, job.leftGather, first + k + i) + t.aBegin;
        const float* scales = job.leftScale ? job.leftScale + first + k : nullptr;
        float* to = packed ? packed + k * kLeftStride : nullptr;
        if (some == 4) {
            packLeftRows(std::make_index_sequence<4>(), rows, scales, columns, blocks, blockFloats, to, sums);
            continue;
        }
        for (int64_t i = 0; i < some; ++i)
            packLeftRows(std::make_index_sequence<1>(), rows + i, scales ? scales + i : nullptr, columns, blocks,
                         blockFloats, to ? to + i * kLeftStride : nullptr, sums);
    }
}

HWY_INLINE void packRight(const OuterTask& t, int64_t first, int64_t count, int64_t panelStride,
                          float* HWY_RESTRICT packed) {
    const OuterJob& job = *t.job;
    const FloatTag d;
    const int64_t columns = t.bEnd - t.bBegin, whole = columns / kPanel * kPanel;
    for (int64_t k = 0; k < count; ++k) {
        const float* row = rowOf(job.right, job.rightStride, job.rightGather, first + k) + t.bBegin;
        float* to = packed + k * kPanel;
        for (int64_t c = 0; c < whole; c += kPanel, to += panelStride)
            for (int64_t i = 0; i < kPanel; i += kFloatLanes) hn::StoreU(hn::LoadU(d, row + c + i), d, to + i);
        if (whole == columns) continue;
        for (int64_t i = 0; i < kPanel; i += kFloatLanes) {
            const int64_t left = columns - whole - i;
            hn::StoreU(left > 0 ? loadPart(row + whole + i, left) : hn::Zero(d), d, to + i);
        }
    }
}

}  // namespace

void runOuterTask(const OuterTask& t, float* scratch) {
    const OuterJob& job = *t.job;
    const int64_t a = t.aEnd - t.aBegin, b = t.bEnd - t.bBegin;
    const Blocks blocks(a);
    float* left = scratch;
    float* right = scratch + kLeftFloats;
    HWY_ALIGN float sums[kLeftColumns] = {};
    const int64_t chunks = ceilDivide(t.rowEnd - t.rowBegin, kOuterDepth);
    for (int64_t chunk = 0; chunk < chunks; ++chunk) {
        const int64_t first = t.rowBegin + evenStart(t.rowEnd - t.rowBegin, chunks, chunk);
        const int64_t count = t.rowBegin + evenStart(t.rowEnd - t.rowBegin, chunks, chunk + 1) - first;
        const int64_t blockFloats = count * kLeftStride + kPad, panelStride = count * kPanel + kPad;
        packLeft(t, first, count, blocks, blockFloats, t.out ? left : nullptr, t.sums ? sums : nullptr);
        if (!t.out) continue;
        packRight(t, first, count, panelStride, right);
        // The rows of the next chunk come while this one is computed.
        const int64_t next = first + count;
        const int64_t end =
            chunk + 1 < chunks ? t.rowBegin + evenStart(t.rowEnd - t.rowBegin, chunks, chunk + 2) : next;
        const int64_t pauses = blocks.count * ceilDivide(b, kPanel) * ceilDivide(count, kFetchDepth);
        Coming coming;
        coming.first = ComingRows(job.left + t.aBegin, job.leftStride, job.leftGather, next, end, a);
        coming.second = ComingRows(job.right + t.bBegin, job.rightStride, job.rightGather, next, end, b);
        coming.firstLines = ceilDivide(coming.first.lines(), pauses);
        coming.secondLines = ceilDivide(coming.second.lines(), pauses);
        Tile tile{};
        tile.coming = &coming;
        tile.turnedStride = kLeftStride;
        tile.depth = count;
        tile.startStride = tile.outStride = job.b;
        for (int64_t column = 0; column < b; column += kPanel) {
            tile.panel = right + column / kPanel * panelStride;
            for (int64_t block = 0; block < blocks.count; ++block) {
                const int64_t begin = blocks.start[block], count = blocks.start[block + 1] - begin;
                tile.turned = left + block * blockFloats;
                tile.out = t.out + begin * job.b + column;
                tile.start = t.adds || chunk > 0 ? tile.out : nullptr;
                anyTile<true>(tile, count, std::min(kPanel, b - column));
            }
        }
    }
    if (t.sums)
        for (int64_t i = 0; i < a; ++i) t.sums[i] = t.adds ? t.sums[i] + sums[i] : sums[i];
}

/// to[i] += the parts of i, added up first to last.
void addParts(const float* parts, int64_t count, int64_t stride, int64_t begin, int64_t end, float* to) {
    forVectors(end - begin, [&](int64_t i, int64_t lanes) HWY_ATTR {
        auto sum = loadPart(parts + begin + i, lanes);
        for (int64_t p = 1; p < count; ++p) sum = hn::Add(sum, loadPart(parts + p * stride + begin + i, lanes));
        storePart(hn::Add(loadPart(to + begin + i, lanes), sum), to + begin + i, lanes);
    });
}

}  // namespace HWY_NAMESPACE
}  // namespace moescope::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moescope::cpu {

HWY_EXPORT(runOuterTask);
HWY_EXPORT(addParts);

namespace {

/// Into how many slices the rows of one of `jobs` jobs are cut.
int64_t mostSlices(int64_t jobs, int64_t a, int64_t b) {
    return std::max<int64_t>(1, kSlicedFloats / jobs / std::max<int64_t>(1, a * (b + 1)));
}
int64_t slicesOf(int64_t rows, int64_t jobs, int64_t a, int64_t b) {
    return std::clamp<int64_t>(rows / kSliceRows, 1, mostSlices(jobs, a, b));
}

/// What a job with several slices leaves to be added up.
struct Parts {
    const float* parts;
    int64_t count, stride, values;
    float* to;
};

}  // namespace

int64_t outerFloats(int64_t rows, int64_t a, int64_t b, int64_t alike, int64_t jobs) {
    const auto floats = [=](int64_t columns) {
        const int64_t most = mostSlices(jobs, a, columns);
        const int64_t slices = most == 1 || rows < 2 * kSliceRows ? 0 : std::min(rows / kSliceRows, alike * most);
        return slices * roundedUp(a * (columns + 1), 16);
    };
    return std::max(floats(b), floats(0));  // the second where the sums of the left alone are wanted
}

int64_t outerWorkerFloats() {
    return roundedUp(kLeftFloats + kRightFloats, 16);
}

void accumulateOuter(ThreadPool& pool, const OuterJob* jobs, int64_t count, float* scratch) {
    std::vector<OuterTask> tasks;
    std::vector<Parts> sums;
    for (const OuterJob* job = jobs; job < jobs + count; ++job) {
        if (job->rows == 0 || job->a == 0 || (!job->gradient && !job->leftSums)) continue;
        const int64_t b = job->gradient ? job->b : 0, slices = slicesOf(job->rows, count, job->a, b);
        const int64_t wanted = std::min(job->a / kLeastLeft, ceilDivide(int64_t{2} * pool.threads(), count * slices));
        const int64_t aParts = std::max(ceilDivide(job->a, kLeftColumns), wanted),
                      bParts = std::max<int64_t>(1, ceilDivide(b, kRightColumns));
        const int64_t stride = roundedUp(job->a * (b + 1), 16);
        for (int64_t s = 0; s < slices; ++s) {
            float* out = slices == 1 ? job->gradient : scratch + s * stride;
            float* left = slices == 1 ? job->leftSums : out + job->a * b;
            for (int64_t i = 0; i < aParts; ++i)
                for (int64_t j = 0; j < bParts; ++j) {
                    const int64_t aBegin = job->a * i / aParts;
                    const int64_t bBegin = std::min(b, roundedUp(b * j / bParts, kPanel));
                    const int64_t bEnd = std::min(b, roundedUp(b * (j + 1) / bParts, kPanel));
                    tasks.push_back({job, job->rows * s / slices, job->rows * (s + 1) / slices, aBegin,
                                     job->a * (i + 1) / aParts, bBegin, bEnd, b ? out + aBegin * b + bBegin : nullptr,
                                     slices == 1, j == 0 && job->leftSums ? left + aBegin : nullptr});
                }
        }
        if (slices == 1) continue;
        if (b) sums.push_back({scratch, slices, stride, job->a * b, job->gradient});
        if (job->leftSums) sums.push_back({scratch + job->a * b, slices, stride, job->a, job->leftSums});
        scratch += slices * stride;
    }
    const auto run = HWY_DYNAMIC_DISPATCH(runOuterTask);
    pool.parallelFor(static_cast<int64_t>(tasks.size()), [&](int64_t task, int worker) {
        run(tasks[static_cast<size_t>(task)], scratch + worker * outerWorkerFloats());
    });
    const auto add = HWY_DYNAMIC_DISPATCH(addParts);
    for (const Parts& p : sums) {
        constexpr int64_t kChunk = int64_t{1} << 14;
        pool.parallelFor(ceilDivide(p.values, kChunk), [&](int64_t task, int) {
            add(p.parts, p.count, p.stride, task * kChunk, std::min(p.values, (task + 1) * kChunk), p.to);
        });
    }
}

}  // namespace moescope::cpu
#endif
