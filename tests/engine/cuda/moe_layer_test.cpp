// SPDX-License-Identifier: GPL-3.0-or-later
// The MoE layer of the device: every policy, on odd shapes, with ties and idle experts, and everything it records.
#include <algorithm>
#include <cstring>
#include <limits>

#include "engine/reference/activation.h"
#include "tests/engine/cuda/moe_case.h"

namespace moescope::test {
namespace {

constexpr double kTolerance = 1e-5;      // two products and a sum in fp32
constexpr double kBf16Tolerance = 2e-2;  // input, weights and hidden values rounded to 2^-9
constexpr double kGate = 1e-6;           // an exponential and two divisions

double length(const reference::Matrix<double>& m, int64_t row) {
    double sum = 0;
    for (int64_t i = 0; i < m.cols; ++i) sum += m(row, i) * m(row, i);
    return std::sqrt(sum);
}

/// Holds what a finished layer left against the reference.
void expectRight(MoeCase& c, double tolerance = kTolerance) {
    const MoeOptions& o = c.m_options;
    const auto computed = c.computed();
    EXPECT_LT(relativeDifference(c.out(), computed.sum.data), tolerance);

    const auto recorded = c.recordedPairs();
    const auto decided = c.decided();
    if (o.forced.empty()) {
        EXPECT_EQ(recorded.start, decided.pairs.start);
        EXPECT_EQ(recorded.expert, decided.pairs.expert);
        EXPECT_LT(relativeDifference(recorded.gate, decided.pairs.gate), kGate);
        const auto margins = c.record<float>(c.margin);
        ASSERT_EQ(margins.size(), decided.margin.size());
        for (size_t i = 0; i < margins.size(); ++i) {
            if (std::isinf(decided.margin[i]))
                EXPECT_EQ(margins[i], decided.margin[i]) << i;
            else
                EXPECT_NEAR(margins[i], decided.margin[i], kGate) << i;
        }
    }
    EXPECT_LT(relativeDifference(c.record<float>(c.scores), decided.scores.data), kGate);

    const int64_t perSample = o.tokens / o.samples;
    std::vector<int32_t> counts(static_cast<size_t>(o.samples * o.experts));
    std::vector<double> mass(counts.size());
    for (int64_t t = 0; t < o.tokens; ++t)
        for (auto p = static_cast<size_t>(recorded.start[static_cast<size_t>(t)]);
             p < static_cast<size_t>(recorded.start[static_cast<size_t>(t) + 1]); ++p) {
            const auto cell = static_cast<size_t>(t / perSample * o.experts + recorded.expert[p]);
            ++counts[cell];
            mass[cell] += recorded.gate[p];
        }
    EXPECT_EQ(c.record<int32_t>(c.counts), counts);
    EXPECT_LT(relativeDifference(c.record<float>(c.mass), mass), kGate);

    if (o.predictor()) {
        const reference::Matrix<double> tokens(o.tokens, o.width, c.m_x);
        const auto hidden = reference::mapped(
            reference::linear(tokens, c.m_predictorIn->matrix(), c.m_predictorIn->biasOf()), reference::silu<double>);
        const auto wanted = reference::linear(hidden, c.m_predictorOut->matrix(), c.m_predictorOut->biasOf());
        EXPECT_LT(relativeDifference(c.record<float>(c.capacityLogits), wanted.data), kTolerance);
    }

    std::vector<double> norms[3];
    const reference::Matrix<double> x(o.tokens, o.width, c.m_x);
    for (int64_t t = 0; t < o.tokens; ++t) {
        norms[0].push_back(length(x, t));
        norms[1].push_back(length(computed.routed, t));
        norms[2].push_back(length(computed.shared, t));
    }
    EXPECT_LT(relativeDifference(c.record<float>(c.inputNorm), norms[0]), kTolerance);
    EXPECT_LT(relativeDifference(c.record<float>(c.routedNorm), norms[1]), tolerance);
    EXPECT_LT(relativeDifference(c.record<float>(c.sharedNorm), norms[2]), tolerance);
}

std::vector<std::pair<const char*, MoeOptions>> allCases() {
    std::vector<std::pair<const char*, MoeOptions>> cases;
    const auto add = [&](const char* name, const std::function<void(MoeOptions&)>& change) {
        MoeOptions o;
        o.seed = static_cast<uint32_t>(cases.size() + 1);
        change(o);
        cases.emplace_back(name, o);
    };
    add("plain token choice", [](MoeOptions&) {});
    add("one token", [](MoeOptions& o) { o.tokens = o.samples = 1; });
    add("one expert", [](MoeOptions& o) { o.experts = o.topK = 1; });
    add("all experts", [](MoeOptions& o) { o.topK = 8; });
    add("many tokens of few experts", [](MoeOptions& o) { o.tokens = 330, o.experts = 3, o.topK = 2, o.width = 17; });
    add("more experts than lanes", [](MoeOptions& o) { o.experts = 70, o.topK = 5, o.tokens = 40, o.width = 9; });
    add("groups and selection bias", [](MoeOptions& o) { o.groups = 4, o.keptGroups = 2, o.selection = true; });
    add("one of two groups, gate by scale alone", [](MoeOptions& o) { o.groups = 2, o.topK = 1; });
    add("no shared expert: the input is added", [](MoeOptions& o) { o.sharedWidth = 0; });
    add("no shared expert: nothing is added", [](MoeOptions& o) { o.sharedWidth = 0, o.addNothing = true; });
    add("biases", [](MoeOptions& o) { o.bias = true; });
    add("plain experts with biases", [](MoeOptions& o) { o.gated = false, o.bias = true; });
    add("odd widths", [](MoeOptions& o) { o.width = 7, o.expertWidth = 5, o.sharedWidth = 3; });
    add("wider than a tile", [](MoeOptions& o) { o.width = 150, o.expertWidth = 139, o.experts = 4, o.tokens = 30; });
    add("forced choices", [](MoeOptions& o) {
        for (int64_t t = 0; t < o.tokens; ++t) {
            o.forced.push_back(static_cast<int32_t>(t % 3));
            o.forced.push_back(static_cast<int32_t>(4 + t % 4));
        }
    });
    add("softmax token choice", [](MoeOptions& o) { o.policy = MS_POLICY_TOKEN_CHOICE_SOFTMAX; });
    add("normalised softmax token choice",
        [](MoeOptions& o) { o.policy = MS_POLICY_TOKEN_CHOICE_SOFTMAX_NORMALISED, o.topK = 3; });
    add("expert choice, picture by picture", [](MoeOptions& o) { o.policy = MS_POLICY_EXPERT_CHOICE, o.capacity = 3; });
    add("expert choice over the batch", [](MoeOptions& o) {
        o.policy = MS_POLICY_EXPERT_CHOICE, o.capacity = 4, o.samplesPerPool = 2, o.gated = false, o.sharedWidth = 0,
        o.addNothing = true;
    });
    add("expert choice with a predictor for the record",
        [](MoeOptions& o) { o.policy = MS_POLICY_EXPERT_CHOICE, o.capacity = 3, o.recordsPredictions = true; });
    add("expert choice of all tokens", [](MoeOptions& o) { o.policy = MS_POLICY_EXPERT_CHOICE, o.capacity = 10; });
    add("expert choice of nothing", [](MoeOptions& o) { o.policy = MS_POLICY_EXPERT_CHOICE, o.capacity = 0; });
    add("pool of many tokens", [](MoeOptions& o) {
        o.policy = MS_POLICY_EXPERT_CHOICE, o.tokens = 600, o.capacity = 77, o.experts = 3, o.width = 8,
        o.samplesPerPool = 2;
    });
    add("predicted capacities", [](MoeOptions& o) { o.policy = MS_POLICY_POOL_THRESHOLD, o.samplesPerPool = 2; });
    add("prototypes", [](MoeOptions& o) { o.policy = MS_POLICY_PROTOTYPE; });
    add("prototypes and a bypass",
        [](MoeOptions& o) { o.policy = MS_POLICY_PROTOTYPE, o.bypass = true, o.samples = 4; });
    return cases;
}

class CudaMoeLayer : public OnCuda {};

TEST_P(CudaMoeLayer, AgreesWithTheReference) {
    const auto backend = open();
    for (const auto& [name, options] : allCases()) {
        SCOPED_TRACE(name);
        MoeCase c(*backend, options);
        ASSERT_EQ(c.run(), MS_OK) << table().last_error(backend->context());
        expectRight(c);
    }
}

TEST_P(CudaMoeLayer, AgreesOnTensorCores) {
    const auto backend = open(MS_BF16);
    for (auto [name, options] : allCases()) {
        SCOPED_TRACE(name);
        options.storage = MS_BF16;
        MoeCase c(*backend, options);
        ASSERT_EQ(c.run(), MS_OK) << table().last_error(backend->context());
        expectRight(c, kBf16Tolerance);
    }
}

TEST_P(CudaMoeLayer, UsesLargeTilesForManyTokens) {
    const auto backend = open(MS_BF16);
    MoeOptions options;
    options.tokens = 300;
    options.experts = 2;
    options.width = 40;
    options.storage = MS_BF16;
    MoeCase c(*backend, options);
    ASSERT_EQ(c.run(), MS_OK);
    expectRight(c, kBf16Tolerance);
}

TEST_P(CudaMoeLayer, UsesHoppersTensorCoresForManyTokens) {
    const Setting shared("MOESCOPE_EMULATED_SHARED", "232448");  // Hopper's; a real device has its own
    const auto backend = open(MS_BF16);
    const auto check = [&](const char* name, const std::function<void(MoeOptions&)>& change) {
        SCOPED_TRACE(name);
        MoeOptions options;
        options.tokens = 420;
        options.experts = 3;
        options.width = 200;  // no whole number of steps
        options.expertWidth = 100;
        options.sharedWidth = 40;
        options.storage = MS_BF16;
        change(options);
        MoeCase c(*backend, options);
        ASSERT_EQ(c.run(), MS_OK) << table().last_error(backend->context());
        expectRight(c, kBf16Tolerance);
        // The portable kernels add up in another order, and round the same operands.
        const auto fast = c.out();
        const Setting old("MOESCOPE_CUDA_CAPABILITY", "80");
        const auto portable = open(MS_BF16);
        MoeCase same(*portable, options);
        ASSERT_EQ(same.run(), MS_OK);
        const auto slow = same.out();
        EXPECT_LT(relativeDifference(fast, std::vector<double>(slow.begin(), slow.end())), kBf16Tolerance);
    };
    check("gated", [](MoeOptions&) {});
    check("wide tiles", [](MoeOptions& o) { o.width = 256, o.expertWidth = 128; });
    check("the last wide tile is short",
          [](MoeOptions& o) { o.width = 40, o.expertWidth = 530, o.tokens = 260, o.experts = 2; });
    check("biases", [](MoeOptions& o) { o.bias = true; });
    check("plain experts of odd widths",
          [](MoeOptions& o) { o.gated = false, o.bias = true, o.width = 77, o.expertWidth = 133; });
    check("an idle expert", [](MoeOptions& o) {
        o.topK = 1, o.tokens = 520;
        o.editRouter = [](std::vector<float>& rows) { std::copy_n(rows.begin(), 200, rows.begin() + 200); };
    });
    check("fewer columns than a step", [](MoeOptions& o) { o.width = 24, o.expertWidth = 8; });
}

TEST_P(CudaMoeLayer, DispatchesInOneBlockAsInSeveralKernels) {
    auto cases = allCases();
    const auto add = [&](const char* name, int64_t experts, int64_t tokens, int64_t topK) {
        MoeOptions o;
        o.experts = experts, o.tokens = tokens, o.topK = topK, o.width = 5, o.expertWidth = 3, o.sharedWidth = 0;
        cases.emplace_back(name, o);
    };
    add("as many loads as one block records", 256, 10, 3);
    add("more loads than that", 257, 10, 3);
    add("as many experts as there may be", 2048, 34, 3);
    add("of 2048 experts one is chosen", 2048, 2, 1);
    add("pairs of one expert", 1, 500, 1);
    const auto run = [&](const MoeOptions& options, const char* pairs) {
        const Setting most("MOESCOPE_CUDA_ONE_BLOCK_PAIRS", pairs);
        const auto backend = open();
        MoeCase c(*backend, options);
        EXPECT_EQ(c.run(), MS_OK) << table().last_error(backend->context());
        expectRight(c);
        return c.everything();
    };
    for (const auto& [name, options] : cases) {
        SCOPED_TRACE(name);
        const auto inOne = run(options, "100000"), inSeveral = run(options, "0");
        ASSERT_EQ(inOne.size(), inSeveral.size());
        EXPECT_EQ(std::memcmp(inOne.data(), inSeveral.data(), inOne.size() * sizeof(float)), 0);
    }
}

TEST_P(CudaMoeLayer, IsRightOnBothSidesOfTheSwitchBetweenTheTwo) {
    for (const auto& [tokens, topK] : {std::pair<int64_t, int64_t>{4096, 2}, {2731, 3}}) {  // 8192 and 8193 pairs
        SCOPED_TRACE(tokens);
        const auto backend = open();
        MoeOptions o;
        o.tokens = tokens, o.samples = 1, o.topK = topK, o.experts = 5, o.width = 6, o.expertWidth = 4,
        o.sharedWidth = 0;
        MoeCase c(*backend, o);
        ASSERT_EQ(c.run(), MS_OK) << table().last_error(backend->context());
        expectRight(c);
    }
}

TEST_P(CudaMoeLayer, LeavesExpertsIdleAndDecidesTiesAsTheCpu) {
    const auto backend = open();
    for (const auto policy : {MS_POLICY_TOKEN_CHOICE_SIGMOID, MS_POLICY_TOKEN_CHOICE_SOFTMAX,
                              MS_POLICY_TOKEN_CHOICE_SOFTMAX_NORMALISED, MS_POLICY_EXPERT_CHOICE}) {
        SCOPED_TRACE(policy);
        MoeOptions options;
        options.policy = policy;
        options.topK = 3;
        options.capacity = 4;
        options.editRouter = [&](std::vector<float>& rows) {
            // Experts 1 to 6 are one and the same, expert 7 is never liked.
            for (int64_t e = 2; e < 7; ++e) std::copy_n(rows.begin() + 24, 24, rows.begin() + e * 24);
        };
        MoeCase c(*backend, options);
        ASSERT_EQ(c.run(), MS_OK);
        expectRight(c);
        options.editRouter = [](std::vector<float>& rows) { std::fill(rows.begin(), rows.end(), 0.0f); };
        MoeCase equal(*backend, options);
        ASSERT_EQ(equal.run(), MS_OK);
        expectRight(equal);
    }
}

TEST_P(CudaMoeLayer, GivesTheSameBytesAgain) {
    for (const MsDType compute : {MS_F32, MS_BF16}) {
        const auto backend = open(compute);
        MoeOptions options;
        options.tokens = 150;
        options.experts = 5;
        options.storage = compute;
        MoeCase first(*backend, options), second(*backend, options);
        ASSERT_EQ(first.run(), MS_OK);
        const auto bytes = first.everything();
        ASSERT_EQ(first.run(), MS_OK);
        EXPECT_EQ(first.everything(), bytes) << "the same layer again";
        ASSERT_EQ(second.run(), MS_OK);
        EXPECT_EQ(second.everything(), bytes) << "another layer with the same weights";
    }
}

TEST_P(CudaMoeLayer, DoesNotDependOnTheOrderOfThreads) {
    if (GetParam() != Where::Emulated)
        GTEST_SKIP() << "only emulated threads run in a chosen order, and once is enough";
    for (const MsDType compute : {MS_F32, MS_BF16})
        for (auto [name, options] : allCases()) {
            SCOPED_TRACE(name);
            options.storage = compute;
            const auto backend = open(compute);
            MoeCase c(*backend, options);
            ASSERT_EQ(c.run(), MS_OK);
            const auto ascending = c.everything();
            const Setting order("MOESCOPE_EMULATED_ORDER", "descending");
            ASSERT_EQ(c.run(), MS_OK);
            const auto descending = c.everything();
            ASSERT_EQ(descending.size(), ascending.size());
            EXPECT_EQ(std::memcmp(ascending.data(), descending.data(), ascending.size() * sizeof(float)), 0);
        }
}

TEST_P(CudaMoeLayer, RecordsNothingUnasked) {
    const auto backend = open();
    for (const int64_t width : {24, 7, 300, 1100})
        for (const int added : {0, 1, 2}) {  // nothing, the input, a shared expert
            MoeOptions options;
            options.width = width;
            options.sharedWidth = added == 2 ? 12 : 0;
            options.addNothing = added == 0;
            options.tokens = 6;
            MoeCase c(*backend, options);
            ASSERT_EQ(c.run(), MS_OK);
            const auto watched = c.out();
            c.m_routing = {};
            ASSERT_EQ(table().moe_layer(backend->context(), c.m_input.get(), &c.m_desc, nullptr, c.m_out.get()), MS_OK);
            EXPECT_EQ(c.out(), watched) << "watching changes no bit";
        }
}

TEST_P(CudaMoeLayer, TakesNoTokens) {
    const auto backend = open();
    MoeOptions options;
    options.tokens = 0;
    MoeCase c(*backend, options);
    ASSERT_EQ(c.run(), MS_OK) << table().last_error(backend->context());
    EXPECT_EQ(c.record<int32_t>(c.rowPtr), std::vector<int32_t>{0});
    EXPECT_EQ(c.record<int32_t>(c.counts), std::vector<int32_t>(16, 0));
}

TEST_P(CudaMoeLayer, SaysWhatDoesNotFit) {
    const auto backend = open();
    MoeCase c(*backend, {});
    c.m_desc.topK = 9;
    EXPECT_EQ(c.run(), MS_INVALID);
    EXPECT_STREQ(table().last_error(backend->context()), "[moe_layer] 9 of 8 experts per token");
    c.m_desc.topK = 2;
    c.m_desc.expertOut = c.m_desc.expertIn;
    EXPECT_EQ(c.run(), MS_INVALID);
}

MOESCOPE_ON_CUDA(CudaMoeLayer);

}  // namespace
}  // namespace moescope::test
