// SPDX-License-Identifier: GPL-3.0-or-later
// Operations at the sizes of the largest released models, held against double in some of their rows. On the emulated
// device the same code runs at a fraction of them.
#include <cmath>
#include <set>

#include "tests/engine/cuda/moe_case.h"

namespace moescope::test {
namespace {

// Sums of up to 5760 products in fp32: errors of random sign grow to sqrt(5760) 2^-24, 5e-6, and a second product
// follows.
constexpr double kTolerance = 1e-5;
// Operands rounded by up to 2^-9 at each of two products, held against the largest value of a row: far above what
// errors of random sign make of that, far below any wrong index.
constexpr double kBf16Tolerance = 2e-2;

class CudaLargeSizes : public OnCuda {
protected:
    int64_t sized(int64_t released, int64_t small) const { return emulated() ? small : released; }
    /// Some of `count` rows: the first, the last, and others between.
    static std::set<int64_t> someOf(int64_t count) {
        std::set<int64_t> rows{0, count - 1};
        for (int64_t i = 1; i < 8; ++i) rows.insert(i * 7919 % count);
        return rows;
    }
    static std::vector<float> rowOf(const std::vector<float>& all, int64_t row, int64_t width) {
        return {all.begin() + row * width, all.begin() + (row + 1) * width};
    }
    /// Runs a layer: every choice against the reference, some tokens' outputs against double.
    void expectRight(MoeCase& c, double tolerance) {
        ASSERT_EQ(c.run(), MS_OK) << table().last_error(c.m_backend.context());
        const auto recorded = c.recordedPairs();
        const auto decided = c.decided();
        EXPECT_EQ(recorded.start, decided.pairs.start);
        EXPECT_EQ(recorded.expert, decided.pairs.expert);
        const std::vector<float> out = c.out();
        for (const int64_t token : someOf(c.m_options.tokens))
            EXPECT_LT(relativeDifference(rowOf(out, token, c.m_options.width), c.computedRow(token, recorded)),
                      tolerance)
                << "token " << token;
    }
};

TEST_P(CudaLargeSizes, MoeLayerOfDsmoe3BOverABatch) {
    for (const MsDType type : {MS_F32, MS_BF16}) {
        SCOPED_TRACE(type == MS_F32 ? "fp32" : "bf16");
        const auto backend = open(type);
        MoeOptions o;
        o.tokens = sized(32 * 256, 96);
        o.samples = sized(32, 2);
        o.width = sized(1152, 72);
        o.experts = 16;
        o.topK = 2;
        o.expertWidth = sized(2880, 60);
        o.sharedWidth = sized(5760, 60);
        o.storage = type;
        MoeCase c(*backend, o);
        expectRight(c, type == MS_F32 ? kTolerance : kBf16Tolerance);
    }
}

TEST_P(CudaLargeSizes, RoutingOfManyTokensAndExperts) {
    for (const auto policy : {MS_POLICY_TOKEN_CHOICE_SIGMOID, MS_POLICY_EXPERT_CHOICE}) {
        SCOPED_TRACE(policy);
        const auto backend = open();
        MoeOptions o;
        o.policy = policy;
        o.tokens = sized(64 * 1024, 256);
        o.samples = sized(64, 4);
        o.samplesPerPool = policy == MS_POLICY_EXPERT_CHOICE ? o.samples : 1;  // one pool of all of them
        o.experts = sized(128, 16);
        o.topK = 8;
        o.capacity = o.tokens / 16;
        o.width = 8;
        o.expertWidth = 4;
        o.sharedWidth = 0;
        MoeCase c(*backend, o);
        expectRight(c, kTolerance);
    }
}

TEST_P(CudaLargeSizes, AttentionOverManyTokens) {
    for (const MsDType type : {MS_F32, MS_BF16})
        for (const int64_t d : {64, 72}) {
            SCOPED_TRACE(testing::Message() << "heads of " << d << ", type " << type);
            const auto backend = open(type);
            const int64_t samples = sized(8, 2), tokens = sized(4096, 130), heads = sized(16, 2), width = heads * d;
            const std::vector<float> values = spread(samples * tokens * 3 * width, 5);
            const DeviceTensor qkv = onDevice(*backend, {samples * tokens, 3 * width}, values);
            const DeviceTensor out = backend->tensor({samples * tokens, width});
            MsAttentionDesc desc{};
            desc.size = sizeof desc;
            desc.samples = samples;
            desc.heads = heads;
            ASSERT_EQ(table().attention(backend->context(), qkv.get(), &desc, out.get()), MS_OK);
            const std::vector<float> found = fetched(*backend, out);
            for (const int64_t row : someOf(samples * tokens)) {
                const int64_t first = row / tokens * tokens, head = row % heads;
                const auto at = [&](int64_t token, int64_t third, int64_t channel) {
                    return static_cast<double>(
                        values[static_cast<size_t>((token * 3 + third) * width + head * d + channel)]);
                };
                std::vector<double> weight(static_cast<size_t>(tokens)), wanted(static_cast<size_t>(d));
                double sum = 0;
                for (int64_t t = 0; t < tokens; ++t) {
                    double score = 0;
                    for (int64_t i = 0; i < d; ++i) score += at(row, 0, i) * at(first + t, 1, i);
                    sum += weight[static_cast<size_t>(t)] = std::exp(score / std::sqrt(static_cast<double>(d)));
                }
                for (int64_t t = 0; t < tokens; ++t)
                    for (int64_t i = 0; i < d; ++i)
                        wanted[static_cast<size_t>(i)] += weight[static_cast<size_t>(t)] / sum * at(first + t, 2, i);
                const auto begin = found.begin() + row * width + head * d;
                EXPECT_LT(relativeDifference(std::vector<float>(begin, begin + d), wanted),
                          type == MS_F32 ? kTolerance : kBf16Tolerance)
                    << "row " << row << ", head " << head;
            }
        }
}

TEST_P(CudaLargeSizes, ProductsAndNormsOfManyRows) {
    const auto backend = open();
    const int64_t rows = sized(512 * 512, 300), in = 128, out = 48;
    const RandomLinear weights(*backend, in, out, 1, MS_LINEAR_PLAIN, true, 3);
    const std::vector<float> values = spread(rows * in, 4);
    const DeviceTensor x = onDevice(*backend, {rows, in}, values), y = backend->tensor({rows, out}),
                       normed = backend->tensor({rows, in});
    ASSERT_EQ(table().linear(backend->context(), x.get(), weights.linear.get(), MS_ACT_SILU, y.get()), MS_OK);
    ASSERT_EQ(
        table().modulated_norm(backend->context(), x.get(), MS_NORM_RMS, 1e-6f, nullptr, nullptr, -1, -1, normed.get()),
        MS_OK);
    const std::vector<float> products = fetched(*backend, y), norms = fetched(*backend, normed);
    const auto matrix = weights.matrix();
    const auto bias = weights.biasOf();
    for (const int64_t row : someOf(rows)) {
        const std::vector<float> own = rowOf(values, row, in);
        std::vector<double> wanted, scaled;
        double squares = 0;
        for (const float value : own) squares += static_cast<double>(value) * value;
        for (const float value : own) scaled.push_back(value / std::sqrt(squares / static_cast<double>(in) + 1e-6));
        for (int64_t o = 0; o < out; ++o) {
            double sum = bias[static_cast<size_t>(o)];
            for (int64_t i = 0; i < in; ++i) sum += matrix(o, i) * own[static_cast<size_t>(i)];
            wanted.push_back(sum / (1 + std::exp(-sum)));
        }
        EXPECT_LT(relativeDifference(rowOf(products, row, out), wanted), kTolerance) << "row " << row;
        EXPECT_LT(relativeDifference(rowOf(norms, row, in), scaled), kTolerance) << "row " << row;
    }
}

MOESCOPE_ON_CUDA(CudaLargeSizes);

}  // namespace
}  // namespace moescope::test
