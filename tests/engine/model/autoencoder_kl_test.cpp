// SPDX-License-Identifier: GPL-3.0-or-later
// Loading autoencoders of other shapes, what is refused and how, memory and cancelling.
#include "engine/model/autoencoder_kl.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <stop_token>
#include <string>

#include "engine/backend/backend.h"
#include "tests/support/random_tensor.h"
#include "tests/support/vae_fixture.h"

namespace moescope {
namespace {

using test::NamedTensors;
using test::randomTensor;

/// The layout of the released autoencoder at an eighth of its width or so.
AutoencoderConfig smallConfig() {
    AutoencoderConfig config;
    config.blockOutChannels = {32, 64, 128, 128};
    config.layersPerBlock = 2;
    return config;
}

AutoencoderConfig tinyConfig() {
    AutoencoderConfig config;
    config.blockOutChannels = {32, 64};
    return config;
}

std::string refusal(const NamedTensors& tensors, const std::string& configText = {}) {
    const test::TemporaryFolder folder;
    test::writeTensors(folder.path() / "diffusion_pytorch_model.safetensors", tensors);
    if (!configText.empty()) std::ofstream(folder.path() / "config.json") << configText;
    Backend backend(cpuBackendTable(), {1});
    const auto vae = AutoencoderKl::load(backend, folder.path());
    return vae.ok() ? "loaded" : vae.error().message;
}

TEST(AutoencoderKl, DerivesItsShapeFromTheTensors) {
    const test::TemporaryFolder folder;
    const AutoencoderConfig config = smallConfig();
    const auto file = folder.path() / "some-name.safetensors";
    test::writeTensors(file, test::randomVae(config, 1));
    Backend backend(cpuBackendTable(), {2});
    const auto vae = AutoencoderKl::load(backend, file).orThrow();
    EXPECT_EQ(vae->config().blockOutChannels, config.blockOutChannels);
    EXPECT_EQ(vae->config().layersPerBlock, 2);
    EXPECT_EQ(vae->config().normGroups, 32);
    EXPECT_EQ(vae->config().latentChannels, 4);
    EXPECT_TRUE(vae->config().doubleZ);
    EXPECT_DOUBLE_EQ(vae->config().scalingFactor, 0.18215);

    const HostTensor picture = vae->decode(randomTensor({4, 16, 16}, 2));
    EXPECT_EQ(picture.shape, (Shape{3, 128, 128}));
    EXPECT_TRUE(std::all_of(picture.data.begin(), picture.data.end(), [](float v) { return std::isfinite(v); }));
    const AutoencoderMoments moments = vae->encode(randomTensor({3, 50, 39}, 3));
    EXPECT_EQ(moments.moments.shape, (Shape{8, 6, 4})) << "each level halves and drops an odd row or column";
}

TEST(AutoencoderKl, LatentDiffusionNamesGiveTheSameBytes) {
    const test::TemporaryFolder folder;
    const NamedTensors tensors = test::randomVae(tinyConfig(), 4);
    test::writeTensors(folder.path() / "diffusers.safetensors", tensors);
    test::writeTensors(folder.path() / "original.safetensors", test::latentDiffusionNames(tensors, 2));
    Backend backend(cpuBackendTable(), {2});
    const auto current = AutoencoderKl::load(backend, folder.path() / "diffusers.safetensors").orThrow();
    const auto original = AutoencoderKl::load(backend, folder.path() / "original.safetensors").orThrow();
    EXPECT_EQ(original->naming(), "latent diffusion");
    EXPECT_EQ(original->parameters(), current->parameters());
    const HostTensor latent = randomTensor({4, 5, 3}, 5);
    EXPECT_EQ(original->decode(latent).data, current->decode(latent).data);
}

TEST(AutoencoderKl, OptionalPartsMayBeMissing) {
    const test::TemporaryFolder folder;
    AutoencoderConfig config = tinyConfig();
    config.useQuantConv = config.usePostQuantConv = config.midAttention = false;
    config.latentChannels = 16;
    config.doubleZ = false;
    test::writeTensors(folder.path() / "vae.safetensors", test::randomVae(config, 6));
    Backend backend(cpuBackendTable(), {2});
    const auto vae = AutoencoderKl::load(backend, folder.path() / "vae.safetensors").orThrow();
    EXPECT_FALSE(vae->config().midAttention);
    std::vector<std::string> seen;
    const AutoencoderRunOptions options{
        0, [&](std::string_view name, int64_t, const HostTensor&) { seen.emplace_back(name); }};
    EXPECT_EQ(vae->decode(randomTensor({16, 4, 4}, 7), options).shape, (Shape{3, 8, 8}));
    EXPECT_EQ(seen, (std::vector<std::string>{"decode.conv_in", "decode.mid", "decode.up.0", "decode.up.1"}));
    const AutoencoderMoments moments = vae->encode(randomTensor({3, 8, 8}, 8));
    EXPECT_EQ(moments.mean.shape, (Shape{16, 4, 4}));
    EXPECT_TRUE(moments.logvar.empty());
}

TEST(AutoencoderKl, ADecoderAloneIsEnoughToDecode) {
    const test::TemporaryFolder folder;
    NamedTensors tensors = test::randomVae(tinyConfig(), 9);
    test::writeTensors(folder.path() / "whole.safetensors", tensors);
    std::erase_if(tensors, [](const auto& entry) {
        return entry.first.starts_with("encoder.") || entry.first.starts_with("quant_conv.");
    });
    test::writeTensors(folder.path() / "half.safetensors", tensors);
    Backend backend(cpuBackendTable(), {2});
    const HostTensor latent = randomTensor({4, 4, 4}, 10);
    const auto whole = AutoencoderKl::load(backend, folder.path() / "whole.safetensors").orThrow();
    for (const char* name : {"half.safetensors", "whole.safetensors"}) {
        const auto half = AutoencoderKl::load(backend, folder.path() / name, {true, false}).orThrow();
        EXPECT_LT(half->packedBytes(), whole->packedBytes());
        EXPECT_EQ(half->decode(latent).data, whole->decode(latent).data);
        EXPECT_THROW(half->encode(randomTensor({3, 8, 8}, 11)), EngineException);
    }
    EXPECT_FALSE(AutoencoderKl::load(backend, folder.path() / "half.safetensors").ok());
}

TEST(AutoencoderKl, NamesTensorsThatAreMissingUnknownOrOfAnotherShape) {
    NamedTensors tensors = test::randomVae(tinyConfig(), 12);
    tensors.erase("decoder.mid_block.resnets.1.conv2.bias");
    tensors["decoder.mid_block.surplus.weight"] = HostTensor({3});
    tensors["encoder.conv_norm_out.bias"] = HostTensor({63});
    const std::string message = refusal(tensors);
    EXPECT_NE(message.find("1 missing (decoder.mid_block.resnets.1.conv2.bias)"), std::string::npos) << message;
    EXPECT_NE(message.find("1 unknown (decoder.mid_block.surplus.weight)"), std::string::npos) << message;
    EXPECT_NE(message.find("encoder.conv_norm_out.bias (expected [64], found F32 [63])"), std::string::npos) << message;
}

TEST(AutoencoderKl, CountsTensorsBeyondTheFirstFew) {
    NamedTensors tensors = test::randomVae(tinyConfig(), 13);
    std::erase_if(tensors, [](const auto& entry) { return entry.first.starts_with("encoder.mid_block.resnets.0."); });
    const std::string message = refusal(tensors);
    EXPECT_NE(message.find("8 missing (encoder.mid_block.resnets.0."), std::string::npos) << message;
    EXPECT_NE(message.find("and 4 more)"), std::string::npos) << message;
}

TEST(AutoencoderKl, NamesWeightsThatAreNotFinite) {
    NamedTensors tensors = test::randomVae(tinyConfig(), 14);
    tensors["decoder.up_blocks.0.resnets.0.conv1.weight"].data[17] = std::nanf("");
    EXPECT_NE(refusal(tensors).find("nan in decoder.up_blocks.0.resnets.0.conv1.weight"), std::string::npos)
        << refusal(tensors);
    tensors = test::randomVae(tinyConfig(), 14);
    tensors["encoder.mid_block.attentions.0.to_v.bias"].data[0] = HUGE_VALF;
    EXPECT_NE(refusal(tensors).find("inf in encoder.mid_block.attentions.0.to_v.bias"), std::string::npos);
}

TEST(AutoencoderKl, ExplainsWhatItCanNotRead) {
    const NamedTensors good = test::randomVae(tinyConfig(), 15);
    EXPECT_EQ(refusal(good), "loaded");
    EXPECT_NE(refusal(good, "{").find("expected JSON"), std::string::npos);
    EXPECT_NE(refusal(good, R"({"_class_name": "AutoencoderKLWan"})").find("expected _class_name \"AutoencoderKL\""),
              std::string::npos);
    EXPECT_NE(refusal(good, R"({"block_out_channels": [32, 64, 64]})").find("of another shape"), std::string::npos);
    EXPECT_NE(refusal({{"blocks.0.weight", HostTensor({2, 2})}}).find("expected an AutoencoderKL"), std::string::npos);

    AutoencoderConfig uneven = tinyConfig();
    uneven.blockOutChannels = {16, 24};
    EXPECT_NE(refusal(test::randomVae(uneven, 16)).find("put the model's config.json beside"), std::string::npos);

    Backend backend(cpuBackendTable(), {1});
    const auto nothing = AutoencoderKl::load(backend, "/nonexistent/vae");
    ASSERT_FALSE(nothing.ok());
    EXPECT_EQ(nothing.error().code, ErrorCode::NotFound);
}

TEST(AutoencoderKl, RefusesLatentsAndPicturesOfOtherShapes) {
    const test::TemporaryFolder folder;
    test::writeTensors(folder.path() / "vae.safetensors", test::randomVae(tinyConfig(), 17));
    Backend backend(cpuBackendTable(), {1});
    const auto vae = AutoencoderKl::load(backend, folder.path() / "vae.safetensors").orThrow();
    EXPECT_THROW(vae->decode(HostTensor({3, 4, 4})), EngineException);
    EXPECT_THROW(vae->decode(HostTensor({4, 4})), EngineException);
    EXPECT_THROW(vae->decode(HostTensor({1, 4, 0, 4})), EngineException);
    EXPECT_THROW(vae->encode(HostTensor({3, 1, 8})), EngineException);
    EXPECT_THROW(vae->encode(HostTensor({1, 8, 8})), EngineException);
}

TEST(AutoencoderKl, StopsWhenAskedAndRunsAgain) {
    const test::TemporaryFolder folder;
    test::writeTensors(folder.path() / "vae.safetensors", test::randomVae(tinyConfig(), 18));
    Backend backend(cpuBackendTable(), {2});
    const auto vae = AutoencoderKl::load(backend, folder.path() / "vae.safetensors").orThrow();
    const HostTensor latent = randomTensor({4, 6, 6}, 19);
    const HostTensor picture = vae->decode(latent);
    {
        std::stop_source stop;
        const Backend::CancelScope scope(backend, stop.get_token());
        const AutoencoderRunOptions options{0, [&](std::string_view name, int64_t, const HostTensor&) {
                                                if (name == "decode.mid") stop.request_stop();
                                            }};
        try {
            vae->decode(latent, options);
            FAIL() << "was not stopped";
        } catch (const EngineException& e) {
            EXPECT_EQ(e.error().code, ErrorCode::Cancelled);
        }
    }
    EXPECT_EQ(vae->decode(latent).data, picture.data);
}

// A device that counts the bytes of living tensors; plain functions, since the table is plain C.
uint64_t liveBytes = 0, peakBytes = 0;

MsStatus countedCreate(MsContext* context, MsDType dtype, int32_t rank, const int64_t* shape, MsTensor** out) {
    const uint64_t before = cpuBackendTable().memory_used(context);
    const MsStatus status = cpuBackendTable().tensor_create(context, dtype, rank, shape, out);
    liveBytes += cpuBackendTable().memory_used(context) - before;
    peakBytes = std::max(peakBytes, liveBytes);
    return status;
}

void countedDestroy(MsContext* context, MsTensor* tensor) {
    const uint64_t before = cpuBackendTable().memory_used(context);
    cpuBackendTable().tensor_destroy(context, tensor);
    liveBytes -= before - cpuBackendTable().memory_used(context);
}

TEST(AutoencoderKl, NeedsTheActivationsThatItStates) {
    MsBackendTable counting = cpuBackendTable();
    counting.tensor_create = countedCreate;
    counting.tensor_destroy = countedDestroy;
    Backend backend(counting, {2});
    for (const AutoencoderConfig& config : {smallConfig(), tinyConfig()}) {
        const test::TemporaryFolder folder;
        test::writeTensors(folder.path() / "vae.safetensors", test::randomVae(config, 20));
        const auto vae = AutoencoderKl::load(backend, folder.path() / "vae.safetensors").orThrow();
        const uint64_t weights = peakBytes = liveBytes;
        vae->decode(randomTensor({4, 6, 5}, 21));
        EXPECT_EQ(peakBytes - weights, vae->decodeBytes(6, 5));
        EXPECT_EQ(liveBytes, weights) << "activations are given back";
    }
}

TEST(AutoencoderKl, GivesEverythingBackWhenUnloaded) {
    const test::TemporaryFolder folder;
    test::writeTensors(folder.path() / "vae.safetensors", test::randomVae(tinyConfig(), 22));
    Backend backend(cpuBackendTable(), {2});
    const uint64_t before = backend.memoryUsed();
    auto vae = AutoencoderKl::load(backend, folder.path() / "vae.safetensors").orThrow();
    EXPECT_EQ(backend.memoryUsed(), before + vae->packedBytes());
    vae.reset();
    EXPECT_EQ(backend.memoryUsed(), before);
}

}  // namespace
}  // namespace moescope
