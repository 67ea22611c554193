// SPDX-License-Identifier: GPL-3.0-or-later
// Networks that read prompts in training: the forward of inference, gradients against finite differences, and a run
// from captions to pictures.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "engine/model/checkpoint.h"
#include "engine/model/compose_model.h"
#include "engine/sampling/generator.h"
#include "engine/train/run_start.h"
#include "engine/train/training_pass.h"
#include "engine/train/training_run.h"
#include "engine/train/weight_snapshot.h"
#include "tests/support/prompt_model.h"
#include "tests/support/random_tensor.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/toy_pictures.h"

namespace moescope::train {
namespace {

using test::PromptToy;

const std::vector<std::string> kPrompts{"a red heart", "", "two blue stars left of a green zebra"};

/// The toy network on a training device.
class PromptTraining : public testing::Test {
protected:
    explicit PromptTraining(std::unique_ptr<TrainingDevice> made = makeReferenceTrainingDevice())
        : device(std::move(made)) {
        toy.write(folder / "toy.safetensors");
        checkpoint = Checkpoint::open(folder / "toy.safetensors").orThrow();
        layout = std::make_unique<ParameterLayout>(checkpoint->description());
        values.resize(static_cast<size_t>(layout->allValues()));
        for (const Parameter& p : layout->parameters()) {
            std::vector<float> stored(static_cast<size_t>(p.values));
            checkpoint->view().source().readFloat(*checkpoint->view().find(p.name), stored).orThrow();
            std::copy(stored.begin(), stored.end(), values.begin() + p.offset);
        }
        NetworkOptions options;
        options.samples = static_cast<int64_t>(kPrompts.size());
        network = std::make_unique<TrainingNetwork>(*device, checkpoint->description(), *layout, options);
        network->allocate();
        for (const std::string& prompt : kPrompts) prompts.add(checkpoint->description(), prompt);
        picture = test::randomTensor({3, PromptToy::kChannels, 8, 8}, 77);
    }

    std::vector<float> forward(const std::vector<float>& with) {
        // The reference device's memory is the host's; so is the CPU's.
        const float* output = network->forward(
            with.data(), {picture.data.data(), t.data(), nullptr, {prompts.ids.data(), prompts.weights.data()}});
        return {output, output + network->outputValues()};
    }
    std::vector<int32_t> chosen() const {
        std::vector<int32_t> all;
        for (const LayerDecisions& layer : network->decisions())
            all.insert(all.end(), layer.chosen, layer.chosen + layer.rows * layer.topK);
        return all;
    }

    PromptToy toy;
    test::TemporaryFolder folder;
    std::unique_ptr<TrainingDevice> device;
    std::shared_ptr<const Checkpoint> checkpoint;
    std::unique_ptr<ParameterLayout> layout;
    std::unique_ptr<TrainingNetwork> network;
    std::vector<float> values;
    PromptRows prompts;
    HostTensor picture;
    std::vector<float> t{0.1f, 0.5f, 0.9f};
};

TEST_F(PromptTraining, ComputesWhatInferenceComputes) {
    Backend backend(cpuBackendTable(), BackendOptions{1});
    const auto denoiser = checkpoint->load(backend).orThrow();
    DeviceTensor labels = backend.tensor({3}, MS_I32);
    backend.upload(labels, std::span<const int32_t>(std::vector<int32_t>(3)));
    PromptStates read;
    denoiser->encodePrompts(kPrompts, read);
    Condition condition{labels};
    condition.prompts = &read;
    const auto workspace = denoiser->makeWorkspace(3);
    denoiser->forward(*workspace, backend.tensorFrom(picture.shape, picture.data), backend.tensorFrom({3}, t),
                      condition, nullptr);
    EXPECT_LT(test::relativeDifference(forward(values), backend.fetch(workspace->output()).data), 5e-6);
}

TEST_F(PromptTraining, HasTheGradientsOfFiniteDifferences) {
    // The loss is the sum of the outputs weighted at random, so that its gradient with respect to the output is known.
    const std::vector<float> weight = test::randomTensor({network->outputValues()}, 5).data;
    // Biases beyond what scores can differ by hold the selection, which is constant to the gradients.
    for (const Parameter& p : layout->parameters())
        for (int64_t e = 0; e < p.values && p.name.ends_with("e_score_correction_bias"); ++e)
            values[static_cast<size_t>(p.offset + e)] = static_cast<float>(2 * (e % 3));
    const std::vector<float> output = forward(values);
    const std::vector<int32_t> choices = chosen();
    std::vector<float> gradients(static_cast<size_t>(layout->learnedValues()));
    network->backward(values.data(), weight.data(), 1, gradients.data());
    const auto loss = [&](const std::vector<float>& with) {
        const std::vector<float> made = forward(with);
        EXPECT_EQ(chosen(), choices) << "other experts were chosen";
        double sum = 0;
        for (size_t i = 0; i < made.size(); ++i) sum += static_cast<double>(made[i]) * static_cast<double>(weight[i]);
        return sum;
    };
    double size = 0;
    for (size_t i = 0; i < output.size(); ++i)
        size += std::abs(static_cast<double>(output[i]) * static_cast<double>(weight[i]));

    constexpr double kStep = 4e-3;
    for (const Parameter& p : layout->parameters()) {
        if (!p.name.starts_with("prompt_encoder.") && p.name != "in_context_posemb") continue;
        if (!p.learned) continue;
        // Along a random direction of length 1, by two steps of which the longer one's error of third order is taken
        // off the shorter's.
        std::vector<float> direction = test::randomTensor({p.values}, 9).data;
        const double length = std::sqrt(std::inner_product(direction.begin(), direction.end(), direction.begin(), 0.0));
        const auto difference = [&](double step) {
            std::vector<float> up = values, down = values;
            for (int64_t i = 0; i < p.values; ++i) {
                const auto at = static_cast<size_t>(p.offset + i);
                const auto by =
                    static_cast<float>(step * static_cast<double>(direction[static_cast<size_t>(i)]) / length);
                up[at] += by;
                down[at] -= by;
            }
            return (loss(up) - loss(down)) / (2 * step);
        };
        const double expected = (4 * difference(kStep) - difference(2 * kStep)) / 3;
        double along = 0;
        for (int64_t i = 0; i < p.values; ++i)
            along += static_cast<double>(gradients[static_cast<size_t>(p.offset + i)]) *
                     static_cast<double>(direction[static_cast<size_t>(i)]) / length;
        // Outputs carry the fp32 rounding of a dozen layers, whose errors add up like random ones, and the difference
        // divides by the step.
        const double tolerance =
            12 * 6e-8 * size / kStep / std::sqrt(static_cast<double>(output.size())) + 1e-3 * std::abs(expected);
        EXPECT_NEAR(along, expected, tolerance) << p.name;
        EXPECT_NE(along, 0) << p.name;
    }
}

TEST_F(PromptTraining, LearnsNothingAboutPiecesThatAreNotThere) {
    forward(values);
    std::vector<float> gradients(static_cast<size_t>(layout->learnedValues()));
    network->backward(values.data(), std::vector<float>(static_cast<size_t>(network->outputValues()), 1.0f).data(), 1,
                      gradients.data());
    const Parameter& embedding = layout->at("prompt_encoder.embedding.weight");
    for (int64_t piece = 0; piece < embedding.shape[0]; ++piece) {
        const auto row = gradients.begin() + embedding.offset + piece * PromptToy::kWidth;
        const bool there =
            std::find(prompts.ids.begin(), prompts.ids.end(), static_cast<int32_t>(piece)) != prompts.ids.end();
        EXPECT_EQ(std::any_of(row, row + PromptToy::kWidth, [](float g) { return g != 0; }), there) << piece;
    }
}

TEST_F(PromptTraining, HasTheSameGradientsOnTheCpu) {
    const std::vector<float> weight = test::randomTensor({network->outputValues()}, 5).data;
    const auto gradientsOn = [&](TrainingDevice& on, bool checkpointing) {
        NetworkOptions options;
        options.samples = static_cast<int64_t>(kPrompts.size());
        options.checkpointing = checkpointing;
        TrainingNetwork made(on, checkpoint->description(), *layout, options);
        made.allocate();
        made.forward(values.data(),
                     {picture.data.data(), t.data(), nullptr, {prompts.ids.data(), prompts.weights.data()}});
        std::vector<float> gradients(static_cast<size_t>(layout->learnedValues()));
        made.backward(values.data(), weight.data(), 1, gradients.data());
        return gradients;
    };
    const auto cpu = makeCpuTrainingDevice(1);
    const std::vector<float> expected = gradientsOn(*device, false), found = gradientsOn(*cpu, false);
    for (const Parameter& p : layout->parameters()) {
        if (!p.learned) continue;
        const auto part = [&p](const std::vector<float>& all) {
            return std::vector<float>(all.begin() + p.offset, all.begin() + p.offset + p.values);
        };
        // A gradient passes two dozen sums of fp32 numbers on its way, each with an error of up to 1e-6 of its largest
        // value.
        EXPECT_LT(test::relativeDifference(part(found), part(expected)), 24 * 1e-6) << p.name;
    }
    EXPECT_EQ(gradientsOn(*cpu, true), found) << "activations computed again are the same";
}

TEST_F(PromptTraining, KeepsItsVocabularyInSixteenBits) {
    for (const DType dtype : {DType::F32, DType::F16, DType::BF16}) {
        const auto file = folder / "snapshot.safetensors";
        writeSnapshot(file, checkpoint->description(), *layout, values, dtype).orThrow();
        const auto opened = Checkpoint::open(file).orThrow();
        EXPECT_TRUE(opened->runnable().ok()) << opened->runnable().error().message;
        EXPECT_EQ(opened->description().prompt.tokenizer->bytes(), toy.tokenizer->bytes());
        EXPECT_EQ(opened->description().family, checkpoint->description().family);
    }
}

TEST_F(PromptTraining, StatesItsMemory) {
    const int64_t one = network->bytes();
    NetworkOptions more;
    more.samples = 12;
    const TrainingNetwork larger(*device, checkpoint->description(), *layout, more);
    EXPECT_GT(larger.bytes(), 3 * one);
}

Recipe toyRecipe(const std::filesystem::path& data, int64_t steps) {
    return parseRecipe(fmt::format(R"(
name: toy
model: {{family: MoEscope-T, image_size: 8, patch: 2, width: 32, depth: 2, heads: 2, bottleneck: 12, context_tokens: 4}}
prompt: {{layers: 1, width: 32, vocabulary: 40}}
experts: {{count: 4, top_k: 2, width: 16}}
data: {{path: {}, held_out: 0}}
training: {{steps: {}, batch: 4, rate: 0.003, averages: [0.9], condition_dropout: 0.1}}
samples: {{every: 0}}
)",
                                   data.string(), steps),
                       "toy.yaml")
        .orThrow();
}

/// A run on four colours with captions, and the last weights it leaves.
class PromptRun : public testing::Test {
protected:
    PromptRun() {
        const std::vector<std::pair<std::string, std::array<uint8_t, 3>>> colours{{"a red square", {255, 0, 0}},
                                                                                  {"a green square", {0, 255, 0}},
                                                                                  {"a blue square", {0, 0, 255}},
                                                                                  {"a white square", {255, 255, 255}}};
        std::filesystem::create_directory(folder / "data");
        for (const auto& [caption, colour] : colours) {
            test::writePngFile(folder / ("data/" + caption + ".png"), test::flatPicture(8, 8, colour));
            test::writeFile(folder / ("data/" + caption + ".txt"), std::string_view(caption));
        }
    }
    RunSummary train(int64_t steps, bool resume = false) {
        RunOptions options;
        options.folder = folder / "run";
        options.threads = 1;
        options.resume = resume;
        RunControl control;
        return runTraining(toyRecipe(folder / "data", steps), options, nullptr, control).orThrow();
    }
    test::TemporaryFolder folder;
};

TEST_F(PromptRun, GoesFromCaptionsToAModelThatReadsThem) {
    const RunSummary summary = train(3);
    EXPECT_TRUE(summary.finished);
    const auto checkpoint = Checkpoint::open(summary.checkpoint).orThrow();
    ASSERT_TRUE(checkpoint->runnable().ok()) << checkpoint->runnable().error().message;
    const ModelDescription& d = checkpoint->description();
    EXPECT_EQ(d.conditioning, Conditioning::Prompt);
    EXPECT_TRUE(d.prompt.tokenizer->encode("a red square", 4).unknownWords.empty());
    Backend backend(cpuBackendTable(), BackendOptions{1});
    const auto denoiser = checkpoint->load(backend).orThrow();
    GenerationRequest request;
    request.classes = {0, 0};
    request.prompts = {"a red square", "a blue square"};
    request.sampler = d.defaults;
    request.sampler.steps = 2;
    EXPECT_EQ(generate(*denoiser, nullptr, request, nullptr, {}).orThrow().record->pictures.size(), 2u);
}

TEST_F(PromptRun, LearnsWhichWordMeansWhichColour) {
    const auto checkpoint = Checkpoint::open(train(1500).checkpoint).orThrow();
    Backend backend(cpuBackendTable(), BackendOptions{1});
    const auto denoiser = checkpoint->load(backend).orThrow();
    GenerationRequest request;
    request.classes = {0, 0, 0};
    request.prompts = {"a red square", "a green square", "blue"};  // the last in words never put together so
    request.sampler = checkpoint->description().defaults;
    request.sampler.steps = 8;
    const auto record = generate(*denoiser, nullptr, request, nullptr, {}).orThrow().record;
    for (size_t image = 0; image < 3; ++image) {
        std::array<int, 3> sums{};
        const std::vector<uint8_t>& rgb = record->pictures[image].rgb;
        for (size_t i = 0; i < rgb.size(); ++i) sums[i % 3] += rgb[i];
        EXPECT_EQ(std::max_element(sums.begin(), sums.end()) - sums.begin(), static_cast<std::ptrdiff_t>(image))
            << request.prompts[image];
        EXPECT_GT(sums[image], 3 * sums[(image + 1) % 3]) << request.prompts[image];
        EXPECT_GT(sums[image], 3 * sums[(image + 2) % 3]) << request.prompts[image];
    }
}

TEST_F(PromptRun, RefusesToGoOnWithOtherCaptions) {
    train(2);
    test::writeFile(folder / "data/a red square.txt",
                    std::string_view("a cat square"));  // as many letters, another vocabulary
    RunOptions options;
    options.folder = folder / "run";
    options.threads = 1;
    options.resume = true;
    struct Notes : RunObserver {
        std::string all;
        void noted(const std::string& sentence) override { all += sentence; }
    } notes;
    RunControl control;
    const auto summary = runTraining(toyRecipe(folder / "data", 3), options, &notes, control);
    EXPECT_NE(notes.all.find("vocabulary"), std::string::npos) << notes.all;
}

TEST_F(PromptRun, TellsCaptionsThatAreLongerThanAPrompt) {
    test::writeFile(folder / "data/a red square.txt", std::string_view("a red square and a red square and a red square"));
    RunOptions options;
    options.folder = folder / "run";
    options.threads = 1;
    struct Notes : RunObserver {
        std::string all;
        void noted(const std::string& sentence) override { all += sentence; }
    } notes;
    RunControl control;
    runTraining(toyRecipe(folder / "data", 1), options, &notes, control).orThrow();
    EXPECT_NE(notes.all.find("1 of 4 captions"), std::string::npos) << notes.all;
}

TEST_F(PromptRun, NeedsCaptionsOrClasses) {
    for (const auto& entry : std::filesystem::directory_iterator(folder / "data"))
        if (entry.path().extension() == ".txt") std::filesystem::remove(entry.path());
    RunOptions options;
    options.folder = folder / "run";
    options.threads = 1;
    RunControl control;
    const auto summary = runTraining(toyRecipe(folder / "data", 3), options, nullptr, control);
    ASSERT_FALSE(summary.ok());
    EXPECT_NE(summary.error().message.find("captions"), std::string::npos) << summary.error().message;
}

}  // namespace
}  // namespace moescope::train
