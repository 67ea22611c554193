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

constexpr int64_t kRowGroup = 96;  // rows of a task at most: their part of the sums stays in the first-level cache
constexpr int64_t kDepth = 256;    // k taken at a time: kDepth x kPanel weights stay in the first-level cache

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

/// Rows of block `block` when `rows` are split into blocks as even as possible.
HWY_INLINE int64_t blockStart(int64_t rows, int64_t blocks, int64_t block) {
    return rows * block / blocks;
}

/// sums [rows, kPanel] = rows x one panel, k in steps of kDepth.
HWY_INLINE void multiplyPanel(const float* const* rows, int64_t rowCount, bool bf16, const std::byte* panel,
                              int64_t depth, float* unpacked, float* sums) {
    const int64_t blocks = (rowCount + kBlockRows - 1) / kBlockRows;
    const int64_t rowBytes = kPanel * (bf16 ? 2 : 4);
    const bool unpack = bf16 && blocks > 1;
    for (int64_t k = 0; k < depth; k += kDepth) {
        const int64_t count = depth - k < kDepth ? depth - k : kDepth;
        const void* slice = panel + k * rowBytes;
        if (unpack) {
            unpackPanel(slice, count, unpacked);
            slice = unpacked;
        }
        for (int64_t block = 0; block < blocks; ++block) {
            const int64_t first = blockStart(rowCount, blocks, block);
            const int64_t size = blockStart(rowCount, blocks, block + 1) - first;
            const float* part[kBlockRows];
            for (int64_t r = 0; r < size; ++r) part[r] = rows[first + r] + k;
            kernelFor(bf16 && !unpack, static_cast<int>(size))(part, count, slice, k > 0, sums + first * kPanel);
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

    const float* rows[kRowGroup];
    const int64_t rowCount = task.rowEnd - task.rowBegin;
    for (int64_t r = 0; r < rowCount; ++r) {
        const int64_t row = task.rowBegin + r;
        rows[r] = job.rows.base + (job.rows.gather ? job.rows.gather[row] : row) * job.rows.stride;
    }
    alignas(64) float sums[kRowGroup * kPanel];
    alignas(64) float unpacked[kDepth * kPanel];
    Epilogue epilogue;
    epilogue.gated = desc.layout == MS_LINEAR_GATED;
    epilogue.activation = task.activation;
    const int64_t width = epilogue.gated ? kHalf : kPanel;
    for (int64_t panel = task.panelBegin; panel < task.panelEnd; ++panel) {
        multiplyPanel(rows, rowCount, bf16, matrix + panel * desc.in * kPanel * elementBytes, desc.in, unpacked, sums);
        epilogue.bias = bias ? bias + (job.index * panels + panel) * kPanel : nullptr;
        epilogue.columns = desc.out - panel * width < width ? desc.out - panel * width : width;
        for (int64_t r = 0; r < rowCount; ++r) {
            const int64_t row = task.rowBegin + r;
            finishRow(epilogue, sums + r * kPanel, job.rowScale ? job.rowScale + row : nullptr,
                      job.out + row * job.outStride + panel * width);
        }
    }
}

void multiplyPacked(const float* a, int64_t lda, int64_t m, const float* panels, int64_t k, int64_t n, float scale,
                    float* out, int64_t ldo) {
    alignas(64) float sums[kRowGroup * kPanel];
    const float* rows[kRowGroup];
    for (int64_t begin = 0; begin < m; begin += kRowGroup) {
        const int64_t rowCount = m - begin < kRowGroup ? m - begin : kRowGroup;
        for (int64_t r = 0; r < rowCount; ++r) rows[r] = a + (begin + r) * lda;
        Epilogue epilogue;
        for (int64_t column = 0; column < n; column += kPanel) {
            const auto* panel = reinterpret_cast<const std::byte*>(panels + column * k);
            multiplyPanel(rows, rowCount, false, panel, k, nullptr, sums);
            epilogue.columns = n - column < kPanel ? n - column : kPanel;
            for (int64_t r = 0; r < rowCount; ++r)
                finishRow(epilogue, sums + r * kPanel, &scale, out + (begin + r) * ldo + column);
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
    // threads.
    constexpr int64_t kLeast = int64_t{1} << 20, kMost = int64_t{1} << 26;
    int64_t rowGroups = 0, rows = 0;
    for (int64_t j = 0; j < call.jobCount; ++j) {
        rowGroups += ceilDiv(call.jobs[j].rowCount, kRowGroup);
        rows += call.jobs[j].rowCount;
    }
    const int64_t panels = call.weights->panelCount();
    if (rowGroups == 0) return panels;
    const int64_t perPanel = std::max<int64_t>(1, rows / rowGroups) * call.weights->desc.in * kPanel;
    int64_t perTask = std::max<int64_t>(1, rowGroups * panels / (threads * int64_t{8}));
    perTask = std::max(perTask, ceilDiv(kLeast, perPanel));
    return std::min({perTask, std::max<int64_t>(1, kMost / perPanel), panels});
}

void addTasks(const GemmCall& call, int threads, std::vector<Task>& tasks) {
    const int64_t panels = call.weights->panelCount();
    const int64_t perTask = cutPanels(call, threads);
    for (int64_t j = 0; j < call.jobCount; ++j) {
        const int64_t rows = call.jobs[j].rowCount, groups = ceilDiv(rows, kRowGroup);
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
