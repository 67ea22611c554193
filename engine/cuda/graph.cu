// SPDX-License-Identifier: Apache-2.0
// A whole evaluation recorded by stream capture and replayed at once.
#include <memory>

#include "engine/cuda/graph.h"
#include "engine/cuda/ops.h"

namespace moescope::cuda {
namespace {

constexpr int kGraphCost = 256;  // launches that a replay counts as for the pace

/// Ends a recording that nobody will use.
void abandon(MsContext& context) {
    if (!context.capturing) return;
    context.capturing = false;
    cudaGraph_t graph = nullptr;
    if (cudaStreamEndCapture(context.work, &graph) == cudaSuccess && graph) cudaGraphDestroy(graph);
    cudaGetLastError();
}

}  // namespace

void graphBegin(MsContext& context) {
    abandon(context);
    // Relaxed: tensors may be made while recording; memory is no stream's work here.
    context.check(cudaStreamBeginCapture(context.work, cudaStreamCaptureModeRelaxed), "starting to record a graph");
    context.capturing = true;
    context.captureFailure = MS_OK;
}

void graphEnd(MsContext& context, MsGraph** out) {
    MS_CUDA_REQUIRE(context.capturing, "[graph] graph_end without graph_begin");
    if (context.captureFailure != MS_OK) {
        abandon(context);
        fail(context.captureFailure, context.captureError);
    }
    context.capturing = false;
    cudaGraph_t recorded = nullptr;
    context.check(cudaStreamEndCapture(context.work, &recorded), "recording a graph");
    if (!out) {
        if (recorded) cudaGraphDestroy(recorded);
        return;
    }
    auto graph = std::make_unique<MsGraph>();
    const cudaError_t made = cudaGraphInstantiate(&graph->executable, recorded, 0);
    cudaGraphDestroy(recorded);
    context.check(made, "preparing a graph");
    graph->scratch = context.scratchBlocks;
    *out = graph.release();
}

void graphLaunch(MsContext& context, MsGraph* graph) {
    MS_CUDA_REQUIRE(!context.capturing, "[graph] a graph can not be part of another");
    context.check(cudaGraphLaunch(graph->executable, context.work), "starting a graph");
    context.pace(kGraphCost);
}

}  // namespace moescope::cuda
