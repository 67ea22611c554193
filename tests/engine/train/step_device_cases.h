// SPDX-License-Identifier: GPL-3.0-or-later
// Cases of embeddings, tokens, losses and the optimizer's step on a training device.
#pragma once

#include "tests/engine/train/device_case.h"

namespace moescope::test {

/// Waves of times in 0 .. 1. The frequency's exponent goes to log(10000) = 9.2, so that its rounding weighs up to ten
/// times.
inline std::vector<DeviceResult> runWaves(train::TrainingDevice& device, int64_t samples, int64_t width) {
    CaseRun run(device, 9);
    std::vector<float> t = run.draw(samples);
    for (float& time : t) time = std::abs(time);
    float* waves = run.target(samples * width);
    device.timestepWaves(samples, width, 10000.0f, run.upload(t), waves);
    run.result("waves", waves, samples * width, roundingLimit(1, 10));
    return run.results;
}

inline std::vector<DeviceResult> runGather(train::TrainingDevice& device, const std::vector<int32_t>& index,
                                           int64_t rows, int64_t width) {
    CaseRun run(device, 10);
    const auto count = static_cast<int64_t>(index.size());
    const float *table = run.random(rows * width), *dOut = run.random(count * width);
    const int32_t* places = run.upload(index);
    float *out = run.target(count * width), *dTable = run.random(rows * width);
    device.gatherRows(count, width, table, places, out);
    device.gatherRowsBackward(count, width, places, dOut, dTable);
    run.result("out", out, count * width, 0);
    run.result("dTable", dTable, rows * width, roundingLimit(count));
    return run.results;
}

inline std::vector<DeviceResult> runPatches(train::TrainingDevice& device, int64_t samples, int64_t channels,
                                            int64_t grid, int64_t patch) {
    CaseRun run(device, 11);
    const int64_t values = samples * channels * grid * grid * patch * patch;
    const float *pictures = run.random(values), *rows = run.random(values), *dPictures = run.random(values);
    float *tokens = run.target(values), *made = run.target(values), *dTokens = run.target(values);
    device.patchify(samples, channels, grid, patch, pictures, tokens);
    device.unpatchify(samples, channels, grid, patch, rows, made);
    device.unpatchifyBackward(samples, channels, grid, patch, dPictures, dTokens);
    run.result("tokens", tokens, values, 0);
    run.result("pictures", made, values, 0);
    run.result("dTokens", dTokens, values, 0);
    return run.results;
}

inline std::vector<DeviceResult> runTokens(train::TrainingDevice& device, int64_t samples, int64_t lead, int64_t tokens,
                                           int64_t width) {
    CaseRun run(device, 12);
    const int64_t front = samples * lead * width, own = samples * tokens * width;
    const float *ahead = run.random(front), *x = run.random(own), *table = run.random(tokens * width),
                *row = run.random(samples * width);
    const float *dy = run.random(own), *dOut = run.random(samples * width);
    std::vector<float> weight = run.draw(samples * tokens);
    for (float& value : weight) value = value > -0.5f ? std::abs(value) + 0.1f : 0.0f;
    std::fill(weight.begin(), weight.begin() + tokens, 0.0f);  // the first sample has no token that counts
    const float* weights = run.upload(weight);

    float *joined = run.target(front + own), *splitFront = run.target(front), *splitTokens = run.target(own),
          *alone = run.target(own);
    device.joinTokens(samples, lead, tokens, width, ahead, x, joined);
    device.splitTokens(samples, lead, tokens, width, joined, splitFront, splitTokens);
    device.splitTokens(samples, lead, tokens, width, joined, nullptr, alone);
    run.result("joined", joined, front + own, 0);
    run.result("front", splitFront, front, 0);
    run.result("tokens", splitTokens, own, 0);
    run.result("tokens alone", alone, own, 0);

    float *inPlace = run.random(own), *dTable = run.random(tokens * width);
    device.addRows(samples, tokens, width, inPlace, table, inPlace);
    device.addRowsBackward(samples, tokens, width, dy, dTable);
    run.result("added rows", inPlace, own, roundingLimit(1));
    run.result("dTable", dTable, tokens * width, roundingLimit(samples));

    float *repeated = run.target(own), *dRow = run.random(samples * width), *dPosition = run.random(tokens * width);
    device.repeatRows(samples, tokens, width, row, table, repeated);
    device.repeatRowsBackward(samples, tokens, width, dy, dRow, dPosition);
    run.result("repeated", repeated, own, roundingLimit(1));
    run.result("dRow", dRow, samples * width, roundingLimit(tokens));
    run.result("dPosition", dPosition, tokens * width, roundingLimit(samples));

    float *pooled = run.target(samples * width), *dPooled = run.target(own);
    device.pool(samples, tokens, width, x, weights, pooled);
    device.poolBackward(samples, tokens, width, weights, dOut, dPooled);
    run.result("pooled", pooled, samples * width, roundingLimit(tokens, 2));
    run.result("dPooled", dPooled, own, roundingLimit(tokens, 2));
    return run.results;
}

inline std::vector<DeviceResult> runPlain(train::TrainingDevice& device, int64_t values) {
    CaseRun run(device, 13);
    const float *a = run.random(values), *b = run.random(values);
    float *sum = run.target(values), *first = run.random(values), *second = run.random(values),
          *zeros = run.target(values), *same = run.target(values);
    device.add(values, a, b, sum);
    device.add(values, first, b, first);
    device.add(values, a, second, second);
    device.zero(values, zeros);
    device.copy(values, a, same);
    run.result("sum", sum, values, roundingLimit(1));
    run.result("sum in place of the first", first, values, roundingLimit(1));
    run.result("sum in place of the second", second, values, roundingLimit(1));
    run.result("zeros", zeros, values, 0);
    run.result("copy", same, values, 0);
    // The same sum in double: fewer than `values` roundings of 2^-53.
    run.results.push_back({"sum of squares", {device.squareSum(values, a)}, static_cast<double>(values) * 0x1p-53});
    std::vector<float> broken(static_cast<size_t>(values), 1.0f);
    const auto finite = [&] { return device.finite(values, run.upload(broken)) ? 1.0 : 0.0; };
    std::vector<double> answers{finite()};
    for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                            -std::numeric_limits<float>::infinity(), std::numeric_limits<float>::max()}) {
        broken.back() = bad;
        answers.push_back(finite());
    }
    run.results.push_back({"finite", answers, 0});
    return run.results;
}

inline std::vector<DeviceResult> runFlowLoss(train::TrainingDevice& device, const train::FlowLossShape& shape) {
    CaseRun run(device, 14);
    const int64_t values = shape.channels * shape.pixels, all = shape.samples * values,
                  out = shape.samples * shape.outChannels * shape.pixels;
    const float *x0 = run.random(all), *noise = run.random(all, 2), *output = run.random(out, 2);
    std::vector<float> times = run.draw(shape.samples);
    for (float& t : times) t = std::abs(t);
    times[0] = 0.999f;  // behind tEps
    const float* t = run.upload(times);
    float *z = run.target(all), *perSample = run.target(shape.samples), *dOutput = run.target(out);
    device.mixNoise(shape.samples, values, x0, noise, t, z);
    device.flowLoss(shape, output, x0, z, noise, t, 2.5f, perSample, dOutput);
    run.result("z", z, all, roundingLimit(1));
    run.result("losses", perSample, shape.samples, roundingLimit(values, 2));
    run.result("dOutput", dOutput, out, roundingLimit(1, 2));
    return run.results;
}

/// Three steps from small parameters, so that the steps show in them.
inline std::vector<DeviceResult> runAdam(train::TrainingDevice& device, int64_t values, float weightDecay,
                                         int64_t firstStep) {
    CaseRun run(device, 15);
    float *parameter = run.random(values, 0.01f), *moment1 = run.random(values, 0.01f), *average = run.random(values);
    std::vector<float> spread = run.draw(values, 0.01f);
    for (float& value : spread) value = std::abs(value);
    float* moment2 = run.upload(spread);
    train::AdamSettings settings{0.01f, 0.9f, 0.99f, 1e-4f, weightDecay, 0.5f, firstStep};
    for (int64_t i = 0; i < 3; ++i, ++settings.step) {
        const float* gradient = run.random(values);
        device.adam(values, settings, gradient, parameter, moment1, moment2);
        device.average(values, 0.75f, parameter, average);
    }
    run.result("parameter", parameter, values, roundingLimit(1, 3));
    run.result("moment1", moment1, values, roundingLimit(1, 3));
    run.result("moment2", moment2, values, roundingLimit(1, 3));
    run.result("average", average, values, roundingLimit(1, 3));
    return run.results;
}

inline std::vector<DeviceCase> stepDeviceCases() {
    using train::FlowTarget;
    using train::TrainingDevice;
    std::vector<DeviceCase> cases;
    const auto add = [&](const std::string& name, auto run) { cases.push_back({name, run}); };
    add("WavesOdd", [](TrainingDevice& device) { return runWaves(device, 3, 7); });
    add("Waves", [](TrainingDevice& device) { return runWaves(device, 9, 256); });
    add("GatherWithRepeats", [](TrainingDevice& device) { return runGather(device, {2, 0, 2, 5, 2}, 6, 9); });
    add("GatherOne", [](TrainingDevice& device) { return runGather(device, {3}, 4, 1); });
    add("GatherManyOfOne",
        [](TrainingDevice& device) { return runGather(device, std::vector<int32_t>(200, 1), 3, 33); });
    add("Patches", [](TrainingDevice& device) { return runPatches(device, 2, 4, 4, 2); });
    add("PatchesOdd", [](TrainingDevice& device) { return runPatches(device, 3, 3, 5, 3); });
    add("PatchesOfOnePixel", [](TrainingDevice& device) { return runPatches(device, 2, 3, 3, 1); });
    add("Tokens", [](TrainingDevice& device) { return runTokens(device, 3, 2, 5, 7); });
    add("TokensLarger", [](TrainingDevice& device) { return runTokens(device, 2, 32, 100, 48); });
    add("TokensOneOfEach", [](TrainingDevice& device) { return runTokens(device, 2, 1, 1, 3); });
    add("PlainOne", [](TrainingDevice& device) { return runPlain(device, 1); });
    add("PlainMany", [](TrainingDevice& device) { return runPlain(device, 100003); });
    add("FlowVelocity", [](TrainingDevice& device) {
        return runFlowLoss(device, {FlowTarget::Velocity, 3, 4, 8, 25});
    });
    add("FlowVelocityLarger", [](TrainingDevice& device) {
        return runFlowLoss(device, {FlowTarget::Velocity, 2, 3, 3, 1024});
    });
    add("FlowCleanImage", [](TrainingDevice& device) {
        return runFlowLoss(device, {FlowTarget::CleanImage, 5, 3, 3, 64});
    });
    add("FlowCleanImageOne", [](TrainingDevice& device) {
        return runFlowLoss(device, {FlowTarget::CleanImage, 1, 1, 2, 1, 0.1f});
    });
    add("Adam", [](TrainingDevice& device) { return runAdam(device, 1001, 0, 1); });
    add("AdamDecaying", [](TrainingDevice& device) { return runAdam(device, 37, 0.1f, 1); });
    add("AdamLater", [](TrainingDevice& device) { return runAdam(device, 64, 0.01f, 5000); });
    return cases;
}

}  // namespace moescope::test
