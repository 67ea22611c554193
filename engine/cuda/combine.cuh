// SPDX-License-Identifier: Apache-2.0
// The last step of a MoE layer: a token's expert outputs come back together, in ascending order of the experts. A block
// per token.
#pragma once

#include "engine/cuda/device_math.cuh"
#include "engine/cuda/fours.cuh"

namespace moescope::cuda {

struct Combine {
    const float* outputs;  // [slots, width] of the experts, already times their gates
    const int32_t *rowPtr, *slot;
    int64_t width;
    const float* added;  // [tokens, width] shared expert's output or the layer's input; null: nothing; may be `out`
    const float* input;  // [tokens, width], only read for its norm
    float* out;          // [tokens, width]
    float *inputNorm, *routedNorm, *addedNorm;  // [tokens] or null; they change no bit of `out`
};

inline constexpr int kCombineThreads = 128;  // with norms, whose sums depend on it

/// Without norms, by blocks of any size.
template <int kValues>
__global__ void combineRowsKernel(Combine c) {
    const int64_t token = blockIdx.x, at = token * c.width, step = int64_t{blockDim.x} * kValues;
    const int32_t first = c.rowPtr[token], end = c.rowPtr[token + 1];
    for (int64_t i = int64_t{threadIdx.x} * kValues; i < c.width; i += step) {
        Floats<kValues> sums{};
        if (first < end) sums = loadFloats<kValues>(c.outputs + c.slot[first] * c.width + i);
        for (int32_t pair = first + 1; pair < end; ++pair) {
            const Floats<kValues> next = loadFloats<kValues>(c.outputs + c.slot[pair] * c.width + i);
#pragma unroll
            for (int j = 0; j < kValues; ++j) sums.at[j] += next.at[j];
        }
        if (c.added) {
            const Floats<kValues> added = loadFloats<kValues>(c.added + at + i);
#pragma unroll
            for (int j = 0; j < kValues; ++j) sums.at[j] += added.at[j];
        }
        storeFloats(c.out + at + i, sums);
    }
}

/// With norms.
static __global__ void combineAndMeasureKernel(Combine c) {
    __shared__ float parts[kWarpSize];
    const int64_t token = blockIdx.x, at = token * c.width;
    const int32_t first = c.rowPtr[token], end = c.rowPtr[token + 1];
    float inputs = 0.0f, routeds = 0.0f, addeds = 0.0f;
    for (int64_t i = threadIdx.x; i < c.width; i += kCombineThreads) {
        float routed = first < end ? c.outputs[c.slot[first] * c.width + i] : 0.0f;
        for (int32_t pair = first + 1; pair < end; ++pair) routed += c.outputs[c.slot[pair] * c.width + i];
        const float added = c.added ? c.added[at + i] : 0.0f;
        const float input = c.input[at + i];
        inputs = fmaf(input, input, inputs);
        routeds = fmaf(routed, routed, routeds);
        addeds = fmaf(added, added, addeds);
        c.out[at + i] = c.added ? routed + added : routed;
    }
    inputs = blockSum(inputs, parts);
    routeds = blockSum(routeds, parts);
    addeds = blockSum(addeds, parts);
    if (threadIdx.x != 0) return;
    if (c.inputNorm) c.inputNorm[token] = sqrtf(inputs);
    if (c.routedNorm) c.routedNorm[token] = sqrtf(routeds);
    if (c.addedNorm) c.addedNorm[token] = sqrtf(addeds);
}

}  // namespace moescope::cuda
