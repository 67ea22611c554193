// SPDX-License-Identifier: Apache-2.0
// Policies in which the experts choose among all tokens of a pool: expert choice, and pools with predicted capacities.
// A block per (pool, expert). Ties: see tie_order.cuh.
#pragma once

#include "engine/cuda/device_math.cuh"
#include "engine/cuda/dispatch.cuh"
#include "engine/cuda/tie_order.cuh"

namespace moescope::cuda {

struct PoolChoice {
    int64_t tokens, poolTokens;
    int32_t experts, capacity;
    float scale;
    float* logits;             // [tokens, experts] in
    float* scores;             // [tokens, experts] softmax of them
    const float* predictions;  // [tokens, experts] before the sigmoid, or null: every expert takes `capacity`
    const float* thresholds;   // [experts]
    float* margin;             // [pools, experts] or null
    uint8_t* taken;            // [tokens, experts]
    RankedValue* ranked;       // [experts, tokens]
    int32_t* count;            // [tokens] experts that took a token
};

inline constexpr int kPoolThreads = 256;

/// scores = softmax(logits), a warp per token.
static __global__ void poolScoresKernel(PoolChoice c) {
    const int lane = static_cast<int>(threadIdx.x) % kWarpSize;
    const int64_t token = globalThread() / kWarpSize;
    if (token >= c.tokens) return;
    const float* logits = c.logits + token * c.experts;
    float largest = -INFINITY, sum = 0.0f;
    for (int32_t e = lane; e < c.experts; e += kWarpSize) largest = fmaxf(largest, logits[e]);
    largest = warpMax(largest);
    for (int32_t e = lane; e < c.experts; e += kWarpSize) sum += expf(logits[e] - largest);
    sum = warpSum(sum);
    for (int32_t e = lane; e < c.experts; e += kWarpSize)
        c.scores[token * c.experts + e] = expf(logits[e] - largest) / sum;
}

/// Larger values have larger keys.
__device__ inline unsigned orderedKey(float value) {
    const unsigned bits = __float_as_uint(value == 0.0f ? 0.0f : value);  // -0 and 0 are equal
    return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}
__device__ inline float valueOfKey(unsigned key) {
    return __uint_as_float(key & 0x80000000u ? key & 0x7fffffffu : ~key);
}

/// Sum of small counts over the block, the same in every thread.
__device__ inline int32_t blockCount(int32_t value, int32_t* parts) {
    const int warp = static_cast<int>(threadIdx.x) / kWarpSize, lane = static_cast<int>(threadIdx.x) % kWarpSize;
    for (int bits = kWarpSize / 2; bits > 0; bits /= 2) value += __shfl_xor_sync(kFullWarp, value, bits);
    __syncthreads();
    if (lane == 0) parts[warp] = value;
    __syncthreads();
    int32_t sum = 0;
    for (int w = 0; w < kPoolThreads / kWarpSize; ++w) sum += parts[w];
    return sum;
}

/// The key of the `wanted`-th largest of the pool's scores: byte by byte from the top. `above`: how many are larger.
__device__ inline unsigned keyAtRank(const PoolChoice& c, const float* column, int32_t wanted, int32_t* histogram,
                                     int32_t& above) {
    __shared__ int32_t found[2];
    unsigned prefix = 0, mask = 0;
    above = 0;
    for (int shift = 24; shift >= 0; shift -= 8) {
        __syncthreads();
        histogram[threadIdx.x] = 0;
        __syncthreads();
        for (int64_t t = threadIdx.x; t < c.poolTokens; t += kPoolThreads) {
            const unsigned key = orderedKey(column[t * c.experts]);
            if ((key & mask) == prefix) atomicAdd(&histogram[key >> shift & 255u], 1);
        }
        __syncthreads();
        if (threadIdx.x == 0) {
            int32_t larger = above, byte = 255;
            while (larger + histogram[byte] < wanted) larger += histogram[byte--];
            found[0] = byte;
            found[1] = larger;
        }
        __syncthreads();
        prefix |= static_cast<unsigned>(found[0]) << shift;
        mask |= 255u << shift;
        above = found[1];
    }
    return prefix;
}

/// Which tokens of a pool an expert takes.
static __global__ void takeTokensKernel(PoolChoice c) {
    __shared__ int32_t histogram[256], parts[kWarpSize];
    __shared__ float shared[kWarpSize];
    const int64_t pool = blockIdx.x / c.experts, first = pool * c.poolTokens;
    const auto expert = static_cast<int32_t>(blockIdx.x % c.experts);
    const float* column = c.scores + first * c.experts + expert;
    uint8_t* taken = c.taken + first * c.experts + expert;
    int32_t wanted = 0, unordered = 0;
    for (int64_t t = threadIdx.x; t < c.poolTokens; t += kPoolThreads) {
        if (c.predictions)
            wanted += sigmoid(c.predictions[(first + t) * c.experts + expert]) > c.thresholds[expert] ? 1 : 0;
        unordered += isnan(column[t * c.experts]) ? 1 : 0;
    }
    wanted = c.predictions ? blockCount(wanted, parts) : c.capacity;
    unordered = blockCount(unordered, parts);
    float margin = INFINITY;
    if (wanted == 0) {
        for (int64_t t = threadIdx.x; t < c.poolTokens; t += kPoolThreads) taken[t * c.experts] = 0;
    } else {
        bool tied = unordered > 0;
        if (!tied) {
            int32_t above = 0, equal = 0;
            const unsigned last = keyAtRank(c, column, wanted, histogram, above);
            float refused = -INFINITY;
            for (int64_t t = threadIdx.x; t < c.poolTokens; t += kPoolThreads) {
                const unsigned key = orderedKey(column[t * c.experts]);
                taken[t * c.experts] = key >= last ? 1 : 0;
                equal += key == last ? 1 : 0;
                if (key < last) refused = fmaxf(refused, column[t * c.experts]);
            }
            equal = blockCount(equal, parts);
            tied = above + equal > wanted;
            const int warp = static_cast<int>(threadIdx.x) / kWarpSize,
                      lane = static_cast<int>(threadIdx.x) % kWarpSize;
            refused = warpMax(refused);
            if (lane == 0) shared[warp] = refused;
            __syncthreads();
            refused = warpMax(lane < kPoolThreads / kWarpSize ? shared[lane] : -INFINITY);
            if (wanted < c.poolTokens) margin = valueOfKey(last) - refused;
        }
        if (tied) {
            __syncthreads();
            if (threadIdx.x == 0) {
                RankedValue* ranked = c.ranked + expert * c.tokens + first;
                const auto n = static_cast<int>(c.poolTokens);
                for (int t = 0; t < n; ++t) ranked[t] = {column[static_cast<int64_t>(t) * c.experts], t};
                selectWithTies(ranked, wanted, n);
                for (int t = 0; t < n; ++t)
                    taken[static_cast<int64_t>(ranked[t].index) * c.experts] = t < wanted ? 1 : 0;
            }
            margin = wanted < c.poolTokens ? 0.0f : INFINITY;
        }
    }
    if (threadIdx.x == 0 && c.margin) c.margin[blockIdx.x] = margin;
}

/// count of each token, a warp per token.
static __global__ void countTakenKernel(PoolChoice c) {
    const int lane = static_cast<int>(threadIdx.x) % kWarpSize;
    const int64_t token = globalThread() / kWarpSize;
    if (token >= c.tokens) return;
    int32_t count = 0;
    for (int32_t e = lane; e < c.experts; e += kWarpSize) count += c.taken[token * c.experts + e];
    for (int bits = kWarpSize / 2; bits > 0; bits /= 2) count += __shfl_xor_sync(kFullWarp, count, bits);
    if (lane == 0) c.count[token] = count;
}

/// The taken pairs token by token, experts ascending, a warp per token.
static __global__ void listTakenPairsKernel(PoolChoice c, Pairs p, uint16_t* record) {
    const int lane = static_cast<int>(threadIdx.x) % kWarpSize;
    const int64_t token = globalThread() / kWarpSize;
    if (token >= c.tokens) return;
    int32_t place = p.rowPtr[token];
    for (int32_t first = 0; first < c.experts; first += kWarpSize) {
        const int32_t e = first + lane;
        const bool mine = e < c.experts && c.taken[token * c.experts + e] != 0;
        const unsigned mask = __ballot_sync(kFullWarp, mine);
        if (mine) {
            const int32_t own = place + __popc(mask & ((1u << lane) - 1u));
            p.expert[own] = e;
            p.tokenOf[own] = static_cast<int32_t>(token);
            p.gate[own] = c.scores[token * c.experts + e] * c.scale;
            if (record) record[own] = static_cast<uint16_t>(e);
        }
        place += __popc(mask);
    }
}

}  // namespace moescope::cuda
