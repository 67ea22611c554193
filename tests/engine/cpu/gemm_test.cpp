// SPDX-License-Identifier: GPL-3.0-or-later
// Matrix products of the CPU device: right against plain loops in double, and the same bits however the work is cut.
#include "engine/cpu/gemm.h"

#include "tests/engine/cpu/packed_weights.h"

namespace moescope::cpu {
namespace {

constexpr double kUnit = 0x1p-24;  // rounding of one fp32 operation

struct Shape {
    int64_t m, k, n;
};
// Nothing is a multiple of anything; the last ones cross the depth of 256, the row groups of 96 and the panel groups.
const std::vector<Shape> kShapes{{1, 1, 1},     {2, 7, 20},     {5, 33, 48},   {11, 64, 31},
                                 {12, 16, 32},  {13, 17, 33},   {25, 40, 65},  {97, 19, 70},
                                 {3, 257, 100}, {29, 515, 130}, {200, 12, 16}, {31, 300, 1000}};

double activate(double x, MsActivation activation) {
    if (activation == MS_ACT_SILU) return x / (1 + std::exp(-x));
    if (activation == MS_ACT_GELU_TANH)
        return 0.5 * x * (1 + std::tanh(0.79788456080286536 * (x + 0.044715 * x * x * x)));
    return x;
}

/// Row m of x against row n of the weights, in double; `bound` is what a chain of k fp32 multiply-adds may be off.
double dot(const Weights& weights, int64_t index, const float* x, int64_t n, double& bound) {
    const int64_t k = weights.linear->desc.in;
    const float* w = weights.row(index, n);
    double sum = 0, magnitude = std::fabs(weights.bias(index, n));
    for (int64_t i = 0; i < k; ++i) {
        sum += double{w[i]} * x[i];
        magnitude += std::fabs(double{w[i]} * x[i]);
    }
    // Twice per step: SSE4 rounds the product and the sum.
    bound = 2 * static_cast<double>(k + 1) * kUnit * magnitude;
    return sum + weights.bias(index, n);
}

void expectProduct(const Weights& weights, int64_t index, const float* x, const float* y, MsActivation activation,
                   double scale = 1) {
    const MsLinearDesc& desc = weights.linear->desc;
    for (int64_t n = 0; n < desc.out; ++n) {
        double bound, upBound = 0, expected;
        const double value = dot(weights, index, x, n, bound);
        if (desc.layout == MS_LINEAR_GATED) {
            const double up = dot(weights, index, x, n + desc.out, upBound);
            expected = activate(value, MS_ACT_SILU) * up;
            bound = 1.1 * bound * (std::fabs(up) + upBound) +
                    std::fabs(value) * upBound;  // |silu'| <= 1.1, |silu(x)| <= |x|
        } else {
            expected = activate(value, activation);
            bound *= 1.13;  // the largest slope of SiLU and GELU
        }
        // Some ulp of the activation and of the last products; GELU's tail magnifies the rounding of its argument.
        bound += 24 * kUnit * (std::fabs(expected) + (activation == MS_ACT_GELU_TANH ? 1 : 0)) + 1e-37;
        ASSERT_LE(std::fabs(y[n] - expected * scale),
                  bound * std::fabs(scale) + 2 * kUnit * std::fabs(expected * scale))
            << "column " << n << " of " << desc.in << " x " << desc.out;
    }
}

TEST(Gemm, EqualsPlainLoopsForAnyShapeStorageAndEpilogue) {
    for (const std::string& level : instructionLevels()) {
        LevelScope scope(level);
        if (!scope.available) continue;
        MsContext context(2);
        uint32_t seed = 1;
        for (const Shape& shape : kShapes) {
            const auto x = randomFloats(static_cast<size_t>(shape.m * shape.k), ++seed);
            for (const MsDType storage : {MS_F32, MS_BF16}) {
                for (const bool bias : {false, true}) {
                    const Weights plain(context, shape.k, shape.n, 1, storage, MS_LINEAR_PLAIN, bias, ++seed);
                    const Weights gated(context, shape.k, shape.n, 1, storage, MS_LINEAR_GATED, bias, ++seed);
                    for (const MsActivation activation : {MS_ACT_NONE, MS_ACT_SILU, MS_ACT_GELU_TANH}) {
                        const auto y = multiply(context, plain, x, shape.m, activation);
                        for (int64_t m = 0; m < shape.m; ++m)
                            expectProduct(plain, 0, x.data() + m * shape.k, y.data() + m * shape.n, activation);
                    }
                    const auto y = multiply(context, gated, x, shape.m);
                    for (int64_t m = 0; m < shape.m; ++m)
                        expectProduct(gated, 0, x.data() + m * shape.k, y.data() + m * shape.n, MS_ACT_NONE);
                }
            }
        }
    }
}

TEST(Gemm, IsOneChainOfFusedMultiplyAddsFromZero) {
    for (const char* level : {"avx512", "avx2"}) {
        LevelScope scope(level);
        if (!scope.available) continue;
        MsContext context(1);
        for (const Shape& shape : kShapes) {
            for (const MsDType storage : {MS_F32, MS_BF16}) {
                const Weights weights(context, shape.k, shape.n, 1, storage, MS_LINEAR_PLAIN, true, 5);
                const auto x = randomFloats(static_cast<size_t>(shape.m * shape.k), 6);
                const auto y = multiply(context, weights, x, shape.m);
                for (int64_t m = 0; m < shape.m; ++m) {
                    for (int64_t n = 0; n < shape.n; ++n) {
                        float sum = 0;
                        for (int64_t k = 0; k < shape.k; ++k)
                            sum = std::fmaf(x[m * shape.k + k], weights.row(0, n)[k], sum);
                        ASSERT_EQ(y[m * shape.n + n], sum + weights.bias(0, n)) << level;
                    }
                }
            }
        }
    }
}

TEST(Gemm, RowAloneHasTheBitsItHasInTheBatch) {
    for (const std::string& level : instructionLevels()) {
        LevelScope scope(level);
        if (!scope.available) continue;
        MsContext context(2);
        for (const MsDType storage : {MS_F32, MS_BF16}) {
            for (const MsLinearLayout layout : {MS_LINEAR_PLAIN, MS_LINEAR_GATED}) {
                const int64_t k = 301, n = 77, rows = 131;
                const Weights weights(context, k, n, 1, storage, layout, true, 3);
                const auto x = randomFloats(static_cast<size_t>(rows * k), 4);
                const MsActivation activation = layout == MS_LINEAR_PLAIN ? MS_ACT_GELU_TANH : MS_ACT_NONE;
                const auto all = multiply(context, weights, x, rows, activation);
                for (const int64_t count : {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 50, 97}) {
                    for (const int64_t first : {int64_t{0}, int64_t{17}, rows - count}) {
                        const std::vector<float> part(x.begin() + first * k, x.begin() + (first + count) * k);
                        const auto some = multiply(context, weights, part, count, activation);
                        const std::vector<float> expected(all.begin() + first * n, all.begin() + (first + count) * n);
                        ASSERT_TRUE(sameBytes(some, expected)) << level << ", " << count << " rows from " << first;
                    }
                }
            }
        }
    }
}

TEST(Gemm, ThreadsDoNotShowInTheBytes) {
    for (const std::string& level : instructionLevels()) {
        LevelScope scope(level);
        if (!scope.available) continue;
        const int64_t k = 129, n = 200, rows = 300;
        const auto x = randomFloats(static_cast<size_t>(rows * k), 8);
        std::vector<float> first;
        for (const int threads : {1, 2, 3}) {
            MsContext context(threads);
            const Weights weights(context, k, n, 1, MS_BF16, MS_LINEAR_GATED, true, 9);
            const auto y = multiply(context, weights, x, rows);
            if (threads == 1) first = y;
            EXPECT_TRUE(sameBytes(y, first)) << level << ", " << threads << " threads";
        }
    }
}

TEST(Gemm, Avx512AndAvx2GiveTheSameBytes) {
    std::vector<std::vector<float>> results;
    for (const char* level : {"avx512", "avx2"}) {
        LevelScope scope(level);
        if (!scope.available) GTEST_SKIP() << "this processor lacks " << level;
        MsContext context(1);
        const Weights weights(context, 300, 45, 1, MS_F32, MS_LINEAR_GATED, true, 9);
        results.push_back(multiply(context, weights, randomFloats(23 * 300, 10), 23));
    }
    EXPECT_TRUE(sameBytes(results[0], results[1]));
}

TEST(Gemm, JobsGatherRowsPickMatricesAndScale) {
    for (const std::string& level : instructionLevels()) {
        LevelScope scope(level);
        if (!scope.available) continue;
        MsContext context(2);
        const int64_t k = 37, n = 50, sourceRows = 9, experts = 5, stride = 41, outStride = 53;
        const Weights weights(context, k, n, experts, MS_F32, MS_LINEAR_PLAIN, true, 2);
        const auto x = randomFloats(static_cast<size_t>(sourceRows * stride), 3);
        const std::vector<int32_t> pick{8, 0, 3, 3, 1, 7, 7, 2, 4, 6, 5, 8, 0, 1, 2};
        const std::vector<float> scale{0.5f, -2.0f, 0.0f, 1.5f, 0.25f, 3.0f, 1.0f, 2.0f,
                                       0.1f, 0.2f,  0.3f, 0.4f, 0.6f,  0.7f, 0.8f};
        const std::vector<int64_t> counts{3, 0, 1, 11, 0};  // two matrices receive nothing
        std::vector<float> y(pick.size() * outStride, 123.0f);
        std::vector<GemmJob> jobs;
        for (int64_t e = 0, begin = 0; e < experts; begin += counts[static_cast<size_t>(e)], ++e) {
            GemmJob job;
            job.rows = {x.data(), stride, pick.data() + begin};
            job.rowCount = counts[static_cast<size_t>(e)];
            job.index = e;
            job.out = y.data() + begin * outStride;
            job.outStride = outStride;
            job.rowScale = scale.data() + begin;
            jobs.push_back(job);
        }
        ASSERT_EQ(gemm(context, *weights.linear, jobs.data(), experts, MS_ACT_NONE), MS_OK);
        for (int64_t e = 0, row = 0; e < experts; ++e) {
            for (int64_t i = 0; i < counts[static_cast<size_t>(e)]; ++i, ++row) {
                const auto r = static_cast<size_t>(row);
                expectProduct(weights, e, x.data() + pick[r] * stride, y.data() + row * outStride, MS_ACT_NONE,
                              scale[r]);
                for (int64_t c = n; c < outStride; ++c)
                    ASSERT_EQ(y[row * outStride + c], 123.0f);  // nothing beyond the columns
            }
        }
    }
}

TEST(Gemm, NothingToDoIsNoError) {
    MsContext context(2);
    const Weights weights(context, 8, 8, 1, MS_F32, MS_LINEAR_PLAIN, false, 2);
    EXPECT_EQ(gemm(context, *weights.linear, nullptr, 0, MS_ACT_NONE), MS_OK);
    GemmJob empty;
    EXPECT_EQ(gemm(context, *weights.linear, &empty, 1, MS_ACT_NONE), MS_OK);
}

TEST(Gemm, StopsWhenAskedTo) {
    MsContext context(2);
    const Weights weights(context, 8, 8, 1, MS_F32, MS_LINEAR_PLAIN, false, 2);
    context.poll = [](void*) { return 1; };
    std::vector<float> x(8), y(8);
    GemmJob job;
    job.rows = {x.data(), 8, nullptr};
    job.rowCount = 1;
    job.out = y.data();
    job.outStride = 8;
    EXPECT_EQ(gemm(context, *weights.linear, &job, 1, MS_ACT_NONE), MS_CANCELLED);
    context.poll = nullptr;
    context.cancelled = false;
}

TEST(Gemm, TemporaryRightOperandsGiveTheSameChain) {
    for (const std::string& level : instructionLevels()) {
        LevelScope scope(level);
        if (!scope.available) continue;
        for (const Shape& shape : kShapes) {
            const auto a = randomFloats(static_cast<size_t>(shape.m * (shape.k + 3)), 1);
            const auto b = randomFloats(static_cast<size_t>(shape.k * shape.n), 2);
            const int64_t panels = (shape.n + kPanel - 1) / kPanel, lda = shape.k + 3;
            for (const bool transposed : {false, true}) {
                std::vector<float> packed(static_cast<size_t>(shape.k * kPanel * panels), NAN);
                const int64_t rowStride = transposed ? 1 : shape.n, columnStride = transposed ? shape.k : 1;
                packPanels(b.data(), shape.k, shape.n, rowStride, columnStride, packed.data());
                std::vector<float> y(static_cast<size_t>(shape.m * (shape.n + 2)), 7.0f);
                gemmPacked(a.data(), lda, shape.m, packed.data(), shape.k, shape.n, 0.25f, y.data(), shape.n + 2);
                for (int64_t m = 0; m < shape.m; ++m) {
                    for (int64_t n = 0; n < shape.n; ++n) {
                        float sum = 0;
                        for (int64_t k = 0; k < shape.k; ++k) {
                            const float w = b[k * rowStride + n * columnStride], v = a[m * lda + k];
                            sum = level == "sse4" ? sum + v * w : std::fmaf(v, w, sum);
                        }
                        ASSERT_EQ(y[m * (shape.n + 2) + n], sum * 0.25f) << level;
                    }
                    ASSERT_EQ(y[m * (shape.n + 2) + shape.n], 7.0f);
                }
            }
        }
    }
}

}  // namespace
}  // namespace moescope::cpu
