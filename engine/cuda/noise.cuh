// SPDX-License-Identifier: Apache-2.0
// The random numbers of torch's CUDA generator: Philox4x32-10 and Box-Muller in fp32, rounding by rounding as curand's
// headers become machine code under nvcc's own options, that is with fused multiply-adds.
#pragma once

#include "engine/cuda/device_math.cuh"
#include "engine/cuda/ptx.cuh"

namespace moescope::cuda {

/// The bijection of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (2011).
__device__ inline uint4 philox4x32(uint4 counter, uint64_t key) {
    auto first = static_cast<uint32_t>(key), second = static_cast<uint32_t>(key >> 32);
    for (int round = 0; round < 10; ++round) {
        const uint64_t a = uint64_t{0xD2511F53} * counter.x, b = uint64_t{0xCD9E8D57} * counter.z;
        counter = make_uint4(static_cast<uint32_t>(b >> 32) ^ counter.y ^ first, static_cast<uint32_t>(b),
                             static_cast<uint32_t>(a >> 32) ^ counter.w ^ second, static_cast<uint32_t>(a));
        first += 0x9E3779B9;   // golden ratio
        second += 0xBB67AE85;  // sqrt(3) - 1
    }
    return counter;
}

/// Two normals of two words, sine first.
__device__ inline float2 normalsOf(uint32_t first, uint32_t second) {
    constexpr float kCell = 0x1p-32f, kAngleCell = kCell * 6.2831855f;
    const float uniform = fmaf(static_cast<float>(first), kCell, kCell / 2.0f);
    const float angle = fmaf(static_cast<float>(second), kAngleCell, kAngleCell / 2.0f);
    const float radius = sqrtf(-2.0f * logf(uniform));
    float sine, cosine;
    quickSineCosine(angle, sine, cosine);
    // torch scales by 1 and adds a mean of 0, which leaves no -0.
    return make_float2(fmaf(sine, radius, 0.0f), fmaf(cosine, radius, 0.0f));
}

/// Where the numbers of a draw go: thread t of round r writes 4 r threads + t and every `threads` numbers behind it.
struct NoiseGrid {
    int64_t draws, values;    // values per draw
    int64_t threads, rounds;  // per draw
    uint64_t seed, step;      // of draw 0; of round 0: the Philox offset / 4
};

/// A thread per draw, round and thread of torch's; out [draws, values].
static __global__ void torchNormalsKernel(NoiseGrid g, float* out) {
    const int64_t i = globalThread();
    if (i >= g.draws * g.rounds * g.threads) return;
    const RowColumn draw = rowColumn(i, g.rounds * g.threads), round = rowColumn(draw.column, g.threads);
    int64_t at = 4 * round.row * g.threads + round.column;
    if (at >= g.values) return;
    const uint64_t step = g.step + static_cast<uint64_t>(round.row), thread = static_cast<uint64_t>(round.column);
    const uint4 words = philox4x32(make_uint4(static_cast<uint32_t>(step), static_cast<uint32_t>(step >> 32),
                                              static_cast<uint32_t>(thread), static_cast<uint32_t>(thread >> 32)),
                                   g.seed + static_cast<uint64_t>(draw.row));
    const float2 low = normalsOf(words.x, words.y), high = normalsOf(words.z, words.w);
    const float normals[4] = {low.x, low.y, high.x, high.y};
    float* own = out + draw.row * g.values;
#pragma unroll
    for (int j = 0; j < 4; ++j, at += g.threads)
        if (at < g.values) own[at] = normals[j];
}

}  // namespace moescope::cuda
