// SPDX-License-Identifier: Apache-2.0
// Kernels that treat every element alike: a thread per element, or per four neighbours.
#pragma once

#include "engine/cuda/device_math.cuh"
#include "engine/cuda/fours.cuh"

namespace moescope::cuda {

/// rounded: out as bf16, or null.
template <MsActivation kKind, int kValues>
__global__ void activateKernel(const float* x, float* out, uint16_t* rounded, int64_t count) {
    const int64_t i = globalThread() * kValues;
    if (i >= count) return;
    Floats<kValues> values = loadFloats<kValues>(x + i);
#pragma unroll
    for (int j = 0; j < kValues; ++j) values.at[j] = activated(values.at[j], kKind);
    storeFloats(out + i, values);
    if (rounded) storeRounded(rounded + i, values);
}

template <int kValues>
__global__ void addKernel(const float* a, const float* b, float* out, int64_t count) {
    const int64_t i = globalThread() * kValues;
    if (i >= count) return;
    Floats<kValues> sums = loadFloats<kValues>(a + i);
    const Floats<kValues> others = loadFloats<kValues>(b + i);
#pragma unroll
    for (int j = 0; j < kValues; ++j) sums.at[j] += others.at[j];
    storeFloats(out + i, sums);
}

static __global__ void meanKernel(const float* a, const float* b, float* out, int64_t count) {
    const int64_t i = globalThread();
    if (i < count) out[i] = 0.5f * (a[i] + b[i]);
}

/// x [rows, width] += gate y; gate: rows of `stride` values, one per `perSample` rows.
template <int kValues>
__global__ void gatedAddKernel(float* x, const float* y, const float* gate, int64_t stride, int64_t perSample,
                               int64_t width, int64_t count) {
    const int64_t i = globalThread() * kValues;
    if (i >= count) return;
    const RowColumn at = rowColumn(i, width);
    Floats<kValues> sums = loadFloats<kValues>(x + i);
    const Floats<kValues> gates = loadFloats<kValues>(gate + rowColumn(at.row, perSample).row * stride + at.column),
                          others = loadFloats<kValues>(y + i);
#pragma unroll
    for (int j = 0; j < kValues; ++j) sums.at[j] += gates.at[j] * others.at[j];
    storeFloats(x + i, sums);
}

static __global__ void advanceKernel(const float* z, const float* v, const float* dt, float* out, int64_t count) {
    const int64_t i = globalThread();
    if (i < count) out[i] = z[i] + dt[0] * v[i];
}

static __global__ void repeatKernel(const float* z, float* out, int64_t count) {
    const int64_t i = globalThread();
    if (i >= count) return;
    out[i] = z[i];
    out[count + i] = z[i];
}

/// One branch: the velocity itself, or from a prediction of the clean picture.
__device__ inline float velocityOf(float prediction, float z, bool clean, float span) {
    return clean ? (prediction - z) / span : prediction;
}

/// prediction rows of `stored` values, the first `wanted` of them used; `unconditional`: values from a conditional
/// sample to its unconditional one, 0 without guidance. params {kind, span, scale}.
static __global__ void velocityKernel(const float* prediction, const float* z, const float* params, int64_t stored,
                                      int64_t wanted, int64_t unconditional, float* velocity, int64_t count) {
    const int64_t i = globalThread();
    if (i >= count) return;
    const bool clean = params[0] == 1.0f;
    const float span = params[1], scale = params[2];
    const RowColumn at = rowColumn(i, wanted);
    const float* own = prediction + at.row * stored + at.column;
    const float conditional = velocityOf(own[0], z[i], clean, span);
    if (unconditional == 0) {
        velocity[i] = conditional;
        return;
    }
    const float other = velocityOf(own[unconditional], z[i], clean, span);
    velocity[i] = other + scale * (conditional - other);
}

}  // namespace moescope::cuda
