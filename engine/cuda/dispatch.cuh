// SPDX-License-Identifier: Apache-2.0
// Who goes where: the (token, expert) pairs in token order, sorted by expert without changing the order inside an
// expert, and what is recorded about them. No sum and no place depends on the order in which threads run.
#pragma once

#include "engine/cuda/device_math.cuh"
#include "engine/cuda/launch.cuh"
#include "engine/cuda/pairs.h"

namespace moescope::cuda {

inline constexpr int32_t kChunkPairs = 512;
inline constexpr int kDispatchThreads = 1024;  // of the kernels of one block

/// rowPtr from the number of pairs of each token. One block.
static __global__ void rowStartsKernel(Pairs p, const int32_t* count) {
    __shared__ int32_t parts[kWarpSize];
    int32_t before = 0;
    for (int64_t first = 0; first < p.tokens; first += blockDim.x) {
        const int64_t token = first + threadIdx.x;
        int32_t all = 0;
        const int32_t earlier = blockPrefix(token < p.tokens ? count[token] : 0, parts, all);
        if (token < p.tokens) p.rowPtr[token] = before + earlier;
        before += all;
    }
    if (threadIdx.x == 0) p.rowPtr[p.tokens] = before;
}

/// Takes the choices [tokens, width] (`width` or as many as rowPtr says are used) into the list of pairs; `record`: the
/// experts as 16-bit numbers, or null.
static __global__ void listPairsKernel(Pairs p, const int32_t* chosen, const float* gates, int32_t width,
                                       uint16_t* record) {
    const int64_t i = globalThread();
    if (i >= p.tokens * width) return;
    const int64_t token = i / width, place = p.rowPtr[token] + i % width;
    if (place >= p.rowPtr[token + 1]) return;
    p.expert[place] = chosen[i];
    p.tokenOf[place] = static_cast<int32_t>(token);
    p.gate[place] = gates[i];
    if (record) record[place] = static_cast<uint16_t>(chosen[i]);
}

/// Adds the pairs [first, end) of each expert to `count` [experts]. A warp.
__device__ inline void countPairs(const Pairs& p, int32_t first, int32_t end, int32_t* count) {
    const int lane = static_cast<int>(threadIdx.x) % kWarpSize;
    for (; first < end; first += kWarpSize) {
        const int32_t pair = first + lane, expert = pair < end ? p.expert[pair] : -1;
        const unsigned same = __match_any_sync(kFullWarp, expert);
        if (expert >= 0 && __ffs(static_cast<int>(same)) - 1 == lane) count[expert] += __popc(same);
        __syncwarp();
    }
}

/// The pairs [first, end) go to their slots; next [experts]: where an expert's next pair goes. A warp.
__device__ inline void sortPairs(const Pairs& p, int32_t first, int32_t end, int32_t* next) {
    const int lane = static_cast<int>(threadIdx.x) % kWarpSize;
    for (; first < end; first += kWarpSize) {
        const int32_t pair = first + lane, expert = pair < end ? p.expert[pair] : -1;
        const unsigned same = __match_any_sync(kFullWarp, expert);
        if (expert >= 0) {
            const int32_t slot = next[expert] + __popc(same & ((1u << lane) - 1u));
            p.slot[pair] = slot;
            p.sortedToken[slot] = p.tokenOf[pair];
            p.sortedGate[slot] = p.gate[pair];
        }
        __syncwarp();
        if (expert >= 0 && __ffs(static_cast<int>(same)) - 1 == lane) next[expert] += __popc(same);
        __syncwarp();
    }
}

/// A warp per chunk of pairs: how many each expert gets. Dynamic shared memory: `experts` ints.
static __global__ void countPairsKernel(Pairs p) {
    int32_t* count = dynamicShared<int32_t>();
    const int lane = static_cast<int>(threadIdx.x);
    const int32_t chunk = static_cast<int32_t>(blockIdx.x), pairs = p.rowPtr[p.tokens];
    for (int32_t e = lane; e < p.experts; e += kWarpSize) count[e] = 0;
    __syncwarp();
    countPairs(p, chunk * kChunkPairs, min((chunk + 1) * kChunkPairs, pairs), count);
    for (int32_t e = lane; e < p.experts; e += kWarpSize) p.places[e * p.chunks + chunk] = count[e];
}

/// Counts become first slots; one block of up to 32 warps.
static __global__ void placePairsKernel(Pairs p) {
    const int warp = static_cast<int>(threadIdx.x) / kWarpSize, lane = static_cast<int>(threadIdx.x) % kWarpSize;
    const int warps = static_cast<int>(blockDim.x) / kWarpSize;
    for (int32_t e = warp; e < p.experts; e += warps) {
        int32_t sum = 0;
        for (int32_t c = lane; c < p.chunks; c += kWarpSize) sum += p.places[e * p.chunks + c];
        for (int bits = kWarpSize / 2; bits > 0; bits /= 2) sum += __shfl_xor_sync(kFullWarp, sum, bits);
        if (lane == 0) p.start[e + 1] = sum;
    }
    __syncthreads();
    if (warp == 0) {
        int32_t slots = 0, tiles = 0;
        if (lane == 0) p.start[0] = p.tileStart[0] = 0;
        for (int32_t first = 0; first < p.experts; first += kWarpSize) {
            const int32_t e = first + lane;
            int32_t ownSlots = e < p.experts ? p.start[e + 1] : 0;
            int32_t ownTiles = (ownSlots + p.rowsPerTile - 1) / p.rowsPerTile;
            for (int distance = 1; distance < kWarpSize; distance *= 2) {
                const int32_t otherSlots = __shfl_up_sync(kFullWarp, ownSlots, distance);
                const int32_t otherTiles = __shfl_up_sync(kFullWarp, ownTiles, distance);
                if (lane < distance) continue;
                ownSlots += otherSlots;
                ownTiles += otherTiles;
            }
            if (e < p.experts) {
                p.start[e + 1] = slots + ownSlots;
                p.tileStart[e + 1] = tiles + ownTiles;
            }
            slots += __shfl_sync(kFullWarp, ownSlots, kWarpSize - 1);
            tiles += __shfl_sync(kFullWarp, ownTiles, kWarpSize - 1);
        }
    }
    __syncthreads();
    for (int32_t e = warp; e < p.experts; e += warps) {
        int32_t before = p.start[e];
        for (int32_t first = 0; first < p.chunks; first += kWarpSize) {
            const int32_t c = first + lane;
            const int32_t own = c < p.chunks ? p.places[e * p.chunks + c] : 0;
            int32_t inclusive = own;
            for (int distance = 1; distance < kWarpSize; distance *= 2) {
                const int32_t other = __shfl_up_sync(kFullWarp, inclusive, distance);
                if (lane >= distance) inclusive += other;
            }
            if (c < p.chunks) p.places[e * p.chunks + c] = before + inclusive - own;
            before += __shfl_sync(kFullWarp, inclusive, kWarpSize - 1);
        }
    }
}

/// A warp per chunk: every pair goes to its slot. Dynamic shared memory: `experts` ints.
static __global__ void sortPairsKernel(Pairs p) {
    int32_t* next = dynamicShared<int32_t>();
    const int lane = static_cast<int>(threadIdx.x);
    const int32_t chunk = static_cast<int32_t>(blockIdx.x), pairs = p.rowPtr[p.tokens];
    for (int32_t e = lane; e < p.experts; e += kWarpSize) next[e] = p.places[e * p.chunks + chunk];
    __syncwarp();
    sortPairs(p, chunk * kChunkPairs, min((chunk + 1) * kChunkPairs, pairs), next);
}

/// The first slot of [first, end) whose token is at least `token`.
__device__ inline int32_t firstSlotOf(const Pairs& p, int32_t first, int32_t end, int64_t token) {
    while (first < end) {
        const int32_t middle = (first + end) / 2;
        if (p.sortedToken[middle] < token)
            first = middle + 1;
        else
            end = middle;
    }
    return first;
}

/// counts and mass [samples, experts] to record; each may be null.
struct SampleLoads {
    int64_t samples, tokensPerSample;
    int32_t* counts;
    float* mass;
};

/// The loads of one (sample, expert). A warp.
__device__ inline void sampleLoad(const Pairs& p, const SampleLoads& l, int64_t cell) {
    const int lane = static_cast<int>(threadIdx.x) % kWarpSize;
    const int64_t sample = cell / p.experts;
    const auto expert = static_cast<int32_t>(cell % p.experts);
    const int32_t first = firstSlotOf(p, p.start[expert], p.start[expert + 1], sample * l.tokensPerSample);
    const int32_t end = firstSlotOf(p, first, p.start[expert + 1], (sample + 1) * l.tokensPerSample);
    float sum = 0.0f;
    for (int32_t slot = first + lane; slot < end; slot += kWarpSize) sum += p.sortedGate[slot];
    sum = warpSum(sum);
    if (lane != 0) return;
    if (l.counts) l.counts[cell] = end - first;
    if (l.mass) l.mass[cell] = sum;
}

/// A warp per (sample, expert).
static __global__ void sampleLoadsKernel(Pairs p, SampleLoads l) {
    const int64_t cell = globalThread() / kWarpSize;
    if (cell < l.samples * p.experts) sampleLoad(p, l, cell);
}

/// All of the above for few pairs in one block: the first `sorters` warps take a stretch of the pairs each. With
/// l.samples 0 no loads are recorded. Dynamic shared memory: `sorters` rows of `experts` ints.
static __global__ __launch_bounds__(kDispatchThreads) void dispatchInOneBlockKernel(Pairs p, int32_t sorters,
                                                                                    SampleLoads l) {
    __shared__ int32_t parts[kWarpSize];
    int32_t* places = dynamicShared<int32_t>();  // counts, then where a warp's next pair of an expert goes
    const int warp = static_cast<int>(threadIdx.x) / kWarpSize, lane = static_cast<int>(threadIdx.x) % kWarpSize;
    const int32_t pairs = p.rowPtr[p.tokens];
    const int32_t stretch = (pairs + sorters * kWarpSize - 1) / (sorters * kWarpSize) * kWarpSize;
    const int32_t first = min(warp * stretch, pairs), end = min(first + stretch, pairs);
    int32_t* own = places + warp * p.experts;
    if (warp < sorters) {
        for (int32_t e = lane; e < p.experts; e += kWarpSize) own[e] = 0;
        __syncwarp();
        countPairs(p, first, end, own);
    }
    __syncthreads();
    int32_t slots = 0, tiles = 0;
    for (int32_t begin = 0; begin < p.experts; begin += kDispatchThreads) {
        const int32_t e = begin + static_cast<int32_t>(threadIdx.x);
        int32_t count = 0, allSlots = 0, allTiles = 0;
        for (int32_t w = 0; e < p.experts && w < sorters; ++w) count += places[w * p.experts + e];
        int32_t slot = slots + blockPrefix(count, parts, allSlots);
        const int32_t tile = tiles + blockPrefix((count + p.rowsPerTile - 1) / p.rowsPerTile, parts, allTiles);
        slots += allSlots;
        tiles += allTiles;
        if (e >= p.experts) continue;
        p.start[e] = slot;
        p.tileStart[e] = tile;
        for (int32_t w = 0; w < sorters; ++w) {
            const int32_t of = places[w * p.experts + e];
            places[w * p.experts + e] = slot;
            slot += of;
        }
    }
    if (threadIdx.x == 0) {
        p.start[p.experts] = slots;
        p.tileStart[p.experts] = tiles;
    }
    __syncthreads();
    if (warp < sorters) sortPairs(p, first, end, own);
    if (l.samples == 0) return;
    __syncthreads();
    for (int64_t cell = warp; cell < l.samples * p.experts; cell += kDispatchThreads / kWarpSize)
        sampleLoad(p, l, cell);
}

}  // namespace moescope::cuda
