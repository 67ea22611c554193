// SPDX-License-Identifier: Apache-2.0
// Operations that treat every element alike, in blocks and in the samplers.
#include <algorithm>
#include <utility>

#include "engine/cuda/context.h"
#include "engine/cuda/elementwise.cuh"
#include "engine/cuda/linear.h"
#include "engine/cuda/ops.h"

namespace moescope::cuda {
namespace {

template <MsActivation kKind>
void launchActivate(MsContext& context, const MsTensor* x, MsTensor* out) {
    const int64_t count = x->elements();
    const bool fours = inFours(count, x->f32(), out->f32());
    const RoundedTwin twin =
        out->lastDim() % kRowUnit == 0 ? roomForTwin(context, out, Slot::Activated) : RoundedTwin{};
    context.launch(fours ? activateKernel<kKind, 4> : activateKernel<kKind, 1>,
                   dim3(blocksFor(fours ? count / 4 : count)), dim3(kThreads), 0, x->f32(), out->f32(), twin.values,
                   count);
    context.twins.remember(twin);
}

}  // namespace

void activate(MsContext& context, const MsTensor* x, MsActivation activation, MsTensor* out) {
    MS_CUDA_REQUIRE(isFloats(x) && hasShape(out, x->shape), "[activate] expected fp32 tensors of equal shape, got ",
                    shapeOf(x), " and ", shapeOf(out));
    MS_CUDA_REQUIRE(activation == MS_ACT_NONE || activation == MS_ACT_SILU || activation == MS_ACT_GELU_TANH,
                    "[activate] expected a known activation, got number ", static_cast<int>(activation));
    if (activation == MS_ACT_SILU)
        launchActivate<MS_ACT_SILU>(context, x, out);
    else if (activation == MS_ACT_GELU_TANH)
        launchActivate<MS_ACT_GELU_TANH>(context, x, out);
    else
        copyTensor(context, x, out);
}

void add(MsContext& context, const MsTensor* a, const MsTensor* b, MsTensor* out) {
    MS_CUDA_REQUIRE(isFloats(a) && hasShape(b, a->shape) && hasShape(out, a->shape),
                    "[add] expected fp32 tensors of equal shape, got ", shapeOf(a), ", ", shapeOf(b), " and ",
                    shapeOf(out));
    const int64_t count = a->elements();
    const bool fours = inFours(count, a->f32(), b->f32(), out->f32());
    context.launch(fours ? addKernel<4> : addKernel<1>, dim3(blocksFor(fours ? count / 4 : count)), dim3(kThreads), 0,
                   a->f32(), b->f32(), out->f32(), count);
}

void mean(MsContext& context, const MsTensor* a, const MsTensor* b, MsTensor* out) {
    MS_CUDA_REQUIRE(isFloats(a) && hasShape(b, a->shape) && hasShape(out, a->shape),
                    "[mean] expected fp32 tensors of equal shape, got ", shapeOf(a), ", ", shapeOf(b), " and ",
                    shapeOf(out));
    const int64_t count = a->elements();
    context.launch(meanKernel, dim3(blocksFor(count)), dim3(kThreads), 0, a->f32(), b->f32(), out->f32(), count);
}

const float* PendingAdd::gate() const {
    return modulation->f32() + chunk * x->dim(1);
}

int64_t PendingAdd::gateStride() const {
    return modulation->dim(1);
}

int64_t PendingAdd::rowsPerSample() const {
    return std::max<int64_t>(1, x->dim(0) / modulation->dim(0));
}

void finishPendingAdd(MsContext& context) {
    const PendingAdd add = std::exchange(context.pendingAdd, {});
    if (!add.x) return;
    const int64_t width = add.x->dim(1), count = add.x->elements();
    const bool fours = add.gateStride() % 4 == 0 && inFours(width, add.x->f32(), add.y->f32(), add.gate());
    context.launch(fours ? gatedAddKernel<4> : gatedAddKernel<1>, dim3(blocksFor(fours ? count / 4 : count)),
                   dim3(kThreads), 0, add.x->f32(), add.y->f32(), add.gate(), add.gateStride(), add.rowsPerSample(),
                   width, count);
}

void gatedAdd(MsContext& context, MsTensor* x, const MsTensor* y, const MsTensor* modulation, int32_t gateChunk) {
    MS_CUDA_REQUIRE(isFloats(x, 2) && hasShape(y, x->shape) && x != y,
                    "[gated_add] expected two fp32 tensors [rows, D] of equal shape, got ", shapeOf(x), " and ",
                    shapeOf(y));
    const int64_t rows = x->dim(0), width = x->dim(1);
    MS_CUDA_REQUIRE(isFloats(modulation, 2) && modulation->dim(0) > 0 && rows % modulation->dim(0) == 0,
                    "[gated_add] expected an fp32 modulation [samples, chunks * ", width, "] whose samples divide ",
                    rows, " rows, got ", shapeOf(modulation));
    MS_CUDA_REQUIRE(gateChunk >= 0 && (gateChunk + int64_t{1}) * width <= modulation->dim(1),
                    "[gated_add] expected chunk ", gateChunk, " of width ", width, " inside the modulation, got ",
                    shapeOf(modulation));
    context.pendingAdd = {x, y, modulation, gateChunk};
}

void advance(MsContext& context, const MsTensor* z, const MsTensor* v, const MsTensor* dt, MsTensor* out) {
    MS_CUDA_REQUIRE(isFloats(z) && hasShape(v, z->shape) && hasShape(out, z->shape),
                    "[advance] expected fp32 tensors of equal shape, got ", shapeOf(z), ", ", shapeOf(v), " and ",
                    shapeOf(out));
    MS_CUDA_REQUIRE(hasShape(dt, {1}), "[advance] expected an fp32 step [1], got ", shapeOf(dt));
    const int64_t count = z->elements();
    context.launch(advanceKernel, dim3(blocksFor(count)), dim3(kThreads), 0, z->f32(), v->f32(), dt->f32(), out->f32(),
                   count);
}

void guidedVelocity(MsContext& context, const MsTensor* prediction, const MsTensor* z, const MsTensor* params,
                    MsTensor* velocity) {
    MS_CUDA_REQUIRE(isFloats(z) && z->shape.size() >= 2 && hasShape(velocity, z->shape),
                    "[guided_velocity] expected fp32 tensors [B, C, ...] of equal shape, got ", shapeOf(z), " and ",
                    shapeOf(velocity));
    const int64_t batch = z->dim(0), channels = z->dim(1);
    MS_CUDA_REQUIRE(isFloats(prediction, z->shape.size()) && prediction->dim(1) >= channels &&
                        (prediction->dim(0) == batch || prediction->dim(0) == 2 * batch) &&
                        std::equal(z->shape.begin() + 2, z->shape.end(), prediction->shape.begin() + 2),
                    "[guided_velocity] expected a prediction of ", batch, " or ", 2 * batch, " samples with ", channels,
                    " or more channels over ", shapeOf(z), ", got ", shapeOf(prediction));
    MS_CUDA_REQUIRE(prediction != velocity,
                    "[guided_velocity] expected an output apart from the prediction, got the same ", shapeOf(velocity));
    MS_CUDA_REQUIRE(hasShape(params, {3}), "[guided_velocity] expected fp32 parameters [3], got ", shapeOf(params));
    const int64_t count = z->elements();
    if (count == 0) return;
    const int64_t wanted = count / batch, stored = prediction->elements() / prediction->dim(0);
    const int64_t unconditional = prediction->dim(0) == 2 * batch ? batch * stored : 0;
    context.launch(velocityKernel, dim3(blocksFor(count)), dim3(kThreads), 0, prediction->f32(), z->f32(),
                   params->f32(), stored, wanted, unconditional, velocity->f32(), count);
}

void repeatBatch(MsContext& context, const MsTensor* z, MsTensor* out) {
    MS_CUDA_REQUIRE(isFloats(z), "[repeat_batch] expected an fp32 tensor [B, ...], got ", shapeOf(z));
    std::vector<int64_t> doubled = z->shape;
    doubled[0] *= 2;
    MS_CUDA_REQUIRE(hasShape(out, doubled), "[repeat_batch] expected twice ", shapeOf(z), " as fp32 output, got ",
                    shapeOf(out));
    const int64_t count = z->elements();
    context.launch(repeatKernel, dim3(blocksFor(count)), dim3(kThreads), 0, z->f32(), out->f32(), count);
}

}  // namespace moescope::cuda
