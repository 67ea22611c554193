// SPDX-License-Identifier: GPL-3.0-or-later
// Cases of linear layers, norms, gating, activations and attention on a training device.
#pragma once

#include "tests/engine/train/device_case.h"

namespace moescope::test {

struct LinearCase {
    train::LinearShape shape;
    bool biased = true, addToInput = false, wantsInput = true, wantsWeights = true, rounded = false;
};

inline std::vector<DeviceResult> runLinear(train::TrainingDevice& device, const LinearCase& made) {
    CaseRun run(device, 2);
    const auto [rows, in, out] = made.shape;
    const float *x = run.random(rows * in), *weight = run.random(out * in),
                *bias = made.biased ? run.random(out) : nullptr;
    const float* dy = run.random(rows * out);
    float* y = run.target(rows * out);
    // What is added to begins with values of its own.
    float* dx = made.wantsInput ? run.random(rows * in) : nullptr;
    float *dWeight = made.wantsWeights ? run.random(out * in) : nullptr,
          *dBias = made.wantsWeights && made.biased ? run.random(out) : nullptr;
    device.roundWeights(made.rounded);
    device.linear(made.shape, x, weight, bias, y);
    device.linearBackward(made.shape, x, weight, dy, dx, made.addToInput, dWeight, dBias);
    device.roundWeights(false);
    run.result("y", y, rows * out, roundingLimit(in));
    run.result("dx", dx, rows * in, roundingLimit(out));
    run.result("dWeight", dWeight, out * in, roundingLimit(rows));
    run.result("dBias", dBias, out, roundingLimit(rows));
    return run.results;
}

struct NormCase {
    train::NormShape shape;
    bool shift = true, scale = true, wantsWeight = true;
};

inline std::vector<DeviceResult> runNorm(train::TrainingDevice& device, const NormCase& made) {
    CaseRun run(device, 3);
    const train::NormShape& shape = made.shape;
    const bool rms = shape.kind == train::NormKind::Rms;
    const int64_t rows = shape.rows(), width = shape.width,
                  stride = 3 * width + 1;  // a modulation with more chunks than used
    const float *x = run.random(rows * width, 2), *weight = rms ? run.random(width) : nullptr,
                *dy = run.random(rows * width);
    const float* modulation = run.random(shape.samples * stride);
    float* dModulation = run.random(shape.samples * stride);
    const train::Modulation places{made.shift ? modulation + width : nullptr, made.scale ? modulation : nullptr,
                                   stride};
    float *rowScale = run.target(rows), *mean = rms ? nullptr : run.target(rows), *y = run.target(rows * width);
    float *dx = run.random(rows * width), *dWeight = rms && made.wantsWeight ? run.random(width) : nullptr;
    device.norm(shape, x, weight, places, rowScale, mean, y);
    device.normBackward(shape, x, weight, places, rowScale, mean, dy, dx, dWeight,
                        {made.shift ? dModulation + width : nullptr, made.scale ? dModulation : nullptr, stride});
    run.result("y", y, rows * width, roundingLimit(width, 2));
    run.result("rowScale", rowScale, rows, roundingLimit(width));
    run.result("mean", mean, rows, roundingLimit(width));
    run.result("dx", dx, rows * width, roundingLimit(width, 4));
    run.result("dWeight", dWeight, width, roundingLimit(rows, 2));
    run.result("dModulation", dModulation, shape.samples * stride, roundingLimit(shape.tokens, 3));
    return run.results;
}

inline std::vector<DeviceResult> runGatedAdd(train::TrainingDevice& device, int64_t samples, int64_t tokens,
                                             int64_t width, bool gated) {
    CaseRun run(device, 4);
    const int64_t values = samples * tokens * width, stride = 2 * width + 3;
    const float *x = run.random(values), *branch = run.random(values), *dy = run.random(values);
    const float* gate = gated ? run.random(samples * stride) : nullptr;
    float *y = run.target(values), *dBranch = run.target(values),
          *dGate = gated ? run.random(samples * stride) : nullptr;
    device.gatedAdd(samples, tokens, width, x, branch, gate ? gate + width : nullptr, stride, y);
    device.gatedAddBackward(samples, tokens, width, branch, gate ? gate + width : nullptr, stride, dy, dBranch,
                            dGate ? dGate + width : nullptr);
    run.result("y", y, values, roundingLimit(1));
    run.result("dBranch", dBranch, values, roundingLimit(1));
    run.result("dGate", dGate, samples * stride, roundingLimit(tokens));
    return run.results;
}

/// From -12 to 12, far into both ends (a single value: from -1 to 1, so that it does not vanish there). The backward
/// works in place.
inline std::vector<DeviceResult> runActivation(train::TrainingDevice& device, train::Activation activation,
                                               int64_t values) {
    CaseRun run(device, 5);
    const float* x = run.random(values, values == 1 ? 1 : 12);
    float *y = run.target(values), *d = run.random(values);
    device.activate(activation, values, x, y);
    device.activateBackward(activation, values, x, d, d);
    run.result("y", y, values, roundingLimit(1));
    run.result("dx", d, values, roundingLimit(1, 2));
    return run.results;
}

inline std::vector<DeviceResult> runGate(train::TrainingDevice& device, int64_t rows, int64_t inner) {
    CaseRun run(device, 6);
    const float *x = run.random(rows * 2 * inner, 4), *dy = run.random(rows * inner);
    float *y = run.target(rows * inner), *dx = run.target(rows * 2 * inner);
    device.gate(rows, inner, x, y);
    device.gateBackward(rows, inner, x, dy, dx);
    run.result("y", y, rows * inner, roundingLimit(1));
    run.result("dx", dx, rows * 2 * inner, roundingLimit(1, 2));
    return run.results;
}

inline std::vector<DeviceResult> runAttention(train::TrainingDevice& device, const train::AttentionShape& shape) {
    CaseRun run(device, 7);
    const int64_t rows = shape.samples * shape.tokens, out = shape.heads * shape.headWidth, d = shape.headWidth;
    const float *qkv = run.random(rows * shape.columns(), 2), *dOut = run.random(rows * out);
    const float *queryNorm = shape.normed ? run.random(d, 2) : nullptr,
                *keyNorm = shape.normed ? run.random(d, 2) : nullptr;
    std::vector<float> cos = run.draw((shape.tokens - shape.leadTokens) * (d / 2), 4), sin = cos;
    for (size_t i = 0; i < cos.size(); ++i) sin[i] = std::sin(cos[i]), cos[i] = std::cos(cos[i]);
    const bool turned = shape.rope != train::RopeKind::None;
    const train::RopeAngles angles{turned ? run.upload(cos) : nullptr, turned ? run.upload(sin) : nullptr};
    float *saved = run.target(device.attentionSaved(shape)), *y = run.target(rows * out),
          *dQkv = run.target(rows * shape.columns());
    float *dQueryNorm = shape.normed ? run.random(d) : nullptr, *dKeyNorm = shape.normed ? run.random(d) : nullptr;
    device.attention(shape, qkv, queryNorm, keyNorm, angles, saved, y);
    device.attentionBackward(shape, qkv, queryNorm, keyNorm, angles, saved, y, dOut, dQkv, dQueryNorm, dKeyNorm);
    // Scores (sums over d, after norm and rotation), then sums over tokens; backward: the same again.
    const int64_t terms = std::max(shape.tokens, d);
    run.result("out", y, rows * out, roundingLimit(terms, 3));
    run.result("dQkv", dQkv, rows * shape.columns(), roundingLimit(terms, 6));
    run.result("dQueryNorm", dQueryNorm, d, roundingLimit(std::max(terms, rows), 7));
    run.result("dKeyNorm", dKeyNorm, d, roundingLimit(std::max(terms, rows), 7));
    return run.results;
}

inline std::vector<DeviceCase> layerDeviceCases() {
    using namespace train;
    std::vector<DeviceCase> cases;
    const auto add = [&](const std::string& name, auto run) { cases.push_back({name, run}); };

    const std::vector<std::pair<std::string, LinearCase>> linears{
        {"OneByOne", {{1, 1, 1}}},
        {"Odd", {{7, 5, 3}}},
        {"OddWithoutBias", {{33, 47, 17}, false}},
        {"OneRow", {{1, 65, 130}}},
        {"OneColumn", {{19, 300, 1}}},
        {"LargerThanBlocks", {{150, 96, 200}}},
        {"LongRows", {{70, 520, 20}}},
        {"AddsToInput", {{13, 16, 32}, true, true}},
        {"FrozenWeights", {{13, 16, 32}, true, false, true, false}},
        {"FirstLayer", {{13, 16, 32}, true, false, false, true}},
        {"WeightsInBf16", {{21, 40, 24}, true, false, true, true, true}},
    };
    for (const auto& [name, made] : linears)
        add("Linear" + name, [made](TrainingDevice& device) { return runLinear(device, made); });

    const auto layer = NormKind::Layer, rms = NormKind::Rms;
    const std::vector<std::pair<std::string, NormCase>> norms{
        {"Layer", {{layer, 2, 5, 24}}},
        {"LayerOdd", {{layer, 3, 7, 37}}},
        {"LayerOneToken", {{layer, 1, 1, 130}}},
        {"LayerManySamples", {{layer, 40, 1, 16}}},
        {"LayerPlain", {{layer, 2, 3, 8}, false, false}},
        {"LayerLargeEps", {{layer, 2, 9, 20, 0.5f}}},
        {"Rms", {{rms, 2, 5, 24}}},
        {"RmsOdd", {{rms, 3, 7, 37}}},
        {"RmsShiftAlone", {{rms, 2, 4, 12}, true, false}},
        {"RmsScaleAlone", {{rms, 2, 4, 12}, false, true}},
        {"RmsPlainFrozen", {{rms, 1, 66, 64}, false, false, false}},
    };
    for (const auto& [name, made] : norms)
        add("Norm" + name, [made](TrainingDevice& device) { return runNorm(device, made); });

    add("GatedAdd", [](TrainingDevice& device) { return runGatedAdd(device, 2, 5, 19, true); });
    add("GatedAddManyTokens", [](TrainingDevice& device) { return runGatedAdd(device, 3, 257, 32, true); });
    add("GatedAddOneToken", [](TrainingDevice& device) { return runGatedAdd(device, 5, 1, 7, true); });
    add("GatedAddWithoutGate", [](TrainingDevice& device) { return runGatedAdd(device, 2, 3, 11, false); });
    for (const int64_t values : {1, 1003}) {
        add("Silu" + std::to_string(values),
            [values](TrainingDevice& device) { return runActivation(device, Activation::Silu, values); });
        add("Gelu" + std::to_string(values),
            [values](TrainingDevice& device) { return runActivation(device, Activation::GeluTanh, values); });
    }
    add("Gate", [](TrainingDevice& device) { return runGate(device, 5, 7); });
    add("GateLarge", [](TrainingDevice& device) { return runGate(device, 90, 96); });

    // samples, tokens, heads, key heads, head width, normed, eps, rotation, leading tokens
    const auto halves = RopeKind::SplitHalves, pairs = RopeKind::AdjacentPairs;
    const std::vector<std::pair<std::string, AttentionShape>> attentions{
        {"Plain", {2, 16, 2, 2, 8}},
        {"Odd", {3, 17, 3, 3, 5}},
        {"OneToken", {2, 1, 2, 2, 8}},
        {"LargerThanBlocks", {1, 150, 2, 2, 36, false, 1e-6f, halves, 0}},
        {"NormedSplitHalves", {2, 9, 2, 2, 12, true, 1e-6f, halves, 0}},
        {"SplitHalvesBehindLead", {2, 19, 2, 2, 16, false, 1e-6f, halves, 3}},
        {"NormedPairsBehindLead", {2, 20, 2, 2, 10, true, 1e-6f, pairs, 4}},
        {"Pairs", {1, 33, 4, 4, 16, false, 1e-6f, pairs, 0}},
        {"GroupedKeys", {2, 18, 4, 2, 8}},
        {"OneKeyHead", {2, 23, 6, 1, 8, true, 1e-5f, pairs, 1}},
        {"Wide", {1, 7, 1, 1, 128, true, 1e-6f, halves, 0}},
    };
    for (const auto& [name, shape] : attentions)
        add("Attention" + name, [shape](TrainingDevice& device) { return runAttention(device, shape); });
    return cases;
}

}  // namespace moescope::test
