// SPDX-License-Identifier: GPL-3.0-or-later
// The routing policies of the MoE layer beside sigmoid token choice: sets against the reference on the same scores,
// numbers against double arithmetic, and what each policy promises about batches.
#include "tests/engine/cpu/moe_policy_case.h"

namespace moescope::cpu {
namespace {

/// Each token's gates divided by their sum, if there are several.
reference::PolicyOutput<float> normalised(reference::PolicyOutput<float> decided, int64_t k, float scale) {
    for (size_t first = 0; first < decided.pairs.gate.size(); first += static_cast<size_t>(k)) {
        const std::span<float> gates(decided.pairs.gate.data() + first, static_cast<size_t>(k));
        const float sum = std::accumulate(gates.begin(), gates.end(), 0.0f) + 1e-20f;
        for (float& gate : gates) gate = (k > 1 ? gate / sum : gate) * scale;
    }
    return decided;
}

/// What the reference decides on the recorded scores.
reference::PolicyOutput<float> decisionOn(Case& c) {
    const Options& o = c.options;
    const Floats scores = floatsOf(c.scores, o.tokens, o.experts);
    if (o.policy == MS_POLICY_TOKEN_CHOICE_SOFTMAX_NORMALISED)
        return normalised(reference::chooseByToken(scores, o.topK, 1.0f), o.topK, o.scale);
    if (!c.pools()) return reference::chooseByToken(scores, o.topK, o.scale);
    const int64_t pools = o.samples / o.samplesPerPool;
    std::vector<int64_t> capacity(static_cast<size_t>(pools * o.experts), o.capacity);
    if (o.policy == MS_POLICY_POOL_THRESHOLD)
        capacity = reference::predictedCapacities(floatsOf(c.capacityLogits, o.tokens, o.experts), c.poolTokens(),
                                                  std::vector<float>(static_cast<size_t>(o.experts), o.threshold));
    return reference::chooseByExpert(scores, c.poolTokens(), capacity, o.scale);
}

void expectRecord(Case& c, const reference::PolicyOutput<float>& wanted) {
    const Options& o = c.options;
    std::vector<int64_t> start(c.rowPtr.i32(), c.rowPtr.i32() + o.tokens + 1);
    ASSERT_EQ(start, wanted.pairs.start);
    const size_t pairs = wanted.pairs.expert.size();
    ASSERT_EQ(std::vector<int64_t>(c.expert.u16(), c.expert.u16() + pairs), wanted.pairs.expert);
    ASSERT_EQ(std::vector<float>(c.gate.f32(), c.gate.f32() + pairs), wanted.pairs.gate);
    ASSERT_EQ(std::vector<float>(c.margin.f32(), c.margin.f32() + wanted.margin.size()), wanted.margin);
    std::vector<int32_t> counts(static_cast<size_t>(o.samples * o.experts), 0);
    std::vector<float> mass(counts.size(), 0.0f);
    for (int64_t t = 0; t < o.tokens; ++t)
        for (int64_t p = start[static_cast<size_t>(t)]; p < start[static_cast<size_t>(t) + 1]; ++p) {
            const auto cell = static_cast<size_t>(t / (o.tokens / o.samples) * o.experts +
                                                  wanted.pairs.expert[static_cast<size_t>(p)]);
            ++counts[cell];
            mass[cell] += wanted.pairs.gate[static_cast<size_t>(p)];
        }
    ASSERT_EQ(std::vector<int32_t>(c.counts.i32(), c.counts.i32() + c.counts.elements()), counts);
    ASSERT_EQ(valuesOf(c.mass), mass);
}

std::vector<double> rowNorms(const Doubles& m) {
    std::vector<double> norms;
    for (int64_t row = 0; row < m.rows; ++row) {
        double sum = 0;
        for (int64_t i = 0; i < m.cols; ++i) sum += m(row, i) * m(row, i);
        norms.push_back(std::sqrt(sum));
    }
    return norms;
}

/// The layer's numbers for the pairs it recorded. 5e-6 is the parity limit for layer outputs in fp32.
void expectOutput(Case& c, const std::vector<float>& out, const reference::Pairs<float>& recorded) {
    const Options& o = c.options;
    const Doubles x = wide(o.tokens, o.width, valuesOf(c.x));
    const reference::Pairs<double> pairs{recorded.start, recorded.expert, {recorded.gate.begin(), recorded.gate.end()}};
    const Doubles routed = reference::routedSum(
        x, pairs, [&](const Doubles& row, int64_t e) { return mlp(row, c.in, c.outward, e, o.gated); });
    Doubles added = o.sharedWidth  ? mlp(x, *c.sharedIn, *c.sharedOut, 0, o.sharedGated)
                    : o.addNothing ? Doubles(o.tokens, o.width)
                                   : x;
    Doubles sum = routed;
    for (size_t i = 0; i < sum.data.size(); ++i) sum.data[i] += added.data[i];
    EXPECT_LE(relativeDifference(out, sum.data), 5e-6);
    EXPECT_LE(relativeDifference(valuesOf(c.inputNorm), rowNorms(x)), 5e-6);
    EXPECT_LE(relativeDifference(valuesOf(c.routedNorm), rowNorms(routed)), 5e-6);
    EXPECT_LE(relativeDifference(valuesOf(c.sharedNorm), rowNorms(added)), 5e-6);
}

/// Scores follow from the logits in a few roundings, logits from the input in `width` of them.
void expectScores(Case& c) {
    const Options& o = c.options;
    const Doubles x = wide(o.tokens, o.width, valuesOf(c.x));
    const Doubles logits = wide(o.tokens, o.experts, valuesOf(c.logits));
    if (o.policy == MS_POLICY_PROTOTYPE) {
        EXPECT_EQ(valuesOf(c.logits), valuesOf(c.scores));
        return;
    }
    EXPECT_LE(relativeDifference(logits.data, reference::linear(x, matrixOf(c.router, 0)).data), 1e-6);
    EXPECT_LE(relativeDifference(valuesOf(c.scores), reference::softmax(logits).data), 1e-6);
    if (o.policy != MS_POLICY_POOL_THRESHOLD) return;
    const Doubles hidden = reference::mapped(reference::linear(x, matrixOf(c.predictorIn, 0), biasOf(c.predictorIn, 0)),
                                             reference::silu<double>);
    EXPECT_LE(
        relativeDifference(valuesOf(c.capacityLogits),
                           reference::linear(hidden, matrixOf(c.predictorOut, 0), biasOf(c.predictorOut, 0)).data),
        2e-6);
}

std::vector<Options> manyOptions() {
    std::vector<Options> all;
    const auto with = [&](MsPolicy policy, auto change) {
        Options o;
        o.policy = policy;
        change(o);
        all.push_back(o);
    };
    for (const MsPolicy policy : {MS_POLICY_TOKEN_CHOICE_SOFTMAX, MS_POLICY_TOKEN_CHOICE_SOFTMAX_NORMALISED,
                                  MS_POLICY_EXPERT_CHOICE, MS_POLICY_POOL_THRESHOLD}) {
        with(policy, [](Options&) {});
        with(policy, [](Options& o) { o.tokens = 1, o.capacity = 1, o.topK = 1; });
        with(policy, [](Options& o) { o.samples = 4, o.addNothing = false, o.scale = 2.5f; });
        with(policy, [](Options& o) { o.samples = 5, o.samplesPerPool = 5, o.capacity = 20, o.topK = 8; });  // all
        with(policy, [](Options& o) { o.samples = 4, o.samplesPerPool = 2, o.sharedWidth = 11, o.sharedGated = true; });
        with(policy, [](Options& o) { o.experts = 1, o.topK = 1, o.sharedWidth = 30, o.gated = true; });
        with(policy, [](Options& o) { o.experts = 67, o.topK = 17, o.capacity = 1, o.threshold = 0.7f; });
        with(policy, [](Options& o) { o.tokens = 263, o.width = 67, o.expertWidth = 33, o.capacity = 0; });
    }
    with(MS_POLICY_POOL_THRESHOLD, [](Options& o) { o.threshold = 1.0f; });  // nobody passes
    with(MS_POLICY_POOL_THRESHOLD, [](Options& o) { o.threshold = -1.0f; });
    return all;
}

TEST(MoePolicies, FollowTheReferenceAtOddShapes) {
    for (const std::string& level : instructionLevels()) {
        LevelScope scope(level);
        if (!scope.available) continue;
        MsContext context(2);
        uint32_t seed = 1;
        for (const Options& options : manyOptions()) {
            SCOPED_TRACE(fmt::format("case {} at {}", seed / 100, level));
            Case c(context, options, seed += 100);
            const auto out = c.run(&c.record);
            const auto wanted = decisionOn(c);
            expectScores(c);
            expectRecord(c, wanted);
            if (HasFatalFailure()) return;
            expectOutput(c, out, wanted.pairs);
        }
    }
}

TEST(MoePolicies, RecordingThreadsAndPassingNothingChangeNoBit) {
    for (const Options& options : manyOptions()) {
        MsContext one(1), three(3);
        Case c(one, options, 9), other(three, options, 9);
        const auto plain = c.run(nullptr);
        EXPECT_TRUE(sameBytes(c.run(&c.record), plain));
        EXPECT_TRUE(sameBytes(other.run(&other.record), plain));
        MsRouting some{};
        some.size = sizeof some;
        some.rowPtr = &c.rowPtr;
        some.mass = &c.mass;
        EXPECT_TRUE(sameBytes(c.run(&some), plain));
    }
}

TEST(MoePolicies, ManyTokensInChunksGiveTheSameAsFew) {
    Options o;  // 4000 tokens in about 8 expert slots each: the working memory holds some 1,000
    o.tokens = 4000, o.samples = 4, o.width = 256, o.expertWidth = 768, o.experts = 4, o.capacity = 900;
    for (const MsPolicy policy : {MS_POLICY_EXPERT_CHOICE, MS_POLICY_POOL_THRESHOLD}) {
        o.policy = policy;
        MsContext context(2);
        Case all(context, o, 3);
        const auto out = all.run(&all.record);
        Options single = o;
        single.tokens = 1000, single.samples = 1;
        Case one(context, single, 3);
        for (const int64_t sample : {0, 3}) {
            std::copy_n(all.x.f32() + sample * one.x.elements(), one.x.elements(), one.x.f32());
            const auto alone = one.run(&one.record);
            EXPECT_TRUE(sameBytes(
                alone, {out.begin() + sample * one.x.elements(), out.begin() + (sample + 1) * one.x.elements()}));
            EXPECT_TRUE(std::equal(one.counts.i32(), one.counts.i32() + 4, all.counts.i32() + 4 * sample));
        }
    }
}

TEST(MoePolicies, ExpertChoiceOfASampleIgnoresItsBatchAndAPoolDoesNot) {
    MsContext context(2);
    Options o;
    o.samples = 4;
    o.capacity = 2;
    Case c(context, o, 5);
    const auto before = c.run(&c.record);
    std::vector<float> margins(c.margin.f32(), c.margin.f32() + 4 * o.experts);
    c.x.f32()[0] += 3.0f;  // in the first sample
    const auto after = c.run(&c.record);
    const int64_t own = 5 * o.width;
    EXPECT_FALSE(std::equal(before.begin(), before.begin() + own, after.begin()));
    EXPECT_TRUE(std::equal(before.begin() + own, before.end(), after.begin() + own));
    EXPECT_TRUE(std::equal(margins.begin() + o.experts, margins.end(), c.margin.f32() + o.experts));

    o.policy = MS_POLICY_POOL_THRESHOLD;
    o.samplesPerPool = 4;
    o.threshold = 0.6f;
    Case pool(context, o, 5);
    const auto together = pool.run(&pool.record);
    pool.desc.samplesPerPool = 1;
    const auto apart = pool.run(&pool.record);
    EXPECT_FALSE(sameBytes(together, apart));
    // A pool may only be told from single samples by who is in it: pools of one sample are that sample alone.
    Options single = o;
    single.tokens = 5, single.samples = single.samplesPerPool = 1;
    Case alone(context, single, 5);
    std::copy_n(pool.x.f32() + 2 * own, own, alone.x.f32());
    const auto third = alone.run(nullptr);
    EXPECT_TRUE(std::equal(third.begin(), third.end(), apart.begin() + 2 * own));
}

TEST(MoePolicies, ATokenNobodyTakesGetsTheSharedExpertOrNothing) {
    MsContext context(1);
    Options o;
    o.experts = 2, o.capacity = 1;
    Case bare(context, o, 6);
    const auto out = bare.run(&bare.record);
    int unrouted = 0;
    for (int64_t t = 0; t < o.tokens; ++t) {
        if (bare.rowPtr.i32()[t + 1] != bare.rowPtr.i32()[t]) continue;
        ++unrouted;
        for (int64_t i = 0; i < o.width; ++i) EXPECT_EQ(out[static_cast<size_t>(t * o.width + i)], 0.0f);
    }
    EXPECT_GE(unrouted, o.tokens - 2);
    bare.desc.addNothing = 0;
    const auto added = bare.run(&bare.record);
    for (int64_t t = 0; t < o.tokens; ++t)
        if (bare.rowPtr.i32()[t + 1] == bare.rowPtr.i32()[t]) {
            EXPECT_TRUE(
                std::equal(bare.x.f32() + t * o.width, bare.x.f32() + (t + 1) * o.width, added.begin() + t * o.width));
        }
}

TEST(MoePolicies, EqualTokensAreToldApartAsTheFrameworkDoes) {
    MsContext context(2);
    Options o;
    o.tokens = 40, o.capacity = 7;
    for (const int64_t capacity : {int64_t{1}, int64_t{7}, int64_t{17}, int64_t{39}}) {
        o.capacity = capacity;
        Case c(context, o, 8);
        for (int64_t t = 1; t < o.tokens; ++t)  // four kinds of tokens
            if (t % 4 != 0 || t > 4) std::copy_n(c.x.f32() + t % 4 * o.width, o.width, c.x.f32() + t * o.width);
        c.run(&c.record);
        const auto wanted = decisionOn(c);
        expectRecord(c, wanted);
        EXPECT_TRUE(std::count(wanted.margin.begin(), wanted.margin.end(), 0.0f) > 0);
    }
}

TEST(MoePolicies, PrototypesMeasureAnglesAndBypassingSamplesGoToTheLastExpert) {
    for (const std::string& level : instructionLevels()) {
        LevelScope scope(level);
        if (!scope.available) continue;
        MsContext context(2);
        Options o;
        o.policy = MS_POLICY_PROTOTYPE;
        o.samples = 4, o.topK = 2, o.unconditional = true, o.sharedWidth = 10, o.scale = 1.5f;
        Case c(context, o, 7);
        // Prototypes of length 1, as a model's loader leaves them.
        Floats rows(o.experts - 1, o.width, c.router.matrix);
        const Doubles plain(rows.rows, rows.cols, c.router.matrix);
        for (int64_t e = 0; e < rows.rows; ++e) {
            double sum = 0;
            for (int64_t i = 0; i < o.width; ++i) sum += double{rows(e, i)} * rows(e, i);
            for (int64_t i = 0; i < o.width; ++i) rows(e, i) = static_cast<float>(rows(e, i) / std::sqrt(sum));
        }
        ASSERT_EQ(linearLoadRows(&context, c.router.linear, 0, 0, rows.rows, rows.data.data()), MS_OK);
        for (const bool bypassing : {false, true}) {
            MsTensor bypass = indexTensor({0, 1, 0, 7});
            c.desc.bypass = bypassing ? &bypass : nullptr;
            const auto out = c.run(&c.record);
            const Doubles cosines = reference::cosines(wide(o.tokens, o.width, valuesOf(c.x)), plain);
            reference::PolicyOutput<float> wanted;
            for (int64_t t = 0; t < o.tokens; ++t) {
                const bool round = bypassing && t / 5 % 2 == 1;
                for (int64_t e = 0; e < o.experts; ++e)
                    EXPECT_NEAR(c.scores.f32()[t * o.experts + e], round || e == 7 ? 0.0 : cosines(t, e), 1e-6);
                const Floats own(1, 7, std::vector<float>(c.scores.f32() + t * 8, c.scores.f32() + t * 8 + 7));
                const auto single = reference::chooseByToken(own, o.topK, o.scale);
                if (round) wanted.pairs.add(7, 1.0f);
                for (size_t p = 0; p < 2 && !round; ++p) wanted.pairs.add(single.pairs.expert[p], single.pairs.gate[p]);
                wanted.pairs.endToken();
                wanted.margin.push_back(round ? kInfinity : single.margin[0]);
            }
            expectScores(c);
            expectRecord(c, wanted);
            if (HasFatalFailure()) return;
            expectOutput(c, out, wanted.pairs);
        }
        EXPECT_EQ(c.counts.i32()[8 + 7], 5);
        EXPECT_EQ(c.counts.i32()[7], 0);
    }
}

TEST(MoePolicies, SoftmaxTokenChoiceTakesForcedExperts) {
    MsContext context(2);
    Options o;
    o.policy = MS_POLICY_TOKEN_CHOICE_SOFTMAX;
    Case c(context, o, 4);
    std::vector<int32_t> choices;
    for (int64_t t = 0; t < o.tokens; ++t) choices.insert(choices.end(), {1, 6});
    MsTensor forced = indexTensor(choices);
    c.desc.forcedExperts = &forced;
    c.run(&c.record);
    EXPECT_EQ(c.counts.i32()[1], o.tokens);
    EXPECT_EQ(c.counts.i32()[6], o.tokens);
    for (int64_t t = 0; t < o.tokens; ++t) EXPECT_EQ(c.gate.f32()[2 * t + 1], c.scores.f32()[t * 8 + 6]);
}

TEST(MoePolicies, NoTokensAreNoError) {
    for (Options o : manyOptions()) {
        if (o.policy == MS_POLICY_EXPERT_CHOICE && o.capacity > 0) continue;
        o.tokens = 0;
        MsContext context(2);
        Case c(context, o, 4);
        c.run(&c.record);
        EXPECT_EQ(c.rowPtr.i32()[0], 0);
    }
}

TEST(MoePolicies, RefuseWhatDoesNotFit) {
    MsContext context(1);
    const auto refused = [&](const Options& options, const char* sentence, auto change) {
        Case c(context, options, 4);
        change(c.desc, c.record);
        context.error.clear();
        EXPECT_EQ(moeLayer(&context, &c.x, &c.desc, &c.record, &c.out), MS_INVALID);
        EXPECT_EQ(context.error, sentence);
    };
    Options o;
    o.samples = 4;
    refused(o, "[moe_layer] an expert takes 6 tokens of a pool of 5", [](auto& d, auto&) { d.capacity = 6; });
    refused(o, "[moe_layer] 4 samples in pools of 3", [](auto& d, auto&) { d.samplesPerPool = 3; });
    refused(o, "[moe_layer] 4 samples in pools of 0", [](auto& d, auto&) { d.samplesPerPool = 0; });
    refused(o, "[moe_layer] expertIn: gated weights bring their own activation", [&](auto& d, auto&) {
        static Weights gated(context, 24, 20, 8, MS_F32, MS_LINEAR_GATED, false, 1);
        d.expertIn = gated.linear;
    });
    refused(o, "[moe_layer] unknown policy 6", [](auto& d, auto&) { d.policy = static_cast<MsPolicy>(6); });
    MsTensor choices = indexTensor(std::vector<int32_t>(40, 0)), flags = indexTensor({0, 0, 0, 1});
    refused(o, "[moe_layer] forced choices, bypass and selection biases belong to token choice",
            [&](auto& d, auto&) { d.forcedExperts = &choices; });
    MsTensor small = floatTensor({3});
    refused(o, "[moe_layer] margin holds 3 values of type 0 where 32 of type 0 are needed",
            [&](auto&, auto& r) { r.margin = &small; });
    o.policy = MS_POLICY_POOL_THRESHOLD;
    refused(o, "[moe_layer] the capacity predictor or its thresholds are missing",
            [](auto& d, auto&) { d.thresholds = nullptr; });
    refused(o, "[moe_layer] 3 thresholds for 8 experts", [&](auto& d, auto&) { d.thresholds = &small; });
    refused(o, "[moe_layer] predictorIn: 8 matrices 24 -> 20 where 1 matrices 24 -> 20 of the plain layout are needed",
            [](auto& d, auto&) { d.predictorIn = d.expertIn; });
    o.policy = MS_POLICY_TOKEN_CHOICE_SOFTMAX;
    refused(o, "[moe_layer] groups and selection biases belong to policies that normalise their gates", [](auto& d, auto&) {
        d.groups = 2;
        d.keptGroups = 1;
    });
    refused(o, "[moe_layer] samples bypass the router only to an expert without a prototype, one value per sample",
            [&](auto& d, auto&) { d.bypass = &flags; });
    refused(o, "[moe_layer] predicted capacities are wanted of a policy that has none",
            [&](auto&, auto& r) { r.capacityLogits = r.logits; });
    o.policy = MS_POLICY_PROTOTYPE;
    refused(o, "[moe_layer] samples bypass the router only to an expert without a prototype, one value per sample",
            [&](auto& d, auto&) { d.bypass = &flags; });
}

}  // namespace
}  // namespace moescope::cpu
