// SPDX-License-Identifier: GPL-3.0-or-later
// Files of DiffMoE, EC-DiT and TC-DiT: what is recognised, what a damaged or incomplete one is told, optional shared
// experts, and that what is converted routes as before.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "engine/io/safetensors_source.h"
#include "engine/model/checkpoint.h"
#include "engine/model/convert.h"
#include "engine/model/random_weights.h"
#include "tests/support/temporary_folder.h"

namespace moescope {
namespace {

namespace fs = std::filesystem;

const fs::path kGolden = MOESCOPE_TEST_DATA "/golden";

/// A released size whose list of tensors was changed; values are drawn when read.
std::shared_ptr<const Checkpoint> changed(const char* size,
                                          const std::function<void(std::vector<ExpectedTensor>&)>& change,
                                          const nlohmann::json& settings = nlohmann::json::object()) {
    ModelDescription description = describeReleased(size).orThrow();
    change(description.tensors);
    CheckpointOptions options;
    options.settings = settings;
    return Checkpoint::fromSource(makeRandomWeights(description), options).orThrow();
}

void leaveOut(std::vector<ExpectedTensor>& tensors, const std::string& name) {
    const auto found =
        std::find_if(tensors.begin(), tensors.end(), [&](const ExpectedTensor& t) { return t.name == name; });
    ASSERT_NE(found, tensors.end()) << name;
    tensors.erase(found);
}

TEST(CapacityFamilies, TrainingFoldersGiveFamilyRuleAndDefaults) {
    const struct {
        const char *folder, *family;
        RouterRule rule;
        RoutingPolicy policy;
        int64_t topK, capacity, parameters;
    } cases[] = {
        {"diffmoe-tiny/0000-000_DiffMoE_tiny_Flow", "DiffMoE", RouterRule::PoolThreshold, RoutingPolicy::BatchPool, 0,
         0, 241904},
        {"ecdit-tiny/0000-ECDiT_tiny_Flow", "EC-DiT", RouterRule::ExpertChoice, RoutingPolicy::ExpertChoice, 0, 4,
         239264},
        {"tcdit-tiny/0000-TCDiT_tiny_Flow", "TC-DiT", RouterRule::SoftmaxTokenChoice, RoutingPolicy::TokenChoice, 1, 0,
         239264},
    };
    for (const auto& c : cases) {
        const auto checkpoint = Checkpoint::open(kGolden / c.folder).orThrow();
        const ModelDescription& d = checkpoint->description();
        EXPECT_EQ(d.family, c.family);
        EXPECT_EQ(d.config.moe.rule, c.rule);
        EXPECT_EQ(d.config.moeBlocks, (std::vector<int>{1, 3}));
        EXPECT_EQ(d.moeLayers[0].policy, c.policy);
        EXPECT_EQ(d.moeLayers[0].topK, c.topK);
        EXPECT_EQ(d.moeLayers[0].capacity, c.capacity);
        EXPECT_EQ(d.totalParameters(), c.parameters) << "as the published code counts";
        EXPECT_EQ(d.defaults.sampler, SamplerKind::Euler);
        EXPECT_EQ(d.defaults.steps, 50);
        EXPECT_EQ(d.defaults.cfgScale, 1.5);
        EXPECT_EQ(d.defaults.shift, 1);
        EXPECT_EQ(d.routesOverBatch(), c.rule == RouterRule::PoolThreshold);
        EXPECT_TRUE(checkpoint->missing().empty());
        EXPECT_TRUE(checkpoint->unused().empty());
        EXPECT_TRUE(checkpoint->runnable().ok()) << checkpoint->runnable().error().message;
        EXPECT_EQ(checkpoint->view().set().name, "ema");
    }
}

TEST(CapacityFamilies, NameTheTensorThatIsMissing) {
    const struct {
        const char *size, *tensor;
    } cases[] = {{"DiffMoE-S-E16", "blocks.3.mlp.gate_weight"},
                 {"DiffMoE-S-E16", "blocks.5.mlp.expert_threshold"},
                 {"DiffMoE-S-E16", "blocks.1.mlp.capacity_predictor.0.weight"},
                 {"DiffMoE-S-E16", "blocks.11.mlp.experts.0.fc2.weight"},
                 {"DiffMoE-S-E16", "pos_embed"},
                 {"EC-DiT-L-E8", "blocks.23.mlp.gate_weight"},
                 {"EC-DiT-L-E8", "blocks.7.mlp.experts.5.fc1.bias"},
                 {"TC-DiT-L-E8", "blocks.1.mlp.gate.weight"},
                 {"TC-DiT-L-E8", "blocks.2.mlp.fc1.bias"}};
    for (const auto& c : cases) {
        if (std::string_view(c.tensor) == "pos_embed") {
            ModelDescription description = describeReleased(c.size).orThrow();
            leaveOut(description.tensors, c.tensor);
            const auto refused = Checkpoint::fromSource(makeRandomWeights(description));
            ASSERT_FALSE(refused.ok());
            EXPECT_NE(refused.error().message.find("not a whole DiffMoE"), std::string::npos)
                << refused.error().message;
            continue;
        }
        const auto checkpoint = changed(c.size, [&](auto& tensors) { leaveOut(tensors, c.tensor); });
        EXPECT_EQ(checkpoint->missing(), std::vector<std::string>{c.tensor});
        ASSERT_FALSE(checkpoint->runnable().ok());
        EXPECT_NE(checkpoint->runnable().error().message.find(c.tensor), std::string::npos);
    }
}

TEST(CapacityFamilies, SharedExpertsAreRecognisedInTheirOwnKinds) {
    const auto gated = [](std::vector<ExpectedTensor>& tensors) {
        for (int block = 1; block < 24; block += 2) {
            const std::string name = fmt::format("blocks.{}.mlp.shared_experts.", block);
            for (const char* part : {"gate_proj", "up_proj"})
                tensors.push_back({name + part + ".weight", {2048, 1024}});
            tensors.push_back({name + "down_proj.weight", {1024, 2048}});
        }
    };
    for (const char* size : {"EC-DiT-L-E8", "TC-DiT-L-E8"}) {
        const auto checkpoint = changed(size, gated);
        EXPECT_EQ(checkpoint->description().config.moe.sharedWidth, 2048)
            << "two shared experts of width D are one of 2 D";
        EXPECT_TRUE(checkpoint->description().moeLayers[0].sharedExpert);
        EXPECT_TRUE(checkpoint->unused().empty());
        EXPECT_TRUE(checkpoint->runnable().ok());
    }
    const auto plain = changed("DiffMoE-S-E16", [](std::vector<ExpectedTensor>& tensors) {
        for (int block = 1; block < 12; block += 2) {
            const std::string name = fmt::format("blocks.{}.mlp.shared_experts.", block);
            tensors.push_back({name + "fc1.weight", {8 * 384, 384}});
            tensors.push_back({name + "fc1.bias", {8 * 384}});
            tensors.push_back({name + "fc2.weight", {384, 8 * 384}});
            tensors.push_back({name + "fc2.bias", {384}});
        }
    });
    EXPECT_EQ(plain->description().config.moe.sharedWidth, 8 * 384);
    EXPECT_TRUE(plain->unused().empty());
    EXPECT_TRUE(plain->runnable().ok());
}

TEST(CapacityFamilies, SettingsBeatTheReleasedSizeAndUnfitOnesAreRefused) {
    const auto nothing = [](auto&) {};
    const auto doubled = changed("EC-DiT-L-E8", nothing, {{"capacity", 2}});
    EXPECT_EQ(doubled->description().moeLayers[0].capacity, 64) << "256 tokens / 8 experts * 2";
    EXPECT_GT(doubled->description().activeParameters(), describeReleased("EC-DiT-L-E8").orThrow().activeParameters());
    EXPECT_EQ(changed("TC-DiT-L-E8", nothing, {{"capacity", 2}})->description().config.moe.topK, 2);
    const auto refusal = [&](const char* size, const nlohmann::json& settings) {
        const Status status = changed(size, nothing, settings)->runnable();
        return status.ok() ? std::string() : status.error().message;
    };
    EXPECT_NE(refusal("EC-DiT-L-E8", {{"capacity", 9}}).find("at most 8"), std::string::npos);
    EXPECT_NE(refusal("EC-DiT-L-E8", {{"capacity", 0}}).find("above 0"), std::string::npos);
    EXPECT_NE(refusal("TC-DiT-L-E8", {{"capacity", 9}}).find("1 to 8"), std::string::npos);
    EXPECT_NE(refusal("DiffMoE-S-E16", {{"num_heads", 5}}).find("5 heads"), std::string::npos);
    CheckpointOptions options;
    const auto source = makeRandomWeights(describeReleased("TC-DiT-L-E8").orThrow());
    options.settings = {{"capacity", 1.5}};
    EXPECT_NE(Checkpoint::fromSource(source, options).error().message.find("whole number"), std::string::npos);
    options.settings = {{"use_swiglu", true}};
    EXPECT_NE(Checkpoint::fromSource(source, options).error().message.find("use_swiglu"), std::string::npos);
}

TEST(CapacityFamilies, AModelOfNoReleasedSizeAsksForWhatItsTensorsDoNotTell) {
    const auto drop = [](const char* family, int keep) {
        // Fewer blocks than any released size has.
        return changed(family, [keep](std::vector<ExpectedTensor>& tensors) {
            std::erase_if(tensors, [keep](const ExpectedTensor& t) {
                return t.name.starts_with("blocks.") && std::stoi(t.name.substr(7)) >= keep;
            });
        });
    };
    const Status ec = drop("EC-DiT-L-E8", 6)->runnable();
    ASSERT_FALSE(ec.ok());
    EXPECT_NE(ec.error().message.find("heads, capacity"), std::string::npos) << ec.error().message;
    const auto pool = drop("DiffMoE-S-E16", 6);
    EXPECT_EQ(pool->description().unknownSettings, std::vector<std::string>{"heads"})
        << "sampling does not need the capacity";
}

TEST(CapacityFamilies, ConvertedFilesKeepThresholdsAndCapacity) {
    const test::TemporaryFolder folder;
    for (const char* run : {"diffmoe-tiny/0000-000_DiffMoE_tiny_Flow", "ecdit-tiny/0000-ECDiT_tiny_Flow"}) {
        const auto original = Checkpoint::open(kGolden / run).orThrow();
        const fs::path target = folder.path() / "converted.safetensors";
        ConvertOptions options;
        options.dtype = DType::BF16;
        ASSERT_TRUE(convertCheckpoint(*original, target, options).ok());
        const auto converted = Checkpoint::open(target).orThrow();
        EXPECT_TRUE(converted->runnable().ok()) << converted->runnable().error().message;
        EXPECT_EQ(converted->description().family, original->description().family);
        EXPECT_EQ(converted->description().config.moe.capacity, original->description().config.moe.capacity);
        EXPECT_EQ(converted->description().config.heads, 4);
        if (original->description().routesOverBatch()) {
            const TensorInfo* thresholds = converted->view().find("blocks.1.mlp.expert_threshold");
            ASSERT_NE(thresholds, nullptr);
            EXPECT_EQ(thresholds->dtype, DType::F32);
        }
    }
}

}  // namespace
}  // namespace moescope
