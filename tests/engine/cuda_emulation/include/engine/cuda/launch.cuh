// SPDX-License-Identifier: GPL-3.0-or-later
// Stands in for engine/cuda/launch.cuh: kernels become work of an emulated stream.
#pragma once

#include <cuda_runtime.h>

namespace moescope::cuda {

template <class T>
T* dynamicShared() {
    return reinterpret_cast<T*>(emulation::launchState.shared.data());
}

cudaError_t launchEmulated(cudaStream_t stream, const void* function, dim3 grid, dim3 block, size_t sharedBytes,
                           std::function<void()> kernel);
cudaError_t allowEmulated(const void* function, size_t bytes);

template <class... Parameters, class... Arguments>
cudaError_t launchOn(cudaStream_t stream, void (*kernel)(Parameters...), dim3 grid, dim3 block, size_t sharedBytes,
                     Arguments... arguments) {
    return launchEmulated(stream, reinterpret_cast<const void*>(kernel), grid, block, sharedBytes,
                          [=] { kernel(static_cast<Parameters>(arguments)...); });
}

template <class... Parameters>
cudaError_t allowSharedMemory(void (*kernel)(Parameters...), size_t bytes) {
    return allowEmulated(reinterpret_cast<const void*>(kernel), bytes);
}

}  // namespace moescope::cuda
