// SPDX-License-Identifier: GPL-3.0-or-later
// The names that autoencoders' tensors carry in files of different origin.
#include "engine/model/vae_names.h"

#include <gtest/gtest.h>

namespace moescope {
namespace {

/// Names only; nothing can be read.
class NamesOnly : public TensorSource {
public:
    explicit NamesOnly(const std::vector<std::string>& names) {
        for (const std::string& name : names) m_tensors.push_back({name, DType::F32, {1}, 0});
        indexNames();
    }
    Status readRaw(const TensorInfo&, std::span<std::byte>) const override { return {}; }
    void releasePages(const TensorInfo&) const override {}
};

TEST(VaeNames, TranslatesLatentDiffusion) {
    const auto name = [](std::string_view stored) { return currentVaeName(stored, 4); };
    EXPECT_EQ(name("encoder.down.1.block.0.nin_shortcut.weight"),
              "encoder.down_blocks.1.resnets.0.conv_shortcut.weight");
    EXPECT_EQ(name("encoder.down.2.downsample.conv.bias"), "encoder.down_blocks.2.downsamplers.0.conv.bias");
    EXPECT_EQ(name("decoder.up.3.block.2.conv1.weight"), "decoder.up_blocks.0.resnets.2.conv1.weight");
    EXPECT_EQ(name("decoder.up.0.block.1.norm2.bias"), "decoder.up_blocks.3.resnets.1.norm2.bias");
    EXPECT_EQ(name("decoder.up.1.upsample.conv.weight"), "decoder.up_blocks.2.upsamplers.0.conv.weight");
    EXPECT_EQ(name("decoder.mid.block_2.conv2.weight"), "decoder.mid_block.resnets.1.conv2.weight");
    EXPECT_EQ(name("encoder.mid.attn_1.q.weight"), "encoder.mid_block.attentions.0.to_q.weight");
    EXPECT_EQ(name("encoder.mid.attn_1.norm.bias"), "encoder.mid_block.attentions.0.group_norm.bias");
    EXPECT_EQ(name("encoder.mid.attn_1.proj_out.bias"), "encoder.mid_block.attentions.0.to_out.0.bias");
    EXPECT_EQ(name("decoder.norm_out.weight"), "decoder.conv_norm_out.weight");
    EXPECT_EQ(name("post_quant_conv.weight"), "post_quant_conv.weight");
    EXPECT_EQ(name("decoder.up.9.block.1.norm2.bias"), "decoder.up.9.block.1.norm2.bias");  // no such level: left alone
}

TEST(VaeNames, TranslatesTheOldAttention) {
    const auto name = [](std::string_view stored) { return currentVaeName(stored, 0); };
    EXPECT_EQ(name("encoder.mid_block.attentions.0.query.weight"), "encoder.mid_block.attentions.0.to_q.weight");
    EXPECT_EQ(name("encoder.mid_block.attentions.0.proj_attn.bias"), "encoder.mid_block.attentions.0.to_out.0.bias");
    EXPECT_EQ(name("encoder.mid_block.attentions.0.to_out.0.bias"), "encoder.mid_block.attentions.0.to_out.0.bias");
    EXPECT_EQ(name("encoder.mid_block.attentions.0.group_norm.bias"), "encoder.mid_block.attentions.0.group_norm.bias");
}

TEST(VaeNames, LeavesTheRestOfAFullCheckpointOut) {
    const NamesOnly source({"model.diffusion_model.out.weight", "first_stage_model.decoder.conv_in.weight",
                            "first_stage_model.encoder.conv_in.weight", "first_stage_model.loss.logvar",
                            "model_ema.decay"});
    const VaeNameIndex index = indexVaeNames(source).orThrow();
    EXPECT_EQ(index.prefix, "first_stage_model.");
    ASSERT_EQ(index.tensors.size(), 2u);
    EXPECT_NE(index.find("decoder.conv_in.weight"), nullptr);
    EXPECT_EQ(index.find("decoder.conv_in.bias"), nullptr);
}

TEST(VaeNames, LeavesTheLossOfATrainingRunOut) {
    const NamesOnly source({"state_dict.decoder.conv_in.weight", "state_dict.loss.discriminator.main.0.weight",
                            "state_dict.model_ema.num_updates", "optimizer_states.0.state.0.exp_avg"});
    EXPECT_EQ(indexVaeNames(source).orThrow().tensors.size(), 1u);
}

TEST(VaeNames, KeepsUnknownTensorsOfABareFile) {
    const NamesOnly source({"decoder.conv_in.weight", "surplus"});
    EXPECT_NE(indexVaeNames(source).orThrow().find("surplus"), nullptr);
}

TEST(VaeNames, RefusesATensorUnderTwoNames) {
    const NamesOnly source({"decoder.conv_in.weight", "decoder.mid_block.attentions.0.to_q.bias",
                            "decoder.mid_block.attentions.0.query.bias"});
    const auto index = indexVaeNames(source);
    ASSERT_FALSE(index.ok());
    EXPECT_NE(index.error().message.find("expected each tensor once"), std::string::npos);
}

TEST(VaeNames, RefusesFilesWithoutAnAutoencoder) {
    EXPECT_FALSE(indexVaeNames(NamesOnly({"blocks.0.attn.qkv.weight"})).ok());
    EXPECT_FALSE(indexVaeNames(NamesOnly({"xdecoder.conv_in.weight"})).ok());
}

}  // namespace
}  // namespace moescope
