// SPDX-License-Identifier: GPL-3.0-or-later
// What small files of DiT-MoE and ProMoE tell about themselves, and what of it has to be given.
#include <gtest/gtest.h>

#include "engine/model/checkpoint.h"
#include "engine/model/convert.h"
#include "engine/verify/verify_case.h"
#include "tests/support/case_copy.h"
#include "tests/support/temporary_folder.h"

namespace moescope {
namespace {

const std::filesystem::path kGolden = MOESCOPE_TEST_DATA "/golden";
const char* const kSmall = "ditmoe-s-tiny/dit_moe_tiny_8E2A.pt";
const char* const kLarge = "ditmoe-xl-tiny/dit_moe_tiny_6E2A.pt";
const char* const kPrototypes = "promoe-tiny/ckpt_step_500000.pth";

Result<std::shared_ptr<const Checkpoint>> opened(const char* file, nlohmann::json settings = nlohmann::json::object(),
                                                 const std::string& weights = "") {
    return Checkpoint::open(kGolden / file, {weights, std::move(settings)});
}

TEST(DitMoeFiles, SmallSizesAreDiscreteDiffusionsGuidedOnThreeChannels) {
    const ModelDescription d = opened(kSmall).orThrow()->description();
    EXPECT_EQ(d.family, "DiT-MoE");
    EXPECT_EQ(d.prediction, Prediction::Noise);
    EXPECT_EQ(d.time.guidedChannels, 3);
    EXPECT_EQ(d.samplers, (std::vector{SamplerKind::Ddpm, SamplerKind::Ddim}));
    EXPECT_EQ(d.defaults.sampler, SamplerKind::Ddpm);
    EXPECT_EQ(d.defaults.steps, 250);
    EXPECT_EQ(d.defaults.cfgScale, 1.5);
    EXPECT_EQ(d.config.moeBlocks, (std::vector{0, 1, 2})) << "every block is a mixture";
    EXPECT_EQ(d.config.moe.sharedWidth, 2 * d.config.width);
    EXPECT_EQ(d.config.grid, 6) << "from the stored positions";
    EXPECT_EQ(d.unknownSettings, (std::vector<std::string>{"heads", "top_k"}));
}

TEST(DitMoeFiles, LargeSizesAreFlowsThatTellTheirHeads) {
    const ModelDescription d = opened(kLarge).orThrow()->description();
    EXPECT_EQ(d.prediction, Prediction::Velocity);
    EXPECT_EQ(d.time.dataTime, 0);
    EXPECT_EQ(d.time.timeScale, 1);
    EXPECT_EQ(d.defaults.sampler, SamplerKind::Euler);
    EXPECT_EQ(d.defaults.steps, 50);
    EXPECT_EQ(d.defaults.cfgScale, 7);
    EXPECT_EQ(d.config.heads, 2);
    EXPECT_EQ(d.config.headWidth, 24);
    EXPECT_EQ(d.unknownSettings, std::vector<std::string>{"top_k"});
}

TEST(DitMoeFiles, TheSettingRfDecidesWhereItIsGiven) {
    EXPECT_EQ(opened(kSmall, {{"rf", true}}).orThrow()->description().prediction, Prediction::Velocity);
    EXPECT_EQ(opened(kLarge, {{"rf", false}}).orThrow()->description().prediction, Prediction::Noise);
}

TEST(DitMoeFiles, AConvertedFileKeepsWhatOnlySettingsTold) {
    const test::TemporaryFolder folder;
    for (const bool flow : {true, false}) {
        const nlohmann::json given{{"rf", flow}, {"num_heads", 2}, {"top_k", 2}};
        const auto target = folder.path() / "converted.safetensors";
        ASSERT_TRUE(convertCheckpoint(*opened(kSmall, given).orThrow(), target, {}).ok());
        const auto again = Checkpoint::open(target).orThrow();
        EXPECT_EQ(again->description().prediction, flow ? Prediction::Velocity : Prediction::Noise);
        EXPECT_TRUE(again->runnable().ok()) << again->runnable().error().message;
    }
}

TEST(DitMoeFiles, VariantsThatComputeSomethingElseAreRefused) {
    const auto normalised = opened(kSmall, {{"norm_topk_prob", true}});
    ASSERT_FALSE(normalised.ok());
    EXPECT_NE(normalised.error().message.find("norm_topk_prob"), std::string::npos);
    for (const nlohmann::json& variant : {nlohmann::json{{"router_weight_mode", "softmax"}}, nlohmann::json{{"qk_norm", true}}})
        EXPECT_FALSE(opened(kPrototypes, variant).ok()) << variant;
}

TEST(ProMoeFiles, AveragedWeightsOfATrainingDumpComeFirst) {
    const auto checkpoint = opened(kPrototypes, {{"num_heads", 2}, {"top_k", 1}}).orThrow();
    EXPECT_EQ(checkpoint->view().set().name, "ema_model_state_dict");
    ASSERT_EQ(checkpoint->weightSets().size(), 2u);
    const auto raw = opened(kPrototypes, {{"num_heads", 2}, {"top_k", 1}}, "model_state_dict").orThrow();
    EXPECT_NE(raw->fingerprint(), checkpoint->fingerprint());
    EXPECT_TRUE(raw->runnable().ok());
    EXPECT_TRUE(raw->unused().empty());
}

TEST(ProMoeFiles, TheExpertBeyondThePrototypesIsForSamplesWithoutACondition) {
    const ModelDescription d = opened(kPrototypes, {{"num_heads", 2}, {"top_k", 1}}).orThrow()->description();
    EXPECT_EQ(d.config.moe.rule, RouterRule::Prototype);
    EXPECT_TRUE(d.config.moe.unconditionalExpert);
    EXPECT_EQ(d.config.moe.experts, 13);
    EXPECT_EQ(d.config.moeBlocks, (std::vector{1, 3}));
    EXPECT_EQ(d.time.dataTime, 0);
    EXPECT_EQ(d.time.timeScale, 1000);
    EXPECT_EQ(d.defaults.steps, 50);
    EXPECT_EQ(d.defaults.cfgScale, 1.5);
    EXPECT_EQ(d.defaults.shift, 1);
    ASSERT_EQ(d.moeLayers.size(), 2u);
    EXPECT_EQ(d.moeLayers[0].policy, RoutingPolicy::Prototype);
    EXPECT_EQ(d.moeLayers[0].unconditionalExpert, 12);
}

TEST(DitMoeFiles, RunsWithAndWithoutRoundedQueriesAreToldApart) {
    const test::CaseCopies copies({"ditmoe-xl-tiny"});
    const auto folder = copies / "ditmoe-xl-tiny";
    std::filesystem::rename(folder / "forward-fp32.safetensors", folder / "forward-plain-qk16.safetensors");
    std::filesystem::remove(folder / "forward-qk16.safetensors");
    copies.editJson("ditmoe-xl-tiny/case.json", [](auto& json) { json["sampling"] = nlohmann::json::object(); });
    Backend backend(cpuBackendTable(), {1, "auto"});
    const CaseReport report = verifyCase(folder, backend).orThrow();
    bool seen = false;
    for (const FileReport& file : report.files) {
        if (file.file != "forward-plain-qk16.safetensors") continue;
        seen = true;
        EXPECT_FALSE(file.passed()) << "made without rounding, computed with it";
        ASSERT_NE(file.worst(), nullptr);
        EXPECT_LT(file.worst()->error, 1e-3);
    }
    EXPECT_TRUE(seen);
}

}  // namespace
}  // namespace moescope
