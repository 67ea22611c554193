// SPDX-License-Identifier: Apache-2.0
// Guidance on some channels and the steps of discrete diffusions. Every sum and product is rounded one by one, in the
// order of the published samplers.
#include <cmath>

#include "engine/cpu/op_checks.h"
#include "engine/cpu/ops.h"

namespace moescope::cpu {
namespace {

/// Whether `tensor` is [samples, at least `channels` channels, ...] over the same positions as `like`.
bool isPrediction(const MsTensor* tensor, const MsTensor* like, int64_t samples, int64_t channels) {
    return isFloats(tensor, like->shape.size()) && tensor->dim(0) == samples && tensor->dim(1) >= channels &&
           std::equal(like->shape.begin() + 2, like->shape.end(), tensor->shape.begin() + 2);
}

/// A sample's elements in pieces that one task takes: work(sample, first element, end).
template <class Work>
MsStatus forPieces(MsContext* context, int64_t samples, int64_t perSample, const Work& work) {
    const int64_t pieces = (perSample + kFloatsPerTask - 1) / kFloatsPerTask;
    return context->forEachTask(samples * pieces, [&](int64_t task, int) {
        const int64_t begin = task % pieces * kFloatsPerTask;
        work(task / pieces, begin, std::min(begin + kFloatsPerTask, perSample));
    });
}

int64_t perSample(const MsTensor* tensor) {
    return tensor->dim(0) ? tensor->elements() / tensor->dim(0) : 0;
}

}  // namespace

MsStatus guidedPrediction(MsContext* context, const MsTensor* prediction, const MsTensor* params,
                          int64_t guidedChannels, MsTensor* out) {
    MS_REQUIRE(context, isFloats(out) && out->shape.size() >= 2,
               "[guided_prediction] expected an fp32 output [B, C, ...], got {}", shapeOf(out));
    const int64_t batch = out->dim(0), channels = out->dim(1);
    MS_REQUIRE(
        context,
        prediction != out &&
            (isPrediction(prediction, out, batch, channels) || isPrediction(prediction, out, 2 * batch, channels)),
        "[guided_prediction] expected another tensor of {0} or {1} samples with {2} or more channels over {3}, got {4}",
        batch, 2 * batch, channels, shapeOf(out), shapeOf(prediction));
    MS_REQUIRE(context, guidedChannels >= 0 && guidedChannels <= channels,
               "[guided_prediction] expected 0 to {} guided channels, got {}", channels, guidedChannels);
    MS_REQUIRE(context, hasShape(params, {2}), "[guided_prediction] expected fp32 parameters [2], got {}",
               shapeOf(params));
    const float scale = params->f32()[0], sign = params->f32()[1];
    const int64_t wanted = perSample(out), stored = perSample(prediction);
    const int64_t plane = channels ? wanted / channels : 0;
    const int64_t guided = prediction->dim(0) == 2 * batch ? guidedChannels * plane : 0;
    return forPieces(context, batch, wanted, [&](int64_t sample, int64_t begin, int64_t end) {
        const float* conditional = prediction->f32() + sample * stored;
        const float* unconditional = conditional + batch * stored;
        float* to = out->f32() + sample * wanted;
        int64_t i = begin;
        for (; i < std::min(end, guided); ++i)
            to[i] = sign * (unconditional[i] + scale * (conditional[i] - unconditional[i]));
        for (; i < end; ++i) to[i] = sign * conditional[i];
    });
}

MsStatus diffusionStep(MsContext* context, const MsTensor* prediction, const MsTensor* z, const MsTensor* noise,
                       const MsTensor* params, MsTensor* clean, MsTensor* next) {
    MS_REQUIRE(
        context,
        isFloats(z) && z->shape.size() >= 2 && hasShape(clean, z->shape) && hasShape(next, z->shape) &&
            (!noise || hasShape(noise, z->shape)),
        "[diffusion_step] expected fp32 tensors [B, C, ...] of equal shape, got z {}, noise {}, clean {} and next {}",
        shapeOf(z), shapeOf(noise), shapeOf(clean), shapeOf(next));
    const int64_t batch = z->dim(0), channels = z->dim(1);
    MS_REQUIRE(context,
               isPrediction(prediction, z, batch, channels) &&
                   (prediction->dim(1) == channels || prediction->dim(1) >= 2 * channels),
               "[diffusion_step] expected a prediction of {} samples with {} or {} channels over {}, got {}", batch,
               channels, 2 * channels, shapeOf(z), shapeOf(prediction));
    MS_REQUIRE(context, clean != next && clean != z && next != z && clean != noise && next != noise,
               "[diffusion_step] expected two outputs apart from the inputs and from each other, got {}", shapeOf(z));
    MS_REQUIRE(context, hasShape(params, {8}), "[diffusion_step] expected fp32 parameters [8], got {}",
               shapeOf(params));
    const float* p = params->f32();
    const float a0 = p[0], a1 = p[1], b0 = p[2], b1 = p[3], b2 = p[4], high = p[5], low = p[6], spread = p[7];
    const int64_t count = perSample(z), stored = perSample(prediction);
    const bool learned = prediction->dim(1) >= 2 * channels;
    return forPieces(context, batch, count, [&](int64_t sample, int64_t begin, int64_t end) {
        const float* e = prediction->f32() + sample * stored;
        const float* v = learned ? e + count : nullptr;
        const float* from = z->f32() + sample * count;
        const float* drawn = noise ? noise->f32() + sample * count : nullptr;
        float* c = clean->f32() + sample * count;
        float* to = next->f32() + sample * count;
        for (int64_t i = begin; i < end; ++i) {
            c[i] = a0 * from[i] - a1 * e[i];
            to[i] = b0 * c[i] + b1 * from[i] + b2 * e[i];
            if (!drawn) continue;
            const float share = v ? (v[i] + 1.0f) / 2.0f : 0.0f;
            to[i] += spread * std::exp(0.5f * (share * high + (1.0f - share) * low)) * drawn[i];
        }
    });
}

}  // namespace moescope::cpu
