// SPDX-License-Identifier: GPL-3.0-or-later
// The sparse layer's backward, with the selection frozen, against finite differences: of the layer itself for gradients
// through the chosen gates, of the surrogates (their stopped terms held at the base point) for the two others.
#include "engine/reference/moe_layer.h"
#include "engine/reference/sparse_layer.h"
#include "tests/engine/reference/finite_differences.h"

namespace moescope {
namespace {

using namespace reference;
using namespace test;

struct Shape {
    const char* name;
    int64_t tokens, experts, topK, groups, keptGroups, shared;
    double scale;
    bool biased, addsInput;
    Affinity affinity;
};
constexpr int64_t kWidth = 3, kInner = 4;

const Shape kShapes[] = {
    {"sigmoid", 7, 4, 2, 1, 1, 5, 2.5, false, true, Affinity::Sigmoid},
    {"softmax", 7, 4, 2, 1, 1, 5, 2.5, true, true, Affinity::Softmax},
    {"one of them", 6, 3, 1, 1, 1, 0, 1.5, true, true, Affinity::Sigmoid},
    {"one by softmax", 6, 3, 1, 1, 1, 0, 1.5, false, false, Affinity::Softmax},
    {"groups", 6, 6, 2, 3, 2, 0, 1.0, false, true, Affinity::Sigmoid},
    {"all of them", 4, 3, 3, 1, 1, 2, 1.0, true, true, Affinity::Sigmoid},
    {"one token", 1, 5, 2, 1, 1, 0, 2.0, true, true, Affinity::Softmax},
};

struct Case {
    explicit Case(const Shape& shape, RoutingGradient gradient = RoutingGradient::Chosen) : random(11) {
        options = {{shape.experts, shape.topK, shape.groups, shape.keptGroups, shape.scale, shape.affinity},
                   gradient,
                   shape.addsInput};
        x = random.matrix(shape.tokens, kWidth);
        weights.router = random.matrix(shape.experts, kWidth);
        const auto expert = [&](int64_t inner) {
            GatedMlp<double> mlp{random.matrix(2 * inner, kWidth), {}, random.matrix(kWidth, inner), {}};
            if (shape.biased) mlp.inBias = random.vector(2 * inner), mlp.outBias = random.vector(kWidth);
            return mlp;
        };
        for (int64_t e = 0; e < shape.experts; ++e) weights.experts.push_back(expert(kInner));
        if (shape.shared) weights.shared = expert(shape.shared);
        chosen = route(linear(x, weights.router), {}, options.router).expert;
        dy = random.matrix(shape.tokens, kWidth);
    }

    Matrix<double> forward() const { return sparseLayer(x, weights, options, chosen).y; }
    SparseGradients<double> backward(const RouterLossWeights<double>& losses = {}) const {
        return sparseLayerBackward(x, weights, sparseLayer(x, weights, options, chosen).saved, options, dy, losses);
    }
    /// Every input with the gradient claimed for it; no gradient for biases that do not exist, nor for what no pair
    /// reaches.
    std::vector<ClaimedGradient> claims(const SparseGradients<double>& d) {
        std::vector<ClaimedGradient> all{{"x", &x.data, d.x.data},
                                         {"router", &weights.router.data, d.weights.router.data}};
        const auto add = [&](const std::string& name, GatedMlp<double>& mlp, const GatedMlp<double>& gradient) {
            all.push_back({name + " in", &mlp.in.data, gradient.in.data});
            all.push_back({name + " out", &mlp.out.data, gradient.out.data});
            if (mlp.inBias.empty()) return;
            all.push_back({name + " in bias", &mlp.inBias, gradient.inBias});
            all.push_back({name + " out bias", &mlp.outBias, gradient.outBias});
        };
        for (size_t e = 0; e < weights.experts.size(); ++e)
            if (std::find(chosen.begin(), chosen.end(), static_cast<int64_t>(e)) != chosen.end())
                add("expert " + std::to_string(e), weights.experts[e], d.weights.experts[e]);
        if (weights.shared) add("shared", *weights.shared, *d.weights.shared);
        return all;
    }

    RandomValues random;
    SparseOptions options;
    Matrix<double> x, dy;
    SparseWeights<double> weights;
    std::vector<int64_t> chosen;
};

/// sum over e of [stop(g_e - q_e) + q_e] f_e(x), over the chosen or (dense) over all experts with unchosen outputs
/// stopped; what is stopped is taken from `base`, a copy of the case before anything moved. Plus the shared expert or
/// the input.
Matrix<double> surrogate(const Case& now, const Case& base) {
    const RouterShape& router = now.options.router;
    const auto scoresOf = [&](const Case& at) { return affinities(linear(at.x, at.weights.router), router.affinity); };
    const Matrix<double> q = gatesOfAll(scoresOf(now), router), stoppedQ = gatesOfAll(scoresOf(base), router);
    const Matrix<double> stoppedGate = gatesOf(scoresOf(base), base.chosen, router);
    Matrix<double> y = now.weights.shared ? gatedMlp(now.x, *now.weights.shared)
                                          : (now.options.addsInput ? now.x : Matrix<double>(now.x.rows, now.x.cols));
    for (int64_t token = 0; token < y.rows; ++token)
        for (int64_t e = 0; e < router.experts; ++e) {
            double g = 0;
            bool taken = false;
            for (int64_t i = 0; i < router.topK; ++i)
                if (now.chosen[static_cast<size_t>(token * router.topK + i)] == e)
                    taken = true, g = stoppedGate(token, i);
            if (!taken && now.options.gradient != RoutingGradient::Dense) continue;
            const Case& source = taken ? now : base;
            const Matrix<double> f =
                gatedMlp(rowRange(source.x, token, token + 1), source.weights.experts[static_cast<size_t>(e)]);
            for (int64_t c = 0; c < y.cols; ++c) y(token, c) += ((g - stoppedQ(token, e)) + q(token, e)) * f(0, c);
        }
    return y;
}

TEST(SparseLayer, EqualsTheRoutedLayerOfInference) {
    for (const Shape& shape : kShapes) {
        const Case made(shape);
        const auto routed = route(linear(made.x, made.weights.router), {}, made.options.router);
        const auto other = moeLayer(made.x, routed.expert, routed.gate, made.weights.experts,
                                    made.weights.shared ? &*made.weights.shared : nullptr);
        const Matrix<double>& wanted = made.weights.shared || made.options.addsInput ? other.sum : other.routed;
        const Matrix<double> y = made.forward();
        for (size_t i = 0; i < y.data.size(); ++i) EXPECT_NEAR(y.data[i], wanted.data[i], 1e-13) << shape.name;
    }
}

TEST(SparseLayerBackward, ThroughTheChosenGatesMatchesFiniteDifferences) {
    for (const Shape& shape : kShapes) {
        SCOPED_TRACE(shape.name);
        Case made(shape);
        std::vector<ClaimedGradient> claims = made.claims(made.backward());
        // leave out.
        expectGradients([&] { return made.forward().data; }, made.dy.data, claims);
    }
}

TEST(SparseLayerBackward, TheSurrogatesMatchTheirFiniteDifferences) {
    for (const RoutingGradient gradient : {RoutingGradient::StraightThrough, RoutingGradient::Dense})
        for (const Shape& shape : kShapes) {
            SCOPED_TRACE(shape.name);
            SCOPED_TRACE(gradient == RoutingGradient::Dense ? "dense" : "straight-through");
            Case made(shape, gradient);
            const Case base = made;
            const Matrix<double> y = made.forward(), same = surrogate(made, base);
            for (size_t i = 0; i < y.data.size(); ++i) EXPECT_NEAR(y.data[i], same.data[i], 1e-13);
            expectGradients([&] { return surrogate(made, base).data; }, made.dy.data, made.claims(made.backward()));
        }
}

double largestDifference(const Values& a, const Values& b) {
    double largest = 0;
    for (size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
    return largest;
}

TEST(SparseLayerBackward, TheThreeRoutingGradientsShareTheForwardAndDifferInTheRouter) {
    const Case chosen(kShapes[0]), straight(kShapes[0], RoutingGradient::StraightThrough),
        dense(kShapes[0], RoutingGradient::Dense);
    EXPECT_EQ(chosen.forward().data, straight.forward().data);
    EXPECT_EQ(chosen.forward().data, dense.forward().data);
    const auto a = chosen.backward(), b = straight.backward(), c = dense.backward();
    EXPECT_GT(largestDifference(a.weights.router.data, b.weights.router.data), 0.01);
    EXPECT_GT(largestDifference(b.weights.router.data, c.weights.router.data), 0.01);
    EXPECT_GT(largestDifference(a.weights.router.data, c.weights.router.data), 0.01);
    for (size_t e = 0; e < a.weights.experts.size(); ++e) {
        EXPECT_EQ(a.weights.experts[e].in.data, b.weights.experts[e].in.data);
        EXPECT_EQ(a.weights.experts[e].out.data, c.weights.experts[e].out.data);
    }
}

TEST(SparseLayerBackward, OfOneSigmoidExpertStraightThroughEqualsChosen) {
    // k = 1: q = scale s is the gate itself.
    const auto a = Case(kShapes[2]).backward(), b = Case(kShapes[2], RoutingGradient::StraightThrough).backward();
    EXPECT_LE(largestDifference(a.weights.router.data, b.weights.router.data), 1e-14);
}

TEST(SparseLayerBackward, AnExpertWithoutTokensGetsZeros) {
    Case made(kShapes[0]);
    for (size_t choice = 0; choice < made.chosen.size(); ++choice)
        made.chosen[choice] = static_cast<int64_t>(choice % 2);
    const auto d = made.backward();
    for (const double value : d.weights.experts[3].in.data) EXPECT_EQ(value, 0);
    for (const double value : d.weights.experts[3].outBias) EXPECT_EQ(value, 0);
    expectGradients([&] { return made.forward().data; }, made.dy.data, made.claims(d));
}

TEST(RouterLosses, MatchFiniteDifferencesForAFrozenChoice) {
    for (const Affinity affinity : {Affinity::Sigmoid, Affinity::Softmax}) {
        RandomValues random(21);
        Matrix<double> logits = mapped(random.matrix(6, 5), [](double x) { return 3 * x; });
        const auto chosen = route(logits, {}, {5, 2, 1, 1, 1.0, affinity}).expert;
        const auto loss = [&] { return Values{auxiliaryLoss(affinities(logits, affinity), chosen)}; };
        const Matrix<double> d =
            affinitiesBackward(logits, affinity, auxiliaryLossBackward(affinities(logits, affinity), chosen));
        expectGradients(loss, {1.0}, {{"auxiliary", &logits.data, d.data}});
        expectGradients([&] { return Values{zLoss(logits)}; }, {1.0},
                        {{"z", &logits.data, zLossBackward(logits).data}});
    }
}

TEST(RouterLosses, EnterTheLayersGradientWithTheirWeights) {
    for (const Affinity affinity : {Affinity::Sigmoid, Affinity::Softmax}) {
        Case made(affinity == Affinity::Sigmoid ? kShapes[0] : kShapes[1]);
        const RouterLossWeights<double> losses{0.7, 0.3};
        const auto total = [&] {
            const Matrix<double> logits = linear(made.x, made.weights.router);
            Values y = made.forward().data;
            y.push_back(losses.auxiliary * auxiliaryLoss(affinities(logits, affinity), made.chosen) +
                        losses.z * zLoss(logits));
            return y;
        };
        Values projection = made.dy.data;
        projection.push_back(1.0);
        expectGradients(total, projection, made.claims(made.backward(losses)));
    }
}

TEST(RouterLosses, AreOneAtPerfectBalanceAndTheNumberOfExpertsAtCollapse) {
    const Matrix<double> level(4, 4);  // all logits 0
    const Matrix<double> scores = affinities(level, Affinity::Softmax);
    EXPECT_NEAR(auxiliaryLoss(scores, {0, 1, 2, 3}), 1, 1e-14);
    EXPECT_NEAR(zLoss(level), std::log(4.0) * std::log(4.0), 1e-14);
    Matrix<double> peaked(4, 4);
    for (int64_t token = 0; token < 4; ++token) peaked(token, 2) = 60;
    EXPECT_NEAR(auxiliaryLoss(affinities(peaked, Affinity::Softmax), {2, 2, 2, 2}), 4, 1e-12);
}

}  // namespace
}  // namespace moescope
