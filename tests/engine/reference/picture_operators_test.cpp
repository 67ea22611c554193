// SPDX-License-Identifier: GPL-3.0-or-later
// The reference convolution, group norm and sampler arithmetic on inputs small enough to check by hand.
#include <gtest/gtest.h>

#include "engine/reference/conv2d.h"
#include "engine/reference/group_norm.h"
#include "engine/reference/sampling.h"

namespace moescope {
namespace {

using reference::Matrix;
using Values = std::vector<double>;

TEST(ReferenceConv2d, SumsItsWindowAndPadsWithZeros) {
    // 1 2 3
    // 4 5 6
    const Matrix<double> x(6, 1, Values{1, 2, 3, 4, 5, 6});
    const Matrix<double> ones(1, 9, Values(9, 1.0));
    const auto y = reference::conv2d(x, ones, {0.5}, {2, 3, 3, 1, 1, 1, 1, 1, 1});
    EXPECT_EQ(y.data, (Values{12.5, 21.5, 16.5, 12.5, 21.5, 16.5}));
}

TEST(ReferenceConv2d, WeightsLieByRowColumnThenChannel) {
    // One pixel in the middle of a 3 x 3 picture of two channels: every weight shows up, mirrored around it.
    Matrix<double> x(9, 2);
    x(4, 0) = 1;
    x(4, 1) = 100;
    Matrix<double> weights(1, 18);
    for (int64_t i = 0; i < 18; ++i) weights(0, i) = static_cast<double>(i);
    const auto y = reference::conv2d(x, weights, {}, {3, 3, 3, 1, 1, 1, 1, 1, 1});
    for (int64_t pixel = 0; pixel < 9; ++pixel) {
        const double place = static_cast<double>(8 - pixel);
        EXPECT_EQ(y(pixel, 0), 2 * place + 100 * (2 * place + 1)) << pixel;
    }
}

TEST(ReferenceConv2d, StridesWithOneSidedPaddingAndEnlargesFirst) {
    const Matrix<double> x(4, 1, Values{1, 2, 3, 4});
    // Stride 2, padding below and right only (the encoder's downsampling): one window over the whole picture.
    const auto down = reference::conv2d(x, Matrix<double>(1, 9, Values(9, 1.0)), {}, {2, 2, 3, 2, 0, 1, 0, 1, 1});
    EXPECT_EQ(down.data, (Values{10}));
    const auto up = reference::conv2d(x, Matrix<double>(1, 1, Values{1.0}), {}, {2, 2, 1, 1, 0, 0, 0, 0, 2});
    EXPECT_EQ(up.data, (Values{1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4, 3, 3, 4, 4}));
}

TEST(ReferenceGroupNorm, CentresAndScalesAGroupOverAllPixels) {
    // Channels 0 and 1 hold -1 and 1 everywhere, channels 2 and 3 hold 0, 4 and 8, 4.
    const Matrix<double> x(2, 4, Values{-1, 1, 0, 4, -1, 1, 8, 4});
    const auto y = reference::groupNorm<double>(x, 2, 0.0, {1, 1, 1, 2}, {0, 0, 0, 10});
    EXPECT_NEAR(y(0, 0), -1, 1e-12);
    EXPECT_NEAR(y(1, 1), 1, 1e-12);
    EXPECT_NEAR(y(0, 2), -std::sqrt(2.0), 1e-12);
    EXPECT_NEAR(y(1, 2), std::sqrt(2.0), 1e-12);
    EXPECT_NEAR(y(1, 3), 10, 1e-12);
}

TEST(ReferenceSampling, GuidesEveryBranchAfterItsOwnVelocity) {
    const Matrix<double> prediction(2, 2, Values{3, 99, 2, 99});  // a conditional and an unconditional row
    const Matrix<double> z(1, 1, Values{1});
    EXPECT_NEAR(reference::guidedVelocity(prediction, z, false, 1.0, 3.0)(0, 0), 2 + 3 * (3 - 2), 1e-12);
    EXPECT_NEAR(reference::guidedVelocity(prediction, z, true, 0.5, 3.0)(0, 0), 2 + 3 * (4 - 2), 1e-12);
    EXPECT_NEAR(reference::advance(z, Matrix<double>(1, 1, Values{8}), 0.25)(0, 0), 3, 1e-12);
    EXPECT_NEAR(reference::mean(z, Matrix<double>(1, 1, Values{8}))(0, 0), 4.5, 1e-12);
}

}  // namespace
}  // namespace moescope
