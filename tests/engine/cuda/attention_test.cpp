// SPDX-License-Identifier: GPL-3.0-or-later
// Attention against its formula in double, for every kernel that the device may choose.
#include "engine/reference/attention.h"

#include "tests/engine/cuda/plugin_under_test.h"

namespace moescope::test {
namespace {

using reference::Rope;

constexpr double kTolerance = 1e-5;      // fp32 sums of up to 128 products and 200 values
constexpr double kBf16Tolerance = 2e-2;  // queries, keys, weights and values rounded to 2^-9
constexpr double kHalfTolerance = 2e-3;  // a query or key may be rounded to the neighbouring fp16 value

struct Shape_ {
    int64_t samples, heads, tokens, d;
    Rope rope = Rope::None;
    bool norm = false, normBias = false, half = false;
    int64_t lead = 0;
};

void PrintTo(const Shape_& s, std::ostream* out) {
    *out << s.samples << " samples, " << s.heads << " heads, " << s.tokens << " tokens, " << s.d
         << " channels, rotation " << static_cast<int>(s.rope) << ", norm " << s.norm << s.normBias << ", lead "
         << s.lead << ", half " << s.half;
}

double toHalf(double value) {
    return static_cast<double>(static_cast<_Float16>(value));
}

class CudaAttention : public OnCuda {
protected:
    double error(Backend& backend, const Shape_& s) {
        const int64_t width = s.heads * s.d, rows = s.samples * s.tokens, image = s.tokens - s.lead;
        const std::vector<float> qkv = spread(rows * 3 * width, 11);
        reference::AttentionInput<double> in;
        in.samples = s.samples;
        in.heads = s.heads;
        in.rope = s.rope;
        in.leadTokens = s.lead;
        in.eps = 1e-6;
        const auto wide = [](const std::vector<float>& v) { return std::vector<double>(v.begin(), v.end()); };
        const std::vector<float> norms[4] = {spread(s.d, 1, 1.5f), spread(s.d, 2, 1.5f), spread(s.d, 3),
                                             spread(s.d, 4)};
        DeviceTensor tensors[6];
        MsAttentionDesc desc{};
        desc.size = sizeof desc;
        desc.samples = s.samples;
        desc.heads = s.heads;
        desc.eps = 1e-6f;
        desc.rope = static_cast<MsRope>(s.rope);
        desc.leadTokens = s.lead;
        desc.roundQueryKeyToHalf = s.half ? 1 : 0;
        if (s.norm) {
            in.queryNorm = wide(norms[0]);
            in.keyNorm = wide(norms[1]);
            desc.queryNorm = (tensors[0] = onDevice(backend, {s.d}, norms[0])).get();
            desc.keyNorm = (tensors[1] = onDevice(backend, {s.d}, norms[1])).get();
        }
        if (s.normBias) {
            in.queryNormBias = wide(norms[2]);
            in.keyNormBias = wide(norms[3]);
            desc.queryNormBias = (tensors[2] = onDevice(backend, {s.d}, norms[2])).get();
            desc.keyNormBias = (tensors[3] = onDevice(backend, {s.d}, norms[3])).get();
        }
        if (s.half) in.rounding = toHalf;
        if (s.rope != Rope::None) {
            std::vector<float> cosines, sines;
            for (const float angle : spread(image * s.d / 2, 5, 3.0f)) {
                cosines.push_back(std::cos(angle));
                sines.push_back(std::sin(angle));
            }
            in.cos = reference::Matrix<double>(image, s.d / 2, cosines);
            in.sin = reference::Matrix<double>(image, s.d / 2, sines);
            desc.ropeCos = (tensors[4] = onDevice(backend, {image, s.d / 2}, cosines)).get();
            desc.ropeSin = (tensors[5] = onDevice(backend, {image, s.d / 2}, sines)).get();
        }
        const DeviceTensor input = onDevice(backend, {rows, 3 * width}, qkv), out = backend.tensor({rows, width});
        backend.check(backend.table().attention(backend.context(), input.get(), &desc, out.get()));
        const auto wanted = reference::attention(reference::Matrix<double>(rows, 3 * width, qkv), in);
        return relativeDifference(fetched(backend, out), wanted.data);
    }
};

const std::vector<Shape_> kShapes = {
    {1, 1, 1, 1},
    {1, 1, 1, 64},
    {2, 2, 5, 8},
    {1, 2, 64, 64, Rope::SplitHalves, true},
    {1, 1, 65, 72, Rope::AdjacentPairs, true, false, false, 3},
    {2, 1, 130, 88, Rope::SplitHalves, false, false, false, 1},
    {1, 3, 7, 33, Rope::None, true},
    {1, 1, 70, 128, Rope::AdjacentPairs, true, true},
    {1, 1, 63, 100, Rope::SplitHalves, false, false, false, 63},
};

TEST_P(CudaAttention, AgreesWithDoubleOnOddShapes) {
    const auto backend = open();
    for (const Shape_& s : kShapes) EXPECT_LT(error(*backend, s), kTolerance) << testing::PrintToString(s);
}

TEST_P(CudaAttention, AgreesOnTensorCores) {
    const auto backend = open(MS_BF16);
    for (const Shape_& s : kShapes) EXPECT_LT(error(*backend, s), kBf16Tolerance) << testing::PrintToString(s);
}

TEST_P(CudaAttention, TakesHeadsWiderThanItsTiles) {
    for (const MsDType compute : {MS_F32, MS_BF16}) {
        const auto backend = open(compute);
        for (const Shape_& s : {Shape_{1, 1, 9, 130}, Shape_{2, 2, 5, 160, Rope::SplitHalves, true},
                                Shape_{1, 2, 6, 512, Rope::AdjacentPairs, true, true, false, 2}, Shape_{1, 1, 3, 600}})
            EXPECT_LT(error(*backend, s), kTolerance) << testing::PrintToString(s);
    }
}

TEST_P(CudaAttention, RoundsQueriesAndKeysToHalf) {
    const auto backend = open();
    const Shape_ rounded{1, 2, 20, 24, Rope::SplitHalves, true, true, true};
    EXPECT_LT(error(*backend, rounded), kHalfTolerance);
}

TEST_P(CudaAttention, SurvivesLargeScores) {
    const auto backend = open();
    // One key is far above the others: its value comes out, without overflow.
    std::vector<float> qkv(3 * 3 * 4, 0.0f);
    for (int64_t token = 0; token < 3; ++token)
        for (int64_t i = 0; i < 4; ++i) {
            qkv[static_cast<size_t>(token * 12 + i)] = 100.0f;
            qkv[static_cast<size_t>(token * 12 + 4 + i)] = token == 1 ? 100.0f : -100.0f;
            qkv[static_cast<size_t>(token * 12 + 8 + i)] = static_cast<float>(token);
        }
    MsAttentionDesc desc{};
    desc.size = sizeof desc;
    desc.samples = desc.heads = 1;
    const DeviceTensor input = onDevice(*backend, {3, 12}, qkv), out = backend->tensor({3, 4});
    backend->check(table().attention(backend->context(), input.get(), &desc, out.get()));
    EXPECT_EQ(fetched(*backend, out), std::vector<float>(12, 1.0f));
}

TEST_P(CudaAttention, SaysWhatDoesNotFit) {
    const auto backend = open();
    const DeviceTensor input = backend->tensor({4, 12}), out = backend->tensor({4, 4}), norm = backend->tensor({5});
    MsAttentionDesc desc{};
    desc.size = sizeof desc;
    desc.samples = desc.heads = 1;
    desc.queryNorm = norm.get();
    EXPECT_EQ(table().attention(backend->context(), input.get(), &desc, out.get()), MS_INVALID);
    EXPECT_STREQ(table().last_error(backend->context()), "[attention] expected fp32 norm weights [4], got [5]");
}

MOESCOPE_ON_CUDA(CudaAttention);

}  // namespace
}  // namespace moescope::test
