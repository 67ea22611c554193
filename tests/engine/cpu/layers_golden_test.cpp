// SPDX-License-Identifier: GPL-3.0-or-later
// Attention, embeddings, norms and patches held against tensors of the published networks.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/cpu/ops.h"
#include "engine/model/position_tables.h"
#include "engine/reference/attention.h"
#include "engine/reference/embedding.h"
#include "engine/reference/linear.h"
#include "engine/reference/mlp.h"
#include "engine/reference/patch.h"
#include "tests/support/cpu_tensors.h"
#include "tests/support/golden_tensors.h"

namespace moescope {
namespace {

using namespace test;
using reference::Matrix;

// The stored values carry the rounding of fp32 arithmetic, 2e-7 to 5e-7 of the largest; so do ours.
constexpr double kLimit = 2e-6;

// q, k and v of rows (q | k | v) from heads [1, heads, tokens, d], v zero.
Matrix<double> joined(const Matrix<double>& q, const Matrix<double>& k, int64_t heads) {
    const int64_t d = q.cols, tokens = q.rows / heads, width = heads * d;
    Matrix<double> qkv(tokens, 3 * width);
    for (int64_t head = 0; head < heads; ++head)
        for (int64_t token = 0; token < tokens; ++token)
            for (int64_t i = 0; i < d; ++i) {
                qkv(token, head * d + i) = q(head * tokens + token, i);
                qkv(token, width + head * d + i) = k(head * tokens + token, i);
            }
    return qkv;
}

reference::AttentionInput<double> rotation(reference::Rope kind, const RopeTables& tables, int64_t heads,
                                           int64_t lead) {
    reference::AttentionInput<double> in;
    in.heads = heads;
    in.rope = kind;
    in.cos = wide(tables.cos.shape[0], tables.cos.shape[1], tables.cos.data);
    in.sin = wide(tables.sin.shape[0], tables.sin.shape[1], tables.sin.data);
    in.leadTokens = lead;
    return in;
}

void expectRotated(const GoldenTensors& golden, const std::string& prefix, reference::Rope kind,
                   const RopeTables& tables, int64_t lead) {
    const int64_t heads = golden.tensor(prefix + ".q_in").shape[1];
    const auto in = rotation(kind, tables, heads, lead);
    const std::string keys = golden.contains(prefix + ".k_in") ? ".k" : ".q";
    const auto qkv = joined(golden.matrix(prefix + ".q_in"), golden.matrix(prefix + keys + "_in"), heads);
    const auto q = golden.matrix(prefix + ".q_out"), k = golden.matrix(prefix + keys + "_out");
    const int64_t tokens = qkv.rows;
    for (int64_t third : {0, 1})
        for (int64_t head = 0; head < heads; ++head) {
            const auto part = reference::headOf(qkv, in, 0, head, third);
            const auto& all = third == 0 ? q : k;
            const std::vector<double> expected(all.data.begin() + head * tokens * all.cols,
                                               all.data.begin() + (head + 1) * tokens * all.cols);
            EXPECT_LE(relativeDifference(part.data, expected), kLimit) << prefix << " " << third << " " << head;
        }
}

TEST(AttentionGolden, QueriesAndKeysTurnAsPublished) {
    const GoldenTensors dsmoe("attention-rope/dsmoe_attention.safetensors");
    for (const auto& [d, grid] : {std::pair{16, 4}, std::pair{64, 16}, std::pair{72, 6}})
        expectRotated(dsmoe, fmt::format("rope.h{}.g{}", d, grid), reference::Rope::SplitHalves,
                      splitHalvesRope(d, grid), 0);
    const GoldenTensors jit("attention-rope/jit_attention.safetensors");
    struct Rotation {
        int64_t d, grid, lead;
    };
    for (const Rotation& r : {Rotation{20, 8, 0}, Rotation{20, 8, 4}, Rotation{64, 16, 32}, Rotation{80, 6, 2}})
        expectRotated(jit, fmt::format("rope.h{}.g{}.c{}", r.d, r.grid, r.lead), reference::Rope::AdjacentPairs,
                      adjacentPairsRope(r.d, r.grid), r.lead);
}

// A whole layer: projections by the reference, attention by the reference and by the CPU device.
void expectLayer(const GoldenTensors& golden, reference::Rope kind, MsRope rope, const RopeTables& tables,
                 int64_t heads, int64_t lead) {
    const HostTensor x = golden.tensor("attn.x");
    const auto qkv =
        reference::linear(golden.matrix("attn.x"), golden.matrix("attn.qkv.weight"), golden.doubles("attn.qkv.bias"));
    const auto project = [&](const Matrix<double>& attended) {
        return reference::linear(attended, golden.matrix("attn.proj.weight"), golden.doubles("attn.proj.bias"));
    };
    auto in = rotation(kind, tables, heads, lead);
    in.samples = x.shape[0];
    const bool norms = golden.contains("attn.q_norm.weight");
    if (norms) {
        in.queryNorm = golden.doubles("attn.q_norm.weight");
        in.keyNorm = golden.doubles("attn.k_norm.weight");
    }
    EXPECT_LE(relativeDifference(project(reference::attention(qkv, in)).data, golden.doubles("attn.out")), kLimit);

    MsContext context(2);
    const MsTensor device = floatTensor({qkv.rows, qkv.cols}, qkv.data);
    const MsTensor cos = floatTensor(tables.cos.shape, tables.cos.data),
                   sin = floatTensor(tables.sin.shape, tables.sin.data);
    const int64_t d = qkv.cols / 3 / heads;
    const MsTensor queryNorm = norms ? floatTensor({d}, in.queryNorm) : MsTensor();
    const MsTensor keyNorm = norms ? floatTensor({d}, in.keyNorm) : MsTensor();
    MsAttentionDesc desc{
        sizeof desc, x.shape[0], heads, norms ? &queryNorm : nullptr, norms ? &keyNorm : nullptr, 1e-6f, rope,
        &cos,        &sin,       lead};
    MsTensor out = floatTensor({qkv.rows, qkv.cols / 3});
    ASSERT_EQ(cpu::attention(&context, &device, &desc, &out), MS_OK) << context.error;
    const auto attended = wide(qkv.rows, qkv.cols / 3, valuesOf(out));
    EXPECT_LE(relativeDifference(project(attended).data, golden.doubles("attn.out")), kLimit);
}

TEST(AttentionGolden, ALayerWithSplitHalvesMatches) {
    expectLayer(GoldenTensors("attention-rope/dsmoe_attention.safetensors"), reference::Rope::SplitHalves,
                MS_ROPE_SPLIT_HALVES, splitHalvesRope(12, 8), 4, 0);
}

TEST(AttentionGolden, ALayerWithNormsAdjacentPairsAndClassTokensMatches) {
    expectLayer(GoldenTensors("attention-rope/jit_attention.safetensors"), reference::Rope::AdjacentPairs,
                MS_ROPE_ADJACENT_PAIRS, adjacentPairsRope(20, 6), 2, 3);
}

TEST(EmbeddingGolden, TimeWavesAndTheirLayerMatch) {
    const GoldenTensors golden("attention-rope/embeddings.safetensors");
    MsContext context(2);
    const auto t = golden.floats("t");
    const int64_t count = static_cast<int64_t>(t.size());
    const MsTensor times = floatTensor({count}, t);
    for (int64_t width : {256, 64, 7}) {
        MsTensor out = floatTensor({count, width});
        ASSERT_EQ(cpu::timestepWaves(&context, &times, 10000.0f, &out), MS_OK) << context.error;
        const auto stored = golden.floats(fmt::format("sinusoid.{}", width));
        const auto exact = reference::timestepWaves(golden.doubles("t"), 10000.0, width);
        for (size_t i = 0; i < stored.size(); ++i) {
            // fp32 rates may differ by a last bit (two bits from the exact rate), and the angle is that many times t.
            const double time = t[i / static_cast<size_t>(width)], bits = 0x1p-23 * std::max(1.0, time);
            ASSERT_NEAR(out.f32()[i], stored[i], bits) << width << " " << time;
            ASSERT_NEAR(exact.data[i], stored[i], 2 * bits) << width << " " << time;
        }
    }
    const auto waves = wide(count, 256, golden.floats("sinusoid.256"));
    const auto layer = reference::mlp(waves, golden.matrix("t_embedder.mlp.0.weight"),
                                      golden.doubles("t_embedder.mlp.0.bias"), golden.matrix("t_embedder.mlp.2.weight"),
                                      golden.doubles("t_embedder.mlp.2.bias"), reference::silu<double>);
    EXPECT_LE(relativeDifference(layer.data, golden.doubles("t_embedder.out")), kLimit);
}

// norm of rows by the CPU device and by the reference against the stored tensor.
void expectNorm(const GoldenTensors& golden, const std::string& input, MsNorm norm, const std::string& weight,
                const std::string& output) {
    MsContext context(2);
    const auto x = golden.matrix(input);
    const MsTensor in = floatTensor({x.rows, x.cols}, x.data);
    const MsTensor weights = weight.empty() ? MsTensor() : floatTensor({x.cols}, golden.floats(weight));
    MsTensor out = floatTensor({x.rows, x.cols});
    ASSERT_EQ(
        cpu::modulatedNorm(&context, &in, norm, 1e-6f, weight.empty() ? nullptr : &weights, nullptr, -1, -1, &out),
        MS_OK)
        << context.error;
    EXPECT_LE(relativeDifference(valuesOf(out), golden.floats(output)), kLimit) << output;
    const auto expected =
        norm == MS_NORM_LAYER ? reference::layerNorm(x, 1e-6) : reference::rmsNorm(x, golden.doubles(weight), 1e-6);
    EXPECT_LE(relativeDifference(expected.data, golden.doubles(output)), kLimit) << output;
}

TEST(NormGolden, NormsOfOrdinaryAndTinyRowsMatch) {
    const GoldenTensors dsmoe("attention-rope/norms_mlp.safetensors"), jit("attention-rope/norms_mlp_jit.safetensors");
    expectNorm(dsmoe, "x", MS_NORM_LAYER, "", "layernorm");
    expectNorm(dsmoe, "x_small", MS_NORM_LAYER, "", "layernorm_small");
    expectNorm(dsmoe, "x", MS_NORM_RMS, "dsmoe_rmsnorm.weight", "dsmoe_rmsnorm");
    expectNorm(jit, "x", MS_NORM_RMS, "rmsnorm.weight", "rmsnorm");
    expectNorm(jit, "x_small", MS_NORM_RMS, "rmsnorm.weight", "rmsnorm_small");
}

TEST(NormGolden, ShiftAndScaleOfASampleMatch) {
    const GoldenTensors golden("attention-rope/norms_mlp.safetensors");
    const auto x = golden.matrix("x"), shift = golden.matrix("shift"), scale = golden.matrix("scale");
    Matrix<double> modulation(shift.rows, 2 * shift.cols);
    for (int64_t row = 0; row < shift.rows; ++row)
        for (int64_t i = 0; i < shift.cols; ++i) {
            modulation(row, i) = shift(row, i);
            modulation(row, shift.cols + i) = scale(row, i);
        }
    MsContext context(2);
    const MsTensor in = floatTensor({x.rows, x.cols}, x.data);
    const MsTensor mod = floatTensor({modulation.rows, modulation.cols}, modulation.data);
    MsTensor out = floatTensor({x.rows, x.cols});
    ASSERT_EQ(cpu::modulatedNorm(&context, &in, MS_NORM_LAYER, 1e-6f, nullptr, &mod, 0, 1, &out), MS_OK)
        << context.error;
    EXPECT_LE(relativeDifference(valuesOf(out), golden.floats("modulated")), kLimit);
    const auto expected = reference::modulate(reference::layerNorm(x, 1e-6), modulation, 0, 1);
    EXPECT_LE(relativeDifference(expected.data, golden.doubles("modulated")), kLimit);
}

TEST(MlpGolden, DenseGatedAndFinalLayersMatch) {
    const GoldenTensors dsmoe("attention-rope/norms_mlp.safetensors"), jit("attention-rope/norms_mlp_jit.safetensors");
    const auto x = dsmoe.matrix("x");
    const auto dense =
        reference::mlp(x, dsmoe.matrix("mlp.fc1.weight"), dsmoe.doubles("mlp.fc1.bias"), dsmoe.matrix("mlp.fc2.weight"),
                       dsmoe.doubles("mlp.fc2.bias"), reference::silu<double>);
    EXPECT_LE(relativeDifference(dense.data, dsmoe.doubles("mlp.out")), kLimit);

    reference::GatedMlp<double> expert{
        dsmoe.matrix("expert.gate_proj.weight"), {}, dsmoe.matrix("expert.down_proj.weight"), {}};
    const auto up = dsmoe.matrix("expert.up_proj.weight");
    expert.in.data.insert(expert.in.data.end(), up.data.begin(), up.data.end());
    expert.in.rows += up.rows;
    EXPECT_LE(relativeDifference(reference::gatedMlp(x, expert).data, dsmoe.doubles("expert.out")), kLimit);

    const reference::GatedMlp<double> swiglu{jit.matrix("swiglu.w12.weight"), jit.doubles("swiglu.w12.bias"),
                                             jit.matrix("swiglu.w3.weight"), jit.doubles("swiglu.w3.bias")};
    EXPECT_LE(relativeDifference(reference::gatedMlp(jit.matrix("x"), swiglu).data, jit.doubles("swiglu.out")), kLimit);

    const auto modulation =
        reference::linear(reference::mapped(jit.matrix("final.c"), reference::silu<double>),
                          jit.matrix("final.adaLN_modulation.1.weight"), jit.doubles("final.adaLN_modulation.1.bias"));
    const auto normed = reference::rmsNorm(jit.matrix("x"), jit.doubles("final.norm_final.weight"), 1e-6);
    const auto out = reference::linear(reference::modulate(normed, modulation, 0, 1), jit.matrix("final.linear.weight"),
                                       jit.doubles("final.linear.bias"));
    EXPECT_LE(relativeDifference(out.data, jit.doubles("final.out")), kLimit);
}

// Patches by the CPU device, the same by the reference; then the embedding's matrix products by the reference.
Matrix<double> patches(const HostTensor& image, int64_t patch) {
    MsContext context(2);
    const int64_t b = image.shape[0], c = image.shape[1], h = image.shape[2], w = image.shape[3];
    const MsTensor in = floatTensor(image.shape, image.data);
    MsTensor out = floatTensor({b * h / patch * w / patch, c * patch * patch});
    EXPECT_EQ(cpu::patchify(&context, &in, patch, &out), MS_OK) << context.error;
    reference::Pictures<double> pictures(b, c, h, w);
    pictures.data.assign(image.data.begin(), image.data.end());
    const auto tokens = reference::patchify(pictures, patch);
    EXPECT_EQ(relativeDifference(valuesOf(out), tokens.data), 0.0);
    return tokens;
}

void expectUnpatched(const GoldenTensors& golden, const std::string& family, int64_t patch) {
    MsContext context(2);
    const auto tokens = golden.matrix(family + ".final_tokens");
    const HostTensor stored = golden.tensor(family + ".unpatchified");
    const MsTensor in = floatTensor({tokens.rows, tokens.cols}, tokens.data);
    MsTensor image = floatTensor(stored.shape);
    ASSERT_EQ(cpu::unpatchify(&context, &in, patch, &image), MS_OK) << context.error;
    EXPECT_EQ(valuesOf(image), stored.data);
    EXPECT_EQ(relativeDifference(reference::unpatchify(tokens, patch, stored.shape[0], stored.shape[2] / patch,
                                                       stored.shape[3] / patch)
                                     .data,
                                 stored.data),
              0.0);
}

TEST(PatchGolden, TokensAndPicturesMatch) {
    const GoldenTensors dsmoe("attention-rope/patch_dsmoe.safetensors"), jit("attention-rope/patch_jit.safetensors");
    const auto tokens = reference::linear(patches(dsmoe.tensor("dsmoe.x"), 2), dsmoe.flatMatrix("dsmoe.proj.weight"),
                                          dsmoe.doubles("dsmoe.proj.bias"));
    EXPECT_LE(relativeDifference(tokens.data, dsmoe.doubles("dsmoe.tokens")), kLimit);
    expectUnpatched(dsmoe, "dsmoe", 2);
    const auto low = reference::linear(patches(jit.tensor("jit.x"), 4), jit.flatMatrix("jit.proj1.weight"));
    const auto wideTokens = reference::linear(low, jit.flatMatrix("jit.proj2.weight"), jit.doubles("jit.proj2.bias"));
    EXPECT_LE(relativeDifference(wideTokens.data, jit.doubles("jit.tokens")), kLimit);
    expectUnpatched(jit, "jit", 4);
}

}  // namespace
}  // namespace moescope
