// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "engine/cuda/context.h"
#include "engine/cuda/group_norm.cuh"
#include "engine/cuda/ops.h"

namespace moescope::cuda {
namespace {

constexpr int64_t kMaxChunks = 1024;
constexpr int64_t kMinChunkRows = 64;  // pixels

}  // namespace

void groupNorm(MsContext& context, const MsTensor* x, int64_t groups, float eps, const MsTensor* weight,
               const MsTensor* bias, MsActivation activation, MsTensor* out) {
    const int64_t channels = x->lastDim(), rows = x->rows();
    MS_CUDA_REQUIRE(groups > 0 && channels % groups == 0, "[group_norm] ", channels, " channels do not fall into ",
                    groups, " equal groups");
    MS_CUDA_REQUIRE(x->dtype == MS_F32 && out->dtype == MS_F32, "[group_norm] needs F32 tensors");
    MS_CUDA_REQUIRE(out->rows() == rows && out->lastDim() == channels, "[group_norm] the output must be [", rows, ", ",
                    channels, "], got ", shapeOf(out));
    MS_CUDA_REQUIRE(weight->elements() == channels && bias->elements() == channels, "[group_norm] ", channels,
                    " channels need as many weights and biases, got ", weight->elements(), " and ", bias->elements());
    MS_CUDA_REQUIRE(activation == MS_ACT_NONE || activation == MS_ACT_SILU,
                    "[group_norm] can only be followed by SiLU");
    if (rows == 0 || channels == 0) return;
    GroupNorm g{};
    g.x = x->f32();
    g.out = out->f32();
    g.rows = rows;
    g.channels = channels;
    g.groups = groups;
    g.chunkRows = std::max(kMinChunkRows, (rows + kMaxChunks - 1) / kMaxChunks);
    g.chunks = (rows + g.chunkRows - 1) / g.chunkRows;
    g.eps = eps;
    g.weight = weight->f32();
    g.bias = bias->f32();
    g.partial = context.scratch<double>(Slot::Statistics, (g.chunks * 2 + 1) * channels);
    g.scale = reinterpret_cast<float*>(g.partial + g.chunks * 2 * channels);
    context.launch(channelSumsKernel, dim3(static_cast<unsigned>(g.chunks), blocksFor(channels)), dim3(kThreads), 0, g);
    context.launch(groupScalesKernel, dim3(static_cast<unsigned>(groups)), dim3(kWarpSize), 0, g);
    context.launch(scaleChannelsKernel, dim3(blocksFor(rows * channels)), dim3(kThreads), 0, g, activation);
}

}  // namespace moescope::cuda
