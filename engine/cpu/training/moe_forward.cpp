// SPDX-License-Identifier: Apache-2.0
// The forward of sparse layers: routing, then each expert on its tokens, hidden rows and outputs in one task, then the
// sums.
#include "engine/cpu/training/gated_rows.h"
#include "engine/cpu/training/moe_scratch.h"

namespace moescope::train {
namespace {

using namespace cpu;

/// One gated expert with packed weights.
struct Expert {
    int64_t width, inner;
    const float* in;
    const float* out;
    const float* inBias;  // null: none
    const float* outBias;
};

/// x rows (gathered) -> hidden [count, 2 I], inner [count, I], outputs [count, D].
void runExpert(const Expert& e, const float* x, const int32_t* gather, int64_t count, float* hidden, float* inner,
               float* outputs) {
    RowProduct first;
    first.left = x;
    first.leftStride = first.depth = e.width;
    first.gather = gather;
    first.rows = count;
    first.columns = first.outStride = 2 * e.inner;
    first.panels = e.in;
    first.start = e.inBias;
    first.out = hidden;
    multiplyRows(first);
    gateRows(count, e.inner, hidden, inner);
    RowProduct second;
    second.left = inner;
    second.leftStride = second.depth = e.inner;
    second.rows = count;
    second.columns = second.outStride = e.width;
    second.panels = e.out;
    second.start = e.outBias;
    second.out = outputs;
    multiplyRows(second);
}

/// What comes beside the experts of tokens [first, first + count), where no shared expert has written it.
void startRows(const MoeShape& s, const float* x, int64_t first, int64_t count, float* y) {
    if (s.sharedWidth > 0) return;
    if (s.addsInput)
        std::copy_n(x + first * s.width, count * s.width, y);
    else
        std::fill_n(y, count * s.width, 0.0f);
}

}  // namespace

void CpuTrainingDevice::moe(const MoeShape& s, const MoeParameters<const float>& weights, const float* selectionBias,
                            const float* x, const MoeSaved& saved, float* y) {
    const MoeScratch needed(s, m_pool.threads(), false, nullptr);
    const MoeScratch scratch(s, m_pool.threads(), false, m_scratch.take(needed.floats));
    const int64_t width = s.width, inner = s.expertWidth;
    routeTokens(m_pool, s, weights.router, selectionBias, x, saved, scratch);

    for (int64_t begin = 0; begin < s.experts; begin += scratch.batch) {
        const int64_t end = std::min(s.experts, begin + scratch.batch);
        packExperts(m_pool, s, weights, m_toBf16, false, begin, end, begin == 0, scratch);
        const auto expertAt = [&](int64_t e) {
            return Expert{width,
                          inner,
                          scratch.in + (e - begin) * scratch.inFloats,
                          scratch.out + (e - begin) * scratch.outFloats,
                          s.biased ? weights.inBias + e * 2 * inner : nullptr,
                          s.biased ? weights.outBias + e * width : nullptr};
        };
        const std::vector<ExpertRows> pieces = expertRows(s, saved.offsets, begin, end, begin == 0);
        m_pool.parallelFor(static_cast<int64_t>(pieces.size()), [&](int64_t task, int) {
            const auto [e, first, count] = pieces[static_cast<size_t>(task)];
            if (e >= 0)
                return runExpert(expertAt(e), x, saved.pairRows + first, count, saved.hidden + first * 2 * inner,
                                 saved.inner + first * inner, saved.outputs + first * width);
            const Expert shared{width,
                                s.sharedWidth,
                                scratch.sharedIn,
                                scratch.sharedOut,
                                s.biased ? weights.sharedInBias : nullptr,
                                s.biased ? weights.sharedOutBias : nullptr};
            runExpert(shared, x + first * width, nullptr, count, saved.sharedHidden + first * 2 * s.sharedWidth,
                      saved.sharedInner + first * s.sharedWidth, y + first * width);
        });
        if (s.gradient != RoutingGradient::Dense) continue;
        const RowGroups rows{s.rows, kExpertRows};
        const int64_t groups = rows.count();
        m_pool.parallelFor((end - begin) * groups, [&](int64_t task, int worker) {
            const int64_t e = begin + task / groups, first = rows.start(task % groups);
            const int64_t count = rows.start(task % groups + 1) - first;
            float* hidden = scratch.workers + worker * scratch.workerFloats;
            runExpert(expertAt(e), x + first * width, nullptr, count, hidden, hidden + count * 2 * inner,
                      saved.allOutputs + (e * s.rows + first) * width);
        });
    }

    m_pool.parallelFor(scratch.tokenTasks, [&](int64_t task, int) {
        const int64_t first = task * kTokenRows, count = std::min(kTokenRows, s.rows - first);
        startRows(s, x, first, count, y + first * width);
        addPairs(s, saved, first, count, saved.gates, saved.outputs, y + first * width);
    });
}

}  // namespace moescope::train
