// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/support/policy_runs.h"

#include <algorithm>
#include <functional>

#include "tests/support/sample_run.h"

namespace moescope::test {
namespace {

using Tokens = std::vector<std::vector<std::pair<int, float>>>;
using AddRecords = std::function<void(RunRecord&, int evaluation, Branch branch)>;

MoeLayerDescriptor layerOf(RoutingPolicy policy, int moeIndex, int block, int64_t experts) {
    MoeLayerDescriptor layer;
    layer.policy = policy;
    layer.moeIndex = moeIndex;
    layer.block = block;
    layer.experts = experts;
    layer.tokenGroups = {{TokenKind::Image, 4, 2, 2}};
    return layer;
}

/// The sample run's pictures and previews with other layers and three Euler steps.
RunRecord runWith(std::vector<MoeLayerDescriptor> layers, const char* family, const AddRecords& addRecords) {
    RunRecord run = sampleRun();
    run.parameters.sampler = "euler";
    run.parameters.steps = 3;
    run.parameters.family = family;
    run.routing.layers = std::move(layers);
    run.routing.records.clear();
    for (int i = 0; i < 3; ++i) {
        const float t = 0.25f * static_cast<float>(i);
        run.evaluations[static_cast<size_t>(i)].info = {i, i, 0, t, 1 - t, i < 2 ? 2.5 : 1.0, i < 2};
        addRecords(run, i, Branch::Cond);
        if (i < 2) addRecords(run, i, Branch::Uncond);
    }
    return run;
}

void add(RunRecord& run, RoutingRecord record) {
    run.routing.records.push_back(std::make_shared<RoutingRecord>(std::move(record)));
}

Tokens twice(const Tokens& sample) {
    Tokens tokens = sample;
    tokens.insert(tokens.end(), sample.begin(), sample.end());
    return tokens;
}

}  // namespace

RunRecord sampleExpertChoiceRun() {
    std::vector<MoeLayerDescriptor> layers{layerOf(RoutingPolicy::ExpertChoice, 0, 1, 3),
                                           layerOf(RoutingPolicy::ExpertChoice, 1, 3, 3)};
    for (MoeLayerDescriptor& layer : layers) layer.capacity = 2;
    return runWith(std::move(layers), "expert choice", [](RunRecord& run, int evaluation, Branch branch) {
        const auto gate = [&](int expert) { return static_cast<float>((expert + 1) * (evaluation + 1)) / 16; };
        const Tokens first{
            {{0, gate(0)}, {2, gate(2)}}, {{0, gate(0)}, {1, gate(1)}, {2, gate(2)}}, {{1, gate(1)}}, {}};
        const Tokens second{{{0, 0.5f}, {1, 0.5f}}, {{0, 0.5f}, {1, 0.5f}}, {{2, 0.5f}}, {{2, 0.5f}}};
        add(run, recordOf(run.routing, evaluation, branch, 0, twice(first)));
        add(run, recordOf(run.routing, evaluation, branch, 1, twice(second)));
    });
}

RunRecord samplePoolRun() {
    MoeLayerDescriptor layer = layerOf(RoutingPolicy::BatchPool, 0, 2, 3);
    layer.thresholds = {0.5f, 0.25f, 0.75f};
    layer.sharedExpert = true;
    RunRecord run = runWith({layer}, "pool", [](RunRecord& made, int evaluation, Branch branch) {
        Tokens tokens(8);
        for (int token = 0; token < 4; ++token) {
            tokens[static_cast<size_t>(token)] = {{0, 0.5f}};
            if (token < evaluation) tokens[static_cast<size_t>(token)].emplace_back(1, 0.25f);
        }
        tokens[4] = {{1, 0.25f}};
        if (evaluation == 2) tokens[7] = {{0, 0.125f}, {1, 0.125f}, {2, 0.125f}};
        RoutingRecord record = recordOf(made.routing, evaluation, branch, 0, tokens);
        record.pool = static_cast<int>(branch);
        add(made, std::move(record));
    });
    run.parameters.pool = "batch";
    return run;
}

RunRecord samplePrototypeRun() {
    MoeLayerDescriptor layer = layerOf(RoutingPolicy::Prototype, 0, 0, 3);
    layer.topK = 1;
    layer.unconditionalExpert = 2;
    return runWith({layer}, "prototype", [](RunRecord& run, int evaluation, Branch branch) {
        const Tokens with{{{0, 0.75f}}, {{1, 0.5f}}, {{0, 0.25f}}, {{1, -0.25f}}}, without(4, {{2, 1.0f}});
        add(run, recordOf(run.routing, evaluation, branch, 0, twice(branch == Branch::Cond ? with : without)));
    });
}

RunRecord samplePromptRun() {
    MoeLayerDescriptor before = layerOf(RoutingPolicy::TokenChoice, 0, 0, 3), with = layerOf(RoutingPolicy::TokenChoice, 1, 2, 3);
    before.topK = with.topK = 2;
    with.tokenGroups.insert(with.tokenGroups.begin(), {TokenKind::Text, 4, 0, 0});
    RunRecord run = runWith({before, with}, "prompts", [](RunRecord& made, int evaluation, Branch branch) {
        add(made, recordOf(made.routing, evaluation, branch, 0, Tokens(8, {{0, 1.0f}})));
        Tokens tokens(16, {{0, 1.0f}});
        const float third = 0.25f * static_cast<float>(evaluation);
        for (const size_t image : {0, 8}) {
            tokens[image] = {{0, 0.75f}, {1, 0.25f}};
            tokens[image + 1] = {{1, 1.0f - third}, {2, third}};
            tokens[image + 2] = {{1, 0.5f}, {2, 0.5f}};
            tokens[image + 3] = {{2, 1.0f}};
        }
        add(made, recordOf(made.routing, evaluation, branch, 1, tokens));
    });
    run.routing.text = {{{"\u2581red", "\u2581hea", "rt"}, {"\u2581blue"}}, {}};
    return run;
}

RunRecord sampleNetworksRun() {
    MoeLayerDescriptor networks = layerOf(RoutingPolicy::NetworkMixture, 0, -1, 3);
    networks.topK = 2;
    networks.tokenGroups = {{TokenKind::Picture, 1, 0, 0}};
    MoeLayerDescriptor cats = layerOf(RoutingPolicy::TokenChoice, 0, 0, 2),
                       dogs = layerOf(RoutingPolicy::TokenChoice, 0, 3, 4);
    cats.topK = dogs.topK = 1;
    dogs.network = 1;
    RunRecord run = runWith({networks, cats, dogs}, "networks", [](RunRecord& made, int evaluation, Branch branch) {
        constexpr int kCats = 0, kDogs = 1, kSketch = 2;
        made.routing.networks = {"cats", "dogs", "sketch"};
        const std::vector<Tokens> weights{{{{kCats, 0.75f}, {kDogs, 0.25f}}, {{kCats, 0.75f}, {kDogs, 0.25f}}},
                                          {{{kCats, 0.5f}, {kSketch, 0.5f}}, {{kDogs, 1.0f}}},
                                          {{{kDogs, 1.0f}}, {{kDogs, 0.5f}, {kSketch, 0.5f}}}};
        add(made, recordOf(made.routing, evaluation, branch, 0, weights[static_cast<size_t>(evaluation)]));
        const Tokens halves{{{0, 1.0f}}, {{1, 1.0f}}, {{0, 1.0f}}, {{1, 1.0f}}};
        const auto ofImages = [&](bool first, bool second) {
            Tokens tokens = first ? halves : Tokens(4);
            tokens.resize(8);
            if (second) std::copy(halves.begin(), halves.end(), tokens.begin() + 4);
            return tokens;
        };
        if (evaluation < 2) add(made, recordOf(made.routing, evaluation, branch, 1, ofImages(true, evaluation == 0)));
        add(made, recordOf(made.routing, evaluation, branch, 2, ofImages(evaluation != 1, true)));
    });
    return run;
}

}  // namespace moescope::test
