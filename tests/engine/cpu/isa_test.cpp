// SPDX-License-Identifier: GPL-3.0-or-later
// Choice of the instruction level, and the vector functions of every level against double.
#include "engine/cpu/isa.h"

#include "tests/engine/cpu/packed_weights.h"

namespace moescope::cpu {
namespace {

TEST(Isa, RefusesUnknownLevelsWithASentence) {
    const auto level = selectIsa("avx1024");
    ASSERT_FALSE(level.ok());
    EXPECT_NE(level.error().message.find("avx1024"), std::string::npos);
    EXPECT_TRUE(selectIsa("auto").ok());
}

/// f(x) of the device: a 1 x 1 weight of one with an activation leaves just that.
std::vector<float> through(MsContext& context, MsActivation activation, const std::vector<float>& x) {
    MsLinearDesc desc{sizeof desc, 1, 1, 1, MS_F32, MS_LINEAR_PLAIN, 0};
    MsLinear* one = nullptr;
    EXPECT_EQ(linearCreate(&context, &desc, &one), MS_OK);
    const float weight = 1.0f;
    EXPECT_EQ(linearLoadRows(&context, one, 0, 0, 1, &weight), MS_OK);
    std::vector<float> y(x.size());
    GemmJob job;
    job.rows = {x.data(), 1, nullptr};
    job.rowCount = static_cast<int64_t>(x.size());
    job.out = y.data();
    job.outStride = 1;
    EXPECT_EQ(gemm(context, *one, &job, 1, activation), MS_OK);
    linearDestroy(&context, one);
    return y;
}

std::vector<float> wideRange() {
    std::vector<float> x;
    for (float v = -104.0f; v <= 104.0f; v += 0.0371f) x.push_back(v);
    for (float v = 1e-38f; v < 1e-2f; v *= 3.7f) {
        x.push_back(v);
        x.push_back(-v);
    }
    return x;
}

TEST(VectorMath, SiluIsWithinFourUlpOverTheWholeRange) {
    for (const std::string& level : instructionLevels()) {
        LevelScope scope(level);
        if (!scope.available) continue;
        MsContext context(1);
        const auto x = wideRange();
        const auto y = through(context, MS_ACT_SILU, x);
        for (size_t i = 0; i < x.size(); ++i) {
            const double expected = x[i] / (1 + std::exp(-double{x[i]}));
            // Where e^-x leaves the floats the quotient is zero: the true value is then below 88 / 3.4e38.
            const double bound = x[i] < -88.0f ? 3e-37 : 4 * 0x1p-23 * std::fabs(expected) + 0x1p-149;
            ASSERT_LE(std::fabs(y[i] - expected), bound) << level << " at " << x[i];
        }
    }
}

TEST(VectorMath, GeluFollowsTheTanhFormula) {
    for (const std::string& level : instructionLevels()) {
        LevelScope scope(level);
        if (!scope.available) continue;
        MsContext context(1);
        const auto x = wideRange();
        const auto y = through(context, MS_ACT_GELU_TANH, x);
        for (size_t i = 0; i < x.size(); ++i) {
            const double v = x[i], twiceU = 1.5957691216057308 * (v + 0.044715 * v * v * v);
            const double expected = v / (1 + std::exp(-twiceU));
            const double bound =
                twiceU < -85 ? 3e-36 : (4 + 3 * std::fabs(twiceU)) * 0x1p-23 * std::fabs(expected) + 0x1p-149;
            ASSERT_LE(std::fabs(y[i] - expected), bound) << level << " at " << x[i];
        }
    }
}

TEST(VectorMath, LimitsAreThoseOfTheFormulas) {
    const float inf = INFINITY;
    const std::vector<float> x{0.0f, -0.0f, inf, -inf, NAN, 3.4e38f, -3.4e38f, 1e-45f};
    for (const std::string& level : instructionLevels()) {
        LevelScope scope(level);
        if (!scope.available) continue;
        MsContext context(1);
        for (const MsActivation activation : {MS_ACT_SILU, MS_ACT_GELU_TANH}) {
            const auto y = through(context, activation, x);
            EXPECT_EQ(y[0], 0.0f);
            EXPECT_EQ(y[1], 0.0f);
            EXPECT_EQ(y[2], inf);
            EXPECT_TRUE(std::isnan(y[3]));
            EXPECT_TRUE(std::isnan(y[4]));
            EXPECT_EQ(y[5], 3.4e38f);
            EXPECT_EQ(y[6], 0.0f);
            EXPECT_LE(std::fabs(y[7]), 2e-45f);
        }
    }
}

}  // namespace
}  // namespace moescope::cpu
