// SPDX-License-Identifier: GPL-3.0-or-later
// Help for tests of the CPU device: packed weights, random numbers, and an instruction level for the length of a scope.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "engine/cpu/gemm.h"
#include "engine/cpu/isa.h"
#include "engine/cpu/ops.h"

namespace moescope::cpu {

inline const std::vector<std::string>& instructionLevels() {
    static const std::vector<std::string> levels{"avx512", "avx2", "sse4"};
    return levels;
}

/// Uses a level until the end of the scope; `available` is false where this processor lacks it.
struct LevelScope {
    explicit LevelScope(const std::string& level) : available(selectIsa(level).ok()) {}
    ~LevelScope() { (void)selectIsa("auto"); }
    bool available;
};

inline std::vector<float> randomFloats(size_t count, uint32_t seed, float deviation = 1.0f) {
    std::mt19937 generator(seed);
    std::normal_distribution<float> normal(0.0f, deviation);
    std::vector<float> values(count);
    for (float& value : values) value = normal(generator);
    return values;
}

/// The nearest bf16 (ties to even) of a finite number, by comparing the two neighbours.
inline float nearestBf16(float value) {
    uint32_t bits;
    std::memcpy(&bits, &value, 4);
    const uint32_t below = bits & 0xffff0000u, above = below + 0x10000u;
    float low, high;
    std::memcpy(&low, &below, 4);
    std::memcpy(&high, &above, 4);
    const double toLow = std::fabs(double{value} - low), toHigh = std::fabs(double{high} - value);
    if (toLow != toHigh) return toLow < toHigh ? low : high;
    return ((below >> 16) & 1u) == 0 ? low : high;
}

/// Packed weights with the plain matrices they were made from (rounded to the storage type).
struct Weights {
    Weights(MsContext& owner, int64_t in, int64_t out, int64_t count, MsDType storage, MsLinearLayout layout, bool bias,
            uint32_t seed)
        : context(owner), rows(layout == MS_LINEAR_GATED ? 2 * out : out) {
        MsLinearDesc desc{sizeof desc, in, out, count, storage, layout, bias};
        EXPECT_EQ(linearCreate(&context, &desc, &linear), MS_OK);
        matrix = randomFloats(static_cast<size_t>(count * rows * in), seed, 1.0f / std::sqrt(static_cast<float>(in)));
        if (bias) biases = randomFloats(static_cast<size_t>(count * rows), seed + 1);
        for (int64_t e = 0; e < count; ++e) {
            EXPECT_EQ(linearLoadRows(&context, linear, e, 0, rows, matrix.data() + e * rows * in), MS_OK);
            if (bias) {
                EXPECT_EQ(linearLoadBias(&context, linear, e, biases.data() + e * rows), MS_OK);
            }
        }
        if (storage == MS_BF16)
            for (float& w : matrix) w = nearestBf16(w);
    }
    ~Weights() { linearDestroy(&context, linear); }
    Weights(const Weights&) = delete;

    const float* row(int64_t index, int64_t n) const { return matrix.data() + (index * rows + n) * linear->desc.in; }
    float bias(int64_t index, int64_t n) const {
        return biases.empty() ? 0.0f : biases[static_cast<size_t>(index * rows + n)];
    }

    MsContext& context;
    int64_t rows;
    MsLinear* linear = nullptr;
    std::vector<float> matrix, biases;
};

/// gemm over contiguous rows of x; returns [rowCount, out].
inline std::vector<float> multiply(MsContext& context, const Weights& weights, const std::vector<float>& x,
                                   int64_t rowCount, MsActivation activation = MS_ACT_NONE, int64_t index = 0) {
    const MsLinearDesc& desc = weights.linear->desc;
    std::vector<float> out(static_cast<size_t>(rowCount * desc.out), NAN);
    GemmJob job;
    job.rows = {x.data(), desc.in, nullptr};
    job.rowCount = rowCount;
    job.index = index;
    job.out = out.data();
    job.outStride = desc.out;
    EXPECT_EQ(gemm(context, *weights.linear, &job, 1, activation), MS_OK);
    return out;
}

inline bool sameBytes(const std::vector<float>& a, const std::vector<float>& b) {
    return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
}

}  // namespace moescope::cpu
