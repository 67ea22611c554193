// SPDX-License-Identifier: GPL-3.0-or-later
// Group norm over whole pictures against plain loops in double.
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "engine/backend/backend.h"
#include "tests/support/random_tensor.h"

namespace moescope {
namespace {

using test::randomTensor;

constexpr float kEps = 1e-6f;

struct Values {
    HostTensor x, weight, bias;
    Values(int64_t pixels, int64_t channels, float offset = 0.0f)
        : x(randomTensor({pixels, channels}, 1)),
          weight(randomTensor({channels}, 2)),
          bias(randomTensor({channels}, 3)) {
        for (float& value : x.data) value += offset;
    }
};

std::vector<float> onDevice(Backend& backend, const Values& v, int64_t groups, MsActivation activation, bool inPlace) {
    const DeviceTensor x = backend.tensorFrom(v.x.shape, v.x.data);
    const DeviceTensor weight = backend.tensorFrom(v.weight.shape, v.weight.data);
    const DeviceTensor bias = backend.tensorFrom(v.bias.shape, v.bias.data);
    const DeviceTensor other = backend.tensor(v.x.shape);
    const DeviceTensor& out = inPlace ? x : other;
    backend.check(backend.table().group_norm(backend.context(), x.get(), groups, kEps, weight.get(), bias.get(),
                                             activation, out.get()));
    return backend.fetch(out).data;
}

std::vector<double> byHand(const Values& v, int64_t groups, bool silu) {
    const int64_t pixels = v.x.shape[0], channels = v.x.shape[1], width = channels / groups;
    std::vector<double> out(v.x.data.size());
    for (int64_t group = 0; group < groups; ++group) {
        const auto each = [&](auto&& body) {
            for (int64_t p = 0; p < pixels; ++p)
                for (int64_t c = group * width; c < (group + 1) * width; ++c)
                    body(static_cast<size_t>(p * channels + c), c);
        };
        double mean = 0.0, variance = 0.0;
        const double count = static_cast<double>(pixels * width);
        each([&](size_t i, int64_t) { mean += v.x.data[i] / count; });
        each([&](size_t i, int64_t) { variance += (v.x.data[i] - mean) * (v.x.data[i] - mean) / count; });
        each([&](size_t i, int64_t c) {
            const size_t channel = static_cast<size_t>(c);
            const double y =
                (v.x.data[i] - mean) / std::sqrt(variance + kEps) * v.weight.data[channel] + v.bias.data[channel];
            out[i] = silu ? y / (1.0 + std::exp(-y)) : y;
        });
    }
    return out;
}

/// scale and shift are rounded once each (2^-24 of |x scale| and of |shift|), the sum once more; SiLU adds a few ulp
/// and has a slope of at most 1.1. |x scale| and |shift| stay below `largest`.
void expectCorrect(int64_t pixels, int64_t channels, int64_t groups, MsActivation activation, float offset,
                   double largest) {
    Backend backend(cpuBackendTable(), {2});
    const Values values(pixels, channels, offset);
    const std::vector<double> expected = byHand(values, groups, activation == MS_ACT_SILU);
    for (const bool inPlace : {false, true}) {
        const std::vector<float> found = onDevice(backend, values, groups, activation, inPlace);
        ASSERT_EQ(found.size(), expected.size());
        for (size_t i = 0; i < found.size(); ++i)
            ASSERT_NEAR(found[i], expected[i], 8 * 0x1p-24 * largest) << "value " << i;
    }
}

TEST(GroupNorm, NormalisesOverAllPixelsOfAGroup) {
    // Uniform in -1 .. 1: deviation 0.577, so |x scale| <= 2 or so.
    expectCorrect(35, 24, 8, MS_ACT_NONE, 0.0f, 3.0);
    expectCorrect(700, 6, 3, MS_ACT_NONE, 0.0f, 3.0);    // several partial sums, channels below one vector
    expectCorrect(9, 37, 1, MS_ACT_NONE, 0.0f, 3.0);     // one group, a tail of channels
    expectCorrect(300, 32, 32, MS_ACT_NONE, 0.0f, 3.0);  // one channel per group
}

TEST(GroupNorm, CanBeFollowedBySilu) {
    expectCorrect(35, 24, 8, MS_ACT_SILU, 0.0f, 3.0);
    expectCorrect(9, 37, 1, MS_ACT_SILU, 0.0f, 3.0);
}

TEST(GroupNorm, KeepsTheVarianceOfValuesFarFromZero) {
    // Mean 100, deviation 0.577: x scale and shift are both about 173 in size, and cancel.
    expectCorrect(1500, 16, 4, MS_ACT_NONE, 100.0f, 180.0);
}

TEST(GroupNorm, ThreadsChangeNoBit) {
    const Values values(20000, 40);
    Backend one(cpuBackendTable(), {1});
    const std::vector<float> plain = onDevice(one, values, 8, MS_ACT_SILU, false);
    for (const int threads : {2, 3}) {
        Backend backend(cpuBackendTable(), {threads});
        EXPECT_EQ(onDevice(backend, values, 8, MS_ACT_SILU, false), plain) << threads << " threads";
    }
}

TEST(GroupNorm, AConstantPictureBecomesTheBias) {
    Values values(50, 8);
    for (float& value : values.x.data) value = 3.0f;
    Backend backend(cpuBackendTable(), {1});
    const std::vector<float> found = onDevice(backend, values, 2, MS_ACT_NONE, false);
    // Variance 0: scale = weight / sqrt(eps) = 1000 weight, so x scale and shift are up to 3000 and cancel.
    for (size_t i = 0; i < found.size(); ++i) ASSERT_NEAR(found[i], values.bias.data[i % 8], 4 * 0x1p-24 * 3000.0);
}

TEST(GroupNorm, RefusesGroupsThatDoNotDivideTheChannels) {
    Backend backend(cpuBackendTable(), {1});
    const Values values(4, 10);
    EXPECT_THROW(onDevice(backend, values, 4, MS_ACT_NONE, false), EngineException);
    EXPECT_THROW(onDevice(backend, values, 0, MS_ACT_NONE, false), EngineException);
    EXPECT_THROW(onDevice(backend, values, 2, MS_ACT_GELU_TANH, false), EngineException);
}

}  // namespace
}  // namespace moescope
