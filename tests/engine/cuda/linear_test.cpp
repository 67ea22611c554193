// SPDX-License-Identifier: GPL-3.0-or-later
// Dense layers against products in double.
#include "engine/reference/mlp.h"
#include "tests/engine/cuda/plugin_under_test.h"

namespace moescope::test {
namespace {

using reference::Matrix;

// A sum of k products in fp32 is wrong by at most k 2^-24 of the sum of their sizes; with these numbers the largest
// result is about as large as a term times sqrt(k), so this is far above rounding and far below any wrong index.
constexpr double kTolerance = 1e-5;
// Two operands rounded to bf16 (2^-9 each), errors of random sign.
constexpr double kBf16Tolerance = 8e-3;

class CudaLinear : public OnCuda {
protected:
    /// Runs one layer and holds it against double.
    double error(Backend& backend, int64_t rows, int64_t in, int64_t out, MsLinearLayout layout, bool bias,
                 MsActivation activation, MsDType storage, bool roundsInput = false) {
        const RandomLinear weights(backend, in, out, 1, layout, bias, 7, storage);
        std::vector<float> x = spread(rows * in, 3);
        const DeviceTensor input = onDevice(backend, {rows, in}, x), result = backend.tensor({rows, out});
        backend.check(
            backend.table().linear(backend.context(), input.get(), weights.linear.get(), activation, result.get()));
        if (roundsInput) x = roundedToBf16(x);
        const Matrix<double> wideX(rows, in, x);
        Matrix<double> wanted = layout == MS_LINEAR_GATED
                                    ? reference::gatedLinear(wideX, weights.matrix(), weights.biasOf())
                                    : reference::linear(wideX, weights.matrix(), weights.biasOf());
        if (activation == MS_ACT_SILU) wanted = reference::mapped(wanted, reference::silu<double>);
        if (activation == MS_ACT_GELU_TANH) wanted = reference::mapped(wanted, reference::geluTanh<double>);
        return relativeDifference(fetched(backend, result), wanted.data);
    }
};

TEST_P(CudaLinear, AgreesWithDoubleOnOddShapes) {
    const auto backend = open();
    for (const int64_t rows : {1, 2, 17})
        for (const auto& [in, out] : {std::pair<int64_t, int64_t>{1, 1}, {7, 5}, {33, 40}, {64, 17}, {130, 9}})
            for (const bool bias : {false, true})
                for (const MsActivation activation : {MS_ACT_NONE, MS_ACT_SILU, MS_ACT_GELU_TANH})
                    EXPECT_LT(error(*backend, rows, in, out, MS_LINEAR_PLAIN, bias, activation, MS_F32), kTolerance)
                        << rows << " rows, " << in << " -> " << out << ", activation " << activation << ", bias "
                        << bias;
}

TEST_P(CudaLinear, GatesOnOddShapes) {
    const auto backend = open();
    for (const int64_t rows : {1, 5})
        for (const int64_t out : {1, 7, 8, 9, 16, 17, 40})
            for (const bool bias : {false, true})
                EXPECT_LT(error(*backend, rows, 19, out, MS_LINEAR_GATED, bias, MS_ACT_NONE, MS_F32), kTolerance)
                    << rows << " rows, " << out << " units, bias " << bias;
}

TEST_P(CudaLinear, KeepsFp32ProductsWithRoundedWeights) {
    const auto backend = open();
    EXPECT_LT(error(*backend, 5, 33, 20, MS_LINEAR_PLAIN, true, MS_ACT_NONE, MS_BF16), kTolerance);
    EXPECT_LT(error(*backend, 5, 33, 20, MS_LINEAR_GATED, true, MS_ACT_NONE, MS_BF16), kTolerance);
}

TEST_P(CudaLinear, RoundsOnlyOperandsInBf16) {
    const auto backend = open(MS_BF16);
    for (const MsLinearLayout layout : {MS_LINEAR_PLAIN, MS_LINEAR_GATED}) {
        // Against products of rounded operands only the sums' rounding is left.
        EXPECT_LT(error(*backend, 5, 33, 20, layout, true, MS_ACT_NONE, MS_BF16, true), kTolerance);
        const double whole = error(*backend, 5, 33, 20, layout, true, MS_ACT_NONE, MS_BF16);
        EXPECT_LT(whole, kBf16Tolerance);
        EXPECT_GT(whole, kTolerance) << "the activations were not rounded";
        EXPECT_LT(error(*backend, 5, 33, 20, layout, true, MS_ACT_NONE, MS_F32), kTolerance)
            << "fp32 weights stay fp32";
    }
}

TEST_P(CudaLinear, FusesWhatFollowsAProductInBf16) {
    for (const char* shared : {"101376", "232448"}) {  // the portable kernels, and Hopper's
        const Setting limit("MOESCOPE_EMULATED_SHARED", shared);
        const auto backend = open(MS_BF16);
        for (const int64_t rows : {63, 64, 200})
            for (const int64_t out : {9, 24, 136})
                for (const bool bias : {false, true}) {
                    SCOPED_TRACE(testing::Message() << rows << " rows, " << out << " units, bias " << bias);
                    EXPECT_LT(error(*backend, rows, 33, out, MS_LINEAR_GATED, bias, MS_ACT_NONE, MS_BF16, true),
                              kTolerance);
                    EXPECT_LT(error(*backend, rows, 33, out, MS_LINEAR_PLAIN, bias, MS_ACT_GELU_TANH, MS_BF16, true),
                              kTolerance);
                }
    }
}

TEST_P(CudaLinear, TakesNoRows) {
    const auto backend = open();
    const RandomLinear weights(*backend, 8, 4, 1, MS_LINEAR_PLAIN, true, 1);
    const DeviceTensor input = backend->tensor({0, 8}), result = backend->tensor({0, 4});
    EXPECT_EQ(table().linear(backend->context(), input.get(), weights.linear.get(), MS_ACT_SILU, result.get()), MS_OK);
    backend->synchronize();
}

TEST_P(CudaLinear, SaysWhatDoesNotFit) {
    const auto backend = open();
    const RandomLinear weights(*backend, 8, 4, 1, MS_LINEAR_PLAIN, true, 1);
    const DeviceTensor input = backend->tensor({3, 7}), result = backend->tensor({3, 4});
    EXPECT_EQ(table().linear(backend->context(), input.get(), weights.linear.get(), MS_ACT_NONE, result.get()),
              MS_INVALID);
    EXPECT_STREQ(table().last_error(backend->context()), "[linear] 7 input columns where the weights have 8");
}

TEST_P(CudaLinear, NeedsNoLibraryKernel) {
    if (!emulated()) GTEST_SKIP() << "only the emulated library can be told to decline";
    for (const char* refusal : {"refuses", "nobias"}) {
        const Setting setting("MOESCOPE_EMULATED_BLAS", refusal);
        const auto backend = open(), rounded = open(MS_BF16);
        EXPECT_LT(error(*backend, 17, 33, 40, MS_LINEAR_PLAIN, true, MS_ACT_NONE, MS_F32), kTolerance) << refusal;
        EXPECT_LT(error(*backend, 5, 19, 9, MS_LINEAR_GATED, true, MS_ACT_NONE, MS_F32), kTolerance) << refusal;
        EXPECT_LT(error(*rounded, 5, 33, 20, MS_LINEAR_PLAIN, true, MS_ACT_NONE, MS_BF16, true), kTolerance) << refusal;
    }
}

TEST_P(CudaLinear, KnowsALostDeviceByItsProducts) {
    if (!emulated()) GTEST_SKIP() << "only the emulated library can be told to break the device";
    {
        const auto backend = open();
        const RandomLinear weights(*backend, 8, 4, 1, MS_LINEAR_PLAIN, true, 1);
        const DeviceTensor input = onDevice(*backend, {3, 8}, spread(24, 2)), result = backend->tensor({3, 4});
        const Setting setting("MOESCOPE_EMULATED_BLAS", "breaks");
        EXPECT_EQ(table().linear(backend->context(), input.get(), weights.linear.get(), MS_ACT_NONE, result.get()),
                  MS_DEVICE_LOST);
        EXPECT_NE(std::string(table().last_error(backend->context())).find("the GPU stopped while multiplying"),
                  std::string::npos);
        EXPECT_EQ(table().synchronize(backend->context()), MS_DEVICE_LOST);
    }
    EXPECT_LT(error(*open(), 3, 8, 4, MS_LINEAR_PLAIN, true, MS_ACT_NONE, MS_F32), kTolerance)
        << "a new context starts the device anew";
}

MOESCOPE_ON_CUDA(CudaLinear);

}  // namespace
}  // namespace moescope::test
