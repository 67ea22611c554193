// SPDX-License-Identifier: Apache-2.0
// Guidance on some channels and the steps of discrete diffusions, a thread per value. Every sum and product is rounded
// one by one, in the order of the published samplers.
#pragma once

#include "engine/cuda/device_math.cuh"

namespace moescope::cuda {

/// prediction rows of `stored` values, the first `wanted` of them used, of which the first `guided` are guided;
/// `unconditional`: values from a conditional sample to its unconditional one. params {scale, sign}.
static __global__ void guidedPredictionKernel(const float* prediction, const float* params, int64_t stored,
                                              int64_t wanted, int64_t guided, int64_t unconditional, float* out,
                                              int64_t count) {
    const int64_t i = globalThread();
    if (i >= count) return;
    const float scale = params[0], sign = params[1];
    const int64_t inside = i % wanted;
    const float* own = prediction + i / wanted * stored + inside;
    const float other = inside < guided ? own[unconditional] : 0.0f;
    out[i] = sign * (inside < guided ? other + scale * (own[0] - other) : own[0]);
}

/// prediction rows of `stored` values: the noise, and behind its `wanted` values the learned variance, or nothing.
struct DiffusionStep {
    const float *prediction, *z, *noise, *params;
    float *clean, *next;
    int64_t stored, wanted, count;
    bool learned;
};

static __global__ void diffusionStepKernel(DiffusionStep d) {
    const int64_t i = globalThread();
    if (i >= d.count) return;
    const float *p = d.params, *own = d.prediction + i / d.wanted * d.stored + i % d.wanted;
    const float e = own[0], z = d.z[i], clean = p[0] * z - p[1] * e;
    float next = p[2] * clean + p[3] * z + p[4] * e;
    if (d.noise) {
        const float share = d.learned ? (own[d.wanted] + 1.0f) / 2.0f : 0.0f;
        next += p[7] * expf(0.5f * (share * p[5] + (1.0f - share) * p[6])) * d.noise[i];
    }
    d.clean[i] = clean;
    d.next[i] = next;
}

}  // namespace moescope::cuda
