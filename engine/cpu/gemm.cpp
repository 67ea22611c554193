// SPDX-License-Identifier: Apache-2.0
// Tasks of the matrix products: which rows and panels belong together, and the blocked loop over them.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/cpu/gemm.cpp"
// The order matters: everything below foreach_target is compiled once per instruction level.
// clang-format off
#include "engine/cpu/vector_targets.h"
#include "hwy/foreach_target.h"

#include "engine/cpu/gemm.h"
#include "engine/cpu/gemm_kernel-inl.h"
// clang-format on

#ifndef MOESCOPE_CPU_GEMM_TASK
#define MOESCOPE_CPU_GEMM_TASK
namespace moescope::cpu {
namespace {

constexpr int64_t kRowGroup = 96;  // rows of a task at most
constexpr int64_t kDepth = 192;    // k taken at a time: kDepth x kPanel weights stay in the first-level cache

/// Into how many tasks the rows are cut: the activations of one stay in the second-level cache.
int64_t rowGroupsOf(int64_t rows, int64_t depth) {
    constexpr int64_t kResidentFloats = 192 << 10;
    const int64_t most = std::clamp(kResidentFloats / depth, kRowGroup / 4, kRowGroup);
    return (rows + most - 1) / most;
}

/// Rows [rowBegin, rowEnd) of a job against panels [panelBegin, panelEnd).
struct Task {
    const MsLinear* weights;
    const GemmJob* job;
    MsActivation activation;
    int64_t rowBegin, rowEnd, panelBegin, panelEnd;
};

}  // namespace
}  // namespace moescope::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace moescope::cpu {
namespace HWY_NAMESPACE {

/// The rows of a task: where they are read, where they go, by what they are scaled.
struct Rows {
    const float* in[kRowGroup];
    float* out[kRowGroup];
    const float* scale[kRowGroup];  // null: not at all
    int64_t count = 0;
};

/// First row of block `block` when `rows` are split into blocks as even as possible.
HWY_INLINE int64_t blockStart(int64_t rows, int64_t blocks, int64_t block) {
    return rows * block / blocks;
}

/// out[row][column ..] = epilogue(rows x one panel), k in steps of kDepth.
HWY_INLINE void multiplyPanel(const Rows& rows, bool bf16, const std::byte* panel, int64_t depth,
                              const Epilogue& epilogue, int64_t column, float* unpacked, float* sums) {
    const int64_t blocks = (rows.count + kBlockRows - 1) / kBlockRows;
    const int64_t rowBytes = kPanel * (bf16 ? 2 : 4);
    const bool unpack = bf16 && blocks > 1;
    for (int64_t k = 0; k < depth; k += kDepth) {
        const int64_t count = depth - k < kDepth ? depth - k : kDepth;
        const std::byte* slice = panel + k * rowBytes;
        // While this slice is used, the one that follows it in memory is fetched, an equal part by each block.
        const std::byte* next = slice + count * rowBytes;
        const int64_t step = (rowBytes + blocks - 1) / blocks;
        if (unpack) {
            unpackPanel(slice, count, unpacked);
            slice = reinterpret_cast<const std::byte*>(unpacked);
        }
        const bool last = k + count == depth;
        for (int64_t block = 0; block < blocks; ++block) {
            const int64_t first = blockStart(rows.count, blocks, block),
                          end = blockStart(rows.count, blocks, block + 1);
            const float* part[kBlockRows];
            for (int64_t r = first; r < end; ++r) {
                part[r - first] = rows.in[r] + k;
                if (last) {
                    hwy::Prefetch(rows.out[r] + column);
                    hwy::Prefetch(rows.out[r] + column + kHalf);
                }
            }
            kernelFor(bf16 && !unpack, end - first)(part, count, slice, k > 0, {next + block * count * step, step},
                                                    sums + first * kPanel);
            if (!last) continue;
            for (int64_t r = first; r < end; ++r)
                finishRow(epilogue, sums + r * kPanel, rows.scale[r], rows.out[r] + column);
        }
    }
}

void runTask(const Task& task) {
    const MsLinearDesc& desc = task.weights->desc;
    const GemmJob& job = *task.job;
    const bool bf16 = desc.storage == MS_BF16;
    const int64_t elementBytes = bf16 ? 2 : 4;
    const int64_t panels = task.weights->panelCount();
    const std::byte* matrix = task.weights->panels.data() + job.index * task.weights->matrixStride() * elementBytes;
    const auto* bias = reinterpret_cast<const float*>(task.weights->bias.data());

    Rows rows;
    rows.count = task.rowEnd - task.rowBegin;
    for (int64_t r = 0; r < rows.count; ++r) {
        const int64_t row = task.rowBegin + r;
        rows.in[r] = job.rows.base + (job.rows.gather ? job.rows.gather[row] : row) * job.rows.stride;
        rows.out[r] = job.out + row * job.outStride;
        rows.scale[r] = job.rowScale ? job.rowScale + row : nullptr;
    }
    alignas(64) float sums[kRowGroup * kPanel];
    alignas(64) float unpacked[kDepth * kPanel];
    Epilogue epilogue;
    epilogue.gated = desc.layout == MS_LINEAR_GATED;
    epilogue.activation = task.activation;
    const int64_t width = epilogue.gated ? kHalf : kPanel;
    for (int64_t panel = task.panelBegin; panel < task.panelEnd; ++panel) {
        epilogue.bias = bias ? bias + (job.index * panels + panel) * kPanel : nullptr;
        epilogue.columns = desc.out - panel * width < width ? desc.out - panel * width : width;
        multiplyPanel(rows, bf16, matrix + panel * desc.in * kPanel * elementBytes, desc.in, epilogue, panel * width,
                      unpacked, sums);
    }
}

void multiplyPacked(const float* a, int64_t lda, int64_t m, const float* panels, int64_t k, int64_t n, float scale,
                    float* out, int64_t ldo) {
    alignas(64) float sums[kRowGroup * kPanel];
    Rows rows;
    for (int64_t begin = 0; begin < m; begin += kRowGroup) {
        rows.count = m - begin < kRowGroup ? m - begin : kRowGroup;
        for (int64_t r = 0; r < rows.count; ++r) {
            rows.in[r] = a + (begin + r) * lda;
            rows.out[r] = out + (begin + r) * ldo;
            rows.scale[r] = &scale;
        }
        Epilogue epilogue;
        for (int64_t column = 0; column < n; column += kPanel) {
            epilogue.columns = n - column < kPanel ? n - column : kPanel;
            multiplyPanel(rows, false, reinterpret_cast<const std::byte*>(panels + column * k), k, epilogue, column,
                          nullptr, sums);
        }
    }
}

}  // namespace HWY_NAMESPACE
}  // namespace moescope::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moescope::cpu {

HWY_EXPORT(runTask);
HWY_EXPORT(multiplyPacked);

namespace {

int64_t ceilDiv(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}

/// Panels per task of one call.
int64_t cutPanels(const GemmCall& call, int threads) {
    // About a million multiply-adds (some 20 us) at least, 64 million at most, and enough tasks to even out the
    // threads. With several row groups a task's weights stay in the second-level cache until all rows have used them.
    constexpr int64_t kResidentBytes = int64_t{512} << 10;
    constexpr int64_t kLeast = int64_t{1} << 20, kMost = int64_t{1} << 26;
    int64_t rowGroups = 0, rows = 0;
    for (int64_t j = 0; j < call.jobCount; ++j) {
        rowGroups += rowGroupsOf(call.jobs[j].rowCount, call.weights->desc.in);
        rows += call.jobs[j].rowCount;
    }
    const int64_t panels = call.weights->panelCount();
    if (rowGroups == 0) return panels;
    const int64_t perPanel = std::max<int64_t>(1, rows / rowGroups) * call.weights->desc.in * kPanel;
    int64_t perTask = std::max<int64_t>(1, rowGroups * panels / (threads * int64_t{8}));
    if (rowGroups > call.jobCount) {
        const int64_t panelBytes = call.weights->desc.in * kPanel * (call.weights->desc.storage == MS_BF16 ? 2 : 4);
        perTask = std::min(perTask, std::max<int64_t>(1, kResidentBytes / panelBytes));
    }
    perTask = std::max(perTask, ceilDiv(kLeast, perPanel));
    return std::min({perTask, std::max<int64_t>(1, kMost / perPanel), panels});
}

void addTasks(const GemmCall& call, int threads, std::vector<Task>& tasks) {
    const int64_t panels = call.weights->panelCount();
    const int64_t perTask = cutPanels(call, threads);
    for (int64_t j = 0; j < call.jobCount; ++j) {
        const int64_t rows = call.jobs[j].rowCount, groups = rowGroupsOf(rows, call.weights->desc.in);
        // Panels outside: a group of weights is fetched from memory once and used for all rows.
        for (int64_t p = 0; p < panels; p += perTask)
            for (int64_t g = 0; g < groups; ++g)
                tasks.push_back({call.weights, call.jobs + j, call.activation, rows * g / groups,
                                 rows * (g + 1) / groups, p, std::min(panels, p + perTask)});
    }
}

}  // namespace

MsStatus gemm(MsContext& context, const GemmCall* calls, int64_t callCount) {
    thread_local std::vector<Task> tasks;  // keeps its memory from call to call
    tasks.clear();
    for (int64_t c = 0; c < callCount; ++c) addTasks(calls[c], context.pool.threads(), tasks);
    const auto run = HWY_DYNAMIC_DISPATCH(runTask);
    return context.forEachTask(static_cast<int64_t>(tasks.size()),
                               [run, all = tasks.data()](int64_t task, int) { run(all[task]); });
}

MsStatus gemm(MsContext& context, const MsLinear& weights, const GemmJob* jobs, int64_t jobCount,
              MsActivation activation) {
    const GemmCall call{&weights, jobs, jobCount, activation};
    return gemm(context, &call, 1);
}

void packPanels(const float* b, int64_t k, int64_t n, int64_t rowStride, int64_t columnStride, float* panels) {
    for (int64_t column = 0; column < n; column += kPanel, panels += k * kPanel) {
        const int64_t width = std::min(kPanel, n - column);
        const float* source = b + column * columnStride;
        for (int64_t row = 0; row < k; ++row) {
            float* target = panels + row * kPanel;
            for (int64_t c = 0; c < width; ++c) target[c] = source[row * rowStride + c * columnStride];
            for (int64_t c = width; c < kPanel; ++c) target[c] = 0.0f;
        }
    }
}

void gemmPacked(const float* a, int64_t lda, int64_t m, const float* panels, int64_t k, int64_t n, float scale,
                float* out, int64_t ldo) {
    HWY_DYNAMIC_DISPATCH(multiplyPacked)(a, lda, m, panels, k, n, scale, out, ldo);
}

}  // namespace moescope::cpu
#endif
