// SPDX-License-Identifier: GPL-3.0-or-later
// The embedded model against a guided Heun run of its PyTorch original: four classes, twelve steps, every expert set of
// every evaluation, branch, picture and token.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <map>
#include <memory>

#include "engine/model/checkpoint.h"
#include "engine/sampling/flow_sampler.h"
#include "engine/verify/trajectory_recorder.h"

namespace moescope::verify {
namespace {

constexpr double kTrajectoryLimit = 5e-5;  // of clean-image samplers, where the velocity divides by 1 - t
constexpr double kForwardLimit = 5e-6;
// Affinities of two implementations agree to about 5e-7, so the gap between two of them to 1e-6; the run may reach a
// router with inputs that differ as much again. No wider decision may turn.
constexpr double kNearTie = 2e-6;
constexpr int64_t kSets = 23 * 2 * 4 * (64 + 3 * 72);

/// Everything that the tests look at, loaded once.
struct Golden {
    explicit Golden(const std::string& isa) : backend(cpuBackendTable(), {1, isa}) {}

    NamedTensors tensors = readAllTensors(MOESCOPE_TEST_DATA "/golden/emoji32/golden.safetensors").orThrow();
    Backend backend;
    std::shared_ptr<const Checkpoint> checkpoint =
        Checkpoint::open(MOESCOPE_RESOURCES "/embedded/emoji32.safetensors").orThrow();
    std::unique_ptr<Denoiser> denoiser = checkpoint->load(backend).orThrow();

    HostTensor floats(const std::string& key) const { return tensors.asFloat(key).orThrow(); }
    std::vector<int64_t> integers(const std::string& key) const { return tensors.asInt64(key).orThrow(); }
    const ModelDescription& description() const { return denoiser->description(); }
    StoredRouting routing() const;
    SamplerSettings settings() const {
        return {SamplerKind::Heun, static_cast<int>(floats("times").size()) - 1, 2.5, 0.0, 1.0, 1.0, 0.05};
    }
    /// Runs the sampler; the final picture.
    HostTensor sample(TrajectoryRecorder& recorder) {
        const HostTensor noise = floats("noise");
        const std::vector<int64_t> labels = integers("labels");
        FlowSampler sampler(*denoiser, settings(), {labels.begin(), labels.end()});
        DeviceTensor z = backend.tensorFrom(noise.shape, noise.data);
        recorder.start(noise);
        sampler.run(z, &recorder);
        return backend.fetch(z);
    }
};

/// experts.N [evaluations, 2 branches, images, tokens, k]
StoredRouting Golden::routing() const {
    StoredRouting stored;
    for (const MoeLayerDescriptor& layer : description().moeLayers) {
        const std::vector<int64_t> all = integers("experts." + std::to_string(layer.block));
        const int64_t each = 4 * layer.tokensPerSample() * layer.topK;
        for (int64_t part = 0; part < static_cast<int64_t>(all.size()) / each; ++part)
            stored.add(static_cast<int>(part / 2), part % 2 ? Branch::Uncond : Branch::Cond, layer.block,
                       ExpertLists::regular({all.begin() + part * each, all.begin() + (part + 1) * each}, layer.topK));
    }
    return stored;
}

/// The run that the golden was made with: free where every choice is equal, else with the stored ones.
struct GoldenRun {
    StoredRouting stored;
    TrajectoryRecorder recorder;
    HostTensor image;

    explicit GoldenRun(Golden& golden)
        : stored(golden.routing()),
          recorder(golden.backend, golden.description(), 4, wanted, stored, false),
          image(golden.sample(recorder)) {
        if (!recorder.routing.first) return;
        TrajectoryRecorder replay(golden.backend, golden.description(), 4, wanted, stored, true);
        image = golden.sample(replay);
        recorder.routing.overruled = std::move(replay.routing.overruled);
        recorder.outputs = std::move(replay.outputs);
        recorder.evaluations = std::move(replay.evaluations);
    }

    static bool wanted(const std::string& key) {
        return key.starts_with("z.") || key.find(".00.moe.") != std::string::npos;
    }
};

/// One instruction-set level; the model is loaded and the run made once for all tests of it.
class EmojiGolden : public testing::TestWithParam<const char*> {
protected:
    struct Level {
        explicit Level(const std::string& isa) : golden(isa), run(golden) {}
        Golden golden;
        GoldenRun run;
    };

    static Level* level(const std::string& isa) {
        static std::map<std::string, std::unique_ptr<Level>> levels;
        auto& made = levels[isa];
        if (!made) made = std::make_unique<Level>(isa);
        return made.get();
    }
    void SetUp() override {
        try {
            const Backend probe(cpuBackendTable(), {1, GetParam()});
        } catch (const EngineException& e) {
            GTEST_SKIP() << e.what();
        }
        m_level = level(GetParam());
    }
    Golden& golden() { return m_level->golden; }
    const GoldenRun& run() const { return m_level->run; }

private:
    Level* m_level = nullptr;
};

INSTANTIATE_TEST_SUITE_P(Levels, EmojiGolden, testing::Values("auto", "avx2"));

/// Part `index` of the first axis of a tensor.
std::vector<float> part(const HostTensor& tensor, int64_t index) {
    const int64_t each = tensor.size() / tensor.shape[0];
    return {tensor.data.begin() + index * each, tensor.data.begin() + (index + 1) * each};
}

TEST_P(EmojiGolden, TheEmbeddedWeightsAreFp32) {
    EXPECT_EQ(golden().checkpoint->dtypes(), "F32");
}

TEST_P(EmojiGolden, EveryExpertSetIsEqualOrANearTie) {
    const RoutingReport& routing = run().recorder.routing;
    EXPECT_EQ(routing.sets, kSets);
    if (routing.first) {
        std::cout << "first differing choice: evaluation " << routing.first->evaluation << ", "
                  << branchName(routing.first->branch) << ", block " << routing.first->block << ", token "
                  << routing.first->token << ", margin " << routing.first->margin << "\n";
        EXPECT_LE(routing.first->margin, kNearTie);
    }
    for (const SmallestMargin& flip : run().recorder.routing.overruled) {
        std::cout << "flip: evaluation " << flip.evaluation << ", block " << flip.block << ", token " << flip.token
                  << ", margin " << flip.margin << "\n";
        EXPECT_LE(flip.margin, kNearTie);
    }
}

TEST_P(EmojiGolden, EveryStepAndThePictureAgree) {
    const HostTensor x = golden().floats("x");
    double worst = 0;
    for (int64_t step = 0; step < x.shape[0]; ++step) {
        const std::string key = (step < 9 ? "z.0" : "z.") + std::to_string(step + 1);
        const double error = relativeError(toFloats(run().recorder.outputs.tensors.at(key)), part(x, step));
        EXPECT_LE(error, kTrajectoryLimit) << key;
        worst = std::max(worst, error);
    }
    EXPECT_LE(relativeError(run().image.data, golden().floats("image").data), kTrajectoryLimit);
    RecordProperty("largest_error", fmt::format("{:.2e}", worst));
}

TEST_P(EmojiGolden, ThePictureInBytesAgreesWithinOne) {
    const std::vector<int64_t> expected = golden().integers("image_u8");  // [4, 32, 32, 3]
    const int64_t plane = 32 * 32;
    for (int64_t i = 0; i < static_cast<int64_t>(expected.size()); ++i) {
        const int64_t image = i / (3 * plane), pixel = i / 3 % plane, channel = i % 3;
        const float value = run().image.data[static_cast<size_t>((image * 3 + channel) * plane + pixel)];
        const auto level = std::lround(127.5f * (std::clamp(value, -1.0f, 1.0f) + 1.0f));
        ASSERT_LE(std::abs(level - expected[static_cast<size_t>(i)]), 1) << "value " << i;
    }
}

TEST_P(EmojiGolden, EvaluationsStandAtTheStoredTimes) {
    const std::vector<int64_t> step = golden().integers("evaluation.step"),
                               stage = golden().integers("evaluation.stage");
    const HostTensor t = golden().floats("evaluation.t");
    const auto& evaluations = run().recorder.evaluations;
    ASSERT_EQ(evaluations.size(), step.size());
    for (size_t i = 0; i < step.size(); ++i) {
        EXPECT_EQ(evaluations[i].first.step, step[i]);
        EXPECT_EQ(evaluations[i].first.stage, stage[i]);
        EXPECT_NEAR(evaluations[i].first.timestep, t.data[i], 1e-7);
    }
    EXPECT_LE(relativeError(flowSchedule(Prediction::CleanImage, golden().settings().steps).times,
                            golden().floats("times").data),
              1e-7);
}

TEST_P(EmojiGolden, SmallestMarginsAgree) {
    // The replay's own margins are negative where it was overruled; elsewhere both measure the same gap.
    const auto& evaluations = run().recorder.evaluations;
    for (size_t i = 0; i < evaluations.size(); ++i) {
        float expected = 1;
        for (const MoeLayerDescriptor& layer : golden().description().moeLayers) {
            const HostTensor margins = golden().floats("margins." + std::to_string(layer.block));
            const std::vector<float> here = part(margins, static_cast<int64_t>(i));
            expected = std::min(expected, *std::min_element(here.begin(), here.end()));
        }
        EXPECT_NEAR(evaluations[i].second.margin, expected, kNearTie) << "evaluation " << i;
    }
}

TEST_P(EmojiGolden, FirstGatesAgree) {
    for (const MoeLayerDescriptor& layer : golden().description().moeLayers) {
        const HostTensor expected = golden().floats("first_weights." + std::to_string(layer.block));
        for (const Branch branch : {Branch::Cond, Branch::Uncond}) {
            const std::string key =
                std::string(branchName(branch)) + ".00.moe." + std::to_string(layer.block) + ".weight";
            EXPECT_LE(relativeError(toFloats(run().recorder.outputs.tensors.at(key)),
                                    part(expected, branch == Branch::Uncond)),
                      kForwardLimit)
                << key;
        }
    }
}

TEST_P(EmojiGolden, OnePlainForwardPassAgrees) {
    Golden& g = golden();
    const HostTensor noise = g.floats("noise"), t = g.floats("forward.t");
    const std::vector<int64_t> stored = g.integers("labels");
    const std::vector<int32_t> labels(stored.begin(), stored.end());
    DeviceTensor labelTensor = g.backend.tensor({4}, MS_I32);
    g.backend.upload(labelTensor, std::span<const int32_t>(labels));
    const auto workspace = g.denoiser->makeWorkspace(4);
    g.denoiser->forward(*workspace, g.backend.tensorFrom(noise.shape, noise.data),
                        g.backend.tensorFrom(t.shape, t.data), {labelTensor}, nullptr);
    const double error = relativeError(g.backend.fetch(workspace->output()).data, g.floats("forward.x_pred").data);
    EXPECT_LE(error, kForwardLimit);
    RecordProperty("error", fmt::format("{:.2e}", error));
}

}  // namespace
}  // namespace moescope::verify
