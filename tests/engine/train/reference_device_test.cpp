// SPDX-License-Identifier: GPL-3.0-or-later
// The reference training device: every case gives something to compare, its gradients are the slopes of its forwards,
// and the comparison that other devices are held to notices what it should.
#include <gtest/gtest.h>

#include "engine/core/error.h"
#include "tests/engine/train/device_cases.h"

namespace moescope {
namespace {

using namespace test;
using namespace train;

TEST(ReferenceTrainingDevice, EveryCaseGivesFiniteValuesThatAreNotAllZero) {
    const auto device = makeReferenceTrainingDevice();
    EXPECT_EQ(device->name(), "reference");
    for (const DeviceCase& check : deviceCases()) {
        const auto results = check.run(*device);
        EXPECT_FALSE(results.empty()) << check.name;
        for (const DeviceResult& result : results) {
            double largest = 0;
            for (const double value : result.values) {
                EXPECT_TRUE(std::isfinite(value)) << check.name << " " << result.name;
                largest = std::max(largest, std::abs(value));
            }
            const bool zero = result.name == "zeros" || (result.name == "pairRows" && check.name.ends_with("OneToken"));
            EXPECT_EQ(largest == 0, zero) << check.name << " " << result.name;
        }
    }
}

TEST(ReferenceTrainingDevice, RepeatsItselfExactly) {
    const auto one = makeReferenceTrainingDevice(), other = makeReferenceTrainingDevice();
    for (const DeviceCase& check : deviceCases())
        for (const DeviceDifference& found : compareDevices(check, *one, *other))
            EXPECT_EQ(found.error, 0) << check.name << found.name;
}

TEST(DeviceDifferences, AreSeenInOneValueInSizeAndInNaN) {
    const std::vector<DeviceResult> oracle{{"y", {1, -4, 2}, 1e-6}};
    EXPECT_TRUE(differences(oracle, oracle)[0].within());
    EXPECT_NEAR(differences(oracle, {{"y", {1, -4, 2.004}, 0}})[0].error, 1e-3, 1e-12);
    EXPECT_FALSE(differences(oracle, {{"y", {1, -4, 2.004}, 0}})[0].within());
    EXPECT_FALSE(differences(oracle, {{"y", {1, -4}, 0}})[0].within());
    EXPECT_FALSE(differences(oracle, {{"y", {1, std::nan(""), 2}, 0}})[0].within());
    EXPECT_FALSE(differences(oracle, {})[0].within());
}

TEST(DeviceDifferences, ADeviceThatRoundsWeightsFailsTheCasesOfExactOnes) {
    // 8 bits of mantissa are a relative error of up to 4e-3, far above every limit of an fp32 device.
    const auto exact = makeReferenceTrainingDevice();
    const LinearCase plain{{21, 40, 24}};
    LinearCase rounded = plain;
    rounded.rounded = true;
    const auto found = differences(runLinear(*exact, plain), runLinear(*exact, rounded));
    EXPECT_FALSE(found[0].within());  // y
    EXPECT_FALSE(found[1].within());  // dx
    EXPECT_TRUE(found[2].within());   // dWeight: the product of x and dy knows no weights
}

/// <r, y> along a direction: the slope by differences of the forward against that by the gradients.
///
/// The device gives fp32, a relative 6e-8 of each value; at a step of 2^-9 the difference of the projections is wrong
/// by about 6e-8 * sqrt(values)
/// * 2^8 of a value and by the step's square, 4e-6, times the third derivative. 2e-3 of the slope's terms is above both
/// and far below a gradient that is missing or misplaced.
struct Slope {
    double byDifference = 0, byGradient = 0, terms = 0;

    void check(const std::string& name) const {
        EXPECT_NEAR(byDifference, byGradient, 2e-3 * terms) << name;
        EXPECT_GT(terms, 0) << name;
    }
};
constexpr float kStep = 0x1p-9f;

/// An input, the direction it moves in and the gradient claimed for it.
struct Moving {
    float* place;
    int64_t count;
    std::vector<float> direction;
    float* gradient;
};

Slope slopeOf(CaseRun& run, const std::vector<Moving>& inputs, const std::vector<float>& r,
              const std::function<std::vector<float>()>& forward) {
    const auto moved = [&](float step) {
        for (const Moving& input : inputs) {
            std::vector<float> values = run.download(input.place, input.count);
            for (size_t i = 0; i < values.size(); ++i) values[i] += step * input.direction[i];
            run.device.upload(values.data(), input.place, input.count * 4);
        }
    };
    const auto projection = [&] {
        const std::vector<float> y = forward();
        double sum = 0;
        for (size_t i = 0; i < y.size(); ++i) sum += static_cast<double>(y[i]) * r[i];
        return sum;
    };
    Slope slope;
    moved(kStep);
    const double above = projection();
    moved(-2 * kStep);
    slope.byDifference = (above - projection()) / (2 * static_cast<double>(kStep));
    moved(kStep);
    for (const Moving& input : inputs) {
        const std::vector<float> gradient = run.download(input.gradient, input.count);
        double share = 0;
        for (size_t i = 0; i < gradient.size(); ++i) share += static_cast<double>(gradient[i]) * input.direction[i];
        slope.byGradient += share;
        slope.terms += std::abs(share);
    }
    return slope;
}

/// An input with random values and direction and a gradient of zeros.
Moving movingInput(CaseRun& run, int64_t count, float scale = 1) {
    return {run.random(count, scale), count, run.draw(count),
            run.upload(std::vector<float>(static_cast<size_t>(count)))};
}

TEST(ReferenceTrainingDevice, LinearGradientsAreItsSlopes) {
    const auto device = makeReferenceTrainingDevice();
    CaseRun run(*device);
    const LinearShape shape{6, 5, 4};
    const auto x = movingInput(run, 30), weight = movingInput(run, 20), bias = movingInput(run, 4);
    const std::vector<float> r = run.draw(24);
    device->linearBackward(shape, x.place, weight.place, run.upload(r), x.gradient, false, weight.gradient,
                           bias.gradient);
    float* y = run.target(24);
    slopeOf(run, {x, weight, bias}, r, [&] {
        device->linear(shape, x.place, weight.place, bias.place, y);
        return run.download(y, 24);
    }).check("linear");
}

TEST(ReferenceTrainingDevice, NormGradientsAreItsSlopes) {
    const auto device = makeReferenceTrainingDevice();
    for (const NormKind kind : {NormKind::Layer, NormKind::Rms}) {
        CaseRun run(*device);
        const NormShape shape{kind, 2, 3, 8};
        const auto x = movingInput(run, 48), weight = movingInput(run, 8), modulation = movingInput(run, 2 * 24);
        const std::vector<float> r = run.draw(48);
        float *rowScale = run.target(6), *mean = run.target(6), *y = run.target(48);
        const bool rms = kind == NormKind::Rms;
        const auto forward = [&] {
            device->norm(shape, x.place, rms ? weight.place : nullptr, {modulation.place + 16, modulation.place, 24},
                         rowScale, rms ? nullptr : mean, y);
            return run.download(y, 48);
        };
        forward();
        device->normBackward(shape, x.place, rms ? weight.place : nullptr,
                             {modulation.place + 16, modulation.place, 24}, rowScale, rms ? nullptr : mean,
                             run.upload(r), x.gradient, rms ? weight.gradient : nullptr,
                             {modulation.gradient + 16, modulation.gradient, 24});
        std::vector<Moving> inputs{x, modulation};
        if (rms) inputs.push_back(weight);
        slopeOf(run, inputs, r, forward).check(rms ? "RMS norm" : "LayerNorm");
    }
}

TEST(ReferenceTrainingDevice, AttentionGradientsAreItsSlopes) {
    const auto device = makeReferenceTrainingDevice();
    CaseRun run(*device);
    const AttentionShape shape{2, 5, 4, 2, 4, true, 1e-6f, RopeKind::AdjacentPairs, 1};
    const int64_t rows = 10, out = 16;
    const auto qkv = movingInput(run, rows * shape.columns()), queryNorm = movingInput(run, 4),
               keyNorm = movingInput(run, 4);
    std::vector<float> cos = run.draw(8), sin = cos;
    for (size_t i = 0; i < cos.size(); ++i) sin[i] = std::sin(cos[i]), cos[i] = std::cos(cos[i]);
    const RopeAngles angles{run.upload(cos), run.upload(sin)};
    const std::vector<float> r = run.draw(rows * out);
    float *saved = run.target(device->attentionSaved(shape)), *y = run.target(rows * out);
    const auto forward = [&] {
        device->attention(shape, qkv.place, queryNorm.place, keyNorm.place, angles, saved, y);
        return run.download(y, rows * out);
    };
    forward();
    device->attentionBackward(shape, qkv.place, queryNorm.place, keyNorm.place, angles, saved, y, run.upload(r),
                              qkv.gradient, queryNorm.gradient, keyNorm.gradient);
    slopeOf(run, {qkv, queryNorm, keyNorm}, r, forward).check("attention");
}

TEST(ReferenceTrainingDevice, SparseLayerGradientsAreItsSlopes) {
    const auto device = makeReferenceTrainingDevice();
    CaseRun run(*device);
    // A bias holds the choice to experts 0 and 2, whatever moves.
    const MoeShape shape{6, 5, 4, 2, 1, 1, 3, 2, true, true, train::Affinity::Sigmoid, 1.5f};
    const float* selection = run.upload(std::vector<float>{9, 0, 9, 0});
    const auto x = movingInput(run, 30), router = movingInput(run, 20), in = movingInput(run, 4 * 6 * 5),
               inBias = movingInput(run, 24), outWeight = movingInput(run, 4 * 5 * 3), outBias = movingInput(run, 20),
               sharedIn = movingInput(run, 20), sharedInBias = movingInput(run, 4), sharedOut = movingInput(run, 10),
               sharedOutBias = movingInput(run, 5);
    const MoeParameters<const float> weights{router.place,       in.place,        inBias.place,
                                             outWeight.place,    outBias.place,   sharedIn.place,
                                             sharedInBias.place, sharedOut.place, sharedOutBias.place};
    const MoeSaved saved{run.target(24),        run.target(24),        run.integerTarget(12), run.target(12),
                         run.integerTarget(12), run.integerTarget(12), run.integerTarget(5),  run.target(72),
                         run.target(36),        run.target(60),        run.target(24),        run.target(12)};
    const std::vector<float> r = run.draw(30);
    float* y = run.target(30);
    const auto forward = [&] {
        device->moe(shape, weights, selection, x.place, saved, y);
        return run.download(y, 30);
    };
    forward();
    EXPECT_EQ(run.download(saved.offsets, 5), (std::vector<int32_t>{0, 6, 6, 12, 12}));
    EXPECT_EQ(run.download(saved.pairRows, 12), (std::vector<int32_t>{0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5}));
    EXPECT_EQ(run.download(saved.pairOf, 4), (std::vector<int32_t>{0, 6, 1, 7}));
    device->moeBackward(shape, weights, x.place, saved, run.upload(r), {}, 1, x.gradient,
                        {router.gradient, in.gradient, inBias.gradient, outWeight.gradient, outBias.gradient,
                         sharedIn.gradient, sharedInBias.gradient, sharedOut.gradient, sharedOutBias.gradient});
    slopeOf(run, {x, router, in, inBias, outWeight, outBias, sharedIn, sharedInBias, sharedOut, sharedOutBias}, r,
            forward)
        .check("sparse layer");
}

TEST(ReferenceTrainingDevice, MemoryIsZeroAtFirstAndKeepsWhatIsUploaded) {
    const auto device = makeReferenceTrainingDevice();
    const auto block = device->reserve(12);
    EXPECT_EQ(block->bytes(), 12);
    float values[3] = {1, 2, 3};
    device->download(block->data(), values, 12);
    EXPECT_EQ(values[0] + values[1] + values[2], 0);
    const float given[3] = {4, 5, 6};
    device->upload(given, block->data(), 12);
    device->download(block->data(), values, 12);
    EXPECT_EQ(values[2], 6);
    EXPECT_THROW(device->reserve(-1), EngineException);
}

}  // namespace
}  // namespace moescope
