// SPDX-License-Identifier: GPL-3.0-or-later
// Routing against the reference's decisions, and the choice of the largest with ties and NaN.
#include "engine/cpu/router.h"

#include <algorithm>
#include <limits>
#include <set>

#include "tests/engine/cpu/golden_tensors.h"
#include "tests/engine/cpu/packed_weights.h"

namespace moescope::cpu {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

struct Memory {
    explicit Memory(int64_t experts) : ranking(static_cast<size_t>(experts)), ranked(static_cast<size_t>(experts)) {}
    RouterScratch scratch() { return {ranking.data(), ranked.data()}; }
    std::vector<float> ranking;
    std::vector<RankedValue> ranked;
};

TEST(Router, EqualsTheReferenceOnEveryCase) {
    const auto cases = goldenJson("attention-rope/dsmoe.json").at("router");
    const GoldenTensors golden("attention-rope/router.safetensors");
    ASSERT_FALSE(cases.empty());
    int64_t ties = 0;
    for (const auto& entry : cases) {
        const std::string prefix = entry.at("prefix");
        const bool bf16 = prefix == "bf16_autocast";  // logits, scores and weights were rounded to bf16 there
        RouterRule rule{entry.at("experts"), entry.at("k"), entry.at("n_group"), entry.at("topk_group"),
                        entry.at("scale")};
        const auto logits = golden.floats(prefix + ".logits"), scores = golden.floats(prefix + ".scores");
        const auto bias = golden.floats(prefix + ".bias"), weights = golden.floats(prefix + ".weights");
        const auto indices = golden.values<int64_t>(prefix + ".indices");
        const auto tie = golden.values<uint8_t>(prefix + ".tie");
        ASSERT_EQ(tie.size() * static_cast<size_t>(rule.experts), logits.size());

        std::vector<float> ours(logits.size());
        affinities(logits.data(), static_cast<int64_t>(logits.size()), ours.data());
        for (size_t i = 0; i < ours.size(); ++i)
            ASSERT_NEAR(ours[i], scores[i], bf16 ? 0x1p-9 : 5e-7) << prefix;  // sigmoid < 1: 4 ulp, or half a bf16 step

        Memory memory(rule.experts);
        const auto k = static_cast<size_t>(rule.topK);
        std::vector<int32_t> chosen(k);
        std::vector<float> gates(k);
        for (size_t t = 0; t < tie.size(); ++t) {
            const std::vector<int64_t> expected(indices.begin() + t * k, indices.begin() + (t + 1) * k);
            // On the reference's own scores every choice is equal, ties included.
            const float* given = scores.data() + t * rule.experts;
            const float margin = chooseExperts(rule, given, bias.data(), memory.scratch(), chosen.data());
            ASSERT_EQ(std::vector<int64_t>(chosen.begin(), chosen.end()), expected) << prefix << " token " << t;
            if (tie[t] == 1) {
                ASSERT_EQ(margin, 0.0f) << prefix << " token " << t;
                ++ties;
            } else if (tie[t] == 0) {
                ASSERT_GT(margin, 0.0f) << prefix << " token " << t;
            }
            ASSERT_EQ(marginOf(rule, given, bias.data(), memory.scratch(), chosen.data()), margin) << prefix;
            gateWeights(rule, given, chosen.data(), gates.data());
            for (size_t j = 0; j < k; ++j) {
                const double allowed = bf16 ? 0x1p-7 * rule.scale : 1e-6 * rule.scale;
                ASSERT_NEAR(gates[j], weights[t * k + j], allowed) << prefix << " token " << t;
            }
            // From the logits where nothing is near a tie.
            if (tie[t] == 0 && !bf16) {
                chooseExperts(rule, ours.data() + t * rule.experts, bias.data(), memory.scratch(), chosen.data());
                ASSERT_EQ(std::vector<int64_t>(chosen.begin(), chosen.end()), expected) << prefix << " token " << t;
            }
        }
    }
    EXPECT_GT(ties, 50);  // the file does hold ties
}

/// The rule for ties in words of the standard library.
std::vector<int32_t> byTheLibrary(const std::vector<float>& values, int64_t k) {
    std::vector<std::pair<float, int64_t>> queue;
    for (size_t i = 0; i < values.size(); ++i) queue.emplace_back(values[i], static_cast<int64_t>(i));
    const auto before = [](const auto& a, const auto& b) {
        return (std::isnan(a.first) && !std::isnan(b.first)) || a.first > b.first;
    };
    if (64 * k <= static_cast<int64_t>(values.size()))
        std::partial_sort(queue.begin(), queue.begin() + k, queue.end(), before);
    else
        std::nth_element(queue.begin(), queue.begin() + (k - 1), queue.end(), before);
    std::vector<int32_t> chosen;
    for (int64_t j = 0; j < k; ++j) chosen.push_back(static_cast<int32_t>(queue[static_cast<size_t>(j)].second));
    std::sort(chosen.begin(), chosen.end());
    return chosen;
}

TEST(ChooseLargest, FollowsTheLibraryThroughTiesAndNan) {
    std::mt19937 generator(7);
    for (int round = 0; round < 4000; ++round) {
        const auto n = static_cast<int64_t>(1 + generator() % 200);
        const auto k =
            static_cast<int64_t>(1 + generator() % static_cast<uint32_t>(std::min<int64_t>(n, round % 2 ? 6 : 200)));
        const uint32_t kinds = 1 + generator() % 30;  // few different values: many ties
        std::vector<float> values(static_cast<size_t>(n));
        for (float& value : values) value = static_cast<float>(generator() % kinds) - 5.0f;
        if (round % 5 == 0) values[generator() % values.size()] = NAN;
        std::vector<RankedValue> ranked(values.size());
        std::vector<int32_t> chosen(static_cast<size_t>(k));
        const float margin = chooseLargest(values.data(), n, k, ranked.data(), chosen.data());
        ASSERT_EQ(chosen, byTheLibrary(values, k)) << "n " << n << " k " << k;
        if (round % 5 == 0) continue;
        std::vector<float> sorted = values;
        std::sort(sorted.rbegin(), sorted.rend());
        ASSERT_EQ(margin, k == n ? kInfinity : sorted[static_cast<size_t>(k - 1)] - sorted[static_cast<size_t>(k)]);
    }
}

TEST(ChooseExperts, SurvivesNanEverywhere) {
    for (const int64_t experts : {1, 4, 16, 300}) {
        for (const int64_t groups : {int64_t{1}, std::min<int64_t>(4, experts)}) {
            RouterRule rule{experts, std::min<int64_t>(experts, 3), groups, std::max<int64_t>(1, groups / 2), 2.0f};
            std::vector<float> scores(static_cast<size_t>(experts), NAN);
            Memory memory(experts);
            std::vector<int32_t> chosen(static_cast<size_t>(rule.topK));
            EXPECT_FALSE(std::isnan(chooseExperts(rule, scores.data(), nullptr, memory.scratch(), chosen.data())));
            const std::set<int32_t> different(chosen.begin(), chosen.end());
            EXPECT_EQ(different.size(), chosen.size());
            EXPECT_GE(*different.begin(), 0);
            EXPECT_LT(*different.rbegin(), experts);
        }
    }
}

TEST(ChooseExperts, RefusedGroupsCompeteWithZero) {
    // Groups {0,1} {2,3}; the second is stronger. Its bias makes one of its members negative, so a refused expert is
    // chosen.
    const std::vector<float> scores{0.4f, 0.3f, 0.9f, 0.2f}, bias{0.0f, 0.0f, 0.5f, -0.3f};
    RouterRule rule{4, 2, 2, 1, 1.0f};
    Memory memory(4);
    std::vector<int32_t> chosen(2);
    const float margin = chooseExperts(rule, scores.data(), bias.data(), memory.scratch(), chosen.data());
    EXPECT_EQ(chosen[1], 2);
    EXPECT_LT(chosen[0], 2);
    EXPECT_EQ(margin, 0.0f);  // the two refused ones tie at 0.0
    rule.topK = 1;
    EXPECT_FLOAT_EQ(chooseExperts(rule, scores.data(), bias.data(), memory.scratch(), chosen.data()), 1.3f - 0.7f);
    EXPECT_EQ(chosen[0], 2);
    rule = {4, 4, 2, 2, 1.0f};
    chosen.resize(4);
    EXPECT_EQ(chooseExperts(rule, scores.data(), bias.data(), memory.scratch(), chosen.data()), kInfinity);
}

TEST(MarginOf, IsNegativeForAChoiceTheRouterWouldNotMake) {
    const std::vector<float> scores{0.1f, 0.9f, 0.5f};
    RouterRule rule{3, 1, 1, 1, 1.0f};
    Memory memory(3);
    const int32_t forced = 2;
    EXPECT_FLOAT_EQ(marginOf(rule, scores.data(), nullptr, memory.scratch(), &forced), 0.5f - 0.9f);
}

TEST(GateWeights, SingleChoiceIsNotNormalised) {
    const std::vector<float> scores{0.25f, 0.5f, 0.75f};
    const std::vector<int32_t> chosen{1, 2};
    std::vector<float> gates(2);
    gateWeights({3, 1, 1, 1, 2.5f}, scores.data(), chosen.data(), gates.data());
    EXPECT_EQ(gates[0], 1.25f);
    gateWeights({3, 2, 1, 1, 2.5f}, scores.data(), chosen.data(), gates.data());
    EXPECT_FLOAT_EQ(gates[0], 1.0f);
    EXPECT_FLOAT_EQ(gates[1], 1.5f);
}

TEST(Affinities, AreSigmoidsToFourUlpWhereverAValueStands) {
    std::vector<float> logits;
    for (float v = -110.0f; v <= 110.0f; v += 0.0173f) logits.push_back(v);
    for (const std::string& level : instructionLevels()) {
        LevelScope scope(level);
        if (!scope.available) continue;
        std::vector<float> scores(logits.size());
        affinities(logits.data(), static_cast<int64_t>(logits.size()), scores.data());
        for (size_t i = 0; i < logits.size(); ++i) {
            const double expected = 1 / (1 + std::exp(-double{logits[i]}));
            // Below 1 / FLT_MAX the sum is infinite and the affinity zero; subnormals keep an absolute step.
            ASSERT_NEAR(scores[i], expected, logits[i] < -88.0f ? 7e-39 : 4 * 0x1p-23 * expected)
                << level << " at " << logits[i];
            float alone;
            affinities(&logits[i], 1, &alone);
            ASSERT_EQ(alone, scores[i]);
        }
        const std::vector<float> limits{kInfinity, -kInfinity, NAN};
        float at[3];
        affinities(limits.data(), 3, at);
        EXPECT_EQ(at[0], 1.0f);
        EXPECT_EQ(at[1], 0.0f);
        EXPECT_TRUE(std::isnan(at[2]));
    }
}

}  // namespace
}  // namespace moescope::cpu
