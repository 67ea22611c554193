// SPDX-License-Identifier: Apache-2.0
// Activations, the gate of a gated layer, and plain sums and copies, forward and backward.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/cpu/training/elementwise.cpp"
// The order matters: everything below foreach_target is compiled once per instruction level.
// clang-format off
#include "engine/cpu/vector_targets.h"
#include "hwy/foreach_target.h"

#include <cstring>

#include "engine/cpu/training/cpu_training_device.h"
#include "engine/cpu/training/gated_rows-inl.h"
#include "engine/cpu/training/gated_rows.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace moescope::cpu {
namespace HWY_NAMESPACE {
namespace {

/// 2u and d/dx of 2u, u = sqrt(2/pi) (x + 0.044715 x^3).
struct GeluArgument {
    FloatVector value, slope;
};

HWY_INLINE GeluArgument geluArgument(FloatVector x) {
    const FloatTag d;
    constexpr float kTwice = 1.5957691216057308f;
    const auto square = hn::Mul(x, x), factor = hn::Set(d, kTwice);
    return {hn::Mul(hn::MulAdd(hn::Mul(square, x), hn::Set(d, 0.044715f), x), factor),
            hn::MulAdd(square, hn::Set(d, 3 * 0.044715f * kTwice), factor)};
}

}  // namespace

void activateValues(train::Activation activation, const float* x, int64_t count, float* y) {
    const bool gelu = activation == train::Activation::GeluTanh;
    forVectors(count, [&](int64_t i, int64_t lanes) HWY_ATTR {
        const auto v = loadPart(x + i, lanes);
        storePart(hn::Mul(v, sigmoidOf(gelu ? geluArgument(v).value : v).value), y + i, lanes);
    });
}

/// Of x s(a): s + x s (1 - s) da/dx.
void activateGradient(train::Activation activation, const float* x, const float* dy, int64_t count, float* dx) {
    const bool gelu = activation == train::Activation::GeluTanh;
    forVectors(count, [&](int64_t i, int64_t lanes) HWY_ATTR {
        const auto v = loadPart(x + i, lanes);
        const GeluArgument a = gelu ? geluArgument(v) : GeluArgument{v, hn::Set(FloatTag(), 1.0f)};
        const Sigmoid s = sigmoidOf(a.value);
        const auto slope = hn::MulAdd(hn::Mul(v, s.slope), a.slope, s.value);
        storePart(hn::Mul(loadPart(dy + i, lanes), slope), dx + i, lanes);
    });
}

void gateForward(int64_t rows, int64_t inner, const float* x, float* y) {
    gateRowsForward(rows, inner, x, y);
}

void gateGradient(int64_t rows, int64_t inner, const float* x, const float* dy, const float* scale, float* dx) {
    gateRowsGradient(rows, inner, x, dy, scale, dx);
}

void addValues(const float* a, const float* b, int64_t count, float* y) {
    forVectors(count, [&](int64_t i, int64_t lanes) HWY_ATTR {
        storePart(hn::Add(loadPart(a + i, lanes), loadPart(b + i, lanes)), y + i, lanes);
    });
}

}  // namespace HWY_NAMESPACE
}  // namespace moescope::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moescope::cpu {

HWY_EXPORT(activateValues);
HWY_EXPORT(activateGradient);
HWY_EXPORT(gateForward);
HWY_EXPORT(gateGradient);
HWY_EXPORT(addValues);

void gateRows(int64_t rows, int64_t inner, const float* x, float* y) {
    HWY_DYNAMIC_DISPATCH(gateForward)(rows, inner, x, y);
}

void gateRowsBackward(int64_t rows, int64_t inner, const float* x, const float* dy, const float* scale, float* dx) {
    HWY_DYNAMIC_DISPATCH(gateGradient)(rows, inner, x, dy, scale, dx);
}

void addInto(int64_t count, const float* a, float* y) {
    HWY_DYNAMIC_DISPATCH(addValues)(a, y, count, y);
}

void addTwo(int64_t count, const float* a, const float* b, float* y) {
    HWY_DYNAMIC_DISPATCH(addValues)(a, b, count, y);
}

}  // namespace moescope::cpu

namespace moescope::train {

void CpuTrainingDevice::activate(Activation activation, int64_t values, const float* x, float* y) {
    const auto run = HWY_DYNAMIC_DISPATCH(cpu::activateValues);
    forParts(values, kPartValues,
             [&](int64_t begin, int64_t end) { run(activation, x + begin, end - begin, y + begin); });
}

void CpuTrainingDevice::activateBackward(Activation activation, int64_t values, const float* x, const float* dy,
                                         float* dx) {
    const auto run = HWY_DYNAMIC_DISPATCH(cpu::activateGradient);
    forParts(values, kPartValues,
             [&](int64_t begin, int64_t end) { run(activation, x + begin, dy + begin, end - begin, dx + begin); });
}

void CpuTrainingDevice::gate(int64_t rows, int64_t inner, const float* x, float* y) {
    forParts(rows, partRows(2 * inner), [&](int64_t begin, int64_t end) {
        cpu::gateRows(end - begin, inner, x + begin * 2 * inner, y + begin * inner);
    });
}

void CpuTrainingDevice::gateBackward(int64_t rows, int64_t inner, const float* x, const float* dy, float* dx) {
    forParts(rows, partRows(2 * inner), [&](int64_t begin, int64_t end) {
        const int64_t place = begin * 2 * inner;
        cpu::gateRowsBackward(end - begin, inner, x + place, dy + begin * inner, nullptr, dx + place);
    });
}

void CpuTrainingDevice::add(int64_t values, const float* a, const float* b, float* y) {
    forParts(values, kPartValues,
             [&](int64_t begin, int64_t end) { cpu::addTwo(end - begin, a + begin, b + begin, y + begin); });
}

void CpuTrainingDevice::zero(int64_t values, float* x) {
    forParts(values, 4 * kPartValues, [&](int64_t begin, int64_t end) { std::fill(x + begin, x + end, 0.0f); });
}

void CpuTrainingDevice::copy(int64_t values, const float* from, float* to) {
    forParts(values, 4 * kPartValues,
             [&](int64_t begin, int64_t end) { std::copy(from + begin, from + end, to + begin); });
}

}  // namespace moescope::train
#endif
