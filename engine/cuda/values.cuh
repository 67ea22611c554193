// SPDX-License-Identifier: Apache-2.0
// fp32 and bf16 values behind one name, for kernels written once for both.
#pragma once

#include <cstdint>

#include "engine/cuda/ptx.cuh"

namespace moescope::cuda {

__device__ inline float asFloat(float value) {
    return value;
}
__device__ inline float asFloat(uint16_t bf16) {
    return fromBf16(bf16);
}

__device__ inline void storeAs(float* to, float value) {
    *to = value;
}
__device__ inline void storeAs(uint16_t* to, float value) {
    *to = toBf16(value);
}

/// Two neighbours at once; `to` lies at a multiple of their size.
__device__ inline void storeTwo(float* to, float first, float second) {
    *reinterpret_cast<float2*>(to) = make_float2(first, second);
}
__device__ inline void storeTwo(uint16_t* to, float first, float second) {
    *reinterpret_cast<uint32_t*>(to) = packBf16(first, second);
}

}  // namespace moescope::cuda
