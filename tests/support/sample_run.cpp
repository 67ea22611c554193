// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/support/sample_run.h"

namespace moescope::test {
namespace {

using Tokens = std::vector<std::vector<std::pair<int, float>>>;  // experts with gates of each token of the batch

MoeLayerDescriptor layerOf(int index, RoutingPolicy policy) {
    MoeLayerDescriptor layer;
    layer.block = 2 * index + 1;
    layer.moeIndex = index;
    layer.policy = policy;
    layer.experts = 3;
    layer.sharedExpert = index == 0;
    layer.topK = policy == RoutingPolicy::TokenChoice ? 1 : 0;
    layer.capacity = policy == RoutingPolicy::ExpertChoice ? 2 : 0;
    if (policy == RoutingPolicy::ExpertChoice) layer.tokenGroups.push_back({TokenKind::ClassLabel, 1, 0, 0});
    layer.tokenGroups.push_back({TokenKind::Image, 4, 2, 2});
    return layer;
}

Tokens tokenChoice(int evaluation, Branch branch) {
    Tokens tokens;
    for (int image = 0; image < 2; ++image)
        for (int token = 0; token < 4; ++token)
            tokens.push_back({{branch == Branch::Uncond ? 0 : (token + image + evaluation) % 3, 0.5f + token / 8.0f}});
    return tokens;
}

Tokens expertChoice() {
    const Tokens sample{{{2, 0.25f}}, {{0, 0.5f}, {1, 0.5f}, {2, 0.5f}}, {}, {{0, 0.25f}}, {{1, 0.25f}}};
    Tokens tokens = sample;
    tokens.insert(tokens.end(), sample.begin(), sample.end());
    return tokens;
}

Tokens batchPool() {
    Tokens tokens(8);
    for (int token = 0; token < 4; ++token) tokens[static_cast<size_t>(token)] = {{1, 1.0f}};
    return tokens;
}

void addRecords(RunRecord& run, int evaluation, Branch branch) {
    RoutingTrace& trace = run.routing;
    const auto add = [&](RoutingRecord record) {
        trace.records.push_back(std::make_shared<RoutingRecord>(std::move(record)));
    };
    add(recordOf(trace, evaluation, branch, 0, tokenChoice(evaluation, branch)));
    add(recordOf(trace, evaluation, branch, 1, expertChoice()));
    RoutingRecord pool = recordOf(trace, evaluation, branch, 2, batchPool());
    pool.pool = 0;
    if (evaluation == 0) {
        for (int i = 0; i < 8 * 3; ++i) pool.scores.push_back(static_cast<float>(i) / 32);
        pool.inputNorm.assign(8, 2.0f);
        pool.routedNorm.assign(8, 3.0f);
        pool.sharedNorm.assign(8, 4.0f);
    }
    add(std::move(pool));
}

}  // namespace

RoutingRecord recordOf(const RoutingTrace& trace, int evaluation, Branch branch, int layer, const Tokens& tokens) {
    RoutingRecord record;
    record.evaluation = evaluation;
    record.branch = branch;
    record.layer = layer;
    const MoeLayerDescriptor& descriptor = trace.layers[static_cast<size_t>(layer)];
    const auto experts = static_cast<size_t>(descriptor.experts);
    record.network = descriptor.network;
    record.counts.assign(static_cast<size_t>(trace.images) * experts, 0);
    record.mass.assign(record.counts.size(), 0);
    record.rowPtr.push_back(0);
    for (size_t token = 0; token < tokens.size(); ++token) {
        const size_t image = token / static_cast<size_t>(descriptor.tokensPerSample());
        for (const auto& [expert, gate] : tokens[token]) {
            record.expert.push_back(static_cast<uint16_t>(expert));
            record.gate.push_back(gate);
            ++record.counts[image * experts + static_cast<size_t>(expert)];
            record.mass[image * experts + static_cast<size_t>(expert)] += gate;
        }
        record.rowPtr.push_back(static_cast<uint32_t>(record.expert.size()));
    }
    return record;
}

RunRecord sampleRun() {
    RunRecord run;
    run.parameters.prompt = "red heart";
    run.parameters.seed = 7;
    run.parameters.batch = 2;
    run.parameters.steps = 2;
    run.parameters.sampler = "heun";
    run.parameters.cfgScale = 2.5;
    run.parameters.modelName = "sample.safetensors";
    run.parameters.modelHash = "0123abcd";
    run.parameters.family = "dsmoe";
    run.parameters.weightSet = "ema";
    run.parameters.width = run.parameters.height = 4;
    run.classIds = {3, 5};
    run.images = 2;
    run.latentShape = {1, 2, 2};
    run.precision = LatentPrecision::F16;
    run.previewHeight = 2;
    run.previewWidth = 2;
    run.complete = true;
    run.routing.images = 2;
    run.routing.networks = {"sample"};
    run.routing.layers = {layerOf(0, RoutingPolicy::TokenChoice), layerOf(1, RoutingPolicy::ExpertChoice),
                          layerOf(2, RoutingPolicy::BatchPool)};
    for (int i = 0; i < 3; ++i) {
        EvaluationRecord evaluation;
        evaluation.info = {i,
                           i / 2,
                           i % 2,
                           0.5f * static_cast<float>((i + 1) / 2),
                           1 - 0.5f * static_cast<float>((i + 1) / 2),
                           i < 2 ? 2.5 : 1.0,
                           i < 2};
        std::vector<float> values;
        for (int v = 0; v < 8; ++v) values.push_back(static_cast<float>(i) + static_cast<float>(v) / 8);
        evaluation.noisy = packLatents(values, run.precision);
        for (float& value : values) value = -value;
        evaluation.velocity = packLatents(values, run.precision);
        for (int v = 0; v < 2 * 2 * 2 * 3; ++v) evaluation.preview.push_back(static_cast<uint8_t>(10 * i + v));
        run.evaluations.push_back(std::move(evaluation));
        addRecords(run, i, Branch::Cond);
        if (i < 2) addRecords(run, i, Branch::Uncond);
    }
    run.finalLatents = HostTensor({2, 1, 2, 2}, {0, 1, 2, 3, 4, 5, 6, 7});
    for (int image = 0; image < 2; ++image) {
        Picture picture{4, 4, {}};
        for (int v = 0; v < 4 * 4 * 3; ++v) picture.rgb.push_back(static_cast<uint8_t>(100 * image + v));
        run.pictures.push_back(std::move(picture));
    }
    return run;
}

}  // namespace moescope::test
