// SPDX-License-Identifier: GPL-3.0-or-later
// What a meter before the CPU's table counts, against the operations' definitions.
#include "engine/backend/work_meter.h"

#include <gtest/gtest.h>

#include <memory>

#include "engine/backend/backend.h"
#include "tests/support/cpu_tensors.h"

namespace moescope::test {
namespace {

class WorkMeterTest : public testing::Test {
protected:
    WorkMeter meter{cpuBackendTable()};
    std::unique_ptr<Backend> backend = std::make_unique<Backend>(meter.table(), BackendOptions{.threads = 1});

    PackedLinear weights(int64_t in, int64_t out, int64_t count = 1, MsLinearLayout layout = MS_LINEAR_PLAIN) {
        PackedLinear linear = backend->linear({sizeof(MsLinearDesc), in, out, count, MS_F32, layout, 0});
        const int64_t rows = layout == MS_LINEAR_GATED ? 2 * out : out;
        const std::vector<float> values(static_cast<size_t>(rows * in), 0.01f);
        for (int64_t i = 0; i < count; ++i)
            backend->check(meter.table().linear_load_rows(backend->context(), linear.get(), i, 0, rows, values.data()));
        return linear;
    }
    DeviceTensor zeros(const Shape& shape) {
        return backend->tensorFrom(shape, std::vector<float>(static_cast<size_t>(elementCount(shape))));
    }
    const OperationShare& only() const {
        EXPECT_EQ(meter.shares().size(), 1u);
        return meter.shares().front();
    }
};

TEST_F(WorkMeterTest, CountsAProductAndItsOperands) {
    const PackedLinear w = weights(24, 40);
    const DeviceTensor x = zeros({7, 24}), out = zeros({7, 40});
    meter.start(true);
    for (int i = 0; i < 3; ++i)
        backend->check(meter.table().linear(backend->context(), x.get(), w.get(), MS_ACT_NONE, out.get()));
    meter.stop();
    EXPECT_EQ(only().operation, "linear");
    EXPECT_EQ(only().calls, 3);
    EXPECT_EQ(only().work.multiplyAdds, 3 * 7 * 24 * 40);
    EXPECT_EQ(only().work.operandBytes, 3 * 4 * 7 * (24 + 40));
    EXPECT_EQ(only().work.weightBytes, 3.0 * static_cast<double>(w.bytes()));
    EXPECT_GT(only().seconds, 0);
    meter.start(false);
    EXPECT_TRUE(meter.shares().empty()) << "counts from nothing";
}

TEST_F(WorkMeterTest, CountsOnlyWhileItIsAsked) {
    const DeviceTensor a = zeros({4, 4}), b = zeros({4, 4});
    const auto add = [&] { backend->check(meter.table().add(backend->context(), a.get(), b.get(), b.get())); };
    add();
    meter.start(false);
    add();
    meter.stop();
    add();
    EXPECT_EQ(only().calls, 1);
    EXPECT_EQ(only().seconds, 0) << "not timed";
}

TEST_F(WorkMeterTest, CountsBothProductsOfAttention) {
    const DeviceTensor qkv = zeros({2 * 6, 3 * 16}), out = zeros({2 * 6, 16});
    MsAttentionDesc desc{};
    desc.size = sizeof desc;
    desc.samples = 2;
    desc.heads = 4;
    meter.start(false);
    backend->check(meter.table().attention(backend->context(), qkv.get(), &desc, out.get()));
    // Per sample 6 x 6 scores of 16 channels, and as many for the weighted sum.
    EXPECT_EQ(only().work.multiplyAdds, 2 * 2 * 6 * 6 * 16);
}

TEST_F(WorkMeterTest, CountsTheExpertsThatPairsCanReach) {
    constexpr int64_t kTokens = 3, kWidth = 8, kHidden = 5, kShared = 6, kExperts = 16, kTopK = 2;
    const PackedLinear router = weights(kWidth, kExperts), in = weights(kWidth, kHidden, kExperts, MS_LINEAR_GATED),
                       outward = weights(kHidden, kWidth, kExperts),
                       sharedIn = weights(kWidth, kShared, 1, MS_LINEAR_GATED), sharedOut = weights(kShared, kWidth);
    const DeviceTensor x = zeros({kTokens, kWidth}), out = zeros({kTokens, kWidth});
    MsMoeLayerDesc desc{};
    desc.size = sizeof desc;
    desc.samples = desc.groups = desc.keptGroups = desc.samplesPerPool = 1;
    desc.scale = 1;
    desc.experts = kExperts;
    desc.topK = kTopK;
    desc.router = router.get();
    desc.expertIn = in.get();
    desc.expertOut = outward.get();
    desc.sharedIn = sharedIn.get();
    desc.sharedOut = sharedOut.get();
    meter.start(false);
    backend->check(meter.table().moe_layer(backend->context(), x.get(), &desc, nullptr, out.get()));
    EXPECT_EQ(only().work.multiplyAdds,
              kTokens * kWidth * kExperts + kTokens * kTopK * 3 * kWidth * kHidden + kTokens * 3 * kWidth * kShared);
    const double reached = kTokens * kTopK / static_cast<double>(kExperts);
    EXPECT_NEAR(only().work.weightBytes,
                static_cast<double>(router.bytes() + sharedIn.bytes() + sharedOut.bytes()) +
                    reached * static_cast<double>(in.bytes() + outward.bytes()),
                1e-6);
    desc.policy = MS_POLICY_EXPERT_CHOICE;
    desc.capacity = 3;
    meter.start(false);
    backend->check(meter.table().moe_layer(backend->context(), x.get(), &desc, nullptr, out.get()));
    EXPECT_EQ(only().work.multiplyAdds,
              kTokens * kWidth * kExperts + kExperts * 3 * 3 * kWidth * kHidden + kTokens * 3 * kWidth * kShared);
}

TEST_F(WorkMeterTest, CountsTheRowsThatAreTakenFromATable) {
    const DeviceTensor table = zeros({1000, 4}), out = zeros({2, 4});
    DeviceTensor index = backend->tensor({2}, MS_I32);
    backend->upload(index, std::span<const int32_t>(std::vector<int32_t>{3, 999}));
    meter.start(false);
    backend->check(meter.table().gather_rows(backend->context(), table.get(), index.get(), out.get()));
    EXPECT_EQ(only().work.operandBytes, 2 * 4 * 2 * 4);
}

TEST_F(WorkMeterTest, FollowsShapesThatChange) {
    DeviceTensor a = zeros({8, 4}), b = zeros({8, 4});
    backend->reshape(a, {2, 3});
    backend->reshape(b, {2, 3});
    meter.start(false);
    backend->check(meter.table().add(backend->context(), a.get(), b.get(), b.get()));
    EXPECT_EQ(only().work.operandBytes, 3 * 4 * 6);
}

}  // namespace
}  // namespace moescope::test
