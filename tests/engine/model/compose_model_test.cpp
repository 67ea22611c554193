// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/model/compose_model.h"

#include <gtest/gtest.h>

#include <cmath>

#include "engine/model/position_tables.h"
#include "engine/model/random_weights.h"
#include "engine/model/released_sizes.h"

namespace moescope {
namespace {

TransformerConfig sparsePixels() {
    TransformerConfig c;
    c.width = 64;
    c.depth = 4;
    c.heads = 4;
    c.patch = 4;
    c.grid = 8;
    c.inChannels = 3;
    c.classes = 10;
    c.denseWidth = 128;
    c.bottleneck = 16;
    c.contextTokens = 4;
    c.contextStart = 2;
    c.positions = PositionTable::Stored;
    c.moeBlocks = {1, 3};
    c.moe.experts = 16;
    c.moe.topK = 2;
    c.moe.expertWidth = 32;
    c.moe.sharedWidth = 32;
    c.moe.scale = 2.5;
    return c;
}

TransformerConfig sparseLatents() {
    TransformerConfig c = sparsePixels();
    c.inChannels = 4;
    c.patch = 2;
    c.bottleneck = c.contextTokens = c.contextStart = 0;
    c.positions = PositionTable::None;
    return c;
}

TEST(ComposeModel, FillsInWhatFollowsFromTheShape) {
    const ModelDescription d = composeModel("JiTMoE", sparsePixels()).orThrow();
    EXPECT_EQ(d.family, "JiTMoE");
    EXPECT_EQ(d.sizeName, "");
    EXPECT_EQ(d.config.headWidth, 16);
    EXPECT_EQ(d.config.outChannels, 3);
    EXPECT_EQ(d.space, PictureSpace::Pixels);
    EXPECT_EQ(d.prediction, Prediction::CleanImage);
    ASSERT_EQ(d.moeLayers.size(), 2u);
    EXPECT_EQ(d.moeLayers[0].block, 1);
    EXPECT_EQ(d.moeLayers[0].tokensPerSample(), 64);
    EXPECT_EQ(d.moeLayers[1].tokensPerSample(), 68) << "with the class tokens";
    EXPECT_EQ(d.defaults.sampler, SamplerKind::Heun);

    const ModelDescription latents = composeModel("DSMoE", sparseLatents()).orThrow();
    EXPECT_EQ(latents.config.outChannels, 8);
    EXPECT_EQ(latents.space, PictureSpace::SdLatent);
    EXPECT_EQ(latents.prediction, Prediction::Velocity);
    EXPECT_TRUE(latents.config.moe.addsInput);
}

TEST(ComposeModel, CountsLearnedTablesAndNoStoredOnes) {
    TransformerConfig c = sparsePixels();
    const int64_t stored = composeModel("JiTMoE", c).orThrow().totalParameters();
    c.positions = PositionTable::None;
    EXPECT_EQ(composeModel("JiTMoE", c).orThrow().totalParameters(), stored);
    c.positions = PositionTable::Learned;
    EXPECT_EQ(composeModel("JiTMoE", c).orThrow().totalParameters(), stored + 64 * 64);
}

TEST(ComposeModel, GroupedKeyHeadsNarrowTheJointProjection) {
    TransformerConfig c = sparseLatents();
    const int64_t whole = composeModel("DSMoE", c).orThrow().totalParameters();
    c.keyHeads = 4;
    EXPECT_EQ(composeModel("DSMoE", c).orThrow().config.keyHeads, 0) << "as many as heads is the usual form";
    const int64_t packed = composeModel("DSMoE", c).orThrow().packedBytes(4);
    c.keyHeads = 1;
    // Packed rows come in blocks of 32, so the narrower matrices may take a little more room than they have rows.
    EXPECT_GE(composeModel("DSMoE", c).orThrow().packedBytes(4), packed - 4 * 4 * 2 * 48)
        << "loaded, the rows are repeated";
    EXPECT_EQ(composeModel("DSMoE", c).orThrow().totalParameters(), whole - 4 * 2 * 48 * 65)
        << "4 blocks lose 48 keys and 48 values";
}

TEST(ComposeModel, GivesEveryReleasedSizeOfItsFamiliesAgain) {
    for (const ReleasedSize& size : releasedSizes()) {
        if (size.family != "DSMoE" && size.family != "JiT" && size.family != "JiTMoE") continue;
        SCOPED_TRACE(size.name);
        const ModelDescription released = describeReleased(size.name).orThrow();
        const ModelDescription composed = composeModel(size.family, released.config).orThrow();
        EXPECT_EQ(composed.totalParameters(), released.totalParameters());
        EXPECT_EQ(composed.tensors.size(), released.tensors.size());
    }
}

TEST(ComposeModel, SaysInASentenceWhatDoesNotFit) {
    const auto refused = [](const char* family, const std::string& sentence, auto change) {
        TransformerConfig c = std::string(family) == "DSMoE" ? sparseLatents() : sparsePixels();
        change(c);
        const auto made = composeModel(family, c);
        ASSERT_FALSE(made.ok()) << sentence;
        EXPECT_EQ(made.error().code, ErrorCode::InvalidArgument);
        EXPECT_NE(made.error().message.find(sentence), std::string::npos) << made.error().message;
    };
    refused("DiT-MoE", "no family 'DiT-MoE' can be trained; expected DSMoE, JiTMoE, JiT or MoEscope-T", [](auto&) {});
    refused("JiTMoE", "the width 64 is not a multiple of the 5 heads", [](auto& c) { c.heads = 5; });
    refused("JiTMoE", "width should be 1 to 65536, found 0", [](auto& c) { c.width = 0; });
    refused("JiTMoE", "depth should be 1 to 1024, found -3", [](auto& c) { c.depth = -3; });
    refused("JiTMoE", "the number of classes should be 1 to", [](auto& c) { c.classes = 0; });
    refused("JiTMoE", "a head has 2 channels; two-dimensional rotary positions need a multiple of 4",
            [](auto& c) { c.heads = 32; });
    refused("JiTMoE", "a head has 1 channels; rotary positions need an even number", [](auto& c) {
        c.heads = 64;
        c.rotary = Rotary::Line;
    });
    refused("JiTMoE", "a table of sines and cosines needs a width that is a multiple of 4, found 62", [](auto& c) {
        c.width = 62;
        c.heads = 1;
        c.rotary = Rotary::None;
    });
    refused("JiTMoE", "num_key_value_heads should divide the 4 heads, found 3", [](auto& c) { c.keyHeads = 3; });
    refused("JiTMoE", "a grid of 0 x 0 tokens", [](auto& c) { c.grid = 0; });
    refused("JiTMoE", "top_k should be 1 to 16 (the number of experts), found 17", [](auto& c) { c.moe.topK = 17; });
    refused("JiTMoE", "n_group should divide the 16 experts, found 3", [](auto& c) { c.moe.groups = 3; });
    refused("JiTMoE", "topk_group should be 1 to 4 (n_group), found 5", [](auto& c) {
        c.moe.groups = 4;
        c.moe.keptGroups = 5;
    });
    refused("JiTMoE", "in_context_start is 4", [](auto& c) { c.contextStart = 4; });
    refused("JiTMoE", "blocks with experts should be listed in ascending order and lie in 0 to 3, found 3, 1",
            [](auto& c) {
                c.moeBlocks = {3, 1};
            });
    refused("JiTMoE", "the bottleneck of the patch embedding should be 1 to", [](auto& c) { c.bottleneck = 0; });
    refused("JiTMoE", "at least the 3 channels that it takes, found 1", [](auto& c) { c.outChannels = 1; });
    refused("JiTMoE", "the width of dense feed-forward layers should be 1 to", [](auto& c) { c.denseWidth = 0; });
    refused("JiTMoE", "tokens choose by sigmoid or normalised softmax affinities",
            [](auto& c) { c.moe.rule = RouterRule::ExpertChoice; });
    refused("JiTMoE", "name the blocks, or choose the family JiT", [](auto& c) { c.moeBlocks.clear(); });
    refused("JiT", "a JiT has no experts", [](auto&) {});
    refused("DSMoE", "class tokens in the context belong to the JiT layouts", [](auto& c) { c.contextTokens = 4; });
    refused("DSMoE", "has no bottleneck, found one of 8", [](auto& c) { c.bottleneck = 8; });
}

TEST(LineRope, TurnsAdjacentPairsByTheNumberOfTheToken) {
    const RopeTables tables = lineRope(8, 20);
    ASSERT_EQ(tables.cos.shape, (Shape{20, 4}));
    for (int token = 0; token < 20; ++token)
        for (int i = 0; i < 4; ++i) {
            const double angle = token * std::pow(10000.0, -2.0 * i / 8);
            // The rate is rounded to fp32 and multiplied by up to 19.
            EXPECT_NEAR(tables.cos.data[static_cast<size_t>(token * 4 + i)], std::cos(angle), 3e-6);
            EXPECT_NEAR(tables.sin.data[static_cast<size_t>(token * 4 + i)], std::sin(angle), 3e-6);
        }
}

}  // namespace
}  // namespace moescope
