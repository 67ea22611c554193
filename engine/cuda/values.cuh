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

}  // namespace moescope::cuda
