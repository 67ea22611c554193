// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/model/checkpoint.h"

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "engine/core/system_memory.h"
#include "engine/io/safetensors_writer.h"
#include "engine/model/convert.h"
#include "tests/support/embedded_model.h"

namespace moescope {
namespace {

namespace fs = std::filesystem;

const fs::path kGolden = MOESCOPE_TEST_DATA "/golden";
const char* const kEmbedded = MOESCOPE_RESOURCES "/embedded/emoji32.safetensors";

/// A folder of its own, removed at the end.
class CheckpointFiles : public testing::Test {
protected:
    void SetUp() override {
        folder = fs::temp_directory_path() / ("moescope-" + std::string(testing::UnitTest::GetInstance()->current_test_info()->name()));
        fs::remove_all(folder);
        fs::create_directories(folder);
    }
    void TearDown() override { fs::remove_all(folder); }

    /// The embedded model with one tensor changed: left out, given another shape, or a value that is no number.
    fs::path embeddedWith(const std::string& name, const std::function<bool(Shape& shape, std::vector<float>& values)>& change) {
        const auto source = openTensorSource(kEmbedded).orThrow();
        std::vector<std::vector<float>> kept;
        kept.reserve(source->tensors().size() + 1);
        std::vector<SafetensorsEntry> entries;
        for (const TensorInfo& tensor : source->tensors()) {
            std::vector<float> values(static_cast<size_t>(tensor.elements()));
            source->readFloat(tensor, values).orThrow();
            Shape shape = tensor.shape;
            if (tensor.name == name && !change(shape, values)) continue;
            kept.push_back(std::move(values));
            entries.push_back(safetensorsEntry(tensor.name, DType::F32, shape, std::as_bytes(std::span(kept.back()))));
        }
        const fs::path path = folder / "changed.safetensors";
        writeSafetensors(path, entries, {{"moescope.config", source->metadata()["moescope.config"].get<std::string>()}}).orThrow();
        return path;
    }

    fs::path folder;
};

TEST(Checkpoint, ReadsATrainingFolderWithItsYaml) {
    const auto checkpoint = Checkpoint::open(kGolden / "dsmoe-groups");
    ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;
    const ModelDescription& d = (*checkpoint)->description();
    EXPECT_EQ(d.family, "DSMoE");
    EXPECT_EQ(d.config.moe.groups, 4);
    EXPECT_EQ(d.config.moe.keptGroups, 2);
    EXPECT_EQ((*checkpoint)->view().set().name, "ema");
    EXPECT_TRUE((*checkpoint)->runnable().ok()) << (*checkpoint)->runnable().error().message;
    EXPECT_TRUE((*checkpoint)->missing().empty());
    EXPECT_TRUE((*checkpoint)->unused().empty());
}

TEST(Checkpoint, FindsTheYamlFromTheFileInsideCheckpoints) {
    const auto checkpoint = Checkpoint::open(kGolden / "dsmoe-tiny" / "checkpoints" / "0000100.pt").orThrow();
    EXPECT_EQ(checkpoint->description().config.heads, 4);
    EXPECT_EQ(checkpoint->description().config.grid, 4);
    EXPECT_EQ(checkpoint->name(), "dsmoe-tiny");
}

TEST(Checkpoint, PrefersAveragedWeightsAndTakesOthersOnRequest) {
    CheckpointOptions options;
    const auto preferred = Checkpoint::open(kGolden / "jitmoe-tiny", options).orThrow();
    EXPECT_EQ(preferred->view().set().name, "model_ema1");
    EXPECT_EQ(preferred->weightSets().size(), 3u);
    EXPECT_NE(preferred->weightSetReason().find("averaged"), std::string::npos);
    options.weightSet = "model_ema2";
    EXPECT_EQ(Checkpoint::open(kGolden / "jitmoe-tiny", options).orThrow()->view().set().prefix, "model_ema2.net.");
    options.weightSet = "ema9";
    const auto unknown = Checkpoint::open(kGolden / "jitmoe-tiny", options);
    ASSERT_FALSE(unknown.ok());
    EXPECT_NE(unknown.error().message.find("model_ema2"), std::string::npos);
}

TEST(Checkpoint, SaysWhichSettingsItNeedsWhenNothingGivesThem) {
    const auto checkpoint = Checkpoint::open(kGolden / "jitmoe-tiny").orThrow();  // its name is in no table
    const Status status = checkpoint->runnable();
    ASSERT_FALSE(status.ok());
    for (const char* needed : {"in_context_start", "top_k", "n_group", "routed_scaling_factor", "--set"})
        EXPECT_NE(status.error().message.find(needed), std::string::npos) << needed;
    CheckpointOptions options;
    options.settings = {{"in_context_start", 2}, {"num_experts_per_tok", 2}, {"n_group", 2}, {"topk_group", 2}, {"routed_scaling_factor", 2.5}};
    EXPECT_TRUE(Checkpoint::open(kGolden / "jitmoe-tiny", options).orThrow()->runnable().ok());
}

TEST(Checkpoint, RefusesSettingsThatDoNotFit) {
    CheckpointOptions options;
    const auto sentence = [&](nlohmann::json settings) {
        options.settings = std::move(settings);
        const Status status = Checkpoint::open(kEmbedded, options).orThrow()->runnable();
        return status.ok() ? std::string() : status.error().message;
    };
    EXPECT_NE(sentence({{"top_k", 9}}).find("1 to 8"), std::string::npos);
    EXPECT_NE(sentence({{"n_group", 3}}).find("divide"), std::string::npos);
    EXPECT_NE(sentence({{"topk_group", 2}}).find("1 to 1"), std::string::npos);
    EXPECT_NE(sentence({{"in_context_start", 8}}).find("in_context_start"), std::string::npos);
    EXPECT_NE(sentence({{"scale", 0}}).find("other than 0"), std::string::npos);
}

TEST(Checkpoint, RefusesAnInputSizeThatThePatchesDoNotCover) {
    CheckpointOptions options;
    for (const int64_t size : {int64_t{0}, int64_t{7}, int64_t{-8}, int64_t{99999999999}}) {
        options.settings = {{"input_size", size}};
        const auto checkpoint = Checkpoint::open(kGolden / "dsmoe-tiny", options);
        ASSERT_FALSE(checkpoint.ok()) << size;
        EXPECT_NE(checkpoint.error().message.find("input_size"), std::string::npos) << checkpoint.error().message;
    }
}

TEST(Checkpoint, CountsTheEmbeddedModelAsItsTrainerDid) {
    const auto checkpoint = Checkpoint::open(kEmbedded).orThrow();
    EXPECT_EQ(checkpoint->description().totalParameters(), 3766360);
    EXPECT_EQ(checkpoint->description().activeParameters(), 2577496);
    EXPECT_EQ(checkpoint->name(), "emoji32");
    EXPECT_EQ(checkpoint->description().defaults.sampler, SamplerKind::Heun);
    EXPECT_EQ(checkpoint->description().defaults.steps, 25);
    EXPECT_EQ(checkpoint->description().defaults.cfgScale, 2.5);
    EXPECT_EQ(checkpoint->description().defaults.cfgLow, 0.0);
}

TEST(Checkpoint, NamesTheNearestFamilyOfAnUnknownArchitecture) {
    const auto other = Checkpoint::open(kGolden / "vae-tiny" / "diffusion_pytorch_model.safetensors");
    ASSERT_FALSE(other.ok());
    EXPECT_EQ(other.error().code, ErrorCode::Unsupported);
    EXPECT_NE(other.error().message.find("VAE"), std::string::npos);
}

TEST(Checkpoint, SaysWhenThereIsNoSuchFile) {
    const auto missing = Checkpoint::open("/nowhere/model.pt");
    ASSERT_FALSE(missing.ok());
    EXPECT_EQ(missing.error().code, ErrorCode::NotFound);
    EXPECT_NE(missing.error().message.find("embedded"), std::string::npos);
}

TEST_F(CheckpointFiles, NamesAMissingTensor) {
    const auto checkpoint = Checkpoint::open(embeddedWith("blocks.3.mlp.experts.blocks.5.w3.bias", [](auto&, auto&) { return false; })).orThrow();
    ASSERT_EQ(checkpoint->missing().size(), 1u);
    ASSERT_FALSE(checkpoint->runnable().ok());
    EXPECT_NE(checkpoint->runnable().error().message.find("blocks.3.mlp.experts.blocks.5.w3.bias"), std::string::npos);
}

TEST_F(CheckpointFiles, NamesTheMissingTensorThatABlockIsKnownBy) {
    for (const std::string name : {"blocks.0.attn.qkv.weight", "blocks.4.attn.qkv.weight", "blocks.7.attn.qkv.weight", "blocks.7.mlp.gate.weight",
                                   "blocks.3.mlp.experts.blocks.0.w3.weight"}) {
        const auto checkpoint = Checkpoint::open(embeddedWith(name, [](auto&, auto&) { return false; })).orThrow();
        EXPECT_EQ(checkpoint->description().config.depth, 8) << name;
        EXPECT_EQ(checkpoint->missing(), std::vector<std::string>{name});
        EXPECT_FALSE(checkpoint->runnable().ok());
    }
}

TEST_F(CheckpointFiles, RefusesARouterForFarMoreExpertsThanTheFileHolds) {
    const fs::path path = embeddedWith("blocks.5.mlp.gate.weight", [](Shape& shape, std::vector<float>& values) {
        shape = {200000, 1};
        values.resize(200000);
        return true;
    });
    const auto checkpoint = Checkpoint::open(path);
    ASSERT_FALSE(checkpoint.ok());
    EXPECT_EQ(checkpoint.error().code, ErrorCode::Unsupported);
    EXPECT_NE(checkpoint.error().message.find("200000 experts"), std::string::npos) << checkpoint.error().message;
}

TEST_F(CheckpointFiles, NamesATensorOfAnotherShape) {
    const auto checkpoint = Checkpoint::open(embeddedWith("blocks.2.attn.proj.weight", [](Shape& shape, std::vector<float>& values) {
                                shape = {64, 128};
                                values.resize(64 * 128);
                                return true;
                            })).orThrow();
    ASSERT_EQ(checkpoint->misshaped().size(), 1u);
    const std::string sentence = checkpoint->runnable().error().message;
    EXPECT_NE(sentence.find("blocks.2.attn.proj.weight"), std::string::npos);
    EXPECT_NE(sentence.find("[64, 128]"), std::string::npos);
}

TEST_F(CheckpointFiles, NamesATensorThatHoldsNaN) {
    const auto checkpoint = Checkpoint::open(embeddedWith("blocks.5.mlp.gate.weight", [](Shape&, std::vector<float>& values) {
                                values[77] = NAN;
                                return true;
                            })).orThrow();
    Backend backend(cpuBackendTable(), {1, "auto"});
    const auto loaded = checkpoint->load(backend);
    ASSERT_FALSE(loaded.ok());
    EXPECT_EQ(loaded.error().code, ErrorCode::Numeric);
    EXPECT_NE(loaded.error().message.find("blocks.5.mlp.gate.weight"), std::string::npos);
}

TEST_F(CheckpointFiles, ListsTensorsThatNobodyAskedFor) {
    const auto source = openTensorSource(kEmbedded).orThrow();
    const std::vector<float> extra(4, 1.0f);
    std::vector<std::vector<float>> kept;
    kept.reserve(source->tensors().size());
    std::vector<SafetensorsEntry> entries{safetensorsEntry("blocks.0.surprise", DType::F32, {4}, std::as_bytes(std::span(extra)))};
    for (const TensorInfo& tensor : source->tensors()) {
        kept.emplace_back(static_cast<size_t>(tensor.elements()));
        source->readFloat(tensor, kept.back()).orThrow();
        entries.push_back(safetensorsEntry(tensor.name, DType::F32, tensor.shape, std::as_bytes(std::span(kept.back()))));
    }
    writeSafetensors(folder / "extra.safetensors", entries, {{"moescope.config", source->metadata()["moescope.config"].get<std::string>()}}).orThrow();
    const auto checkpoint = Checkpoint::open(folder / "extra.safetensors").orThrow();
    EXPECT_EQ(checkpoint->unused(), std::vector<std::string>{"blocks.0.surprise"});
    EXPECT_TRUE(checkpoint->runnable().ok());
}

TEST_F(CheckpointFiles, StandsAloneAfterConversion) {
    CheckpointOptions options;
    options.weightSet = "model";
    const auto original = Checkpoint::open(kGolden / "dsmoe-groups-noshared", options).orThrow();
    const auto summary = convertCheckpoint(*original, folder / "alone.safetensors", {});
    ASSERT_TRUE(summary.ok()) << summary.error().message;
    const auto converted = Checkpoint::open(folder / "alone.safetensors").orThrow();
    EXPECT_TRUE(converted->runnable().ok()) << converted->runnable().error().message;
    EXPECT_EQ(converted->description().config.heads, original->description().config.heads);
    EXPECT_EQ(converted->description().config.moe.keptGroups, original->description().config.moe.keptGroups);
    EXPECT_EQ(converted->name(), "dsmoe-groups-noshared");
    for (const std::string& name : original->view().names()) {
        const TensorInfo *a = original->view().find(name), *b = converted->view().find(name);
        ASSERT_NE(b, nullptr) << name;
        std::vector<std::byte> left(static_cast<size_t>(a->elements()) * dtypeSize(a->dtype)), right(left.size());
        ASSERT_TRUE(original->source().readRaw(*a, left).ok());
        ASSERT_TRUE(converted->source().readRaw(*b, right).ok());
        EXPECT_EQ(left, right) << name;
    }
}

TEST(Checkpoint, GivesTheMemoryOfItsWeightsBackOnUnload) {
    Backend backend(cpuBackendTable(), {1, "auto"});
    const auto checkpoint = Checkpoint::open(kEmbedded).orThrow();
    const uint64_t before = backend.memoryUsed();
    {
        const auto denoiser = checkpoint->load(backend).orThrow();
        EXPECT_GE(backend.memoryUsed() - before, 3766360u * 4u);
        EXPECT_LE(backend.memoryUsed() - before, static_cast<uint64_t>(checkpoint->memoryNeeded(MS_F32)));
    }
    EXPECT_EQ(backend.memoryUsed(), before);
}

TEST(Checkpoint, RefusesAModelThatDoesNotFitBeforeReadingIt) {
    Backend backend(cpuBackendTable(), {1, "auto"});
    const auto checkpoint = Checkpoint::open(kEmbedded).orThrow();
    LoadOptions options;
    bool read = false;
    options.progress = [&](int64_t, int64_t) { read = true; };
    options.available = checkpoint->memoryNeeded(MS_F32) - 1;
    const auto refused = checkpoint->load(backend, options);
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, ErrorCode::OutOfMemory);
    EXPECT_NE(refused.error().message.find("needs " + bytesText(checkpoint->memoryNeeded(MS_F32))), std::string::npos) << refused.error().message;
    EXPECT_NE(refused.error().message.find(bytesText(options.available) + " are available"), std::string::npos) << refused.error().message;
    EXPECT_NE(refused.error().message.find("--dtype bf16"), std::string::npos);
    EXPECT_FALSE(read);
    options.storage = MS_BF16;
    EXPECT_TRUE(checkpoint->load(backend, options).ok());
}

/// Stops while the n-th tensor is made ready, as a person does who closes the window while a slow disk is read.
class StoppedWhileReading : public TensorSource {
public:
    StoppedWhileReading(std::shared_ptr<const TensorSource> inner, int tensors) : m_inner(std::move(inner)), m_left(tensors) {
        m_tensors = m_inner->tensors();
        m_metadata = m_inner->metadata();
        m_format = m_inner->format();
        m_files = m_inner->files();
        indexNames();
    }
    Status readRaw(const TensorInfo& tensor, std::span<std::byte> target) const override {
        if (stop.stop_requested()) ++readAfterwards;
        return m_inner->readRaw(tensor, target);
    }
    bool prepare(const TensorInfo& tensor, const std::stop_token& token) const override {
        if (--m_left == 0) stop.request_stop();
        return m_inner->prepare(tensor, token);
    }
    void releasePages(const TensorInfo& tensor) const override { m_inner->releasePages(tensor); }

    mutable std::stop_source stop;
    mutable int readAfterwards = 0;

private:
    std::shared_ptr<const TensorSource> m_inner;
    mutable int m_left;
};

TEST(Checkpoint, StopsLoadingInsideATensorAndKeepsNothing) {
    Backend backend(cpuBackendTable(), {1, "auto"});
    const auto source = std::make_shared<StoppedWhileReading>(openTensorSource(kEmbedded).orThrow(), 40);
    const auto checkpoint = Checkpoint::fromSource(source).orThrow();
    const uint64_t before = backend.memoryUsed();
    LoadOptions options;
    options.stop = source->stop.get_token();
    const auto cancelled = checkpoint->load(backend, options);
    ASSERT_FALSE(cancelled.ok());
    EXPECT_EQ(cancelled.error().code, ErrorCode::Cancelled);
    EXPECT_EQ(source->readAfterwards, 0);
    EXPECT_EQ(backend.memoryUsed(), before);
}

}  // namespace
}  // namespace moescope
