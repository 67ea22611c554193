// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/ensemble/network_router.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "engine/ensemble/learned_router.h"
#include "engine/ensemble/picture_features.h"
#include "engine/ensemble/prompt_features.h"
#include "tests/support/golden_tensors.h"
#include "tests/support/temporary_folder.h"

namespace moescope {
namespace {

using Json = nlohmann::json;
using Floats = std::vector<float>;
using Names = std::vector<std::string>;

constexpr float kNever = -std::numeric_limits<float>::infinity();
const std::filesystem::path kMixture = MOESCOPE_TEST_DATA "/golden/mode-toy/mixture";
const Names kAbc{"animals", "buildings", "clouds"};

Json toySection(const char* file) {
    return {{"kind", "learned"},
            {"file", file},
            {"time_width", 32},
            {"hidden", 16},
            {"prompt", {{"source", "text-encoder"}, {"width", 12}}}};
}

std::unique_ptr<NetworkRouter> load(const Json& section, const Names& names = kAbc,
                                    const std::filesystem::path& folder = ".") {
    return loadRouter(section, folder, names).orThrow();
}

Floats ask(const NetworkRouter& router, const RouterInput& input) {
    Floats out(static_cast<size_t>(router.experts()));
    router.logits(input, out);
    return out;
}

Floats askToy(const NetworkRouter& router, const test::GoldenTensors& golden, size_t sample) {
    const Floats prompt = golden.floats("prompt");
    return ask(router, {std::span(prompt).subspan(sample * 12, 12), "", golden.floats("t")[sample], {}});
}

float largest(const Floats& values) {
    float most = 0;
    for (const float value : values) most = std::max(most, std::abs(value));
    return most;
}

struct ToyFile {
    const char* router;
    const char* forward;
    Names names;
};

class ToyRouter : public testing::TestWithParam<ToyFile> {};

TEST_P(ToyRouter, LogitsAndWeightsEqualTheReference) {
    const auto router = load(toySection(GetParam().router), GetParam().names, kMixture);
    const test::GoldenTensors golden(std::string("mode-toy/") + GetParam().forward);
    const Floats expected = golden.floats("logits");
    const auto experts = static_cast<size_t>(router->experts());
    for (size_t sample = 0; sample < 3; ++sample) {
        const Floats logits = askToy(*router, golden, sample);
        for (size_t e = 0; e < experts; ++e)
            EXPECT_NEAR(logits[e], expected[sample * experts + e], 5e-6 * largest(expected));
        for (size_t k = 1; k <= experts; ++k) {
            const Floats all = golden.floats("weights_top" + std::to_string(k));
            const Floats weights = blendWeights(logits, static_cast<int64_t>(k));
            for (size_t e = 0; e < experts; ++e) {
                EXPECT_NEAR(weights[e], all[sample * experts + e], 5e-6);
                EXPECT_EQ(weights[e] == 0, all[sample * experts + e] == 0);
            }
        }
    }
}

INSTANTIATE_TEST_SUITE_P(
    ModeToy, ToyRouter,
    testing::Values(ToyFile{"router.safetensors", "forward.safetensors", {"a", "b", "c"}},
                    ToyFile{"router-appended.safetensors", "forward-appended.safetensors", {"a", "b", "c", "d"}}));

TEST(NetworkRouter, ARowMoreLeavesTheOtherLogitsBitIdentical) {
    const auto three = load(toySection("router.safetensors"), kAbc, kMixture);
    const auto four = load(toySection("router-appended.safetensors"), {"a", "b", "c", "d"}, kMixture);
    LearnedRouterWeights grown = readLearnedRouter(kMixture / "router.safetensors", 12, 32).orThrow();
    for (int row = 0; row < 61; ++row) grown = grown.withRow(Floats(16, 0.25F * static_cast<float>(row)), -1);
    const std::unique_ptr<NetworkRouter> many = makeLearnedRouter(grown, {12, {}, 0, 0});
    const test::GoldenTensors golden("mode-toy/forward.safetensors");
    for (size_t sample = 0; sample < 3; ++sample) {
        const Floats alone = askToy(*three, golden, sample);
        for (const NetworkRouter* router : {four.get(), many.get()}) {
            Floats others = askToy(*router, golden, sample);
            others.resize(3);
            EXPECT_EQ(others, alone);
        }
    }
}

TEST(NetworkRouter, ANetworkThatNeverWinsLeavesEveryWeightBitIdentical) {
    const Floats logits{0.3F, -1.25F, 2.5F};
    Floats grown = logits;
    grown.push_back(-1e9F);
    for (const int64_t k : {1, 2, 3, 4}) {
        Floats expected = blendWeights(logits, std::min<int64_t>(k, 3));
        expected.push_back(0);
        EXPECT_EQ(blendWeights(grown, k), expected);
    }
}

TEST(NetworkRouter, OfEqualLogitsTheLowerIndexIsTaken) {
    EXPECT_EQ(blendWeights(Floats{1, 2, 2, 2}, 2), (Floats{0, 0.5F, 0.5F, 0}));
    EXPECT_EQ(blendWeights(Floats{kNever, 5, kNever}, 3), (Floats{0, 1, 0}));
}

TEST(NetworkRouter, BadLogitsAndCountsAreSentences) {
    EXPECT_THROW(blendWeights(Floats{1, 2}, 0), EngineException);
    EXPECT_THROW(blendWeights(Floats{1, 2}, 3), EngineException);
    EXPECT_THROW(blendWeights(Floats{1, NAN}, 1), EngineException);
    EXPECT_THROW(blendWeights(Floats{1, INFINITY}, 1), EngineException);
    EXPECT_THROW(blendWeights(Floats{kNever, kNever}, 1), EngineException);
}

TEST(NetworkRouter, ManualWeightsAreScaledToSumOne) {
    EXPECT_EQ(manualWeights(Floats{1, 0, 3}), (Floats{0.25F, 0, 0.75F}));
    EXPECT_THROW(manualWeights(Floats{0, 0}), EngineException);
    EXPECT_THROW(manualWeights(Floats{1, -0.5F}), EngineException);
    EXPECT_THROW(manualWeights(Floats{1, NAN}), EngineException);
    EXPECT_THROW(manualWeights(Floats{}), EngineException);
}

TEST(NetworkRouter, PrototypesOfWordsChooseTheExpertThatIsMostLike) {
    const auto router =
        load({{"kind", "prototypes"},
              {"temperature", 0.05},
              {"prompt", {{"source", "hashed"}, {"width", 256}, {"hash", "fnv1a64-signs"}, {"seed", 3}}},
              {"words", {{"animals", "cat dog"}, {"buildings", "house"}, {"clouds", "rain sky"}}}});
    ASSERT_NE(router->promptFeatures(), nullptr);
    EXPECT_FALSE(router->needsPicture());
    const Floats prompt = router->promptFeatures()->embed("a big house");
    const Floats logits = ask(*router, {prompt, "a big house", 0, {}});
    const Floats prototype = router->promptFeatures()->embed("house");
    double cosine = 0;
    for (size_t i = 0; i < prompt.size(); ++i) cosine += static_cast<double>(prompt[i]) * prototype[i];
    EXPECT_NEAR(logits[1], cosine / 0.05, 1e-5);  // lengths differ from 1 by 256 roundings of 6e-8
    EXPECT_GT(logits[1], std::max(logits[0], logits[2]) + 5);
    EXPECT_EQ(ask(*router, {Floats(256), "", 0, {}}), Floats(3));
}

TEST(NetworkRouter, TheFirstRuleThatFitsGivesTheWeights) {
    const auto router = load({{"kind", "rules"},
                              {"rules",
                               {{{"words", {"cat", "ice cream"}}, {"noise", {0, 0.5}}, {"weights", {{"animals", 1}}}},
                                {{"noise", {0.5, 1}}, {"weights", {{"buildings", 3}, {"clouds", 1}}}}}},
                              {"otherwise", {{"clouds", 2}}}});
    EXPECT_EQ(router->promptWidth(), 0);
    const auto weights = [&](const char* words, float noise) {
        return blendWeights(ask(*router, {{}, words, 1 - noise, {}}), 3);
    };
    EXPECT_EQ(weights("a CAT", 0.25F), (Floats{1, 0, 0}));
    EXPECT_EQ(weights("Ice-cream", 0), (Floats{1, 0, 0}));
    EXPECT_EQ(weights("cream ice", 0.25F), (Floats{0, 0, 1}));
    EXPECT_EQ(weights("cats", 0.25F), (Floats{0, 0, 1}));
    EXPECT_EQ(weights("cat", 0.5F), weights("dog", 1));
    EXPECT_NEAR(weights("cat", 1)[1], 0.75, 1e-6);
    EXPECT_NEAR(weights("cat", 1)[2], 0.25, 1e-6);
}

TEST(NetworkRouter, AnExpertMoreInTheRulesLeavesTheOthersAlone) {
    const Json section{{"kind", "rules"},
                       {"rules", {{{"noise", {0, 1}}, {"weights", {{"animals", 2}, {"clouds", 5}}}}}}};
    Floats four = ask(*load(section, {"animals", "buildings", "clouds", "new"}), {{}, "", 0.5F, {}});
    EXPECT_EQ(four.back(), kNever);
    four.pop_back();
    EXPECT_EQ(four, ask(*load(section), {{}, "", 0.5F, {}}));
}

TEST(NetworkRouter, PicturesArePooledAsMeansAndDeviationsOfCells) {
    Floats picture;
    for (int i = 0; i < 2 * 5 * 5; ++i) picture.push_back(static_cast<float>(i * i % 17) / 8 - 1);
    // numpy's mean and std of the same cells, rows and columns 0-1 and 2-4
    const Floats expected{-0.65625F,    0.458333333F, -0.0208333333F, -0.125F,     0.389059362F,  0.508606484F,
                          0.747971795F, 0.684653197F, 0.59375F,       -0.375F,     -0.333333333F, 0.430555556F,
                          0.310933574F, 0.645497224F, 0.610953262F,   0.489866447F};
    const Floats features = pictureFeatures(picture, 2, 5, 2);
    ASSERT_EQ(features.size(), expected.size());
    ASSERT_EQ(static_cast<int64_t>(features.size()), pictureFeatureWidth(2, 2));
    for (size_t i = 0; i < features.size(); ++i) EXPECT_NEAR(features[i], expected[i], 1e-7);
    EXPECT_THROW(pictureFeatures(picture, 2, 5, 6), EngineException);
    EXPECT_THROW(pictureFeatures(picture, 3, 5, 2), EngineException);
}

TEST(NetworkRouter, AnInputOfAnotherWidthIsRefusedWithASentence) {
    const auto router = load(toySection("router.safetensors"), kAbc, kMixture);
    EXPECT_THROW(ask(*router, {Floats(11), "", 0, {}}), EngineException);
}

struct BadSection {
    Json section;
    const char* says;
};

TEST(NetworkRouter, EveryBadSectionIsToldInASentence) {
    const Json hashed{{"source", "hashed"}, {"width", 8}, {"hash", "fnv1a64-signs"}, {"seed", 0}};
    const auto toy = [](const char* field, const Json& value) {
        Json section = toySection("router.safetensors");
        section[field] = value;
        return section;
    };
    const auto rule = [](const Json& rule) { return Json{{"kind", "rules"}, {"rules", Json::array({rule})}}; };
    const std::vector<BadSection> cases{
        {Json::array(), "an object in braces is expected"},
        {Json::object(), "has no field \"kind\""},
        {{{"kind", "learnt"}}, "'learned', 'prototypes' or 'rules'"},
        {toy("temprature", 1), "the field \"temprature\", which means nothing there"},
        {toy("time_widht", 1), "did you mean \"time_width\"?"},
        {toy("time_width", 31), "an even number"},
        {toy("time_width", 30), "has hidden.weight of shape [16, 44] where [16, 42] is expected"},
        {toy("hidden", 15), "\"hidden\" of the router section is 15 where 16"},
        {toy("file", "nowhere.safetensors"), "'\"nowhere.safetensors\"' is not in the folder"},
        {toy("file", "mixture.json"), ""},
        {toy("file", "experts/portrait.safetensors"), "which no learned router has"},
        {toy("file", "router-appended.safetensors"), "rows for 4 experts and the ensemble has 3"},
        {toy("input", "sound"), "'prompt' or 'picture'"},
        {toy("input", "picture"), "has no field \"picture\""},
        {toy("prompt", {{"source", "text-encoder"}, {"width", 0}}), "a whole number from 1 to 65536"},
        {toy("prompt", {{"source", "text-encoder"}, {"width", 12}, {"seed", 1}}),
         "\"seed\", which means nothing there"},
        {toy("prompt", {{"source", "hashed"}, {"width", 12}, {"hash", "md5"}}), "'fnv1a64-signs'"},
        {toy("prompt", {{"source", "hashed"}, {"width", 12}, {"hash", "fnv1a64-signs"}, {"seed", -1}}), "at least 0"},
        {{{"kind", "prototypes"}, {"prompt", hashed}}, "has no field \"file\""},
        {{{"kind", "prototypes"}, {"prompt", hashed}, {"words", {{"animals", "cat"}}}}, "no field \"buildings\""},
        {{{"kind", "prototypes"}, {"prompt", hashed}, {"words", {{"animal", "cat"}}}}, "did you mean 'animals'?"},
        {{{"kind", "prototypes"},
          {"prompt", hashed},
          {"words", {{"animals", "cat"}, {"buildings", "!"}, {"clouds", "sky"}}}},
         "expert 'buildings' is all zeros"},
        {{{"kind", "prototypes"}, {"prompt", hashed}, {"words", Json::object()}, {"file", "x"}}, "keep one of them"},
        {{{"kind", "prototypes"}, {"prompt", hashed}, {"temperature", 0}, {"words", Json::object()}},
         "\"temperature\""},
        {{{"kind", "prototypes"},
          {"prompt", {{"source", "text-encoder"}, {"width", 8}}},
          {"words", {{"animals", "x"}}}},
         "give a \"file\" of prototypes"},
        {{{"kind", "rules"}, {"rules", 3}}, "a list of at most"},
        {rule({{"noise", {0, 1}}}), "rule 1 of the router section has no field \"weights\""},
        {rule({{"weights", {{"animals", 0}}}}), "gives no expert a weight above 0"},
        {rule({{"weights", {{"animals", -1}}}}), "a number from 0"},
        {rule({{"weights", {{"cloud", 1}}}}), "did you mean 'clouds'?"},
        {rule({{"weights", {{"zebra crossings", 1}}}}), "it has 'animals', 'buildings' and 'clouds'"},
        {rule({{"noise", {0.5, 0.5}}, {"weights", {{"animals", 1}}}}), "a range of noise levels"},
        {rule({{"noise", {0, 2}}, {"weights", {{"animals", 1}}}}), "a range of noise levels"},
        {rule({{"words", {"..."}}, {"weights", {{"animals", 1}}}}), "letters or digits"},
        {rule({{"words", "cat"}, {"weights", {{"animals", 1}}}}), "a list of words"},
        {rule({{"word", {"cat"}}, {"weights", {{"animals", 1}}}}), "did you mean \"words\"?"},
        {{{"kind", "rules"}, {"otherwise", Json::object()}}, "gives no expert a weight above 0"},
    };
    for (const BadSection& bad : cases) {
        const auto router = loadRouter(bad.section, kMixture, kAbc);
        ASSERT_FALSE(router.ok()) << bad.section.dump();
        EXPECT_NE(router.error().message.find(bad.says), std::string::npos) << bad.section.dump() << "\n"
                                                                            << router.error().message;
        EXPECT_NE(router.error().code, ErrorCode::Internal) << router.error().message;
    }
}

TEST(NetworkRouter, AFileWithNumbersThatAreNotFiniteIsRefused) {
    const test::TemporaryFolder folder;
    LearnedRouterWeights weights = readLearnedRouter(kMixture / "router.safetensors", 12, 32).orThrow();
    weights.outBias.data[1] = NAN;
    ASSERT_TRUE(writeLearnedRouter(folder / "router.safetensors", weights, {}).ok());
    const auto router = loadRouter(toySection("router.safetensors"), folder.path(), kAbc);
    ASSERT_FALSE(router.ok());
    EXPECT_NE(router.error().message.find("NaN or infinity in out.bias"), std::string::npos);
}

TEST(NetworkRouter, WithoutHiddenLayerTheLogitsAreLinear) {
    const test::TemporaryFolder folder;
    LearnedRouterWeights weights;
    weights.outWeight = HostTensor(Shape{3, 4}, {1, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1});
    weights.outBias = HostTensor(Shape{3}, {0.5F, 0, -1});
    ASSERT_TRUE(writeLearnedRouter(folder / "router.safetensors", weights, {}).ok());
    const Json section{{"kind", "learned"},
                       {"file", "router.safetensors"},
                       {"time_width", 2},
                       {"prompt", {{"source", "text-encoder"}, {"width", 2}}}};
    const auto router = load(section, kAbc, folder.path());
    const Floats logits = ask(*router, {Floats{3, -1}, "", 0.25F, {}});
    EXPECT_EQ(logits[0], 1.5F);
    EXPECT_NEAR(logits[1], std::cos(4.0), 1e-7);
    EXPECT_NEAR(logits[2], std::sin(4.0) - 1, 1e-7);
    Json narrow = section;
    narrow["time_width"] = 0;
    EXPECT_FALSE(loadRouter(narrow, folder.path(), kAbc).ok());
}

TEST(NetworkRouter, WrittenWeightsAreReadBackBitForBit) {
    const test::TemporaryFolder folder;
    LearnedRouterWeights weights = readLearnedRouter(kMixture / "router.safetensors", 12, 32).orThrow();
    ASSERT_TRUE(writeLearnedRouter(folder / "router.safetensors", weights, {{"format", "x"}}).ok());
    const LearnedRouterWeights again = readLearnedRouter(folder / "router.safetensors", 12, 32).orThrow();
    EXPECT_EQ(again.hiddenWeight.data, weights.hiddenWeight.data);
    EXPECT_EQ(again.hiddenBias.data, weights.hiddenBias.data);
    EXPECT_EQ(again.outWeight.data, weights.outWeight.data);
    EXPECT_EQ(again.outBias.data, weights.outBias.data);
}

}  // namespace
}  // namespace moescope
