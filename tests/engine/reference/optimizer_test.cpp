// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/reference/optimizer.h"

#include <gtest/gtest.h>

#include <vector>

namespace moescope {
namespace {

using namespace reference;

TEST(ReferenceAdam, EqualsPyTorchAfterThreeSteps) {
    // torch.optim.AdamW (2.x) in float64: lr 0.01, betas (0.8, 0.95), eps 1e-3 (large, so that its place matters),
    // weight decay 0.1.
    const double start[] = {0.5, -1.25, 2.0};
    const double gradients[3][3] = {{0.3, -2.0, 0.0}, {-0.7, 0.5, 0.001}, {1.1, -0.1, -0.002}};
    const double parameter[] = {0.48942750371856403, -1.228594649365597, 1.9928942462974428};
    const double moment1[] = {0.14639999999999997, -0.19599999999999998, -0.00023999999999999998};
    const double moment2[] = {0.087836250000000088, 0.19287500000000016, 2.4750000000000022e-07};
    for (int i = 0; i < 3; ++i) {
        AdamState<double> state{start[i]};
        AdamSettings<double> settings{0.01, 0.8, 0.95, 1e-3, 0.1};
        for (settings.step = 1; settings.step <= 3; ++settings.step)
            state = adamStep(state, gradients[settings.step - 1][i], settings);
        EXPECT_NEAR(state.parameter, parameter[i], 1e-15 * 3);  // a few roundings of numbers near 1
        EXPECT_NEAR(state.moment1, moment1[i], 1e-15);
        EXPECT_NEAR(state.moment2, moment2[i], 1e-15);
    }
}

TEST(ReferenceAdam, TheFirstStepGoesByTheRateAgainstTheGradient) {
    const auto next = adamStep<double>({1.0}, -4.0, {.rate = 0.1, .eps = 0});
    EXPECT_NEAR(next.parameter, 1.1, 1e-14);
}

TEST(MovingAverage, KeepsTheShareOfTheDecay) {
    EXPECT_DOUBLE_EQ(movingAverage(2.0, 10.0, 0.75), 4.0);
}

TEST(SquareSum, AddsBlockByBlock) {
    std::vector<float> values(kSquareSumBlock + 3, 1.0f);
    values.back() = 3.0f;
    EXPECT_EQ(squareSum(std::span<const float>(values)), static_cast<double>(kSquareSumBlock) + 11);
    // Beside 1e18 a single one is lost to rounding; a block of them arrives as one number.
    values.assign(3 * kSquareSumBlock, 0.0f);
    values[0] = 1e9f;
    for (size_t i = kSquareSumBlock; i < values.size(); ++i) values[i] = 1.0f;
    EXPECT_EQ(squareSum(std::span<const float>(values)), 1e18 + 2 * static_cast<double>(kSquareSumBlock));
    EXPECT_EQ(squareSum(std::span<const float>()), 0);
}

}  // namespace
}  // namespace moescope
