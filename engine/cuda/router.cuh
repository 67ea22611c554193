// SPDX-License-Identifier: Apache-2.0
// Token choice: which experts a token goes to, and with which gates. A warp per token.
//
// Sigmoid: ranking = affinity + selection bias; of all groups but the strongest `keptGroups` (by the sum of a group's
// two best) the ranking is set to 0.0; the topK largest are chosen; gate = affinity / (sum of the chosen affinities +
// 1e-20) * scale, the division only if topK > 1. Normalised softmax: the same. Plain softmax and prototypes: gate =
// affinity * scale. Ties: see tie_order.cuh.
#pragma once

#include "engine/cuda/device_math.cuh"
#include "engine/cuda/launch.cuh"
#include "engine/cuda/tie_order.cuh"

namespace moescope::cuda {

struct TokenChoice {
    MsPolicy policy;
    bool softmax, divides;  // what the policy means for affinities and gates
    int64_t tokens;
    int32_t experts, ranked, topK, groups, keptGroups;  // ranked: experts that the router knows (bypass: one less)
    float scale;
    const float* products;       // [tokens, ranked] of the router
    const float* selectionBias;  // [experts] or null
    const float* x;              // prototypes: [tokens, width], for the length of a token
    int64_t width;
    const int32_t* forced;  // [tokens, topK] or null
    const int32_t* bypass;  // [samples] or null
    int64_t tokensPerSample;
    float* logits;     // [tokens, experts] or null: the record
    float* scores;     // [tokens, experts] or null: the record
    float* margin;     // [tokens] or null
    int32_t* chosen;   // [tokens, topK] ascending
    float* gates;      // [tokens, topK]
    int32_t* count;    // [tokens] or null where every token has topK: then the lists of pairs are written too
    int32_t* rowPtr;   // [tokens + 1]
    int32_t* tokenOf;  // [tokens, topK]
    uint16_t* record;  // [tokens, topK] the experts, or null
};

/// Shared memory of a warp, `experts` of each.
struct RouterMemory {
    RankedValue* values;
    float *scores, *ranking, *strength;
    int32_t* taken;

    static __host__ __device__ size_t bytes(int32_t experts) { return static_cast<size_t>(experts) * 24; }
    __device__ RouterMemory(unsigned char* memory, int32_t experts) {
        values = reinterpret_cast<RankedValue*>(memory);
        scores = reinterpret_cast<float*>(values + experts);
        ranking = scores + experts;
        strength = ranking + experts;
        taken = reinterpret_cast<int32_t*>(strength + experts);
    }
};

__device__ inline float marginBetween(float chosen, float refused) {
    const float margin = chosen - refused;
    return isnan(margin) ? 0.0f : margin;  // a NaN, or equal infinities
}

/// The lane's best value that is not taken, then the warp's: larger first, then the lower place. index -1: none is
/// left.
__device__ inline RankedValue bestLeft(const float* values, const int32_t* taken, int32_t n) {
    const int lane = static_cast<int>(threadIdx.x) % kWarpSize;
    RankedValue best{0.0f, -1};
    for (int32_t i = lane; i < n; i += kWarpSize)
        if (!taken[i] && (best.index < 0 || values[i] > best.value)) best = {values[i], i};
    for (int bits = kWarpSize / 2; bits > 0; bits /= 2) {
        const RankedValue other{__shfl_xor_sync(kFullWarp, best.value, bits),
                                __shfl_xor_sync(kFullWarp, best.index, bits)};
        if (other.index < 0) continue;
        if (best.index < 0 || other.value > best.value || (other.value == best.value && other.index < best.index))
            best = other;
    }
    return best;
}

/// Marks the k largest of n values in `taken`; returns last chosen minus first refused, +inf where none is refused.
__device__ inline float takeLargest(const float* values, int32_t n, int32_t k, RankedValue* ranked, int32_t* taken) {
    const int lane = static_cast<int>(threadIdx.x) % kWarpSize;
    bool unordered = false;
    for (int32_t i = lane; i < n; i += kWarpSize) {
        taken[i] = 0;
        unordered = unordered || isnan(values[i]);
        ranked[i] = {values[i], i};
    }
    __syncwarp();
    if (!__any_sync(kFullWarp, unordered)) {
        float last = 0.0f;
        for (int32_t j = 0; j < k; ++j) {
            const RankedValue best = bestLeft(values, taken, n);
            __syncwarp();  // all lanes have read `taken`: an exchange orders no memory
            if (lane == 0) taken[best.index] = 1;
            last = best.value;
            __syncwarp();
        }
        if (k == n) return INFINITY;
        const RankedValue refused = bestLeft(values, taken, n);
        if (refused.value != last) return marginBetween(last, refused.value);
    }
    // A tie at the cut, or a NaN.
    __syncwarp();
    float margin = INFINITY;
    if (lane == 0) {
        selectWithTies(ranked, k, n);
        for (int32_t i = 0; i < n; ++i) taken[ranked[i].index] = i < k;
        RankedValue last = ranked[0];
        for (int32_t i = 1; i < k; ++i)
            if (ranksBefore(last, ranked[i])) last = ranked[i];
        if (k < n) {
            RankedValue first = ranked[k];
            for (int32_t i = k + 1; i < n; ++i)
                if (ranksBefore(ranked[i], first)) first = ranked[i];
            margin = marginBetween(last.value, first.value);
        }
    }
    __syncwarp();
    return __shfl_sync(kFullWarp, margin, 0);
}

/// Sum of a group's two best; NaN where one of them is.
__device__ inline float groupStrength(const float* member, int32_t size) {
    float first = member[0], second = -INFINITY;
    for (int32_t i = 1; i < size; ++i) {
        const float value = member[i];
        if (isnan(first) || isnan(value)) return __uint_as_float(0x7fc00000u);
        second = value > first ? first : fmaxf(second, value);
        first = fmaxf(first, value);
    }
    return size > 1 ? first + second : first;
}

/// Sets the ranking of refused groups to zero; returns the margin between groups.
__device__ inline float limitGroups(const TokenChoice& c, const RouterMemory& m) {
    if (c.keptGroups >= c.groups) return INFINITY;
    const int lane = static_cast<int>(threadIdx.x) % kWarpSize;
    const int32_t size = c.experts / c.groups;
    for (int32_t g = lane; g < c.groups; g += kWarpSize) m.strength[g] = groupStrength(m.ranking + g * size, size);
    __syncwarp();
    const float margin = takeLargest(m.strength, c.groups, c.keptGroups, m.values, m.taken);
    for (int32_t e = lane; e < c.experts; e += kWarpSize)
        if (!m.taken[e / size]) m.ranking[e] = 0.0f;
    __syncwarp();
    return margin;
}

/// The margin of choices that were given: negative where the router would have chosen otherwise.
__device__ inline float marginOfForced(const TokenChoice& c, const RouterMemory& m, const int32_t* forced) {
    const int lane = static_cast<int>(threadIdx.x) % kWarpSize;
    if (c.topK == c.ranked) return INFINITY;
    float last = INFINITY, first = -INFINITY;
    for (int32_t e = lane; e < c.ranked; e += kWarpSize) {
        bool given = false;
        for (int32_t j = 0; j < c.topK; ++j) given = given || forced[j] == e;
        if (given)
            last = fminf(last, m.ranking[e]);
        else
            first = fmaxf(first, m.ranking[e]);
    }
    return marginBetween(-warpMax(-last), warpMax(first));
}

/// Affinities of a token to all experts, into m.scores.
__device__ inline void affinities(const TokenChoice& c, const RouterMemory& m, int64_t token) {
    const int lane = static_cast<int>(threadIdx.x) % kWarpSize;
    const float* products = c.products + token * c.ranked;
    float divisor = 1.0f, largest = -INFINITY, sum = 0.0f;
    if (c.policy == MS_POLICY_PROTOTYPE) {
        const float* x = c.x + token * c.width;
        for (int64_t i = lane; i < c.width; i += kWarpSize) sum = fmaf(x[i], x[i], sum);
        divisor = fmaxf(sqrtf(warpSum(sum)), 1e-12f);
    } else if (c.softmax) {
        for (int32_t e = lane; e < c.ranked; e += kWarpSize) largest = fmaxf(largest, products[e]);
        largest = warpMax(largest);
        for (int32_t e = lane; e < c.ranked; e += kWarpSize) sum += expf(products[e] - largest);
        divisor = warpSum(sum);
    }
    for (int32_t e = lane; e < c.experts; e += kWarpSize) {
        float value = 0.0f;
        if (e < c.ranked && c.policy == MS_POLICY_TOKEN_CHOICE_SIGMOID) value = sigmoid(products[e]);
        if (e < c.ranked && c.softmax) value = expf(products[e] - largest) / divisor;
        if (e < c.ranked && c.policy == MS_POLICY_PROTOTYPE) value = products[e] / divisor;
        m.scores[e] = value;
        m.ranking[e] = c.selectionBias ? value + c.selectionBias[e] : value;
    }
    __syncwarp();
}

/// Writes the marked experts in ascending order to `list`.
__device__ inline void listTaken(const int32_t* taken, int32_t n, int32_t* list) {
    const int lane = static_cast<int>(threadIdx.x) % kWarpSize;
    int32_t found = 0;
    for (int32_t first = 0; first < n; first += kWarpSize) {
        const bool mine = first + lane < n && taken[first + lane];
        const unsigned mask = __ballot_sync(kFullWarp, mine);
        if (mine) list[found + __popc(mask & ((1u << lane) - 1u))] = first + lane;
        found += __popc(mask);
    }
    __syncwarp();
}

/// `warps` tokens per block; dynamic shared memory: warps * RouterMemory::bytes(experts).
static __global__ void chooseExpertsKernel(TokenChoice c) {
    const int warp = static_cast<int>(threadIdx.x) / kWarpSize, lane = static_cast<int>(threadIdx.x) % kWarpSize;
    const int64_t token = blockIdx.x * static_cast<int64_t>(blockDim.x / kWarpSize) + warp;
    if (token >= c.tokens) return;
    const RouterMemory m(dynamicShared<unsigned char>() + warp * RouterMemory::bytes(c.experts), c.experts);
    int32_t* chosen = c.chosen + token * c.topK;
    float* gates = c.gates + token * c.topK;
    const bool bypasses = c.bypass && c.bypass[token / c.tokensPerSample] != 0;
    affinities(c, m, token);
    for (int32_t e = lane; e < c.experts; e += kWarpSize) {
        const bool plain = c.policy != MS_POLICY_PROTOTYPE && e < c.ranked;
        const float score = bypasses ? 0.0f : m.scores[e];
        if (c.logits) c.logits[token * c.experts + e] = plain ? c.products[token * c.ranked + e] : score;
        if (c.scores) c.scores[token * c.experts + e] = score;
    }
    if (c.count && lane == 0) c.count[token] = bypasses ? 1 : c.topK;
    if (bypasses) {
        if (lane == 0) {
            chosen[0] = c.experts - 1;
            gates[0] = 1.0f;
            if (c.margin) c.margin[token] = INFINITY;
        }
        return;
    }
    float margin = limitGroups(c, m);
    int32_t* list = reinterpret_cast<int32_t*>(m.strength);  // no longer needed
    if (c.forced) {
        for (int32_t j = lane; j < c.topK; j += kWarpSize)
            list[j] = min(max(c.forced[token * c.topK + j], 0), c.experts - 1);
        __syncwarp();
        margin = fminf(margin, marginOfForced(c, m, list));
    } else {
        margin = fminf(margin, takeLargest(m.ranking, c.ranked, c.topK, m.values, m.taken));
        listTaken(m.taken, c.ranked, list);
    }
    float sum = 0.0f;
    for (int32_t j = 0; j < c.topK; ++j) sum += m.scores[list[j]];
    const bool divides = c.divides && c.topK > 1;
    for (int32_t j = lane; j < c.topK; j += kWarpSize) {
        const float affinity = m.scores[list[j]];
        chosen[j] = list[j];
        gates[j] = (divides ? affinity / (sum + 1e-20f) : affinity) * c.scale;
    }
    if (lane == 0 && c.margin) c.margin[token] = margin;
    if (c.count) return;
    for (int32_t j = lane; j < c.topK; j += kWarpSize) {
        c.tokenOf[token * c.topK + j] = static_cast<int32_t>(token);
        if (c.record) c.record[token * c.topK + j] = static_cast<uint16_t>(list[j]);
    }
    if (lane == 0) c.rowPtr[token] = static_cast<int32_t>(token * c.topK);
    if (lane == 0 && token + 1 == c.tokens) c.rowPtr[c.tokens] = static_cast<int32_t>(c.tokens * c.topK);
}

}  // namespace moescope::cuda
