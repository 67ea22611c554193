// SPDX-License-Identifier: GPL-3.0-or-later
// Cases of sparse layers on a training device.
#pragma once

#include "engine/reference/linear.h"
#include "engine/reference/router.h"
#include "tests/engine/train/device_case.h"

namespace moescope::test {

struct SparseCase {
    train::MoeShape shape;
    /// Selection bias of each expert; empty: none.
    std::vector<float> bias = {};
    bool frozenExperts = false, frozenRouter = false, rounded = false;
};

/// Rows x whose choice of experts hangs on affinities at least 1e-3 apart, a thousand times what fp32 may do to them:
/// so that every device chooses the same.
inline std::vector<float> decidedRows(CaseRun& run, const SparseCase& made, const std::vector<float>& router) {
    const train::MoeShape& shape = made.shape;
    const reference::RouterShape rules{
        shape.experts,
        shape.topK,
        shape.groups,
        shape.keptGroups,
        static_cast<double>(shape.scale),
        shape.affinity == train::Affinity::Softmax ? reference::Affinity::Softmax : reference::Affinity::Sigmoid};
    const reference::Matrix<double> weights(shape.experts, shape.width, router);
    std::vector<float> rows;
    while (static_cast<int64_t>(rows.size()) < shape.rows * shape.width) {
        const std::vector<float> row = run.draw(shape.width);
        const auto logits = reference::linear(reference::Matrix<double>(1, shape.width, row), weights);
        const auto routed = reference::route(logits, std::vector<double>(made.bias.begin(), made.bias.end()), rules);
        if (routed.margin[0] >= 1e-3) rows.insert(rows.end(), row.begin(), row.end());
    }
    return rows;
}

inline std::vector<DeviceResult> runMoe(train::TrainingDevice& device, const SparseCase& made) {
    CaseRun run(device, 8);
    const train::MoeShape& s = made.shape;
    const int64_t pairs = s.rows * s.topK, in = 2 * s.expertWidth, sharedIn = 2 * s.sharedWidth, D = s.width;
    const std::vector<float> router = run.draw(s.experts * D, 0.7f);
    const std::vector<float> rows = decidedRows(run, made, router);
    const float* x = run.upload(rows);
    const float* dy = run.random(s.rows * D);
    const float* bias = made.bias.empty() ? nullptr : run.upload(made.bias);

    const struct {
        int64_t router, in, inBias, out, outBias, sharedIn, sharedInBias, sharedOut, sharedOutBias;
    } sizes{s.experts * D,
            s.experts * in * D,
            s.biased ? s.experts * in : 0,
            s.experts * D * s.expertWidth,
            s.biased ? s.experts * D : 0,
            sharedIn * D,
            s.biased ? sharedIn : 0,
            D * s.sharedWidth,
            s.biased && s.sharedWidth ? D : 0};
    const auto some = [&](int64_t count) { return count ? run.random(count, 0.5f) : nullptr; };
    const train::MoeParameters<const float> weights{
        run.upload(router),       some(sizes.in),        some(sizes.inBias),
        some(sizes.out),          some(sizes.outBias),   some(sizes.sharedIn),
        some(sizes.sharedInBias), some(sizes.sharedOut), some(sizes.sharedOutBias)};
    const auto gradient = [&](int64_t count, bool frozen) {
        float* begun = some(count);
        return frozen ? nullptr : begun;
    };
    const bool still = made.frozenExperts;
    const train::MoeParameters<float> gradients{gradient(sizes.router, made.frozenRouter),
                                                gradient(sizes.in, still),
                                                gradient(sizes.inBias, still),
                                                gradient(sizes.out, still),
                                                gradient(sizes.outBias, still),
                                                gradient(sizes.sharedIn, still),
                                                gradient(sizes.sharedInBias, still),
                                                gradient(sizes.sharedOut, still),
                                                gradient(sizes.sharedOutBias, still)};
    const bool dense = s.gradient == train::RoutingGradient::Dense;
    const train::MoeSaved saved{run.target(s.rows * s.experts),
                                run.target(s.rows * s.experts),
                                run.integerTarget(pairs),
                                run.target(pairs),
                                run.integerTarget(pairs),
                                run.integerTarget(pairs),
                                run.integerTarget(s.experts + 1),
                                run.target(pairs * in),
                                run.target(pairs * s.expertWidth),
                                run.target(pairs * D),
                                s.sharedWidth ? run.target(s.rows * sharedIn) : nullptr,
                                s.sharedWidth ? run.target(s.rows * s.sharedWidth) : nullptr,
                                dense ? run.target(s.experts * s.rows * D) : nullptr};
    float *y = run.target(s.rows * D), *dx = run.target(s.rows * D);

    device.roundWeights(made.rounded);
    device.moe(s, weights, bias, x, saved, y);
    const train::RouterLossValues values =
        device.moeBackward(s, weights, x, saved, dy, {0.5f, 0.1f}, 3.0f, dx, gradients);
    device.roundWeights(false);

    run.result("experts", saved.experts, pairs, 0);
    run.result("pairRows", saved.pairRows, pairs, 0);
    run.result("pairOf", saved.pairOf, pairs, 0);
    run.result("offsets", saved.offsets, s.experts + 1, 0);
    const int64_t inner = std::max({s.expertWidth, s.sharedWidth, D});
    run.result("logits", saved.logits, s.rows * s.experts, roundingLimit(D));
    run.result("scores", saved.scores, s.rows * s.experts, roundingLimit(D, 2));
    run.result("gates", saved.gates, pairs, roundingLimit(D, 3));
    run.result("hidden", saved.hidden, pairs * in, roundingLimit(D));
    run.result("inner", saved.inner, pairs * s.expertWidth, roundingLimit(D, 2));
    run.result("outputs", saved.outputs, pairs * D, roundingLimit(inner, 3));
    run.result("sharedHidden", saved.sharedHidden, s.rows * sharedIn, roundingLimit(D));
    run.result("sharedInner", saved.sharedInner, s.rows * s.sharedWidth, roundingLimit(D, 2));
    run.result("allOutputs", saved.allOutputs, s.experts * s.rows * D, roundingLimit(inner, 3));
    run.result("y", y, s.rows * D, roundingLimit(inner, 4));
    // Backward: gates from products over D, hidden from products over D, weights from sums over the rows.
    const int64_t terms = std::max({inner, 2 * s.expertWidth, sharedIn, s.experts});
    run.result("dx", dx, s.rows * D, roundingLimit(terms, 6));
    const double own = roundingLimit(std::max(terms, s.rows), 6);
    run.result("dRouter", gradients.router, sizes.router, own);
    run.result("dIn", gradients.in, sizes.in, own);
    run.result("dInBias", gradients.inBias, sizes.inBias, own);
    run.result("dOut", gradients.out, sizes.out, own);
    run.result("dOutBias", gradients.outBias, sizes.outBias, own);
    run.result("dSharedIn", gradients.sharedIn, sizes.sharedIn, own);
    run.result("dSharedInBias", gradients.sharedInBias, sizes.sharedInBias, own);
    run.result("dSharedOut", gradients.sharedOut, sizes.sharedOut, own);
    run.result("dSharedOutBias", gradients.sharedOutBias, sizes.sharedOutBias, own);
    run.results.push_back({"auxiliary loss", {values.auxiliary}, roundingLimit(s.rows, 3)});
    run.results.push_back({"z loss", {values.z}, roundingLimit(s.rows, 3)});
    return run.results;
}

inline std::vector<DeviceCase> moeDeviceCases() {
    using namespace train;
    const auto sigmoid = Affinity::Sigmoid, softmax = Affinity::Softmax;
    const auto chosen = RoutingGradient::Chosen, straight = RoutingGradient::StraightThrough,
               dense = RoutingGradient::Dense;
    // rows, width, experts, topK, groups, keptGroups, expertWidth, sharedWidth, biased, addsInput, affinity, scale,
    // gradient
    const std::vector<std::pair<std::string, SparseCase>> made{
        {"Shared", {{20, 24, 8, 2, 1, 1, 20, 28, false, true, sigmoid, 2.5f, chosen}}},
        {"OddWithoutShared", {{17, 19, 5, 2, 1, 1, 13, 0, false, true, sigmoid, 2, chosen}}},
        {"AddsNothing", {{11, 8, 4, 2, 1, 1, 6, 0, false, false, sigmoid, 1, chosen}}},
        {"Biased", {{15, 12, 4, 2, 1, 1, 9, 0, true, true, sigmoid, 1, chosen}}},
        {"BiasedShared", {{15, 12, 4, 2, 1, 1, 9, 7, true, true, sigmoid, 1, chosen}}},
        {"OneOfThem", {{16, 10, 6, 1, 1, 1, 8, 0, false, true, sigmoid, 1.5f, chosen}}},
        {"OneOfThemSoftmax", {{16, 10, 6, 1, 1, 1, 8, 5, false, true, softmax, 1.5f, chosen}}},
        {"AllOfThem", {{9, 10, 3, 3, 1, 1, 8, 0, false, true, sigmoid, 1, chosen}}},
        {"OneToken", {{1, 10, 6, 2, 1, 1, 8, 4, false, true, sigmoid, 1, chosen}}},
        {"Groups",
         {{18, 16, 8, 2, 4, 2, 8, 8, false, true, sigmoid, 2.5f, chosen}, {0, 0.1f, 0, 0.05f, 0, 0, 0.1f, 0}}},
        {"SelectionBias", {{24, 16, 6, 2, 1, 1, 8, 0, false, true, sigmoid, 1, chosen}, {0.3f, 0, 0, -0.2f, 0, 0.1f}}},
        {"IdleAndCrowdedExperts", {{24, 16, 5, 2, 1, 1, 8, 0, true, true, sigmoid, 1, chosen}, {0, -10, 10, 0, -10}}},
        {"IdleExpertDense", {{14, 16, 4, 2, 1, 1, 8, 0, true, true, sigmoid, 1, dense}, {0, 0, -10, 0}}},
        {"Softmax", {{20, 18, 6, 2, 1, 1, 10, 6, false, true, softmax, 1, chosen}}},
        {"StraightThrough", {{20, 18, 6, 2, 1, 1, 10, 6, false, true, sigmoid, 2.5f, straight}}},
        {"StraightThroughSoftmax", {{20, 18, 6, 3, 1, 1, 10, 0, false, true, softmax, 1, straight}}},
        {"StraightThroughOneOfThem", {{12, 18, 6, 1, 1, 1, 10, 0, false, true, softmax, 2, straight}}},
        {"Dense", {{20, 18, 6, 2, 1, 1, 10, 6, false, true, sigmoid, 2.5f, dense}}},
        {"DenseSoftmax", {{20, 18, 6, 3, 1, 1, 10, 0, true, true, softmax, 1, dense}}},
        {"DenseOneOfThem", {{12, 18, 6, 1, 1, 1, 10, 0, false, false, sigmoid, 2, dense}}},
        {"DenseOneToken", {{1, 7, 3, 2, 1, 1, 5, 0, false, true, sigmoid, 1, dense}}},
        {"LargerThanBlocks", {{260, 64, 4, 2, 1, 1, 72, 80, false, true, sigmoid, 2, chosen}}},
        {"ManyExperts", {{40, 32, 48, 5, 1, 1, 16, 16, false, true, sigmoid, 2.5f, chosen}}},
        {"FrozenExperts", {{15, 12, 4, 2, 1, 1, 9, 7, true, true, sigmoid, 1, chosen}, {}, true, false}},
        {"FrozenRouter", {{15, 12, 4, 2, 1, 1, 9, 7, true, true, sigmoid, 1, straight}, {}, false, true}},
        {"WeightsInBf16", {{15, 12, 4, 2, 1, 1, 9, 7, true, true, sigmoid, 1, dense}, {}, false, false, true}},
    };
    std::vector<DeviceCase> cases;
    for (const auto& [name, one] : made)
        cases.push_back({"Moe" + name, [one = one](TrainingDevice& device) { return runMoe(device, one); }});
    return cases;
}

}  // namespace moescope::test
