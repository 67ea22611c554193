// SPDX-License-Identifier: Apache-2.0
// The MoE layer: route, dispatch, two products per expert, combine. Nothing of it is on the host.
#include <algorithm>

#include "engine/cuda/combine.cuh"
#include "engine/cuda/expert_gemm.h"
#include "engine/cuda/linear.h"
#include "engine/cuda/moe_checks.h"
#include "engine/cuda/ops.h"
#include "engine/cuda/routing.h"

namespace moescope::cuda {
namespace {

float* floatsOf(MsTensor* tensor) {
    return tensor ? tensor->f32() : nullptr;
}

/// The shared expert's output, to where the sum will be.
void runShared(MsContext& context, const MsTensor* x, const MsMoeLayerDesc& desc, MsTensor* out) {
    const MsLinear &in = *desc.sharedIn, &outward = *desc.sharedOut;
    const int64_t tokens = x->rows(), stride = in.paddedOut();
    const Operand rows = operandOf(context, x, in.type);
    void* hidden =
        context.scratchBytes(Slot::SharedHidden, static_cast<size_t>(tokens * stride) * (in.type == MS_BF16 ? 2 : 4));
    denseLinear(context, rows, tokens, in, desc.sharedActivation, in.type, hidden, stride);
    denseLinear(context, {in.type, hidden, stride}, tokens, outward, MS_ACT_NONE, MS_F32, out->f32(), x->lastDim());
}

ExpertProduct productOf(const MsLinear& weights, const Pairs& p) {
    ExpertProduct product = productWith(weights);
    product.start = p.start;
    product.tileStart = p.tileStart;
    return product;
}

/// Gated outputs of all pairs, in the order by experts.
float* runExperts(MsContext& context, const MsTensor* x, const MsMoeLayerDesc& desc, const Pairs& p) {
    const MsLinear &in = *desc.expertIn, &outward = *desc.expertOut;
    const int64_t width = x->lastDim(), hiddenStride = in.paddedOut();
    const Operand rows = operandOf(context, x, in.type);
    void* hidden =
        context.scratchBytes(Slot::Hidden, static_cast<size_t>(p.most * hiddenStride) * (in.type == MS_BF16 ? 2 : 4));
    auto* outputs = context.scratch<float>(Slot::Pairs, p.most * width);
    ExpertProduct first = productOf(in, p);
    first.x = rows.data;
    first.xStride = rows.stride;
    first.gather = p.sortedToken;
    first.out = hidden;
    first.outStride = first.outColumns = hiddenStride;
    first.activation = desc.expertActivation;
    expertProduct(context, first, in.type, in.type, p.rowsPerTile, p.most);
    ExpertProduct second = productOf(outward, p);
    second.x = hidden;
    second.xStride = hiddenStride;
    second.rowScale = p.sortedGate;
    second.out = outputs;
    second.outStride = second.outColumns = width;
    expertProduct(context, second, outward.type, MS_F32, p.rowsPerTile, p.most);
    return outputs;
}

void combine(MsContext& context, const Combine& c, int64_t tokens) {
    const dim3 grid(static_cast<unsigned>(tokens));
    if (c.inputNorm || c.routedNorm || c.addedNorm) {
        context.launch(combineAndMeasureKernel, grid, dim3(kCombineThreads), 0, c);
        return;
    }
    const bool fours = inFours(c.width, c.outputs, c.added, c.out);
    const int64_t threads = std::min<int64_t>(paddedTo(fours ? c.width / 4 : c.width, kWarpSize), kThreads);
    context.launch(fours ? combineRowsKernel<4> : combineRowsKernel<1>, grid, dim3(static_cast<unsigned>(threads)), 0,
                   c);
}

}  // namespace

void moeLayer(MsContext& context, const MsTensor* x, const MsMoeLayerDesc* desc, const MsRouting* routing,
              MsTensor* out) {
    const MsRouting none{};
    const MsRouting& r = routing ? *routing : none;
    checkMoeLayer(context, x, *desc, r, out);
    const int64_t tokens = x->rows(), most = mostPairs(*desc, tokens);
    const int32_t tileRows = expertTileRows(desc->expertIn->type, most, desc->experts);
    if (tokens == 0) {
        const auto clear = [&](MsTensor* tensor, int64_t count) {
            if (tensor && count)
                context.check(cudaMemsetAsync(tensor->start, 0, static_cast<size_t>(count) * 4, context.work),
                              "clearing a record");
        };
        clear(r.rowPtr, 1);
        clear(r.counts, desc->samples * desc->experts);
        clear(r.mass, desc->samples * desc->experts);
        return;
    }
    const Pairs p = routeTokens(context, x, *desc, r, tileRows);
    if (desc->sharedIn) runShared(context, x, *desc, out);
    Combine c{};
    c.outputs = runExperts(context, x, *desc, p);
    c.rowPtr = p.rowPtr;
    c.slot = p.slot;
    c.width = x->lastDim();
    c.added = desc->sharedIn ? out->f32() : desc->addNothing ? nullptr : x->f32();
    c.input = x->f32();
    c.out = out->f32();
    c.inputNorm = floatsOf(r.inputNorm);
    c.routedNorm = floatsOf(r.routedNorm);
    c.addedNorm = floatsOf(r.sharedNorm);
    combine(context, c, tokens);
}

}  // namespace moescope::cuda
