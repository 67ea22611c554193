// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/ensemble/ensemble_denoiser.h"

#include <gtest/gtest.h>

#include <cmath>

#include "engine/ensemble/learned_router.h"
#include "tests/support/golden_tensors.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/toy_mixture.h"

namespace moescope {
namespace {

using test::askOnce;
using test::runToy;
using test::ToyMixture;
using test::toyMixture;

const std::filesystem::path kMixture = MOESCOPE_TEST_DATA "/golden/mode-toy/mixture";

class EnsembleDenoiserTest : public testing::Test {
protected:
    ToyMixture make(size_t experts, int64_t topK = 2, const LoadOptions& options = {}) {
        return {backend, toyMixture(experts, folder.path(), topK), folder.path(), options};
    }
    /// The mixture of three with a fourth whose router row is zeros and `bias`.
    ToyMixture makeAppended(float bias, int64_t topK) {
        EnsembleFile file = toyMixture(4, folder.path(), topK);
        const LearnedRouterWeights three = readLearnedRouter(kMixture / "router.safetensors", 12, 32).orThrow();
        writeLearnedRouter(folder / "grown.safetensors", three.withRow(std::vector<float>(16), bias), {}).orThrow();
        file.router["file"] = "grown.safetensors";
        return {backend, std::move(file), folder.path()};
    }
    /// The first two of three, with their rows.
    ToyMixture makeFirstTwo() {
        EnsembleFile file = toyMixture(2, folder.path());
        LearnedRouterWeights two = readLearnedRouter(kMixture / "router.safetensors", 12, 32).orThrow();
        for (HostTensor* rows : {&two.outWeight, &two.outBias}) {
            rows->shape[0] = 2;
            rows->data.resize(rows->data.size() / 3 * 2);
        }
        writeLearnedRouter(folder / "two.safetensors", two, {}).orThrow();
        file.router["file"] = "two.safetensors";
        return {backend, std::move(file), folder.path()};
    }
    static NetworkEdits alone(size_t index, size_t experts) {
        NetworkEdits edits;
        edits.weights.emplace_back(experts)[index] = 1;
        return edits;
    }
    static NetworkEdits top(int64_t k) {
        NetworkEdits edits;
        edits.topK = k;
        return edits;
    }

    Backend backend{cpuBackendTable(), {2, "auto"}};
    test::TemporaryFolder folder;
};

TEST_F(EnsembleDenoiserTest, AppendingANetworkChangesNoBitOfTheOthersOutputsAndLogits) {
    const ToyMixture three = make(3), four = make(4);
    const auto before = askOnce(*three.denoiser), after = askOnce(*four.denoiser);
    for (size_t sample = 0; sample < 3; ++sample)
        for (size_t e = 0; e < 3; ++e) EXPECT_EQ(before.logits[sample * 3 + e], after.logits[sample * 4 + e]);
    for (size_t e = 0; e < 3; ++e)
        EXPECT_EQ(askOnce(*three.denoiser, alone(e, 3)).velocity, askOnce(*four.denoiser, alone(e, 4)).velocity) << e;
}

TEST_F(EnsembleDenoiserTest, AppendingANetworkKeepsTheRatiosOfTheWeightsThatAreStillChosen) {
    const ToyMixture three = make(3), four = make(4);
    for (const auto& [k, grown] : {std::pair<int64_t, int64_t>(1, 1), {2, 2}, {3, 3}, {3, 4}}) {
        const auto before = askOnce(*three.denoiser, top(k)), after = askOnce(*four.denoiser, top(grown));
        int kept = 0, pairs = 0;  // networks chosen in both, and pairs of them
        for (size_t sample = 0; sample < 3; ++sample)
            for (size_t a = 0; a < 3; ++a) {
                const double wa = static_cast<double>(before.weights[sample * 3 + a]), ga = static_cast<double>(after.weights[sample * 4 + a]);
                if (wa == 0 || ga == 0) continue;
                ++kept;
                if (k == 1) { EXPECT_EQ(ga, wa); }  // the only one
                for (size_t b = 0; b < a; ++b) {
                    const double wb = static_cast<double>(before.weights[sample * 3 + b]), gb = static_cast<double>(after.weights[sample * 4 + b]);
                    if (wb == 0 || gb == 0) continue;
                    ++pairs;
                    EXPECT_NEAR(ga / gb / (wa / wb), 1, 1e-6);
                }
            }
        EXPECT_GT(kept, 0) << k;
        if (grown == 4) {
            EXPECT_EQ(pairs, 3 * 3);  // all of them, in every sample
        } else if (k > 1) {
            EXPECT_GT(pairs, 0) << k;
        }
    }
}

TEST_F(EnsembleDenoiserTest, ANetworkThatIsNeverChosenLeavesAWholeRunByteIdentical) {
    for (const int64_t k : {1, 2, 3}) {
        const ToyMixture three = make(3, k), grown = makeAppended(-1e9f, k), all = makeAppended(-1e9f, k == 3 ? 4 : k);
        EXPECT_EQ(runToy(*three.denoiser, {}, 3), runToy(*grown.denoiser, {}, 3)) << k;
        EXPECT_EQ(runToy(*three.denoiser, {}, 3), runToy(*all.denoiser, {}, 3)) << k;
        EXPECT_EQ(grown.denoiser->networkUse()[3].samples, 0);
        EXPECT_EQ(all.denoiser->networkUse()[3].bytes, 0u);
        EXPECT_NE(runToy(*three.denoiser, {}, 3), runToy(*makeAppended(1e9f, k).denoiser, {}, 3)) << "one that is chosen does count";
    }
}

TEST_F(EnsembleDenoiserTest, MutedNetworksTakeNoTimeAndNoMemory) {
    const ToyMixture mixture = make(3), without = makeFirstTwo();
    NetworkEdits edits;
    edits.muted = {"texture"};
    EXPECT_EQ(runToy(*mixture.denoiser, edits), runToy(*without.denoiser));
    const std::vector<NetworkUse> use = mixture.denoiser->networkUse(), alone = without.denoiser->networkUse();
    EXPECT_EQ(use[2].samples, 0);
    EXPECT_EQ(use[2].seconds, 0);
    EXPECT_EQ(use[2].loads, 0);
    EXPECT_EQ(use[2].evictions, 0);
    EXPECT_EQ(use[2].bytes, 0u);
    for (size_t e = 0; e < 2; ++e) {
        EXPECT_EQ(use[e].samples, 2 * 6);  // two pictures, six steps
        EXPECT_EQ(use[e].samples, alone[e].samples);
        EXPECT_EQ(use[e].loads, 1);
        EXPECT_EQ(use[e].bytes, alone[e].bytes);
    }
    EXPECT_EQ(mixture.denoiser->packedBytes(), without.denoiser->packedBytes());
}

TEST_F(EnsembleDenoiserTest, PinnedNetworksAreAlwaysAmongTheChosen) {
    const ToyMixture mixture = make(3, 1);
    const auto free = askOnce(*mixture.denoiser);
    for (const char* name : {"landscape", "portrait", "texture"}) {
        NetworkEdits edits;
        edits.pinned = {name};
        const auto pinned = askOnce(*mixture.denoiser, edits);
        const auto& names = mixture.denoiser->description().networks;
        const auto index = static_cast<size_t>(std::find(names.begin(), names.end(), name) - names.begin());
        for (size_t sample = 0; sample < 3; ++sample) EXPECT_EQ(pinned.weights[sample * 3 + index], 1);  // the only one
        EXPECT_EQ(pinned.logits, free.logits);
    }
}

TEST_F(EnsembleDenoiserTest, WeightsAndBiasesOfTheFileBendTheChoice) {
    EnsembleFile file = toyMixture(3, folder.path(), 3);
    const ToyMixture plain(backend, file, folder.path());
    file.experts[1].weight = 2;
    const ToyMixture weighted(backend, file, folder.path());
    file.experts[1].weight = 1;
    file.experts[1].bias = std::log(2.0f);
    const ToyMixture biased(backend, file, folder.path());
    const auto w = askOnce(*plain.denoiser).weights, doubled = askOnce(*weighted.denoiser).weights, shifted = askOnce(*biased.denoiser).weights;
    for (size_t sample = 0; sample < 3; ++sample) {
        const double sum = 1 + static_cast<double>(w[sample * 3 + 1]);
        for (size_t e = 0; e < 3; ++e) {
            const double expected = static_cast<double>(w[sample * 3 + e]) * (e == 1 ? 2 : 1) / sum;
            EXPECT_NEAR(static_cast<double>(doubled[sample * 3 + e]), expected, 1e-6);
            EXPECT_NEAR(static_cast<double>(shifted[sample * 3 + e]), expected, 1e-6);
        }
    }
}

TEST_F(EnsembleDenoiserTest, LittleMemoryChangesNoBit) {
    const ToyMixture roomy = make(3);
    LoadOptions options;
    options.available = roomy.ensemble->memoryNeeded(MS_F32);
    const ToyMixture tight = make(3, 2, options);
    EXPECT_EQ(runToy(*tight.denoiser, {}, 3), runToy(*roomy.denoiser, {}, 3));
    int64_t loads = 0, evictions = 0, held = 0;
    for (const NetworkUse& use : tight.denoiser->networkUse()) {
        loads += use.loads;
        evictions += use.evictions;
        held += use.bytes > 0;
    }
    EXPECT_EQ(held, 1);
    EXPECT_EQ(loads, evictions + 1);
    EXPECT_GE(loads, 6);  // two networks in each step take turns
    for (const NetworkUse& use : roomy.denoiser->networkUse()) EXPECT_LE(use.loads, 1);
    options.available = roomy.ensemble->memoryNeeded(MS_F32) - 1;
    const auto refused = roomy.ensemble->load(backend, options);
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, ErrorCode::OutOfMemory);
}

TEST_F(EnsembleDenoiserTest, ExpertsOfTheSameWeightsShareTheirMemory) {
    EnsembleFile file = toyMixture(3, folder.path(), 3);
    file.experts[1].file = file.experts[2].file = file.experts[0].file;
    const ToyMixture mixture(backend, std::move(file), folder.path());
    runToy(*mixture.denoiser);
    const auto use = mixture.denoiser->networkUse();
    EXPECT_GT(use[0].bytes, 0u);
    EXPECT_EQ(mixture.denoiser->packedBytes(), use[0].bytes);
    EXPECT_EQ(use[2].loads, 1);
}

// The conversions, held against the definition computed here in double.
TEST_F(EnsembleDenoiserTest, NoisePredictorsAreGivenTheDiffusionAtTheTimeOfTheFlow) {
    EnsembleFile file = toyMixture(1, folder.path(), 1);
    file.router = {{"kind", "rules"}};
    const auto velocityOf = [&](const char* predicts) {
        EnsembleFile own = file;
        own.experts[0].settings["predicts"] = predicts;
        own.experts[0].schedule = {{"beta_schedule", "scaled_linear"}, {"beta_start", 0.00085}, {"beta_end", 0.012}};
        return askOnce(*ToyMixture(backend, own, folder.path()).denoiser).velocity;
    };
    std::vector<double> abar;
    double share = 1;
    for (int i = 0; i < 1000; ++i) {
        const double root = std::sqrt(0.00085) + (std::sqrt(0.012) - std::sqrt(0.00085)) * i / 999;
        abar.push_back(share *= 1 - root * root);
    }
    const test::GoldenTensors golden("mode-toy/forward.safetensors");
    const std::vector<float> x = golden.floats("x"), t = golden.floats("t"), prompt = golden.floats("prompt");
    const std::vector<float> found = velocityOf("noise");

    // The network alone at that index and on that input.
    const auto checkpoint = Checkpoint::open(kMixture / "experts/landscape.safetensors", {"", file.experts[0].settings}).orThrow();
    const auto network = checkpoint->load(backend).orThrow();
    const auto workspace = network->makeWorkspace(1);
    for (size_t sample = 0; sample < 3; ++sample) {
        const double time = static_cast<double>(t[sample]), length = std::sqrt(time * time + (1 - time) * (1 - time));
        const double wanted = std::clamp(time * time / (length * length), abar.back(), abar.front());
        double index = 0;
        for (size_t i = 0; i + 1 < abar.size(); ++i)
            if (abar[i] >= wanted && wanted >= abar[i + 1]) index = static_cast<double>(i) + (abar[i] - wanted) / (abar[i] - abar[i + 1]);
        std::vector<float> scaled;
        for (size_t k = 0; k < 256; ++k) scaled.push_back(static_cast<float>(static_cast<double>(x[sample * 256 + k]) / length));
        DeviceTensor label = backend.tensor({1}, MS_I32);
        const int32_t zero = 0;
        backend.upload(label, std::span(&zero, 1));
        const HostTensor own({1, 12}, std::vector<float>(prompt.begin() + static_cast<std::ptrdiff_t>(sample) * 12, prompt.begin() + static_cast<std::ptrdiff_t>(sample + 1) * 12));
        Condition condition{label};
        condition.prompt = &own;
        const float at = static_cast<float>(index);
        network->forward(*workspace, backend.tensorFrom({1, 4, 8, 8}, scaled), backend.tensorFrom({1}, std::span(&at, 1)), condition, nullptr);
        const std::vector<float> noise = backend.fetch(workspace->output()).data;
        double largest = 0, off = 0;
        for (size_t k = 0; k < 256; ++k) {
            const double e = static_cast<double>(noise[k]);
            const double expected = (static_cast<double>(scaled[k]) - std::sqrt(1 - wanted) * e) / std::sqrt(wanted) - e;
            largest = std::max(largest, std::abs(expected));
            off = std::max(off, std::abs(expected - static_cast<double>(found[sample * 256 + k])));
        }
        EXPECT_LE(off, 5e-6 * largest) << "time " << time;
    }
}

TEST_F(EnsembleDenoiserTest, CleanPicturesAndReversedTimesBecomeVelocitiesOfTheSameFlow) {
    EnsembleFile file = toyMixture(1, folder.path(), 1);
    file.router = {{"kind", "rules"}};
    const test::GoldenTensors golden("mode-toy/forward.safetensors");
    const std::vector<float> x = golden.floats("x"), t = golden.floats("t"), own = golden.floats("expert.0.velocity");
    // Beside a network of another kind, which does not run here.
    file.experts.push_back(toyMixture(2, folder.path()).experts[1]);
    file.experts[0].settings["predicts"] = "clean";
    const ToyMixture mixed(backend, file, folder.path());
    EXPECT_EQ(mixed.denoiser->description().prediction, Prediction::Velocity);
    EXPECT_EQ(mixed.denoiser->description().samplers, std::vector<SamplerKind>{SamplerKind::Euler});
    const std::vector<float> clean = askOnce(*mixed.denoiser, alone(0, 2)).velocity;
    for (size_t i = 0; i < clean.size(); ++i) {
        const double expected = (static_cast<double>(own[i]) - static_cast<double>(x[i])) / std::max(1 - static_cast<double>(t[i / 256]), 0.05);
        EXPECT_NEAR(static_cast<double>(clean[i]), expected, 1e-4);  // 5e-6 of the largest prediction, divided by 0.05 at most
    }
    // A network with data at time 0 sees 1000 (1 - t) and points the other way; asked by hand at that time it gives the opposite.
    file.experts[0].settings["predicts"] = "backwards";
    const std::vector<float> backwards = askOnce(*ToyMixture(backend, file, folder.path()).denoiser, alone(0, 2)).velocity;
    const auto checkpoint = Checkpoint::open(kMixture / "experts/landscape.safetensors", {"", file.experts[0].settings}).orThrow();
    const auto network = checkpoint->load(backend).orThrow();
    const auto workspace = network->makeWorkspace(3);
    DeviceTensor labels = backend.tensor({3}, MS_I32);
    backend.upload(labels, std::span<const int32_t>(std::vector<int32_t>(3)));
    const HostTensor prompts({3, 12}, golden.floats("prompt"));
    Condition condition{labels};
    condition.prompt = &prompts;
    std::vector<float> times;
    for (const float time : t) times.push_back(static_cast<float>(1000 * (1 - static_cast<double>(time))));
    network->forward(*workspace, backend.tensorFrom({3, 4, 8, 8}, x), backend.tensorFrom({3}, times), condition, nullptr);
    const std::vector<float> raw = backend.fetch(workspace->output()).data;
    for (size_t i = 0; i < raw.size(); ++i) EXPECT_EQ(backwards[i], -raw[i]);
}

TEST_F(EnsembleDenoiserTest, AsksForPromptEmbeddingsThatNobodyCanMake) {
    const ToyMixture mixture = make(3);
    Backend& b = backend;
    DeviceTensor labels = b.tensor({1}, MS_I32);
    const auto workspace = mixture.denoiser->makeWorkspace(1);
    try {
        mixture.denoiser->forward(*workspace, b.tensorFrom({1, 4, 8, 8}, std::vector<float>(256)), b.tensorFrom({1}, std::vector<float>(1)), {labels}, nullptr);
        FAIL();
    } catch (const EngineException& e) {
        EXPECT_NE(e.error().message.find("text encoder"), std::string::npos) << e.error().message;
    }
}

}  // namespace
}  // namespace moescope
