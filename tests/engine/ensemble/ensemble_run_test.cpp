// SPDX-License-Identifier: GPL-3.0-or-later
// Whole runs of ensembles whose experts have MoE layers of their own: what is made and what is recorded.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "engine/ensemble/learned_router.h"
#include "engine/ensemble/open_model.h"
#include "engine/io/safetensors_writer.h"
#include "engine/io/session_file.h"
#include "tests/support/embedded_model.h"
#include "tests/support/temporary_folder.h"

namespace moescope {
namespace {

using Json = nlohmann::json;
using test::runToEnd;

const std::filesystem::path kEmbedded = MOESCOPE_RESOURCES "/embedded/emoji32.safetensors";

class EnsembleRun : public testing::Test {
protected:
    /// `count` times the embedded model.
    std::unique_ptr<Denoiser> make(int count, const Json& router, int topK, bool eachBranch = false) {
        Json json = {{"schema", "moescope.ensemble/v1"}, {"router", router}, {"top_k", topK}, {"experts", Json::array()}, {"each_branch", eachBranch}};
        for (int e = 0; e < count; ++e) json["experts"].push_back({{"name", std::string(1, static_cast<char>('a' + e))}, {"file", kEmbedded.string()}});
        test::writeFile(folder / "x.moe.json", json.dump());
        return openModel(folder / "x.moe.json").orThrow()->load(*embedded.backend).orThrow();
    }
    /// Two experts: one for pictures that are brighter in red than in green, one for the others.
    Json byPicture() {
        LearnedRouterWeights weights;
        weights.outWeight = HostTensor({2, 6});  // mean and deviation of each channel
        weights.outBias = HostTensor({2});
        weights.outWeight.data[0] = 100;
        weights.outWeight.data[2] = -100;
        const std::vector<float>& out = weights.outWeight.data;
        const std::vector<float> bias(2);
        const auto entry = [](const char* name, Shape shape, const std::vector<float>& values) {
            return safetensorsEntry(name, DType::F32, std::move(shape), std::as_bytes(std::span(values)));
        };
        writeSafetensors(folder / "picture.safetensors", {entry("out.weight", {2, 6}, out), entry("out.bias", {2}, bias)}, {}).orThrow();
        return {{"kind", "learned"}, {"input", "picture"}, {"file", "picture.safetensors"}, {"time_width", 0},
                {"picture", {{"grid", 1}, {"channels", 3}}}};
    }
    GenerationRequest request(const Denoiser& denoiser, size_t images, int steps = 3) const {
        GenerationRequest made;
        made.sampler = denoiser.description().defaults;
        made.sampler.steps = steps;
        made.classes.assign(images, 149);
        made.seed = 11;
        made.precision = LatentPrecision::F32;
        made.parameters.prompt = "blue heart";
        return made;
    }
    static std::vector<int64_t> networksOf(const RunRecord& record, int evaluation, Branch branch, int64_t image) {
        const RoutingRecord& mixture = *record.routing.find(evaluation, branch, 0);
        return {mixture.expert.begin() + mixture.rowPtr[static_cast<size_t>(image)], mixture.expert.begin() + mixture.rowPtr[static_cast<size_t>(image) + 1]};
    }

    test::EmbeddedModel embedded = test::loadEmbedded(2);
    test::TemporaryFolder folder;
};

TEST_F(EnsembleRun, OfOneNetworkEqualsThatNetwork) {
    const auto one = make(1, {{"kind", "rules"}}, 1);
    const auto mixed = runToEnd(*one, request(*one, 1)), plain = runToEnd(*embedded.denoiser, request(*one, 1));
    EXPECT_EQ(mixed->finalLatents.data, plain->finalLatents.data);
    EXPECT_EQ(mixed->pictures[0].rgb, plain->pictures[0].rgb);
    EXPECT_EQ(mixed->routing.networks, std::vector<std::string>{"a"});
    // Its own layers are recorded as if it ran alone.
    const RoutingRecord &inner = *mixed->routing.find(0, Branch::Cond, 1), &own = *plain->routing.find(0, Branch::Cond, 0);
    EXPECT_EQ(inner.expert, own.expert);
    EXPECT_EQ(inner.gate, own.gate);
    EXPECT_EQ(inner.counts, own.counts);
}

TEST_F(EnsembleRun, APictureOfABatchEqualsTheOneMadeAlone) {
    const auto denoiser = make(2, byPicture(), 1);
    const size_t images = 6;  // more than one group
    const auto batch = runToEnd(*denoiser, request(*denoiser, images));
    std::set<int64_t> used;
    for (size_t image = 0; image < images; ++image) {
        GenerationRequest alone = request(*denoiser, 1);
        alone.seed += image;
        const auto single = runToEnd(*denoiser, alone);
        EXPECT_EQ(batch->pictures[image].rgb, single->pictures[0].rgb) << image;
        for (const auto& record : single->routing.records) {
            const RoutingRecord* joined = batch->routing.find(record->evaluation, record->branch, record->layer);
            ASSERT_NE(joined, nullptr);
            const auto experts = static_cast<std::ptrdiff_t>(record->counts.size());
            EXPECT_TRUE(std::equal(record->counts.begin(), record->counts.end(), joined->counts.begin() + static_cast<std::ptrdiff_t>(image) * experts));
            const MoeLayerDescriptor& layer = batch->routing.layers[static_cast<size_t>(record->layer)];
            const auto first = static_cast<size_t>(image) * static_cast<size_t>(layer.tokensPerSample());
            ASSERT_EQ(joined->rowPtr.size(), images * static_cast<size_t>(layer.tokensPerSample()) + 1);
            const std::vector<uint16_t> part(joined->expert.begin() + joined->rowPtr[first],
                                             joined->expert.begin() + joined->rowPtr[first + static_cast<size_t>(layer.tokensPerSample())]);
            EXPECT_EQ(part, record->expert);
        }
        used.insert(networksOf(*batch, 0, Branch::Cond, static_cast<int64_t>(image)).front());
    }
    EXPECT_EQ(used.size(), 2u) << "the seeds should give pictures of both kinds";
}

TEST_F(EnsembleRun, ImagesThatANetworkDoesNotComputeHaveNoExpertsInItsLayers) {
    const auto denoiser = make(2, byPicture(), 1);
    const auto record = runToEnd(*denoiser, request(*denoiser, 4));
    int64_t blank = 0;
    for (const auto& layer : record->routing.records) {
        const MoeLayerDescriptor& descriptor = record->routing.layers[static_cast<size_t>(layer->layer)];
        if (descriptor.policy == RoutingPolicy::NetworkMixture) continue;
        for (int64_t image = 0; image < 4; ++image) {
            const auto networks = networksOf(*record, layer->evaluation, layer->branch, image);
            const bool computed = std::ranges::find(networks, descriptor.network) != networks.end();
            const auto counts = layer->counts.begin() + image * descriptor.experts;
            const int64_t taken = std::accumulate(counts, counts + descriptor.experts, int64_t{0});
            EXPECT_EQ(taken, computed ? descriptor.tokensPerSample() * descriptor.topK : 0);
            blank += !computed;
        }
    }
    EXPECT_GT(blank, 0);
}

TEST_F(EnsembleRun, NetworksThatNeverRanHaveNoRecords) {
    const auto denoiser = make(3, {{"kind", "rules"}}, 3);
    GenerationRequest edited = request(*denoiser, 2);
    edited.networkEdits.muted = {"b"};
    GenerationResult result = generate(*denoiser, nullptr, edited, nullptr, {}).orThrow();
    ASSERT_FALSE(result.stopped);
    for (const auto& record : result.record->routing.records)
        EXPECT_TRUE(record->layer == 0 || record->network != 1);
    EXPECT_EQ(result.record->parameters.networkEdits, edited.networkEdits);
    EXPECT_EQ(result.statistics.networks[1].samples, 0);
    EXPECT_GT(result.statistics.networks[0].samples, 0);
    const RoutingRecord& mixture = *result.record->routing.find(0, Branch::Cond, 0);
    EXPECT_EQ(mixture.expert, (std::vector<uint16_t>{0, 2, 0, 2}));
    EXPECT_EQ(mixture.gate, (std::vector<float>{0.5f, 0.5f, 0.5f, 0.5f}));
}

TEST_F(EnsembleRun, WeightsByHandMayChangeFromStepToStep) {
    const auto denoiser = make(2, {{"kind", "rules"}}, 1);
    GenerationRequest edited = request(*denoiser, 1);
    edited.networkEdits.weights = {{1, 0}, {1, 3}, {0, 2}};
    edited.sampler.sampler = SamplerKind::Heun;  // both stages of a step have its weights
    const auto record = runToEnd(*denoiser, edited);
    const std::vector<std::vector<float>> expected{{1}, {1}, {0.25f, 0.75f}, {0.25f, 0.75f}, {1}};
    ASSERT_EQ(record->evaluations.size(), 5u);  // runs of clean pictures end with an Euler step
    for (int evaluation = 0; evaluation < 5; ++evaluation)
        EXPECT_EQ(record->routing.find(evaluation, Branch::Cond, 0)->gate, expected[static_cast<size_t>(evaluation)]) << evaluation;
    edited.networkEdits.weights.pop_back();
    EXPECT_FALSE(generate(*denoiser, nullptr, edited, nullptr, {}).ok());
}

TEST_F(EnsembleRun, TheRouterIsAskedAtBothStagesOfHeun) {
    const Json router = {{"kind", "rules"}, {"rules", {{{"noise", {0.6, 1}}, {"weights", {{"a", 1}}}}}}, {"otherwise", {{"b", 1}}}};
    const auto denoiser = make(2, router, 1);
    GenerationRequest heun = request(*denoiser, 1);
    heun.sampler.sampler = SamplerKind::Heun;
    heun.sampler.steps = 2;
    const auto record = runToEnd(*denoiser, heun);
    ASSERT_EQ(record->evaluations.size(), 3u);
    EXPECT_EQ(record->evaluations[1].info.step, 0);
    EXPECT_EQ(networksOf(*record, 0, Branch::Cond, 0), std::vector<int64_t>{0});  // noise 1
    EXPECT_EQ(networksOf(*record, 1, Branch::Cond, 0), std::vector<int64_t>{1});  // noise 0.5, of the same step
    EXPECT_EQ(networksOf(*record, 2, Branch::Cond, 0), std::vector<int64_t>{1});
}

TEST_F(EnsembleRun, EditsOfASingleNetworkAreRefused) {
    GenerationRequest edited = request(*embedded.denoiser, 1);
    edited.networkEdits.muted = {"b"};
    const auto refused = generate(*embedded.denoiser, nullptr, edited, nullptr, {});
    ASSERT_FALSE(refused.ok());
    EXPECT_NE(refused.error().message.find("single network"), std::string::npos);
}

TEST_F(EnsembleRun, SessionsKeepMixturesAndEdits) {
    const auto denoiser = make(2, byPicture(), 1);
    GenerationRequest edited = request(*denoiser, 3);
    edited.networkEdits.pinned = {"b"};
    edited.capture.level = CaptureLevel::Norms;
    const auto record = runToEnd(*denoiser, edited);
    saveSession(*record, folder / "run.moescope").orThrow();
    const auto opened = openSession(folder / "run.moescope").orThrow();
    const RunRecord& again = *opened;
    EXPECT_EQ(again.parameters.networkEdits, edited.networkEdits);
    EXPECT_EQ(again.routing.networks, record->routing.networks);
    ASSERT_EQ(again.routing.records.size(), record->routing.records.size());
    for (size_t i = 0; i < again.routing.records.size(); ++i) {
        EXPECT_EQ(again.routing.records[i]->expert, record->routing.records[i]->expert);
        EXPECT_EQ(again.routing.records[i]->counts, record->routing.records[i]->counts);
    }
}

TEST_F(EnsembleRun, EachBranchMayChooseForItself) {
    const Json router = {{"kind", "rules"}, {"rules", {{{"words", {"heart"}}, {"weights", {{"a", 1}}}}}}, {"otherwise", {{"b", 1}}}};
    const auto shared = make(2, router, 1);
    GenerationRequest edited = request(*shared, 2);
    edited.sampler.cfgScale = 3;
    auto record = runToEnd(*shared, edited);
    const auto guided = std::ranges::find_if(record->evaluations, [](const auto& e) { return e.info.uncondRun; });
    ASSERT_NE(guided, record->evaluations.end());
    const int evaluation = guided->info.index;
    EXPECT_EQ(networksOf(*record, evaluation, Branch::Cond, 1), std::vector<int64_t>{0});
    EXPECT_EQ(networksOf(*record, evaluation, Branch::Uncond, 1), std::vector<int64_t>{0});
    const auto each = make(2, router, 1, true);
    record = runToEnd(*each, edited);
    EXPECT_EQ(networksOf(*record, evaluation, Branch::Cond, 1), std::vector<int64_t>{0});
    EXPECT_EQ(networksOf(*record, evaluation, Branch::Uncond, 1), std::vector<int64_t>{1});
    EXPECT_EQ(record->routing.find(evaluation, Branch::Uncond, 1), nullptr);  // a's layers, without the prompt
    EXPECT_NE(record->routing.find(evaluation, Branch::Uncond, 5), nullptr);
}

TEST_F(EnsembleRun, TheShippedEnsembleRunsFromItsFolder) {
    const auto model = openModel(MOESCOPE_RESOURCES "/ensembles/emoji.moe.json").orThrow();
    const auto denoiser = model->load(*embedded.backend).orThrow();
    const auto record = runToEnd(*denoiser, request(*denoiser, 1));
    EXPECT_EQ(record->routing.networks.size(), 6u);
    EXPECT_EQ(networksOf(*record, 0, Branch::Cond, 0).size(), 2u);
}

}  // namespace
}  // namespace moescope
