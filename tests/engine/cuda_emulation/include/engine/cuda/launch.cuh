// SPDX-License-Identifier: GPL-3.0-or-later
// Stands in for engine/cuda/launch.cuh: kernels become work of an emulated stream.
#pragma once

#include <cuda_runtime.h>

namespace moescope::cuda {

template <class T>
T* dynamicShared() {
    return reinterpret_cast<T*>(emulation::launchState.shared.data());
}

cudaError_t launchEmulated(cudaStream_t stream, dim3 grid, dim3 block, size_t sharedBytes,
                           std::function<void()> kernel);

template <class... Parameters, class... Arguments>
cudaError_t launchOn(cudaStream_t stream, void (*kernel)(Parameters...), dim3 grid, dim3 block, size_t sharedBytes,
                     Arguments... arguments) {
    return launchEmulated(stream, grid, block, sharedBytes, [=] { kernel(static_cast<Parameters>(arguments)...); });
}

size_t emulatedSharedLimit();

template <class... Parameters>
cudaError_t allowSharedMemory(void (*)(Parameters...), size_t bytes) {
    return bytes <= emulatedSharedLimit() ? cudaSuccess : cudaErrorInvalidValue;
}

}  // namespace moescope::cuda
