// SPDX-License-Identifier: GPL-3.0-or-later
// How many kernels, library products and copies an operation starts: at batch 1 each costs more than it computes.
#include <functional>

#include "tests/engine/cuda/moe_case.h"

namespace moescope::test {
namespace {

class CudaLaunches : public OnCuda {
protected:
    void SetUp() override {
        OnCuda::SetUp();
        if (!IsSkipped() && GetParam() != Where::Emulated) GTEST_SKIP() << "only the emulated runtime counts";
    }
    /// What `run` starts the second time: by then everything is allocated.
    static int64_t startedBy(const std::function<void()>& run) {
        run();
        const uint64_t before = emulatedWork();
        run();
        return static_cast<int64_t>(emulatedWork() - before);
    }
    /// Self-attention over rows of heads of d channels.
    static int64_t startedByAttention(Backend& backend, int64_t d) {
        const DeviceTensor qkv = onDevice(backend, {10, 6 * d}, spread(60 * d, 1)), out = backend.tensor({10, 2 * d});
        MsAttentionDesc desc{};
        desc.size = sizeof desc;
        desc.samples = desc.heads = 2;
        return startedBy(
            [&] { backend.check(backend.table().attention(backend.context(), qkv.get(), &desc, out.get())); });
    }
};

TEST_P(CudaLaunches, AttentionPreparesOnceAndAttendsOnce) {
    EXPECT_EQ(startedByAttention(*open(MS_BF16), 64), 2);
    EXPECT_EQ(startedByAttention(*open(), 64), 1) << "fp32 rows are prepared where they are used";
}

TEST_P(CudaLaunches, AFewPairsAreDispatchedAtOnce) {
    MoeOptions options;
    options.sharedWidth = 0;
    const auto layer = [&](const char* pairs, bool records) {
        const Setting most("MOESCOPE_CUDA_ONE_BLOCK_PAIRS", pairs);
        const auto backend = open();
        MoeCase c(*backend, options);
        if (!records) c.m_routing = {};
        return startedBy([&] { backend->check(c.run()); });
    };
    // Router's product, choice, dispatch, two products of the experts, combine.
    EXPECT_EQ(layer("40", false), 6);
    EXPECT_EQ(layer("40", true), 6) << "the record of loads takes no kernel of its own";
    EXPECT_EQ(layer("39", false), 8);
    EXPECT_EQ(layer("39", true), 9);
}

MOESCOPE_ON_CUDA(CudaLaunches);

}  // namespace
}  // namespace moescope::test
