// SPDX-License-Identifier: Apache-2.0
// Starting kernels, and their dynamic shared memory. The tests have a host version of this header under the same path.
#pragma once

#include <cuda_runtime.h>

namespace moescope::cuda {

/// The block's dynamic shared memory, 16-byte aligned.
template <class T>
__device__ T* dynamicShared() {
    extern __shared__ __align__(16) unsigned char sharedBytes[];
    return reinterpret_cast<T*>(sharedBytes);
}

template <class... Parameters, class... Arguments>
cudaError_t launchOn(cudaStream_t stream, void (*kernel)(Parameters...), dim3 grid, dim3 block, size_t sharedBytes,
                     Arguments... arguments) {
    kernel<<<grid, block, sharedBytes, stream>>>(static_cast<Parameters>(arguments)...);
    return cudaGetLastError();
}

/// Blocks of this kernel may use `bytes` of dynamic shared memory (more than 48 KiB has to be asked for).
template <class... Parameters>
cudaError_t allowSharedMemory(void (*kernel)(Parameters...), size_t bytes) {
    return cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(bytes));
}

}  // namespace moescope::cuda
