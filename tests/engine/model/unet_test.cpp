// SPDX-License-Identifier: GPL-3.0-or-later
// U-Nets of diffusers: against its outputs, in batches and threads, and what they say of themselves.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>

#include "engine/model/noise_schedule.h"
#include "engine/model/unet/unet_weights.h"
#include "engine/sampling/generator.h"
#include "engine/sampling/noise.h"
#include "engine/verify/verify_case.h"
#include "tests/support/random_tensor.h"
#include "tests/support/unet_fixture.h"

namespace moescope {
namespace {

using test::UnetFolder;

struct Loaded {
    std::unique_ptr<Backend> backend;
    std::unique_ptr<Denoiser> denoiser;
};

Loaded load(const std::shared_ptr<const Checkpoint>& checkpoint, int threads = 2, MsDType storage = MS_F32) {
    Loaded made;
    made.backend = std::make_unique<Backend>(cpuBackendTable(), BackendOptions{threads});
    LoadOptions options;
    options.storage = storage;
    made.denoiser = checkpoint->load(*made.backend, options).orThrow();
    return made;
}

/// Samples [first, first + count) of a tensor.
HostTensor part(const HostTensor& all, int64_t first, int64_t count) {
    Shape shape = all.shape;
    shape[0] = count;
    const int64_t each = all.size() / all.shape[0];
    return {shape, {all.data.begin() + first * each, all.data.begin() + (first + count) * each}};
}

/// One pass over samples of a case's inputs.
std::vector<float> pass(const Loaded& model, const NamedTensors& in, int64_t first, int64_t count) {
    const auto input = [&](const char* key) {
        return in.contains(key) ? part(in.asFloat(key).orThrow(), first, count) : HostTensor();
    };
    const HostTensor x = input("x"), t = input("t"), context = input("context"), pooled = input("text_embeds"),
                     ids = input("time_ids");
    std::vector<int32_t> numbers(static_cast<size_t>(count));
    if (in.contains("labels"))
        for (int64_t i = 0; i < count; ++i)
            numbers[static_cast<size_t>(i)] =
                static_cast<int32_t>(in.asInt64("labels").orThrow()[static_cast<size_t>(first + i)]);
    Backend& backend = *model.backend;
    const DeviceTensor picture = backend.tensorFrom(x.shape, x.data), times = backend.tensorFrom(t.shape, t.data);
    DeviceTensor labels = backend.tensor({count}, MS_I32);
    backend.upload(labels, std::span<const int32_t>(numbers));
    Condition condition{labels};
    if (!context.empty()) condition.context = &context;
    if (!pooled.empty()) condition.pooledText = &pooled;
    if (!ids.empty()) condition.timeIds = &ids;
    const auto workspace = model.denoiser->makeWorkspace(count);
    model.denoiser->forward(*workspace, picture, times, condition, nullptr);
    return backend.fetch(workspace->output()).data;
}

TEST(UNet, VerifyFindsEveryStoredValueAtEveryInstructionLevel) {
    const std::map<std::string, int64_t> outputs{{"text", 10}, {"text-time", 8}, {"classes", 8}, {"early", 8}};
    for (const auto& [name, count] : outputs) {
        const UnetFolder folder(name);
        for (const char* isa : {"avx512", "avx2", "sse4"}) {
            SCOPED_TRACE(name + " " + isa);
            if (!guarded([&] { return Backend(cpuBackendTable(), {1, isa}).description(); }).ok()) continue;
            Backend backend(cpuBackendTable(), {2, isa});
            const auto report = verifyCase(folder.path(), backend);
            ASSERT_TRUE(report.ok()) << report.error().message;
            EXPECT_TRUE(report->passed()) << reportText(*report);
            EXPECT_EQ(report->compared(), count);
            EXPECT_EQ(report->total(), count);
            EXPECT_EQ(report->family, "U-Net");
        }
    }
}

TEST(UNet, VerifyNoticesAValueThatIsOff) {
    const UnetFolder folder("classes");
    folder.editWeights(
        [](NamedTensors& tensors) { test::floatAt(tensors, "up_blocks.1.resnets.1.conv2.bias", 3) += 0.01f; });
    Backend backend(cpuBackendTable(), {2});
    const auto report = verifyCase(folder.path(), backend).orThrow();
    EXPECT_FALSE(report.passed());
    for (const verify::KeyReport& key : report.files.front().keys)
        EXPECT_EQ(key.passed, key.key != "up.1" && key.key != "output") << key.key;
}

TEST(UNet, ASampleKeepsItsBytesInAnyBatchAndWithAnyThreads) {
    for (const char* name : {"text", "text-time", "classes", "early"}) {
        SCOPED_TRACE(name);
        const UnetFolder folder(name);
        const NamedTensors in = folder.reference();
        const Loaded model = load(folder.open(), 2), other = load(folder.open(), 3);
        const std::vector<float> both = pass(model, in, 0, 2);
        EXPECT_EQ(pass(other, in, 0, 2), both);
        std::vector<float> alone = pass(model, in, 0, 1);
        const std::vector<float> second = pass(model, in, 1, 1);
        alone.insert(alone.end(), second.begin(), second.end());
        EXPECT_EQ(alone, both);
    }
}

TEST(UNet, HalfPrecisionFilesComputeWithTheirRoundedValues) {
    for (const DType stored : {DType::F16, DType::BF16}) {
        const UnetFolder half("text", stored), full("text");
        full.editWeights([&](NamedTensors& tensors) {
            for (auto& [name, tensor] : tensors.tensors)
                for (size_t i = 0; i < tensor.bytes.size() / 4; ++i) {
                    float& value = test::floatAt(tensors, name, i);
                    value = stored == DType::F16 ? halfToFloat(floatToHalf(value))
                                                 : bfloat16ToFloat(floatToBfloat16(value));
                }
        });
        const NamedTensors in = full.reference();
        EXPECT_EQ(half.open()->dtypes(), dtypeName(stored));
        EXPECT_EQ(pass(load(half.open()), in, 0, 2), pass(load(full.open()), in, 0, 2));
        // Packing a bf16 file as bf16 loses nothing: the arithmetic stays fp32.
        if (stored == DType::BF16) {
            EXPECT_EQ(pass(load(half.open(), 2, MS_BF16), in, 0, 2), pass(load(full.open()), in, 0, 2));
        }
    }
}

TEST(UNet, DescribesItselfFromHeadersAndConfig) {
    const UnetFolder text("text"), pooled("text-time"), classes("classes"), early("early");
    const ModelDescription d = text.open()->description();
    EXPECT_EQ(d.family, "U-Net");
    EXPECT_EQ(d.prediction, Prediction::Noise);
    EXPECT_EQ(d.space, PictureSpace::SdLatent);
    EXPECT_EQ(d.conditioning, Conditioning::Text);
    EXPECT_EQ(d.contextWidth, 24);
    EXPECT_EQ(
        d.network,
        "3 levels of 16, 32, 32 channels, 1 layers each, cross-attention to text of width 24, 8 x 8 latent pixels");
    EXPECT_EQ(d.config.inputSide(), 8);
    // As diffusers counts them.
    EXPECT_EQ(d.totalParameters(), 373316);
    EXPECT_EQ(d.activeParameters(), 373316);
    EXPECT_EQ(pooled.open()->description().totalParameters(), 495204);
    EXPECT_EQ(classes.open()->description().totalParameters(), 178131);
    EXPECT_EQ(early.open()->description().totalParameters(), 253123);
    EXPECT_EQ(classes.open()->description().conditioning, Conditioning::ClassLabel);
    EXPECT_EQ(classes.open()->description().config.classes, 10);
    EXPECT_EQ(early.open()->description().conditioning, Conditioning::None);
    EXPECT_EQ(early.open()->description().config.classes, 0);
    EXPECT_TRUE(early.open()->unused().empty());
    EXPECT_TRUE(early.open()->runnable().ok());
}

TEST(UNet, CountsThePublishedNetworks) {
    using nlohmann::json;
    const json down = {"CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"};
    const json up = {"UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"};
    struct Published {
        const char* name;
        json config;
        size_t tensors;
        int64_t parameters;
    };
    for (const Published& p : std::vector<Published>{
             {"Stable Diffusion 1",
              {{"_class_name", "UNet2DConditionModel"},
               {"sample_size", 64},
               {"block_out_channels", {320, 640, 1280, 1280}},
               {"down_block_types", down},
               {"up_block_types", up},
               {"cross_attention_dim", 768},
               {"attention_head_dim", 8}},
              686,
              859520964},
             {"Stable Diffusion 2",
              {{"_class_name", "UNet2DConditionModel"},
               {"sample_size", 96},
               {"block_out_channels", {320, 640, 1280, 1280}},
               {"down_block_types", down},
               {"up_block_types", up},
               {"cross_attention_dim", 1024},
               {"attention_head_dim", {5, 10, 20, 20}},
               {"use_linear_projection", true}},
              686,
              865910724},
             {"Stable Diffusion XL",
              {{"_class_name", "UNet2DConditionModel"},
               {"sample_size", 128},
               {"block_out_channels", {320, 640, 1280}},
               {"down_block_types", {"DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"}},
               {"up_block_types", {"CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"}},
               {"cross_attention_dim", 2048},
               {"attention_head_dim", {5, 10, 20}},
               {"use_linear_projection", true},
               {"transformer_layers_per_block", {1, 2, 10}},
               {"addition_embed_type", "text_time"},
               {"addition_time_embed_dim", 256},
               {"projection_class_embeddings_input_dim", 2816}},
              1680,
              2567463684},
             {"DDPM of CIFAR-10",
              {{"_class_name", "UNet2DModel"},
               {"sample_size", 32},
               {"block_out_channels", {128, 256, 256, 256}},
               {"down_block_types", {"DownBlock2D", "AttnDownBlock2D", "DownBlock2D", "DownBlock2D"}},
               {"up_block_types", {"UpBlock2D", "UpBlock2D", "AttnUpBlock2D", "UpBlock2D"}},
               {"attention_head_dim", nullptr},
               {"norm_eps", 1e-6},
               {"freq_shift", 1},
               {"flip_sin_to_cos", false},
               {"downsample_padding", 0}},
              328,
              35746307}}) {
        SettingBag settings;
        settings.add(p.config, "test");
        const unet::Config config = unet::readConfig(settings);
        unet::Assembler list(config);
        list.assemble();
        ModelDescription d;
        d.tensors = list.tensors();
        EXPECT_EQ(d.tensors.size(), p.tensors) << p.name;
        EXPECT_EQ(d.totalParameters(), p.parameters) << p.name;
    }
}

TEST(UNet, SaysWhyItCanNotMakePicturesAlone) {
    const UnetFolder text("text"), classes("classes");
    text.write("scheduler_config.json", "{}");
    const auto checkpoint = text.open();
    const std::string told = checkpoint->description().notAlone;
    EXPECT_EQ(told,
              "this U-Net follows encoded text, and this version runs no text encoder: it makes no pictures by itself, "
              "but verify can check it");
    EXPECT_EQ(checkpoint->notes().back(), told);
    GenerationRequest request;
    request.classes = {0};
    EXPECT_EQ(checkRequest(checkpoint->description(), request).error().message, told);
    EXPECT_EQ(
        classes.open()->description().notAlone,
        "no noise schedule is known for this U-Net: put its scheduler_config.json beside it or into ../scheduler");
    classes.write("scheduler_config.json", R"({"beta_schedule": "squaredcos_cap_v2"})");
    EXPECT_EQ(classes.open()->description().notAlone, "");
    ASSERT_TRUE(classes.open()->description().noise);
    EXPECT_EQ(classes.open()->description().noise->steps(), 1000);
    classes.write("scheduler_config.json", R"({"num_train_timesteps": 500})");
    EXPECT_EQ(classes.open()->description().notAlone,
              "this U-Net was trained on 500 timesteps, and the samplers walk 1000: it can be an expert of an ensemble "
              "of networks");
    EXPECT_EQ(classes.open()->description().noise->steps(), 500);
    classes.write("scheduler_config.json", R"({"prediction_type": "v_prediction"})");
    EXPECT_EQ(classes.open()->description().notAlone,
              "this U-Net predicts velocities of its diffusion, and the samplers take predicted noise: it can be an "
              "expert of an ensemble of networks");
    classes.write("scheduler_config.json", R"({"beta_schedule": "laplace"})");
    EXPECT_EQ(classes.open()->description().notAlone,
              "the noise schedule should give beta_schedule as linear, scaled_linear or squaredcos_cap_v2, found "
              "laplace (scheduler_config.json)");
    EXPECT_TRUE(classes.open()->runnable().ok());
}

TEST(UNet, MakesPicturesAloneByItsOwnNoiseSchedule) {
    const UnetFolder folder("classes");
    folder.write("scheduler_config.json",
                 R"({"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012})");
    const auto checkpoint = folder.open();
    const Loaded model = load(checkpoint);
    GenerationRequest request;
    request.classes = {4};
    request.seed = 3;
    request.sampler = checkpoint->description().defaults;
    request.sampler.sampler = SamplerKind::Ddim;
    request.sampler.steps = 3;
    request.sampler.cfgScale = 1;
    const auto run = generate(*model.denoiser, nullptr, request, nullptr, {});
    ASSERT_TRUE(run.ok()) << run.error().message;
    ASSERT_TRUE(run->record->complete);
    EXPECT_EQ(run->record->pictures.front().width, 8);

    // The same three steps by hand: x0 = (z - s eps) / a, then the next state has that data and that noise.
    HostTensor z = makeNoise({}, 3, 1, {3, 8, 8}).orThrow();
    z.shape = {1, 3, 8, 8};
    NamedTensors in = folder.reference();
    const std::vector<int> timesteps{999, 500, 0};
    const NoiseSchedule& noise = *checkpoint->description().noise;
    for (size_t step = 0; step < timesteps.size(); ++step) {
        const double abar = noise.alphaBar[static_cast<size_t>(timesteps[step])];
        const double next =
            step + 1 < timesteps.size() ? noise.alphaBar[static_cast<size_t>(timesteps[step + 1])] : 1.0;
        std::memcpy(in.tensors.at("x").bytes.data(), z.data.data(), z.data.size() * sizeof(float));
        test::floatAt(in, "t", 0) = static_cast<float>(timesteps[step]);
        const std::vector<float> eps = pass(model, in, 0, 1);
        for (size_t i = 0; i < eps.size(); ++i) {
            const NoiseAndData split = splitPrediction(NoiseTarget::Noise, abar, z.data[i], eps[i]);
            z.data[i] = static_cast<float>(std::sqrt(next) * split.data + std::sqrt(1 - next) * split.noise);
        }
    }
    // The first step magnifies roundings by 1 / sqrt(abar) = 15, and the untrained network does not damp them.
    const std::vector<float>& made = run->record->finalLatents.data;
    EXPECT_LE(test::relativeDifference(made, z.data), 1e-4);
    folder.write("scheduler_config.json", "{}");
    const auto other = generate(*load(folder.open()).denoiser, nullptr, request, nullptr, {}).orThrow();
    EXPECT_GE(test::relativeDifference(other.record->finalLatents.data, z.data), 0.1);
}

TEST(UNet, MakesPicturesWithoutAnyCondition) {
    const UnetFolder folder("early");
    folder.write("scheduler_config.json", "{}");
    const auto checkpoint = folder.open();
    const Loaded model = load(checkpoint);
    GenerationRequest request;
    request.classes = {0, 0};
    request.sampler = checkpoint->description().defaults;
    request.sampler.steps = 3;
    for (const SamplerKind kind : checkpoint->description().samplers) {
        request.sampler.sampler = kind;
        const auto run = generate(*model.denoiser, nullptr, request, nullptr, {});
        ASSERT_TRUE(run.ok()) << run.error().message;
        EXPECT_TRUE(run->record->complete) << samplerName(kind);
        EXPECT_EQ(run->record->pictures.size(), 2u);
    }
}

TEST(UNet, OpensTheFolderOfAWholePipeline) {
    const UnetFolder folder("classes");
    const auto root = folder.path() / "tiny-pixels";
    std::filesystem::create_directories(root / "unet");
    std::filesystem::create_directories(root / "scheduler");
    for (const char* file : {"config.json", "diffusion_pytorch_model.safetensors"})
        std::filesystem::copy(folder.path() / file, root / "unet" / file);
    folder.write("tiny-pixels/scheduler/scheduler_config.json", R"({"prediction_type": "v_prediction"})");
    const auto checkpoint = Checkpoint::open(root).orThrow();
    EXPECT_EQ(checkpoint->name(), "tiny-pixels");
    EXPECT_EQ(checkpoint->description().noise->target, NoiseTarget::Velocity);
}

TEST(UNet, ANetworkThatNeverLearnedNoClassAddsNothingForIt) {
    const UnetFolder folder("classes"), zeroed("classes");
    zeroed.editWeights([](NamedTensors& tensors) {
        for (size_t i = 0; i < 64; ++i) test::floatAt(tensors, "class_embedding.weight", 10 * 64 + i) = 0;
    });
    CheckpointOptions options;
    options.settings = {{"null_class", false}};
    const auto checkpoint = Checkpoint::open(folder.path(), options).orThrow();
    EXPECT_EQ(checkpoint->description().config.classes, 11);
    EXPECT_EQ(checkpoint->description().defaults.cfgScale, 1.0);
    NamedTensors in = folder.reference();
    for (size_t i = 0; i < 2; ++i) test::integerAt(in, "labels", i) = 11;
    const std::vector<float> without = pass(load(checkpoint), in, 0, 2);
    for (size_t i = 0; i < 2; ++i) test::integerAt(in, "labels", i) = 10;
    EXPECT_EQ(pass(load(zeroed.open()), in, 0, 2), without);
    EXPECT_NE(pass(load(checkpoint), in, 0, 2), without);
}

TEST(UNet, AsksForTheTextItNeeds) {
    const UnetFolder folder("text-time");
    const Loaded model = load(folder.open());
    const auto refusal = [&](const std::function<void(NamedTensors&)>& change) {
        NamedTensors in = folder.reference();
        change(in);
        const auto tried = guarded([&] { return pass(model, in, 0, 2); });
        return tried.ok() ? std::string() : tried.error().message;
    };
    EXPECT_EQ(refusal([](NamedTensors& in) { in.tensors.erase("context"); }),
              "this U-Net needs encoded text of shape [2, any, 24], and none was given");
    EXPECT_EQ(refusal([](NamedTensors& in) { in.tensors.erase("time_ids"); }),
              "this U-Net needs time ids of shape [2, 6], and none was given");
    EXPECT_EQ(refusal([](NamedTensors& in) {
                  in.tensors.at("text_embeds").shape = {2, 15};
                  in.tensors.at("text_embeds").bytes.resize(120);
              }),
              "this U-Net adds 64 columns to its time, the pooled text and 8 for each of some time ids; found a pooled "
              "text of 15");
}

TEST(UNet, RepeatedPassesTakeNoMoreMemory) {
    const UnetFolder folder("text");
    const Loaded model = load(folder.open());
    const NamedTensors in = folder.reference();
    Backend& backend = *model.backend;
    const HostTensor x = in.asFloat("x").orThrow(), t = in.asFloat("t").orThrow(),
                     context = in.asFloat("context").orThrow();
    const DeviceTensor picture = backend.tensorFrom(x.shape, x.data), times = backend.tensorFrom(t.shape, t.data);
    const DeviceTensor labels = backend.tensor({2}, MS_I32);
    Condition condition{labels};
    condition.context = &context;
    const auto workspace = model.denoiser->makeWorkspace(2);
    std::vector<uint64_t> used;
    for (int i = 0; i < 4; ++i) {
        model.denoiser->forward(*workspace, picture, times, condition, nullptr);
        used.push_back(backend.memoryUsed());
    }
    EXPECT_EQ(used[3], used[2]);
    EXPECT_EQ(used[2], used[1]);
}

TEST(UNet, StopsWhenAsked) {
    const UnetFolder folder("classes");
    const Loaded model = load(folder.open());
    std::stop_source stop;
    stop.request_stop();
    const Backend::CancelScope scope(*model.backend, stop.get_token());
    const auto tried = guarded([&] { return pass(model, folder.reference(), 0, 2); });
    ASSERT_FALSE(tried.ok());
    EXPECT_EQ(tried.error().code, ErrorCode::Cancelled);
}

}  // namespace
}  // namespace moescope
