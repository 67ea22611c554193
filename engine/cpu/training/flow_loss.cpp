// SPDX-License-Identifier: Apache-2.0
// The picture's side of a training step: mixing data with noise, the loss of flow matching and its gradient.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/cpu/training/flow_loss.cpp"
// The order matters: everything below foreach_target is compiled once per instruction level.
// clang-format off
#include "engine/cpu/vector_targets.h"
#include "hwy/foreach_target.h"

#include "engine/cpu/training/cpu_training_device.h"
#include "engine/cpu/training/vector_loops-inl.h"
// clang-format on

#ifndef MOESCOPE_CPU_TRAINING_FLOW_SAMPLE
#define MOESCOPE_CPU_TRAINING_FLOW_SAMPLE
namespace moescope::cpu {
namespace {

/// One sample's loss: error = (output - a) * factor - (x0 - b) * factor, dOutput = error * slope.
struct FlowSample {
    const float* output = nullptr;
    const float* x0 = nullptr;
    const float* shift = nullptr;  // z, taken from output and x0; or noise, taken from x0 alone
    bool clean = false;
    float span = 1;
    float slope = 0;
    float* dOutput = nullptr;
};

}  // namespace
}  // namespace moescope::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace moescope::cpu {
namespace HWY_NAMESPACE {

void mixValues(int64_t count, const float* x0, const float* noise, float t, float* z) {
    const FloatTag d;
    const FloatVector time = hn::Set(d, t), rest = hn::Set(d, 1.0f - t);
    forVectors(count, [&](int64_t i, int64_t lanes) HWY_ATTR {
        const auto data = hn::Mul(time, loadPart(x0 + i, lanes));
        storePart(hn::Add(data, hn::Mul(rest, loadPart(noise + i, lanes))), z + i, lanes);
    });
}

/// Returns the sum of the squared errors.
double flowSample(int64_t count, const FlowSample& s) {
    const FloatTag d;
    const FloatVector span = hn::Set(d, s.span), slope = hn::Set(d, s.slope);
    double total = 0;
    constexpr int64_t kBlock = 1024;  // added up in fp32
    for (int64_t first = 0; first < count; first += kBlock) {
        FloatVector sum = hn::Zero(d);
        forVectors(std::min(kBlock, count - first), [&](int64_t i, int64_t lanes) HWY_ATTR {
            i += first;
            const auto output = loadPart(s.output + i, lanes), x0 = loadPart(s.x0 + i, lanes);
            const auto shift = loadPart(s.shift + i, lanes);
            // A lane behind the end: 0 - 0.
            const auto error = s.clean
                                   ? hn::Sub(hn::Div(hn::Sub(output, shift), span), hn::Div(hn::Sub(x0, shift), span))
                                   : hn::Sub(output, hn::Sub(x0, shift));
            sum = hn::MulAdd(error, error, sum);
            storePart(hn::Mul(error, slope), s.dOutput + i, lanes);
        });
        total += static_cast<double>(sumLanes(sum));
    }
    return total;
}

}  // namespace HWY_NAMESPACE
}  // namespace moescope::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moescope::cpu {

HWY_EXPORT(mixValues);
HWY_EXPORT(flowSample);

}  // namespace moescope::cpu

namespace moescope::train {

void CpuTrainingDevice::mixNoise(int64_t samples, int64_t values, const float* x0, const float* noise, const float* t,
                                 float* z) {
    const auto run = HWY_DYNAMIC_DISPATCH(cpu::mixValues);
    m_pool.parallelFor(samples, [&](int64_t sample, int) {
        const int64_t place = sample * values;
        run(values, x0 + place, noise + place, t[sample], z + place);
    });
}

void CpuTrainingDevice::flowLoss(const FlowLossShape& shape, const float* output, const float* x0, const float* z,
                                 const float* noise, const float* t, float lossScale, float* perSample,
                                 float* dOutput) {
    const int64_t values = shape.channels * shape.pixels, all = shape.outChannels * shape.pixels;
    const auto run = HWY_DYNAMIC_DISPATCH(cpu::flowSample);
    m_pool.parallelFor(shape.samples, [&](int64_t sample, int) {
        cpu::FlowSample s;
        s.clean = shape.target == FlowTarget::CleanImage;
        s.output = output + sample * all;
        s.x0 = x0 + sample * values;
        s.shift = (s.clean ? z : noise) + sample * values;
        if (s.clean) s.span = std::max(1.0f - t[sample], shape.tEps);
        s.slope = static_cast<float>(2.0 * lossScale / s.span / static_cast<double>(values * shape.samples));
        s.dOutput = dOutput + sample * all;
        perSample[sample] = static_cast<float>(run(values, s) / static_cast<double>(values));
        std::fill(s.dOutput + values, s.dOutput + all, 0.0f);
    });
}

}  // namespace moescope::train
#endif
