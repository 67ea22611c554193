// SPDX-License-Identifier: GPL-3.0-or-later
// What a VAE's config.json may say, and the scaling of latents that follows from it.
#include "engine/model/autoencoder_config.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

namespace moescope {
namespace {

nlohmann::json goodConfig() {
    return {{"_class_name", "AutoencoderKL"},
            {"block_out_channels", {32, 64}},
            {"latent_channels", 2},
            {"layers_per_block", 2},
            {"norm_num_groups", 8}};
}

TEST(AutoencoderConfig, KeysThatAreMissingOrNullHaveTheUsualValues) {
    nlohmann::json config = goodConfig();
    config["shift_factor"] = nullptr;
    config["latents_mean"] = nullptr;
    const AutoencoderConfig read = parseAutoencoderConfig(config).orThrow();
    EXPECT_DOUBLE_EQ(read.scalingFactor, 0.18215);
    EXPECT_FALSE(read.shiftFactor.has_value());
    EXPECT_TRUE(read.latentsMean.empty());
    EXPECT_TRUE(read.useQuantConv && read.usePostQuantConv && read.midAttention && read.doubleZ);
    EXPECT_EQ(read.reduction(), 2);
    EXPECT_EQ(read.momentChannels(), 4);
}

TEST(AutoencoderConfig, RefusesValuesThatMakeNoModel) {
    const auto refused = [](const char* key, nlohmann::json value) {
        nlohmann::json config = goodConfig();
        config[key] = std::move(value);
        const auto read = parseAutoencoderConfig(config);
        // The sentence names the key, so that a person can correct it.
        return !read.ok() && read.error().message.find(key) != std::string::npos;
    };
    EXPECT_TRUE(refused("_class_name", "VQModel"));
    EXPECT_TRUE(refused("act_fn", "relu"));
    EXPECT_TRUE(refused("block_out_channels", nlohmann::json::array()));
    EXPECT_TRUE(refused("block_out_channels", {32, -64}));
    EXPECT_TRUE(refused("block_out_channels", {32, 1e30}));
    EXPECT_TRUE(refused("block_out_channels", {32, 18446744073709551615u}));
    EXPECT_TRUE(refused("layers_per_block", 1.5));
    EXPECT_TRUE(refused("latent_channels", 0));
    EXPECT_TRUE(refused("norm_num_groups", 7));
    EXPECT_TRUE(refused("down_block_types", {"DownEncoderBlock2D", "AttnDownEncoderBlock2D"}));
    EXPECT_TRUE(refused("scaling_factor", 0));
    EXPECT_TRUE(refused("scaling_factor", "0.18"));
    EXPECT_TRUE(refused("use_quant_conv", 1));
    EXPECT_TRUE(refused("latents_std", {1.0, 2.0, 3.0}));
    EXPECT_TRUE(refused("latents_mean", {1.0, 2.0}));  // without latents_std
    EXPECT_FALSE(parseAutoencoderConfig(nlohmann::json::array()).ok());
}

TEST(AutoencoderConfig, UnscalingDividesAndShifts) {
    AutoencoderConfig config = parseAutoencoderConfig(goodConfig()).orThrow();
    config.scalingFactor = 0.5;
    const HostTensor latent({2, 1, 2}, {1.0f, 2.0f, 3.0f, 4.0f});
    EXPECT_EQ(unscaleLatent(config, latent).data, (std::vector<float>{2, 4, 6, 8}));
    config.shiftFactor = 1.0;
    EXPECT_EQ(unscaleLatent(config, latent).data, (std::vector<float>{3, 5, 7, 9}));
    EXPECT_EQ(scaleLatent(config, unscaleLatent(config, latent)).data, latent.data);
    config.shiftFactor.reset();
    config.latentsMean = {10, 20};
    config.latentsStd = {1, 2};
    EXPECT_EQ(unscaleLatent(config, latent).data, (std::vector<float>{12, 14, 32, 36}));
    EXPECT_EQ(scaleLatent(config, unscaleLatent(config, latent)).data, latent.data);
    EXPECT_THROW(unscaleLatent(config, HostTensor({3, 1, 1})), EngineException);
}

}  // namespace
}  // namespace moescope
