// SPDX-License-Identifier: GPL-3.0-or-later
// Linear layers, activations, feed-forward layers, norms, modulation and gating against finite differences.
#include "engine/reference/mlp.h"
#include "engine/reference/norm_backward.h"
#include "tests/engine/reference/finite_differences.h"

namespace moescope {
namespace {

using namespace reference;
using namespace test;

TEST(LinearBackward, MatchesFiniteDifferences) {
    RandomValues random(1);
    Matrix<double> x = random.matrix(5, 3), w = random.matrix(4, 3);
    Values bias = random.vector(4);
    const Matrix<double> dy = random.matrix(5, 4);
    const auto d = linearBackward(x, w, dy);
    expectGradients([&] { return linear(x, w, bias).data; }, dy.data,
                    {{"x", &x.data, d.x.data}, {"weight", &w.data, d.weight.data}, {"bias", &bias, d.bias}});
}

TEST(ActivationBackward, MatchesFiniteDifferencesOnBothSidesAndFarOut) {
    Matrix<double> x(1, 9, Values{-6, -3, -1, -0.2, 0, 0.3, 1.2, 3, 6});
    const Matrix<double> dy = RandomValues(2).matrix(1, 9);
    expectGradients([&] { return mapped(x, silu<double>).data; }, dy.data,
                    {{"silu", &x.data, mappedBackward(x, dy, siluSlope<double>).data}});
    expectGradients([&] { return mapped(x, geluTanh<double>).data; }, dy.data,
                    {{"gelu", &x.data, mappedBackward(x, dy, geluTanhSlope<double>).data}});
    expectGradients([&] { return softmax(x).data; }, dy.data,
                    {{"softmax", &x.data, softmaxBackward(softmax(x), dy).data}});
}

TEST(MlpBackward, MatchesFiniteDifferences) {
    RandomValues random(3);
    Matrix<double> x = random.matrix(4, 3), w1 = random.matrix(6, 3), w2 = random.matrix(2, 6);
    Values b1 = random.vector(6), b2 = random.vector(2);
    const Matrix<double> dy = random.matrix(4, 2);
    const auto d = mlpBackward(x, linear(x, w1, b1), w1, w2, geluTanh<double>, geluTanhSlope<double>, dy);
    expectGradients([&] { return mlp(x, w1, b1, w2, b2, geluTanh<double>).data; }, dy.data,
                    {{"x", &x.data, d.first.x.data},
                     {"w1", &w1.data, d.first.weight.data},
                     {"b1", &b1, d.first.bias},
                     {"w2", &w2.data, d.second.weight.data},
                     {"b2", &b2, d.second.bias}});
}

TEST(GatedMlpBackward, MatchesFiniteDifferences) {
    RandomValues random(4);
    Matrix<double> x = random.matrix(4, 3);
    GatedMlp<double> weights{random.matrix(10, 3), random.vector(10), random.matrix(3, 5), random.vector(3)};
    const Matrix<double> dy = random.matrix(4, 3);
    const auto d = gatedMlpBackward(x, linear(x, weights.in, weights.inBias), weights, dy);
    expectGradients([&] { return gatedMlp(x, weights).data; }, dy.data,
                    {{"x", &x.data, d.x.data},
                     {"in", &weights.in.data, d.weights.in.data},
                     {"in bias", &weights.inBias, d.weights.inBias},
                     {"out", &weights.out.data, d.weights.out.data},
                     {"out bias", &weights.outBias, d.weights.outBias}});
}

TEST(NormBackward, LayerNormMatchesFiniteDifferences) {
    RandomValues random(5);
    Matrix<double> x = random.matrix(4, 7);
    const Matrix<double> dy = random.matrix(4, 7);
    for (const double eps : {1e-6, 0.5}) {  // the second as large as the variance: it must not be forgotten
        const Matrix<double> d = layerNormBackward(x, layerNormSaved(x, eps), dy);
        expectGradients([&] { return layerNorm(x, eps).data; }, dy.data, {{"x", &x.data, d.data}});
    }
}

TEST(NormBackward, RmsNormMatchesFiniteDifferences) {
    RandomValues random(6);
    Matrix<double> x = random.matrix(4, 7);
    Values weight = random.vector(7);
    const Matrix<double> dy = random.matrix(4, 7);
    for (const double eps : {1e-6, 0.5}) {
        const auto d = rmsNormBackward(x, weight, rmsNormSaved(x, eps), dy);
        expectGradients([&] { return rmsNorm(x, weight, eps).data; }, dy.data,
                        {{"x", &x.data, d.x.data}, {"weight", &weight, d.weight}});
    }
    const auto plain = rmsNormBackward(x, {}, rmsNormSaved(x, 1e-6), dy);
    expectGradients([&] { return rmsNorm(x, {}, 1e-6).data; }, dy.data, {{"x", &x.data, plain.x.data}});
}

TEST(NormBackward, TheSavedValuesGiveTheForwardAgain) {
    const Matrix<double> x = RandomValues(7).matrix(3, 5);
    const Matrix<double> layer = normedRows(x, layerNormSaved(x, 1e-6)), rms = normedRows(x, rmsNormSaved(x, 1e-6));
    for (size_t i = 0; i < x.data.size(); ++i) {
        EXPECT_NEAR(layer.data[i], layerNorm(x, 1e-6).data[i], 1e-14);
        EXPECT_NEAR(rms.data[i], rmsNorm(x, {}, 1e-6).data[i], 1e-14);
    }
}

TEST(ModulationBackward, MatchesFiniteDifferencesPerSample) {
    RandomValues random(8);
    Matrix<double> x = random.matrix(6, 3), modulation = random.matrix(2, 9);
    const Matrix<double> dy = random.matrix(6, 3);
    struct Chunks {
        int64_t shift, scale;
    };
    for (const auto [shift, scale] : {Chunks{2, 0}, Chunks{-1, 1}, Chunks{0, -1}}) {
        const auto d = modulateBackward(x, modulation, shift, scale, dy);
        expectGradients([&, shift = shift, scale = scale] { return modulate(x, modulation, shift, scale).data; },
                        dy.data, {{"x", &x.data, d.x.data}, {"modulation", &modulation.data, d.modulation.data}});
    }
}

TEST(GatedAddBackward, MatchesFiniteDifferencesPerSample) {
    RandomValues random(9);
    Matrix<double> x = random.matrix(6, 3), branch = random.matrix(6, 3), modulation = random.matrix(2, 6);
    const Matrix<double> dy = random.matrix(6, 3);
    const auto d = gatedAddBackward(branch, modulation, 1, dy);
    expectGradients([&] { return gatedAdd(x, branch, modulation, 1).data; }, dy.data,
                    {{"x", &x.data, dy.data},
                     {"branch", &branch.data, d.x.data},
                     {"modulation", &modulation.data, d.modulation.data}});
}

}  // namespace
}  // namespace moescope
