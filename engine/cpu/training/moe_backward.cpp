// SPDX-License-Identifier: Apache-2.0
// The backward of sparse layers: gradients of rows expert by expert, the router and the sums per token, then the
// weights.
#include "engine/cpu/training/gated_rows.h"
#include "engine/cpu/training/moe_scratch.h"

namespace moescope::train {
namespace {

using namespace cpu;

/// One gated expert with weights packed for the backward.
struct Expert {
    int64_t width, inner;
    const float* in;
    const float* out;
};

/// dy rows (gathered, times scale) -> dHidden [count, 2 I], dx [count, D]. dInner [count, I] is working memory.
void runExpertBackward(const Expert& e, const float* dy, const int32_t* gather, const float* scale, const float* hidden,
                       int64_t count, float* dInner, float* dHidden, float* dx) {
    RowProduct second;
    second.left = dy;
    second.leftStride = second.depth = e.width;
    second.gather = gather;
    second.rows = count;
    second.columns = second.outStride = e.inner;
    second.panels = e.out;
    second.out = dInner;
    multiplyRows(second);
    gateRowsBackward(count, e.inner, hidden, dInner, scale, dHidden);
    RowProduct first;
    first.left = dHidden;
    first.leftStride = first.depth = 2 * e.inner;
    first.rows = count;
    first.columns = first.outStride = e.width;
    first.panels = e.in;
    first.out = dx;
    multiplyRows(first);
}

/// The gradients of the weights as sums of outer products. Null gradients stay out.
std::vector<OuterJob> weightJobs(const MoeShape& s, const float* x, const MoeSaved& saved, const float* dy,
                                 const MoeScratch& scratch, const MoeParameters<float>& gradients) {
    std::vector<OuterJob> jobs;
    const int64_t width = s.width, inner = s.expertWidth;
    const auto at = [](float* base, int64_t offset) { return base ? base + offset : nullptr; };
    for (int64_t e = 0; e < s.experts; ++e) {
        const int64_t first = saved.offsets[e];
        OuterJob in, out;
        in.rows = out.rows = saved.offsets[e + 1] - first;
        in.left = scratch.dHidden + first * 2 * inner;
        in.leftStride = in.a = 2 * inner;
        in.right = x;
        in.rightGather = saved.pairRows + first;
        in.rightStride = in.b = width;
        in.gradient = at(gradients.in, e * 2 * inner * width);
        in.leftSums = at(gradients.inBias, e * 2 * inner);
        out.left = dy;
        out.leftGather = saved.pairRows + first;
        out.leftScale = scratch.gates + first;
        out.leftStride = out.a = width;
        out.right = saved.inner + first * inner;
        out.rightStride = out.b = inner;
        out.gradient = at(gradients.out, e * width * inner);
        out.leftSums = at(gradients.outBias, e * width);
        jobs.push_back(in);
        jobs.push_back(out);
    }
    OuterJob router, in, out;
    router.rows = in.rows = out.rows = s.rows;
    router.left = scratch.dLogits;
    router.leftStride = router.a = s.experts;
    router.right = in.right = x;
    router.rightStride = router.b = in.rightStride = in.b = width;
    router.gradient = gradients.router;
    in.left = scratch.dSharedHidden;
    in.leftStride = in.a = 2 * s.sharedWidth;
    in.gradient = gradients.sharedIn;
    in.leftSums = gradients.sharedInBias;
    out.left = dy;
    out.leftStride = out.a = width;
    out.right = saved.sharedInner;
    out.rightStride = out.b = s.sharedWidth;
    out.gradient = gradients.sharedOut;
    out.leftSums = gradients.sharedOutBias;
    jobs.push_back(router);
    if (s.sharedWidth > 0) jobs.insert(jobs.end(), {in, out});
    return jobs;
}

}  // namespace

RouterLossValues CpuTrainingDevice::moeBackward(const MoeShape& s, const MoeParameters<const float>& weights,
                                                const float* x, const MoeSaved& saved, const float* dy,
                                                const RouterLosses& losses, float lossScale, float* dx,
                                                const MoeParameters<float>& gradients) {
    if (s.rows == 0) return {};
    const MoeScratch needed(s, m_pool.threads(), true, nullptr);
    const MoeScratch scratch(s, m_pool.threads(), true, m_scratch.take(needed.floats));
    const int64_t width = s.width, inner = s.expertWidth;
    forParts(s.rows * s.topK, kPartValues, [&](int64_t begin, int64_t end) {
        for (int64_t choice = begin; choice < end; ++choice) scratch.gates[saved.pairOf[choice]] = saved.gates[choice];
    });

    for (int64_t begin = 0; begin < s.experts; begin += scratch.batch) {
        const int64_t end = std::min(s.experts, begin + scratch.batch);
        packExperts(m_pool, s, weights, m_toBf16, true, begin, end, begin == 0, scratch);
        const std::vector<ExpertRows> pieces = expertRows(s, saved.offsets, begin, end, begin == 0);
        m_pool.parallelFor(static_cast<int64_t>(pieces.size()), [&](int64_t task, int worker) {
            const auto [e, first, count] = pieces[static_cast<size_t>(task)];
            float* dInner = scratch.workers + worker * scratch.workerFloats;
            if (e < 0) {
                const int64_t place = first * 2 * s.sharedWidth;
                runExpertBackward({width, s.sharedWidth, scratch.sharedIn, scratch.sharedOut}, dy + first * width,
                                  nullptr, nullptr, saved.sharedHidden + place, count, dInner,
                                  scratch.dSharedHidden + place, dx + first * width);
                return;
            }
            const int64_t place = first * 2 * inner;
            const Expert expert{width, inner, scratch.in + (e - begin) * scratch.inFloats,
                                scratch.out + (e - begin) * scratch.outFloats};
            runExpertBackward(expert, dy, saved.pairRows + first, scratch.gates + first, saved.hidden + place, count,
                              dInner, scratch.dHidden + place, scratch.dRows + first * width);
            dotRows(count, width, dy, saved.pairRows + first, saved.outputs + first * width, scratch.dGates + first);
        });
    }

    const RouterGradient router{&s, &saved, lossScale * losses.auxiliary, lossScale * losses.z, scratch.dGates, dy};
    std::vector<double> values(static_cast<size_t>(2 * scratch.tokenTasks));
    m_pool.parallelFor(scratch.tokenTasks, [&](int64_t task, int worker) {
        const int64_t first = task * kTokenRows, count = std::min(kTokenRows, s.rows - first);
        float* rows = dx + first * width;
        float* dLogits = scratch.dLogits + first * s.experts;
        routerRows(router, first, count, dLogits, values.data() + 2 * task,
                   scratch.workers + worker * scratch.workerFloats);
        if (s.sharedWidth == 0) {
            if (s.addsInput)
                std::copy_n(dy + first * width, count * width, rows);
            else
                std::fill_n(rows, count * width, 0.0f);
        }
        addPairs(s, saved, first, count, nullptr, scratch.dRows, rows);
        addRouter(count, s.experts, width, dLogits, weights.router, rows);
    });
    const std::vector<OuterJob> jobs = weightJobs(s, x, saved, dy, scratch, gradients);
    accumulateOuter(m_pool, jobs.data(), static_cast<int64_t>(jobs.size()), scratch.outer);

    double auxiliary = 0, z = 0;
    for (int64_t task = 0; task < scratch.tokenTasks; ++task) {
        auxiliary += values[static_cast<size_t>(2 * task)];
        z += values[static_cast<size_t>(2 * task + 1)];
    }
    const double rows = static_cast<double>(s.rows);
    return {static_cast<float>(auxiliary / rows), static_cast<float>(z / rows)};
}

}  // namespace moescope::train
