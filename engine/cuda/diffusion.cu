// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "engine/cuda/context.h"
#include "engine/cuda/diffusion.cuh"
#include "engine/cuda/ops.h"

namespace moescope::cuda {
namespace {

/// Whether `tensor` is [samples, at least `channels` channels, ...] over the same positions as `like`.
bool isPrediction(const MsTensor* tensor, const MsTensor* like, int64_t samples, int64_t channels) {
    return isFloats(tensor, like->shape.size()) && tensor->dim(0) == samples && tensor->dim(1) >= channels &&
           std::equal(like->shape.begin() + 2, like->shape.end(), tensor->shape.begin() + 2);
}

}  // namespace

void guidedPrediction(MsContext& context, const MsTensor* prediction, const MsTensor* params, int64_t guidedChannels,
                      MsTensor* out) {
    MS_CUDA_REQUIRE(isFloats(out) && out->shape.size() >= 2,
                    "[guided_prediction] expected an fp32 output [B, C, ...], got ", shapeOf(out));
    const int64_t batch = out->dim(0), channels = out->dim(1);
    MS_CUDA_REQUIRE(prediction != out && (isPrediction(prediction, out, batch, channels) ||
                                          isPrediction(prediction, out, 2 * batch, channels)),
                    "[guided_prediction] expected another tensor of ", batch, " or ", 2 * batch, " samples with ",
                    channels, " or more channels over ", shapeOf(out), ", got ", shapeOf(prediction));
    MS_CUDA_REQUIRE(guidedChannels >= 0 && guidedChannels <= channels, "[guided_prediction] expected 0 to ", channels,
                    " guided channels, got ", guidedChannels);
    MS_CUDA_REQUIRE(hasShape(params, {2}), "[guided_prediction] expected fp32 parameters [2], got ", shapeOf(params));
    const int64_t count = out->elements();
    if (count == 0) return;
    const int64_t wanted = count / batch, stored = prediction->elements() / prediction->dim(0);
    const int64_t guided = prediction->dim(0) == 2 * batch ? guidedChannels * (wanted / channels) : 0;
    context.launch(guidedPredictionKernel, dim3(blocksFor(count)), dim3(kThreads), 0, prediction->f32(), params->f32(),
                   stored, wanted, guided, batch * stored, out->f32(), count);
}

void diffusionStep(MsContext& context, const MsTensor* prediction, const MsTensor* z, const MsTensor* noise,
                   const MsTensor* params, MsTensor* clean, MsTensor* next) {
    MS_CUDA_REQUIRE(isFloats(z) && z->shape.size() >= 2 && hasShape(clean, z->shape) && hasShape(next, z->shape) &&
                        (!noise || hasShape(noise, z->shape)),
                    "[diffusion_step] expected fp32 tensors [B, C, ...] of equal shape, got z ", shapeOf(z), ", noise ",
                    shapeOf(noise), ", clean ", shapeOf(clean), " and next ", shapeOf(next));
    const int64_t batch = z->dim(0), channels = z->dim(1);
    MS_CUDA_REQUIRE(isPrediction(prediction, z, batch, channels) &&
                        (prediction->dim(1) == channels || prediction->dim(1) >= 2 * channels),
                    "[diffusion_step] expected a prediction of ", batch, " samples with ", channels, " or ",
                    2 * channels, " channels over ", shapeOf(z), ", got ", shapeOf(prediction));
    MS_CUDA_REQUIRE(clean != next && clean != z && next != z && clean != noise && next != noise,
                    "[diffusion_step] expected two outputs apart from the inputs and from each other, got ",
                    shapeOf(z));
    MS_CUDA_REQUIRE(hasShape(params, {8}), "[diffusion_step] expected fp32 parameters [8], got ", shapeOf(params));
    const int64_t count = z->elements();
    if (count == 0) return;
    DiffusionStep d{};
    d.prediction = prediction->f32();
    d.z = z->f32();
    d.noise = noise ? noise->f32() : nullptr;
    d.params = params->f32();
    d.clean = clean->f32();
    d.next = next->f32();
    d.stored = prediction->elements() / batch;
    d.wanted = count / batch;
    d.count = count;
    d.learned = prediction->dim(1) >= 2 * channels;
    context.launch(diffusionStepKernel, dim3(blocksFor(count)), dim3(kThreads), 0, d);
}

}  // namespace moescope::cuda
