// SPDX-License-Identifier: Apache-2.0
// Operations that treat every element alike. Sums and products are rounded one by one, in the order that the formulas
// of the samplers are usually evaluated in, so that these operations add no difference of their own.
#include "engine/cpu/vector_targets.h"
// clang-format off: Highway compiles the rest of this file once per target from here
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/cpu/elementwise.cpp"
#include "hwy/foreach_target.h"
// clang-format on

#include <cstring>

#include "engine/cpu/op_checks.h"
#include "engine/cpu/ops.h"
#include "engine/cpu/vector_math-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace moescope::cpu::HWY_NAMESPACE {
namespace {

// One vector, the last of a range in part: the rest is zeros, so that a tail goes through the arithmetic of full
// vectors and an element's bits do not depend on where in a batch it lies.
template <class D>
HWY_INLINE hn::Vec<D> loadPart(D d, const float* from, size_t count) {
    if (count == hn::Lanes(d)) return hn::LoadU(d, from);
    HWY_ALIGN float lanes[HWY_MAX_BYTES / sizeof(float)] = {};
    for (size_t i = 0; i < count; ++i) lanes[i] = from[i];
    return hn::Load(d, lanes);
}

template <class D, class V>
HWY_INLINE void storePart(D d, V value, float* to, size_t count) {
    if (count == hn::Lanes(d)) return hn::StoreU(value, d, to);
    HWY_ALIGN float lanes[HWY_MAX_BYTES / sizeof(float)];
    hn::Store(value, d, lanes);
    for (size_t i = 0; i < count; ++i) to[i] = lanes[i];
}

template <class Function>
HWY_INLINE void transform(const float* x, float* out, int64_t count, const Function& function) {
    const hn::ScalableTag<float> d;
    const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
    for (int64_t i = 0; i < count; i += lanes) {
        const size_t part = static_cast<size_t>(std::min(lanes, count - i));
        storePart(d, function(d, loadPart(d, x + i, part)), out + i, part);
    }
}

void activateRange(const float* x, float* out, int64_t count, MsActivation activation) {
    if (activation == MS_ACT_SILU)
        transform(x, out, count, [](auto d, auto v) HWY_ATTR { return silu(d, v); });
    else
        transform(x, out, count, [](auto d, auto v) HWY_ATTR { return geluTanh(d, v); });
}

// The plain loops below are vectorised by the compiler for each target; every lane does what the scalar form does.
void addRange(const float* a, const float* b, float* out, int64_t count) {
    for (int64_t i = 0; i < count; ++i) out[i] = a[i] + b[i];
}

void meanRange(const float* a, const float* b, float* out, int64_t count) {
    for (int64_t i = 0; i < count; ++i) out[i] = 0.5f * (a[i] + b[i]);
}

void advanceRange(const float* z, const float* v, float dt, float* out, int64_t count) {
    for (int64_t i = 0; i < count; ++i) out[i] = z[i] + dt * v[i];
}

void gatedAddRow(float* x, const float* y, const float* gate, int64_t width) {
    for (int64_t i = 0; i < width; ++i) x[i] += gate[i] * y[i];
}

// One branch: velocity from a prediction of the velocity itself (span 0) or of the clean picture.
HWY_INLINE float velocityOf(float prediction, float z, bool clean, float span) {
    return clean ? (prediction - z) / span : prediction;
}

void velocityRange(const float* conditional, const float* unconditional, const float* z, bool clean, float span,
                   float scale, float* out, int64_t count) {
    if (!unconditional) {
        for (int64_t i = 0; i < count; ++i) out[i] = velocityOf(conditional[i], z[i], clean, span);
        return;
    }
    for (int64_t i = 0; i < count; ++i) {
        const float vc = velocityOf(conditional[i], z[i], clean, span);
        const float vu = velocityOf(unconditional[i], z[i], clean, span);
        out[i] = vu + scale * (vc - vu);
    }
}

}  // namespace
}  // namespace moescope::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moescope::cpu {
namespace {

HWY_EXPORT(activateRange);
HWY_EXPORT(addRange);
HWY_EXPORT(meanRange);
HWY_EXPORT(advanceRange);
HWY_EXPORT(gatedAddRow);
HWY_EXPORT(velocityRange);

void copyFloats(float* to, const float* from, int64_t count) {
    std::memcpy(to, from, static_cast<size_t>(count) * sizeof(float));
}

}  // namespace

MsStatus activate(MsContext* context, const MsTensor* x, MsActivation activation, MsTensor* out) {
    MS_REQUIRE(context, isFloats(x) && hasShape(out, x->shape),
               "[activate] expected fp32 tensors of equal shape, got {} and {}", shapeOf(x), shapeOf(out));
    MS_REQUIRE(context, activation == MS_ACT_NONE || activation == MS_ACT_SILU || activation == MS_ACT_GELU_TANH,
               "[activate] expected a known activation, got number {}", static_cast<int>(activation));
    if (activation == MS_ACT_NONE && out == x) return MS_OK;
    return context->forRows(x->elements(), kFloatsPerTask, [&](int64_t begin, int64_t end, int) {
        if (activation == MS_ACT_NONE)
            copyFloats(out->f32() + begin, x->f32() + begin, end - begin);
        else
            HWY_DYNAMIC_DISPATCH(activateRange)(x->f32() + begin, out->f32() + begin, end - begin, activation);
    });
}

MsStatus add(MsContext* context, const MsTensor* a, const MsTensor* b, MsTensor* out) {
    MS_REQUIRE(context, isFloats(a) && hasShape(b, a->shape) && hasShape(out, a->shape),
               "[add] expected fp32 tensors of equal shape, got {}, {} and {}", shapeOf(a), shapeOf(b), shapeOf(out));
    return context->forRows(a->elements(), kFloatsPerTask, [&](int64_t begin, int64_t end, int) {
        HWY_DYNAMIC_DISPATCH(addRange)(a->f32() + begin, b->f32() + begin, out->f32() + begin, end - begin);
    });
}

MsStatus mean(MsContext* context, const MsTensor* a, const MsTensor* b, MsTensor* out) {
    MS_REQUIRE(context, isFloats(a) && hasShape(b, a->shape) && hasShape(out, a->shape),
               "[mean] expected fp32 tensors of equal shape, got {}, {} and {}", shapeOf(a), shapeOf(b), shapeOf(out));
    return context->forRows(a->elements(), kFloatsPerTask, [&](int64_t begin, int64_t end, int) {
        HWY_DYNAMIC_DISPATCH(meanRange)(a->f32() + begin, b->f32() + begin, out->f32() + begin, end - begin);
    });
}

MsStatus advance(MsContext* context, const MsTensor* z, const MsTensor* v, const MsTensor* dt, MsTensor* out) {
    MS_REQUIRE(context, isFloats(z) && hasShape(v, z->shape) && hasShape(out, z->shape),
               "[advance] expected fp32 tensors of equal shape, got {}, {} and {}", shapeOf(z), shapeOf(v),
               shapeOf(out));
    MS_REQUIRE(context, hasShape(dt, {1}), "[advance] expected an fp32 step [1], got {}", shapeOf(dt));
    const float step = dt->f32()[0];
    return context->forRows(z->elements(), kFloatsPerTask, [&](int64_t begin, int64_t end, int) {
        HWY_DYNAMIC_DISPATCH(advanceRange)(z->f32() + begin, v->f32() + begin, step, out->f32() + begin, end - begin);
    });
}

MsStatus gatedAdd(MsContext* context, MsTensor* x, const MsTensor* y, const MsTensor* modulation, int32_t gateChunk) {
    MS_REQUIRE(context, isFloats(x, 2) && hasShape(y, x->shape) && x != y,
               "[gated_add] expected two fp32 tensors [rows, D] of equal shape, got {} and {}", shapeOf(x), shapeOf(y));
    const int64_t rows = x->dim(0), width = x->dim(1);
    MS_REQUIRE(context, isFloats(modulation, 2) && modulation->dim(0) > 0 && rows % modulation->dim(0) == 0,
               "[gated_add] expected an fp32 modulation [samples, chunks * {}] whose samples divide {} rows, got {}",
               width, rows, shapeOf(modulation));
    MS_REQUIRE(context, gateChunk >= 0 && (gateChunk + int64_t{1}) * width <= modulation->dim(1),
               "[gated_add] expected chunk {} of width {} inside the modulation, got {}", gateChunk, width,
               shapeOf(modulation));
    const int64_t samples = modulation->dim(0), stride = modulation->dim(1), perSample = rows / samples;
    const float* gates = modulation->f32() + gateChunk * width;
    return context->forRows(rows, rowsPerTask(width), [&](int64_t begin, int64_t end, int) {
        for (int64_t row = begin; row < end; ++row) HWY_DYNAMIC_DISPATCH(gatedAddRow)
        (x->f32() + row * width, y->f32() + row * width, gates + row / perSample * stride, width);
    });
}

MsStatus guidedVelocity(MsContext* context, const MsTensor* prediction, const MsTensor* z, const MsTensor* params,
                        MsTensor* velocity) {
    MS_REQUIRE(context, isFloats(z) && z->shape.size() >= 2 && hasShape(velocity, z->shape),
               "[guided_velocity] expected fp32 tensors [B, C, ...] of equal shape, got {} and {}", shapeOf(z),
               shapeOf(velocity));
    const int64_t batch = z->dim(0), channels = z->dim(1);
    MS_REQUIRE(
        context,
        isFloats(prediction, z->shape.size()) && prediction->dim(1) >= channels &&
            (prediction->dim(0) == batch || prediction->dim(0) == 2 * batch) &&
            std::equal(z->shape.begin() + 2, z->shape.end(), prediction->shape.begin() + 2),
        "[guided_velocity] expected a prediction of {0} or {1} samples with {2} or more channels over {3}, got {4}",
        batch, 2 * batch, channels, shapeOf(z), shapeOf(prediction));
    MS_REQUIRE(context, prediction != velocity,
               "[guided_velocity] expected an output apart from the prediction, got the same {}", shapeOf(velocity));
    MS_REQUIRE(context, hasShape(params, {3}), "[guided_velocity] expected fp32 parameters [3], got {}",
               shapeOf(params));
    const float kind = params->f32()[0], span = params->f32()[1], scale = params->f32()[2];
    MS_REQUIRE(context, kind == 0.0f || kind == 1.0f, "[guided_velocity] expected kind 0 or 1, got {}", kind);
    const bool guided = prediction->dim(0) == 2 * batch && batch > 0;
    const int64_t wanted = batch ? z->elements() / batch : 0;                        // floats of a sample of z
    const int64_t stored = batch ? prediction->elements() / prediction->dim(0) : 0;  // ... of the prediction
    const int64_t pieces = (wanted + kFloatsPerTask - 1) / kFloatsPerTask;
    return context->forEachTask(batch * pieces, [&](int64_t task, int) {
        const int64_t sample = task / pieces, begin = task % pieces * kFloatsPerTask;
        const int64_t count = std::min(kFloatsPerTask, wanted - begin), at = sample * wanted + begin;
        const float* conditional = prediction->f32() + sample * stored + begin;
        HWY_DYNAMIC_DISPATCH(velocityRange)
        (conditional, guided ? conditional + batch * stored : nullptr, z->f32() + at, kind == 1.0f, span, scale,
         velocity->f32() + at, count);
    });
}

MsStatus repeatBatch(MsContext* context, const MsTensor* z, MsTensor* out) {
    MS_REQUIRE(context, isFloats(z), "[repeat_batch] expected an fp32 tensor [B, ...], got {}", shapeOf(z));
    Shape doubled = z->shape;
    doubled[0] *= 2;
    MS_REQUIRE(context, hasShape(out, doubled), "[repeat_batch] expected an fp32 output {}, got {}", shapeText(doubled),
               shapeOf(out));
    const int64_t elements = z->elements();
    return context->forRows(elements, kFloatsPerTask, [&](int64_t begin, int64_t end, int) {
        copyFloats(out->f32() + begin, z->f32() + begin, end - begin);
        copyFloats(out->f32() + elements + begin, z->f32() + begin, end - begin);
    });
}

}  // namespace moescope::cpu
#endif  // HWY_ONCE
