// SPDX-License-Identifier: Apache-2.0
#include "engine/cpu/training/moe_scratch.h"

#include <numeric>

namespace moescope::cpu {

MoeScratch::MoeScratch(const train::MoeShape& s, int threads, bool backward, float* base) {
    constexpr int64_t kPackedFloats = int64_t{8} << 20;  // of experts at a time, as far as one allows
    const int64_t pairs = s.rows * s.topK, hidden = 2 * s.expertWidth;
    tokenTasks = ceilDivide(s.rows, kTokenRows);
    inFloats = backward ? panelFloats(hidden, s.width) : panelFloats(s.width, hidden);
    outFloats = backward ? panelFloats(s.width, s.expertWidth) : panelFloats(s.expertWidth, s.width);
    batch = std::clamp<int64_t>(kPackedFloats / (inFloats + outFloats), 1, std::max<int64_t>(1, s.experts));
    // Hidden and inner rows of an expert that keeps none of them, inner gradients, or what a token's router needs.
    const int64_t widest = std::max(s.expertWidth, s.sharedWidth);
    workerFloats = roundedUp(std::max(RowGroups::most(kExpertRows) * 3 * widest, 4 * s.experts), 16);

    train::ScratchParts parts(base);
    router = parts.floats(backward ? 0 : panelFloats(s.width, s.experts));
    in = parts.floats(batch * inFloats);
    out = parts.floats(batch * outFloats);
    const int64_t sharedHidden = 2 * s.sharedWidth;
    sharedIn = parts.floats(backward ? panelFloats(sharedHidden, s.width) : panelFloats(s.width, sharedHidden));
    sharedOut = parts.floats(backward ? panelFloats(s.width, s.sharedWidth) : panelFloats(s.sharedWidth, s.width));
    workers = parts.floats(threads * workerFloats);
    if (!backward) {
        counts = parts.ints(tokenTasks * s.experts);
    } else {
        gates = parts.floats(pairs);
        dGates = parts.floats(pairs);
        dHidden = parts.floats(pairs * hidden);
        dRows = parts.floats(pairs * s.width);
        dSharedHidden = parts.floats(s.rows * sharedHidden);
        dLogits = parts.floats(s.rows * s.experts);
        const int64_t jobs = 2 * s.experts + (s.sharedWidth > 0 ? 3 : 1);
        int64_t sums = outerFloats(pairs, hidden, s.width, s.experts, jobs) +
                       outerFloats(pairs, s.width, s.expertWidth, s.experts, jobs) +
                       outerFloats(s.rows, s.experts, s.width, 1, jobs);
        if (s.sharedWidth > 0)
            sums += outerFloats(s.rows, sharedHidden, s.width, 1, jobs) +
                    outerFloats(s.rows, s.width, s.sharedWidth, 1, jobs);
        outer = parts.floats(sums + threads * outerWorkerFloats());
    }
    floats = parts.used();
}

std::vector<ExpertRows> expertRows(const train::MoeShape& shape, const int32_t* offsets, int64_t begin, int64_t end,
                                   bool shared) {
    std::vector<ExpertRows> pieces;
    const auto add = [&](int64_t expert, int64_t first, int64_t rows) {
        const RowGroups groups{rows, kExpertRows};
        for (int64_t g = 0; g < groups.count(); ++g)
            pieces.push_back({expert, first + groups.start(g), groups.start(g + 1) - groups.start(g)});
    };
    for (int64_t e = begin; e < end; ++e) add(e, offsets[e], offsets[e + 1] - offsets[e]);
    if (shared && shape.sharedWidth > 0) add(-1, 0, shape.rows);
    return pieces;
}

void packExperts(ThreadPool& pool, const train::MoeShape& shape, const train::MoeParameters<const float>& weights,
                 bool toBf16, bool backward, int64_t begin, int64_t end, bool besides, const MoeScratch& scratch) {
    struct Packed {
        WeightView view;
        float* panels;
    };
    std::vector<Packed> all;
    const int64_t width = shape.width, inner = shape.expertWidth;
    for (int64_t e = begin; e < end; ++e) {
        all.push_back({{weights.in + e * 2 * inner * width, 2 * inner, width, backward},
                       scratch.in + (e - begin) * scratch.inFloats});
        all.push_back(
            {{weights.out + e * width * inner, width, inner, backward}, scratch.out + (e - begin) * scratch.outFloats});
    }
    if (besides && shape.sharedWidth > 0) {
        all.push_back({{weights.sharedIn, 2 * shape.sharedWidth, width, backward}, scratch.sharedIn});
        all.push_back({{weights.sharedOut, width, shape.sharedWidth, backward}, scratch.sharedOut});
    }
    std::vector<int64_t> firstTask(all.size() + 1);
    for (size_t i = 0; i < all.size(); ++i) firstTask[i + 1] = firstTask[i] + all[i].view.panels();
    pool.parallelFor(firstTask.back(), [&](int64_t task, int) {
        const auto which =
            static_cast<size_t>(std::upper_bound(firstTask.begin(), firstTask.end(), task) - firstTask.begin() - 1);
        packWeightPanel(all[which].view, toBf16, task - firstTask[which], all[which].panels);
    });
}

}  // namespace moescope::cpu

namespace moescope::train {

int64_t CpuTrainingDevice::scratchBytes(const MoeShape& shape) const {
    const int64_t forward = cpu::MoeScratch(shape, m_pool.threads(), false, nullptr).floats;
    const int64_t backward = cpu::MoeScratch(shape, m_pool.threads(), true, nullptr).floats;
    return std::max(forward, backward) * static_cast<int64_t>(sizeof(float));
}

}  // namespace moescope::train
