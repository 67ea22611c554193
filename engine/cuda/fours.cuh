// SPDX-License-Identifier: Apache-2.0
// Several neighbouring values of one thread in one access to memory, for kernels that are written once for one and for
// four.
#pragma once

#include <cstdint>

#include "engine/cuda/values.cuh"

namespace moescope::cuda {

template <int kCount>
struct alignas(4 * kCount) Floats {
    float at[kCount];
};
template <int kCount>
struct alignas(2 * kCount) Halves {
    uint16_t at[kCount];
};

template <int kCount>
__device__ Floats<kCount> loadFloats(const float* from) {
    return *reinterpret_cast<const Floats<kCount>*>(from);
}

template <int kCount>
__device__ void storeFloats(float* to, const Floats<kCount>& values) {
    *reinterpret_cast<Floats<kCount>*>(to) = values;
}

/// The same rounded to bf16.
template <int kCount>
__device__ void storeRounded(uint16_t* to, const Floats<kCount>& values) {
    Halves<kCount> rounded;
#pragma unroll
    for (int i = 0; i < kCount; ++i) rounded.at[i] = toBf16(values.at[i]);
    *reinterpret_cast<Halves<kCount>*>(to) = rounded;
}

/// Whether rows of `width` values at these addresses (null: not there) can be taken in fours.
template <class... Values>
bool inFours(int64_t width, const Values*... addresses) {
    return width % 4 == 0 && ((reinterpret_cast<uintptr_t>(addresses) % 16 == 0) && ...);
}

}  // namespace moescope::cuda
