// SPDX-License-Identifier: GPL-3.0-or-later
// A MoE layer of any routing policy with random weights, its input, and room for what it records.
#pragma once

#include <algorithm>
#include <cstring>
#include <limits>
#include <memory>
#include <numeric>
#include <span>

#include "engine/reference/moe_layer.h"
#include "tests/engine/cpu/packed_weights.h"
#include "tests/support/cpu_tensors.h"

namespace moescope::cpu {
namespace {

using namespace test;
using reference::Matrix;
using Floats = Matrix<float>;
using Doubles = Matrix<double>;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

struct Options {
    MsPolicy policy = MS_POLICY_EXPERT_CHOICE;
    int64_t tokens = 20, samples = 1, width = 24, experts = 8, topK = 2, expertWidth = 20;
    int64_t samplesPerPool = 1, capacity = 5;
    int64_t sharedWidth = 0;
    bool gated = false, sharedGated = false, addNothing = true, unconditional = false;
    float scale = 1.0f, threshold = 0.5f;
};

MsTensor integerTensor(MsDType dtype, int64_t count) {
    MsTensor tensor;
    tensor.dtype = dtype;
    tensor.shape = {count};
    tensor.memory = AlignedBytes(static_cast<size_t>(count) * (dtype == MS_U16 ? 2 : 4));
    if (count) std::memset(tensor.memory.data(), 0xee, tensor.memory.size());
    return tensor;
}

/// A layer with random biased weights, its input, and room for everything it records.
struct Case {
    Case(MsContext& owner, const Options& o, uint32_t seed)
        : context(owner),
          options(o),
          router(owner, o.width, o.experts - o.unconditional, 1, MS_F32, MS_LINEAR_PLAIN, false, seed),
          in(owner, o.width, o.expertWidth, o.experts, MS_F32, layoutOf(o.gated), true, seed + 10),
          outward(owner, o.expertWidth, o.width, o.experts, MS_F32, MS_LINEAR_PLAIN, true, seed + 20),
          predictorIn(owner, o.width, 9, 1, MS_F32, MS_LINEAR_PLAIN, true, seed + 70),
          predictorOut(owner, 9, o.experts, 1, MS_F32, MS_LINEAR_PLAIN, true, seed + 80),
          x(floatTensor({o.tokens, o.width}, randomFloats(static_cast<size_t>(o.tokens * o.width), seed + 30))),
          out(floatTensor({o.tokens, o.width})) {
        desc.size = sizeof desc;
        desc.policy = o.policy;
        desc.samples = o.samples;
        desc.experts = o.experts;
        desc.topK = o.topK;
        desc.groups = desc.keptGroups = 1;
        desc.scale = o.scale;
        desc.router = router.linear;
        desc.expertIn = in.linear;
        desc.expertOut = outward.linear;
        desc.expertActivation = o.gated ? MS_ACT_NONE : MS_ACT_GELU_TANH;
        desc.addNothing = o.addNothing;
        desc.samplesPerPool = o.samplesPerPool;
        desc.capacity = o.capacity;
        if (o.sharedWidth) {
            sharedIn = std::make_unique<Weights>(owner, o.width, o.sharedWidth, 1, MS_F32, layoutOf(o.sharedGated),
                                                 true, seed + 50);
            sharedOut =
                std::make_unique<Weights>(owner, o.sharedWidth, o.width, 1, MS_F32, MS_LINEAR_PLAIN, true, seed + 60);
            desc.sharedIn = sharedIn->linear;
            desc.sharedOut = sharedOut->linear;
            desc.sharedActivation = o.sharedGated ? MS_ACT_NONE : MS_ACT_GELU_TANH;
        }
        if (o.policy == MS_POLICY_POOL_THRESHOLD) {
            thresholds = floatTensor({o.experts}, std::vector<float>(static_cast<size_t>(o.experts), o.threshold));
            desc.predictorIn = predictorIn.linear;
            desc.predictorOut = predictorOut.linear;
            desc.thresholds = &thresholds;
            capacityLogits = floatTensor({o.tokens, o.experts});
            record.capacityLogits = &capacityLogits;
        }
        const int64_t t = o.tokens, e = o.experts;
        rowPtr = integerTensor(MS_I32, t + 1);
        expert = integerTensor(MS_U16, t * e);
        counts = integerTensor(MS_I32, o.samples * e);
        gate = floatTensor({t * e});
        mass = floatTensor({o.samples, e});
        logits = floatTensor({t, e});
        scores = floatTensor({t, e});
        margin = floatTensor({std::max(t, o.samples * e)});
        inputNorm = floatTensor({t});
        routedNorm = floatTensor({t});
        sharedNorm = floatTensor({t});
        MsTensor* predicted = record.capacityLogits;
        record = {sizeof record, &rowPtr, &expert,    &gate,       &counts,     &mass,    &logits,
                  &scores,       &margin, &inputNorm, &routedNorm, &sharedNorm, predicted};
    }

    static MsLinearLayout layoutOf(bool gated) { return gated ? MS_LINEAR_GATED : MS_LINEAR_PLAIN; }
    bool pools() const {
        return options.policy == MS_POLICY_EXPERT_CHOICE || options.policy == MS_POLICY_POOL_THRESHOLD;
    }
    int64_t poolTokens() const { return options.tokens / options.samples * options.samplesPerPool; }

    std::vector<float> run(const MsRouting* routing) {
        EXPECT_EQ(moeLayer(&context, &x, &desc, routing, &out), MS_OK) << context.error;
        return valuesOf(out);
    }

    MsContext& context;
    Options options;
    Weights router, in, outward, predictorIn, predictorOut;
    std::unique_ptr<Weights> sharedIn, sharedOut;
    MsTensor x, out, thresholds, rowPtr, expert, gate, counts, mass, logits, scores, margin, inputNorm, routedNorm,
        sharedNorm, capacityLogits;
    MsMoeLayerDesc desc{};
    MsRouting record{};
};

Doubles matrixOf(const Weights& w, int64_t index) {
    const int64_t in = w.linear->desc.in;
    return {w.rows, in,
            std::vector<double>(w.matrix.begin() + index * w.rows * in, w.matrix.begin() + (index + 1) * w.rows * in)};
}

std::vector<double> biasOf(const Weights& w, int64_t index) {
    return {w.biases.begin() + index * w.rows, w.biases.begin() + (index + 1) * w.rows};
}

Doubles mlp(const Doubles& x, const Weights& in, const Weights& outward, int64_t index, bool gated) {
    const Doubles hidden = gated ? reference::gatedLinear(x, matrixOf(in, index), biasOf(in, index))
                                 : reference::mapped(reference::linear(x, matrixOf(in, index), biasOf(in, index)),
                                                     reference::geluTanh<double>);
    return reference::linear(hidden, matrixOf(outward, index), biasOf(outward, index));
}

Floats floatsOf(const MsTensor& tensor, int64_t rows, int64_t cols) {
    return {rows, cols, std::vector<float>(tensor.f32(), tensor.f32() + rows * cols)};
}

}  // namespace
}  // namespace moescope::cpu
