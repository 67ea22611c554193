// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/model/published_files.h"

#include <gtest/gtest.h>

#include "engine/io/safetensors_writer.h"
#include "engine/model/checkpoint.h"
#include "engine/model/compose_model.h"
#include "engine/model/convert.h"
#include "engine/model/layout_options.h"
#include "engine/model/random_weights.h"
#include "tests/support/temporary_folder.h"

namespace moescope {
namespace {

TransformerConfig smallPixels() {
    TransformerConfig c;
    c.width = 16;
    c.depth = 2;
    c.heads = 2;
    c.patch = 2;
    c.grid = 2;
    c.inChannels = 3;
    c.classes = 3;
    c.waves = 8;
    c.denseWidth = 23;
    c.bottleneck = 4;
    c.contextTokens = 2;
    c.contextStart = 1;
    c.positions = PositionTable::Stored;
    c.moeBlocks = {1};
    c.moe.experts = 4;
    c.moe.topK = 2;
    c.moe.expertWidth = 8;
    c.moe.sharedWidth = 16;
    c.moe.scale = 2.5;
    return c;
}

TransformerConfig smallLatents() {
    TransformerConfig c = smallPixels();
    c.inChannels = 4;
    c.bottleneck = c.contextTokens = c.contextStart = 0;
    c.positions = PositionTable::None;
    return c;
}

/// Every value of a set is the same number.
TensorValues filledWith(const ModelDescription& d, float value) {
    int64_t most = 0;
    for (const ExpectedTensor& tensor : d.tensors) most = std::max(most, elementCount(tensor.shape));
    const auto values = std::make_shared<std::vector<float>>(static_cast<size_t>(most), value);
    return [&d, values](const std::string& name) {
        for (const ExpectedTensor& tensor : d.tensors)
            if (tensor.name == name)
                return std::span<const float>(*values).first(static_cast<size_t>(elementCount(tensor.shape)));
        return std::span<const float>();
    };
}

float firstValue(const Checkpoint& checkpoint) {
    const TensorInfo& tensor = *checkpoint.view().find("t_embedder.mlp.0.bias");
    std::vector<float> values(static_cast<size_t>(tensor.elements()));
    checkpoint.source().readFloat(tensor, values).orThrow();
    return values.front();
}

TEST(PublishedFiles, PixelModelsAreOneFileWithTwoAverages) {
    const test::TemporaryFolder folder;
    const ModelDescription d = composeModel("JiTMoE", smallPixels()).orThrow();
    PublishedFacts facts;
    facts.epoch = 7;
    facts.args = {{"lr", 1e-3}, {"img_size", 999}};
    facts.optimizer = {{"lr", 1e-3}};
    const PublishedWeights weights{filledWith(d, 1), {filledWith(d, 2), filledWith(d, 3), filledWith(d, 4)}};
    const auto file = writePublished(folder / "checkpoint-last.pth", d, weights, facts).orThrow();
    EXPECT_EQ(folder.names(), std::vector<std::string>{"checkpoint-last.pth"});
    float expected = 1;
    for (const char* set : {"model", "model_ema1", "model_ema2"}) {
        const auto opened = Checkpoint::open(file, {set, nlohmann::json::object()}).orThrow();
        EXPECT_TRUE(opened->runnable().ok());
        EXPECT_EQ(firstValue(*opened), expected++) << set;
    }
    const auto preferred = Checkpoint::open(file).orThrow();
    EXPECT_EQ(preferred->weightSet(), "model_ema1");
    EXPECT_EQ(preferred->weightSets().size(), 3u) << "the layout has no name for a third average";
    const nlohmann::json& plain = preferred->source().metadata();
    EXPECT_EQ(plain["epoch"], 7);
    EXPECT_EQ(plain["optimizer"]["param_groups"][0]["lr"], 1e-3);
    EXPECT_EQ(plain["args"]["lr"], 1e-3);
    EXPECT_EQ(plain["args"]["img_size"], 4) << "what the model says goes before";
    const nlohmann::json& arch = plain["args"]["arch"];
    EXPECT_EQ(arch["image_size"], 4);
    EXPECT_EQ(arch["moe"]["shared_expert"], true);
    EXPECT_EQ(static_cast<int>(static_cast<int>(16 * arch["mlp_ratio"].get<double>()) * 2 / 3), 23)
        << "as the published code computes the inner width";
}

TEST(PublishedFiles, LatentModelsAreAFolderWithAConfiguration) {
    const test::TemporaryFolder folder;
    const ModelDescription d = composeModel("DSMoE", smallLatents()).orThrow();
    PublishedFacts facts;
    facts.step = 1200;
    facts.date = "2026-01-02T03-04-05";
    facts.optimizer = {{"lr", 1e-4}, {"eps", 1e-8}};
    const auto file = writePublished(folder / "run", d, {filledWith(d, 1), {filledWith(d, 2)}}, facts).orThrow();
    EXPECT_EQ(file, folder / "run" / "checkpoints" / "0001200.pt");
    const auto config = test::fileBytes(folder / "run" / "config_2026-01-02T03-04-05.yaml");
    const std::string text(reinterpret_cast<const char*>(config.data()), config.size());
    for (const char* line :
         {"n_shared_experts: 2\n", "num_heads: 2\n", "interleave: true\n", "rope_type: \"2d\"\n", "eps: 1.0e-08\n"})
        EXPECT_NE(text.find(line), std::string::npos) << line << "in\n" << text;
    const auto opened = Checkpoint::open(folder / "run").orThrow();
    EXPECT_TRUE(opened->runnable().ok()) << opened->runnable().error().message;
    EXPECT_EQ(opened->weightSet(), "ema");
    EXPECT_EQ(firstValue(*opened), 2);
    EXPECT_EQ(opened->description().config.moe.scale, 2.5);
    EXPECT_EQ(opened->source().metadata()["args"]["step"], 1200);
}

TEST(PublishedFiles, RefuseFamiliesThatAreNotTrainedHere) {
    const ModelDescription d = describeReleased("DiT-MoE-S-8E2A").orThrow();
    const auto written = writePublished("nowhere.pt", d, {filledWith(d, 0), {}}, {});
    ASSERT_FALSE(written.ok());
    EXPECT_EQ(written.error().message, "DiT-MoE is not written in a published layout; write it as safetensors");
}

TEST(PublishedFiles, AFolderThatCanNotBeMadeIsASentence) {
    const test::TemporaryFolder folder;
    test::writeFile(folder / "run", "a file");
    const ModelDescription d = composeModel("DSMoE", smallLatents()).orThrow();
    const auto written = writePublished(folder / "run", d, {filledWith(d, 0), {}}, {});
    ASSERT_FALSE(written.ok());
    EXPECT_EQ(written.error().code, ErrorCode::Io);
}

TEST(Checkpoint, AFileMayCarryItsNameAndTheNamesOfItsClasses) {
    const test::TemporaryFolder folder;
    const ModelDescription d = composeModel("JiTMoE", smallPixels()).orThrow();
    const auto write = [&](const char* file, const std::string& labels) {
        const auto source = makeRandomWeights(d);
        std::vector<std::vector<float>> kept;
        kept.reserve(source->tensors().size());
        std::vector<SafetensorsEntry> entries;
        for (const TensorInfo& tensor : source->tensors()) {
            source->readFloat(tensor, kept.emplace_back(static_cast<size_t>(tensor.elements()))).orThrow();
            entries.push_back(
                safetensorsEntry(tensor.name, DType::F32, tensor.shape, std::as_bytes(std::span(kept.back()))));
        }
        writeSafetensors(
            folder / file, entries,
            {{"moescope.config", storedSettings(d).dump()}, {"moescope.name", "scenes"}, {"moescope.labels", labels}})
            .orThrow();
        return Checkpoint::open(folder / file).orThrow();
    };
    const auto named = write("a.safetensors", R"(["disc", "square", "triangle"])");
    EXPECT_EQ(named->name(), "scenes");
    ASSERT_NE(named->ownLabels(), nullptr);
    EXPECT_EQ(named->ownLabels()->byName("square"), 1);
    ASSERT_TRUE(convertCheckpoint(*named, folder / "half.safetensors", {DType::BF16, {}, {}}).ok());
    const auto converted = Checkpoint::open(folder / "half.safetensors").orThrow();
    EXPECT_EQ(converted->name(), "scenes");
    ASSERT_NE(converted->ownLabels(), nullptr);
    EXPECT_EQ(write("b.safetensors", R"(["disc"])")->ownLabels(), nullptr) << "one name for three classes";
    EXPECT_EQ(write("c.safetensors", "labels.json")->ownLabels(), nullptr) << "the name of a file beside it";
}

}  // namespace
}  // namespace moescope
