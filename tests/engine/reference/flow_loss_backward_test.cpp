// SPDX-License-Identifier: GPL-3.0-or-later
// The losses of flow matching against their formula and finite differences.
#include "engine/reference/activation.h"
#include "engine/reference/flow_loss.h"
#include "tests/engine/reference/finite_differences.h"

namespace moescope {
namespace {

using namespace reference;
using namespace test;

FlowBatch<double> batchOf(FlowTarget target, RandomValues& random) {
    FlowBatch<double> batch;
    batch.target = target;
    batch.x0 = random.matrix(3, 4);
    batch.noise = random.matrix(3, 4);
    batch.t = {0.1, 0.6, 0.99};  // the last one nearer to the end than tEps
    batch.z = mixNoise(batch.x0, batch.noise, batch.t);
    return batch;
}

TEST(FlowLoss, OfAPerfectPredictionIsZeroAndOtherwiseTheMeanSquare) {
    RandomValues random(51);
    const auto velocity = batchOf(FlowTarget::Velocity, random);
    Matrix<double> perfect(3, 6);  // two values more than count
    for (int64_t sample = 0; sample < 3; ++sample)
        for (int64_t i = 0; i < 4; ++i) perfect(sample, i) = velocity.x0(sample, i) - velocity.noise(sample, i);
    for (const double loss : flowLoss(velocity, perfect)) EXPECT_EQ(loss, 0);
    perfect(1, 2) += 2;
    EXPECT_NEAR(flowLoss(velocity, perfect)[1], 1, 1e-14);

    const auto clean = batchOf(FlowTarget::CleanImage, random);
    Matrix<double> picture = clean.x0;
    for (const double loss : flowLoss(clean, picture)) EXPECT_NEAR(loss, 0, 1e-28);
    picture(0, 0) += 0.9;  // span 0.9
    picture(2, 3) += 0.1;  // span 0.05, not 0.01
    EXPECT_NEAR(flowLoss(clean, picture)[0], 0.25, 1e-13);
    EXPECT_NEAR(flowLoss(clean, picture)[2], 1, 1e-13);
}

TEST(FlowLossBackward, MatchesFiniteDifferencesAndLeavesFurtherChannelsAlone) {
    for (const FlowTarget target : {FlowTarget::Velocity, FlowTarget::CleanImage}) {
        RandomValues random(52);
        const auto batch = batchOf(target, random);
        Matrix<double> output = random.matrix(3, 6);
        const Matrix<double> d = flowLossBackward(batch, output);
        expectGradients([&] { return flowLoss(batch, output); }, Values(3, 1.0 / 3),
                        {{"output", &output.data, d.data}});
        for (int64_t sample = 0; sample < 3; ++sample) {
            EXPECT_EQ(d(sample, 4), 0);
            EXPECT_EQ(d(sample, 5), 0);
        }
    }
}

TEST(MixNoise, GoesFromNoiseToData) {
    const Matrix<double> x0(2, 1, Values{8, 8}), noise(2, 1, Values{4, 4});
    EXPECT_EQ(mixNoise(x0, noise, Values{0.0, 0.75}).data, (Values{4, 7}));
}

}  // namespace
}  // namespace moescope
