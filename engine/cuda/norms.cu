// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "engine/cuda/context.h"
#include "engine/cuda/linear.h"
#include "engine/cuda/norms.cuh"
#include "engine/cuda/ops.h"

namespace moescope::cuda {
namespace {

/// What is pending where it is on the norm's input and the rest is apart from what both write; else it is done now.
PendingAdd addOfNorm(MsContext& context, const MsTensor* x, const MsTensor* weight, const MsTensor* modulation,
                     const MsTensor* out) {
    const PendingAdd& add = context.pendingAdd;
    if (!add.x) return {};
    const bool same = add.x->start == x->start && add.x->shape == x->shape;
    const auto apart = [](const MsTensor* read, const MsTensor* written) { return !read || !overlap(*read, *written); };
    if (same && apart(weight, x) && apart(modulation, x) && apart(add.y, x) && apart(add.modulation, x) &&
        apart(x, out) && apart(add.y, out) && apart(add.modulation, out))
        return std::exchange(context.pendingAdd, {});
    finishPendingAdd(context);
    return {};
}

}  // namespace

void modulatedNorm(MsContext& context, const MsTensor* x, MsNorm norm, float eps, const MsTensor* weight,
                   const MsTensor* modulation, int32_t shiftChunk, int32_t scaleChunk, MsTensor* out) {
    MS_CUDA_REQUIRE(isFloats(x, 2) && hasShape(out, x->shape),
                    "[modulated_norm] expected fp32 tensors [rows, D] of equal shape, got ", shapeOf(x), " and ",
                    shapeOf(out));
    MS_CUDA_REQUIRE(norm == MS_NORM_LAYER || norm == MS_NORM_RMS, "[modulated_norm] expected a known norm, got number ",
                    static_cast<int>(norm));
    const int64_t rows = x->dim(0), width = x->dim(1);
    MS_CUDA_REQUIRE(!weight || hasShape(weight, {width}), "[modulated_norm] expected fp32 weights [", width, "], got ",
                    shapeOf(weight));
    const int32_t lastChunk = std::max(shiftChunk, scaleChunk);
    if (lastChunk >= 0) {
        MS_CUDA_REQUIRE(isFloats(modulation, 2) && modulation->dim(0) > 0 && rows % modulation->dim(0) == 0,
                        "[modulated_norm] expected an fp32 modulation [samples, chunks * ", width,
                        "] whose samples divide ", rows, " rows, got ", shapeOf(modulation));
        MS_CUDA_REQUIRE((lastChunk + int64_t{1}) * width <= modulation->dim(1), "[modulated_norm] expected chunk ",
                        lastChunk, " of width ", width, " inside the modulation, got ", shapeOf(modulation));
    }
    const size_t shared = static_cast<size_t>(width) * sizeof(float);
    MS_CUDA_REQUIRE(shared + 256 <= context.sharedLimit, "[modulated_norm] rows of ", width,
                    " values are wider than this GPU normalises");
    const PendingAdd add = addOfNorm(context, x, weight, modulation, out);
    NormRows n{};
    n.x = x->f32();
    n.out = out->f32();
    n.rows = rows;
    n.width = width;
    n.perSample = lastChunk >= 0 ? std::max<int64_t>(1, rows / modulation->dim(0)) : std::max<int64_t>(1, rows);
    n.stride = lastChunk >= 0 ? modulation->dim(1) : 0;
    n.weight = weight ? weight->f32() : nullptr;
    n.shift = shiftChunk >= 0 ? modulation->f32() + shiftChunk * width : nullptr;
    n.scale = scaleChunk >= 0 ? modulation->f32() + scaleChunk * width : nullptr;
    n.eps = eps;
    n.layer = norm == MS_NORM_LAYER;
    const RoundedTwin twin = roomForTwin(context, out, Slot::Rounded);
    n.rounded = twin.values;
    n.roundedStride = twin.stride;
    if (add.x) {
        n.sum = add.x->f32();
        n.y = add.y->f32();
        n.gate = add.gate();
        n.gateStride = add.gateStride();
        n.perGate = add.rowsPerSample();
    }
    const bool fours = n.stride % 4 == 0 && n.gateStride % 4 == 0 &&
                       inFours(width, n.x, n.out, n.weight, n.shift, n.scale, n.y, n.gate);
    context.launch(fours ? modulatedNormKernel<4> : modulatedNormKernel<1>, dim3(static_cast<unsigned>(rows)),
                   dim3(kNormThreads), shared, n);
    context.twins.remember(twin);
}

}  // namespace moescope::cuda
