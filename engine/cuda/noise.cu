// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "engine/cuda/context.h"
#include "engine/cuda/noise.cuh"
#include "engine/cuda/ops.h"

namespace moescope::cuda {

void torchNormals(MsContext& context, uint64_t seed, uint64_t offset, int64_t residentThreads, MsTensor* out) {
    constexpr int64_t kTorchBlock = 256;  // threads
    MS_CUDA_REQUIRE(isFloats(out), "[torch_normals] expected an fp32 output [draws, ...], got ", shapeOf(out));
    MS_CUDA_REQUIRE(offset % 4 == 0, "[torch_normals] expected an offset that is a multiple of 4, got ", offset);
    MS_CUDA_REQUIRE(residentThreads >= kTorchBlock && residentThreads % kTorchBlock == 0,
                    "[torch_normals] expected a positive multiple of 256 resident threads, got ", residentThreads);
    const int64_t count = out->elements();
    if (count == 0) return;
    NoiseGrid grid{};
    grid.draws = out->dim(0);
    grid.values = count / grid.draws;
    grid.threads = std::min(residentThreads, paddedTo(grid.values, kTorchBlock));
    grid.rounds = (grid.values + 4 * grid.threads - 1) / (4 * grid.threads);
    grid.seed = seed;
    grid.step = offset / 4;
    context.launch(torchNormalsKernel, dim3(blocksFor(grid.draws * grid.rounds * grid.threads)), dim3(kThreads), 0,
                   grid, out->f32());
}

}  // namespace moescope::cuda
