// SPDX-License-Identifier: Apache-2.0
// Recorded work of the CUDA device.
#pragma once

#include <cuda_runtime.h>

#include "engine/cuda/context.h"

/// Keeps the working memory that the recorded kernels use; tensors and weights must live as long as it does.
struct MsGraph {
    cudaGraphExec_t executable = nullptr;
    moescope::cuda::ScratchBlocks scratch;

    ~MsGraph() {
        if (executable) cudaGraphExecDestroy(executable);
    }
};
