// SPDX-License-Identifier: GPL-3.0-or-later
// U-Nets that do not run: missing tensors, variants that would be computed wrongly, devices without their operations.
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/support/unet_fixture.h"

namespace moescope {
namespace {

using test::UnetFolder;

std::string whyNot(const UnetFolder& folder) {
    const auto opened = Checkpoint::open(folder.path());
    if (!opened.ok()) return opened.error().message;
    const Status runnable = (*opened)->runnable();
    return runnable.ok() ? "" : runnable.error().message;
}

TEST(UNet, MissingAndMisshapedTensorsAreNamed) {
    const UnetFolder folder("text");
    folder.editWeights([](NamedTensors& tensors) {
        tensors.tensors.erase("mid_block.attentions.0.transformer_blocks.0.attn2.to_k.weight");
        tensors.tensors.erase("conv_norm_out.bias");
    });
    EXPECT_EQ(whyNot(folder),
              "2 of the 324 tensors of a U-Net are missing: "
              "mid_block.attentions.0.transformer_blocks.0.attn2.to_k.weight, conv_norm_out.bias");
    const UnetFolder narrow("classes");
    narrow.editConfig([](nlohmann::json& config) { config["num_class_embeds"] = 12; });
    EXPECT_EQ(whyNot(narrow),
              "1 tensor is of another shape than the rest of the model asks for: 'class_embedding.weight' should be "
              "[12, 64], the "
              "file has [11, 64]");
}

TEST(UNet, VariantsThatItWouldComputeWronglyAreRefused) {
    struct Change {
        const char *folder, *key;
        nlohmann::json value;
        const char* sentence;
    };
    const std::string start = "the U-Net's config.json sets ";
    for (
        const Change& c : std::vector<Change>{
            {"classes", "act_fn", "gelu", "act_fn to \"gelu\"; this version runs U-Nets with \"silu\" there"},
            {"classes", "resnet_time_scale_shift", "scale_shift",
             "resnet_time_scale_shift to \"scale_shift\"; this version runs U-Nets with \"default\" there"},
            {"classes", "class_embed_type", "timestep",
             "class_embed_type to \"timestep\"; this version runs U-Nets with null there"},
            {"classes", "in_channels", 7,
             "in_channels and out_channels to [7,3]; this version runs U-Nets with 3 of both (pictures) or 4 of both "
             "(Stable Diffusion latents)"},
            {"classes", "sample_size", 9,
             "sample_size to 9; this version runs U-Nets with a multiple of 2, since the picture is halved 1 times"},
            {"classes", "sample_size", {8, 12}, "sample_size to [8,12]; this version runs U-Nets with square pictures"},
            {"classes", "attention_head_dim", 7,
             "attention_head_dim to 7; this version runs U-Nets with a head width that divides the 32 channels of a "
             "level"},
            {"classes", "norm_num_groups", 5,
             "norm_num_groups to 5; this version runs U-Nets with a number of groups that divides 16 channels"},
            {"classes",
             "down_block_types",
             {"DownBlock2D", "SkipDownBlock2D"},
             "down_block_types to \"SkipDownBlock2D\"; this version runs U-Nets with 2 blocks, each DownBlock2D or "
             "AttnDownBlock2D"},
            {"classes", "_class_name", "UNet1DModel",
             "_class_name to \"UNet1DModel\"; this version runs U-Nets with UNet2DConditionModel or UNet2DModel there"},
            {"classes", "layers_per_block", -1,
             "layers_per_block to -1; this version runs U-Nets with a whole number from 1 to 64"},
            {"text",
             "layers_per_block",
             {1, 2, 1},
             "layers_per_block to [1,2,1]; this version runs U-Nets with the same number on all levels"},
            {"text",
             "only_cross_attention",
             {true, false, false},
             "only_cross_attention to [true,false,false]; this version runs U-Nets with false there"},
            {"text", "time_cond_proj_dim", 256, "time_cond_proj_dim to 256; this version runs U-Nets with null there"},
            {"text", "addition_embed_type", "image",
             "addition_embed_type to \"image\"; this version runs U-Nets with text_time or null there"},
            {"text",
             "attention_head_dim",
             {4, 4},
             "attention_head_dim to [4,4]; this version runs U-Nets with one number for each of its 3 levels"},
            {"text", "mid_block_type", "UNetMidBlock2DSimpleCrossAttn",
             "mid_block_type to \"UNetMidBlock2DSimpleCrossAttn\"; this version runs U-Nets with "
             "UNetMidBlock2DCrossAttn or null there"}}) {
        const UnetFolder folder(c.folder);
        folder.editConfig([&](nlohmann::json& config) { config[c.key] = c.value; });
        EXPECT_EQ(whyNot(folder), start + c.sentence);
    }
    const UnetFolder bare("classes");
    std::filesystem::remove(bare.path() / "config.json");
    EXPECT_EQ(whyNot(bare),
              "a U-Net's tensors do not say its heads and norm groups: put the config.json that belongs to the weights "
              "beside them");
}
TEST(UNet, ADeviceWithoutItsOperationsRefusesToLoadIt) {
    MsBackendTable table = cpuBackendTable();
    table.cross_attention = nullptr;
    table.name = "half a device";
    Backend backend(table, {1});
    const UnetFolder folder("text");
    const auto loaded = folder.open()->load(backend);
    ASSERT_FALSE(loaded.ok());
    EXPECT_EQ(loaded.error().message, "the device 'half a device' does not run U-Nets; load this model on the CPU");
}

}  // namespace
}  // namespace moescope
