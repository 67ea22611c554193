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

TEST_P(CudaLaunches, AMoeLayerRoundsItsInputOnce) {
    MoeOptions options;
    options.storage = MS_BF16;
    const auto backend = open(MS_BF16);
    MoeCase c(*backend, options);
    const auto layer = [&] { backend->check(c.run()); };
    // Router's product, choice, dispatch; rounding, the shared expert's product, gating and product; two products of
    // the experts, combine.
    EXPECT_EQ(startedBy([&] {
                  backend->synchronize();
                  layer();
              }),
              10);
    EXPECT_EQ(startedBy(layer), 9) << "the input has not changed since";
}

TEST_P(CudaLaunches, WhatANormOrAttentionWroteIsNotRoundedAgain) {
    const auto backend = open(MS_BF16);
    const RandomLinear weights(*backend, 32, 24, 1, MS_LINEAR_PLAIN, false, 1, MS_BF16);
    const DeviceTensor x = onDevice(*backend, {10, 32}, spread(320, 2)), out = backend->tensor({10, 24});
    const DeviceTensor qkv = onDevice(*backend, {10, 96}, spread(960, 3)), rows = backend->tensor({10, 32});
    MsAttentionDesc desc{};
    desc.size = sizeof desc;
    desc.samples = desc.heads = 2;
    const auto project = [&] {
        backend->check(table().linear(backend->context(), rows.get(), weights.linear.get(), MS_ACT_NONE, out.get()));
    };
    EXPECT_EQ(startedBy([&] {
                  backend->check(table().modulated_norm(backend->context(), x.get(), MS_NORM_LAYER, 1e-6f, nullptr,
                                                        nullptr, -1, -1, rows.get()));
                  project();
              }),
              2);
    EXPECT_EQ(startedBy([&] {
                  backend->check(table().attention(backend->context(), qkv.get(), &desc, rows.get()));
                  project();
              }),
              3);
}

TEST_P(CudaLaunches, ATransformerBlockTakesSeventeen) {
    constexpr int64_t kTokens = 20, kSamples = 2, kWidth = 32;
    const auto backend = open(MS_BF16);
    MoeOptions options;
    options.tokens = kTokens, options.samples = kSamples, options.width = kWidth, options.storage = MS_BF16;
    MoeCase moe(*backend, options);
    moe.m_routing = {};
    const auto weights = [&](int64_t out, uint32_t seed) {
        return RandomLinear(*backend, kWidth, out, 1, MS_LINEAR_PLAIN, true, seed, MS_BF16);
    };
    const RandomLinear modulate = weights(6 * kWidth, 1), project = weights(3 * kWidth, 2), join = weights(kWidth, 3);
    const auto tensor = [&](int64_t rows, int64_t columns) {
        return onDevice(*backend, {rows, columns}, spread(rows * columns, 4));
    };
    const DeviceTensor condition = tensor(kSamples, kWidth), activated = tensor(kSamples, kWidth),
                       modulation = tensor(kSamples, 6 * kWidth), x = tensor(kTokens, kWidth),
                       normed = tensor(kTokens, kWidth), qkv = tensor(kTokens, 3 * kWidth),
                       attended = tensor(kTokens, kWidth), branch = tensor(kTokens, kWidth);
    MsAttentionDesc desc{};
    desc.size = sizeof desc;
    desc.samples = desc.heads = kSamples;
    MsContext* context = backend->context();
    const auto check = [&](MsStatus status) { backend->check(status); };
    const auto product = [&](const DeviceTensor& rows, const RandomLinear& by, const DeviceTensor& out) {
        check(table().linear(context, rows.get(), by.linear.get(), MS_ACT_NONE, out.get()));
    };
    const auto norm = [&](int32_t shift, int32_t scale) {
        check(table().modulated_norm(context, x.get(), MS_NORM_LAYER, 1e-6f, nullptr, modulation.get(), shift, scale,
                                     normed.get()));
    };
    const auto block = [&] {
        product(activated, modulate, modulation);
        norm(0, 1);
        product(normed, project, qkv);
        check(table().attention(context, qkv.get(), &desc, attended.get()));
        product(attended, join, branch);
        check(table().gated_add(context, x.get(), branch.get(), modulation.get(), 2));
        norm(3, 4);
        check(table().moe_layer(context, normed.get(), &moe.m_desc, nullptr, branch.get()));
        check(table().gated_add(context, x.get(), branch.get(), modulation.get(), 5));
    };
    check(table().activate(context, condition.get(), MS_ACT_SILU, activated.get()));
    const auto settled = [&] {
        block();
        backend->synchronize();  // the last gated_add waits for a norm
    };
    EXPECT_EQ(startedBy(block), 17) << "the activated condition stays rounded from block to block";
    EXPECT_EQ(startedBy(settled), 18) << "the condition is rounded anew";
}

MOESCOPE_ON_CUDA(CudaLaunches);

}  // namespace
}  // namespace moescope::test
