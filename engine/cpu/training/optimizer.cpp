// SPDX-License-Identifier: Apache-2.0
// What happens to flat parameters and gradients once a step: AdamW, averages, the gradient's norm, the check for NaN.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/cpu/training/optimizer.cpp"
// The order matters: everything below foreach_target is compiled once per instruction level.
// clang-format off
#include "engine/cpu/vector_targets.h"
#include "hwy/foreach_target.h"

#include <atomic>
#include <cmath>

#include "engine/cpu/training/cpu_training_device.h"
#include "engine/cpu/training/vector_loops-inl.h"
// clang-format on

#ifndef MOESCOPE_CPU_TRAINING_ADAM_FACTORS
#define MOESCOPE_CPU_TRAINING_ADAM_FACTORS
namespace moescope::cpu {
namespace {

/// The settings of a step as fp32 factors.
struct AdamFactors {
    float gradientScale, keep, towards, beta2, rest2, spread, eps, step;
};

}  // namespace
}  // namespace moescope::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace moescope::cpu {
namespace HWY_NAMESPACE {

void adamValues(const AdamFactors& f, int64_t count, const float* gradient, float* parameter, float* moment1,
                float* moment2) {
    const FloatTag d;
    const FloatVector scale = hn::Set(d, f.gradientScale), keep = hn::Set(d, f.keep), towards = hn::Set(d, f.towards);
    const FloatVector beta2 = hn::Set(d, f.beta2), rest2 = hn::Set(d, f.rest2), spread = hn::Set(d, f.spread);
    const FloatVector eps = hn::Set(d, f.eps), step = hn::Set(d, f.step);
    forVectors(count, [&](int64_t i, int64_t lanes) HWY_ATTR {
        const auto g = hn::Mul(scale, loadPart(gradient + i, lanes));
        auto m = loadPart(moment1 + i, lanes), v = loadPart(moment2 + i, lanes);
        m = hn::Add(m, hn::Mul(towards, hn::Sub(g, m)));
        v = hn::Add(hn::Mul(beta2, v), hn::Mul(hn::Mul(rest2, g), g));
        const auto root = hn::Add(hn::Div(hn::Sqrt(v), spread), eps);
        const auto p = hn::Mul(keep, loadPart(parameter + i, lanes));
        storePart(m, moment1 + i, lanes);
        storePart(v, moment2 + i, lanes);
        storePart(hn::Sub(p, hn::Mul(step, hn::Div(m, root))), parameter + i, lanes);
    });
}

void averageValues(double decay, int64_t count, const float* value, float* average) {
    const FloatTag d;
    const FloatVector keep = hn::Set(d, static_cast<float>(decay)), rest = hn::Set(d, static_cast<float>(1 - decay));
    forVectors(count, [&](int64_t i, int64_t lanes) HWY_ATTR {
        const auto own = hn::Mul(rest, loadPart(value + i, lanes));
        storePart(hn::Add(hn::Mul(keep, loadPart(average + i, lanes)), own), average + i, lanes);
    });
}

double squareSumOf(int64_t count, const float* x) {
    const hn::CappedTag<double, 8> d;
    const hn::Rebind<float, decltype(d)> half;
    constexpr int64_t kLanes = hn::MaxLanes(hn::CappedTag<double, 8>());
    auto s0 = hn::Zero(d), s1 = s0;
    int64_t i = 0;
    for (; i + 2 * kLanes <= count; i += 2 * kLanes) {
        const auto a = hn::PromoteTo(d, hn::LoadU(half, x + i)), b = hn::PromoteTo(d, hn::LoadU(half, x + i + kLanes));
        s0 = hn::MulAdd(a, a, s0);
        s1 = hn::MulAdd(b, b, s1);
    }
    double sum = hn::GetLane(hn::SumOfLanes(d, hn::Add(s0, s1)));
    for (; i < count; ++i) sum += static_cast<double>(x[i]) * static_cast<double>(x[i]);
    return sum;
}

bool finiteValues(int64_t count, const float* x) {
    const FloatTag d;
    FloatVector all = hn::Zero(d);
    // 0 times infinity or NaN is NaN, and stays.
    forVectors(count,
               [&](int64_t i, int64_t lanes) HWY_ATTR { all = hn::MulAdd(loadPart(x + i, lanes), hn::Zero(d), all); });
    return sumLanes(all) == 0.0f;
}

}  // namespace HWY_NAMESPACE
}  // namespace moescope::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moescope::cpu {

HWY_EXPORT(adamValues);
HWY_EXPORT(averageValues);
HWY_EXPORT(squareSumOf);
HWY_EXPORT(finiteValues);

}  // namespace moescope::cpu

namespace moescope::train {

void CpuTrainingDevice::adam(int64_t values, const AdamSettings& s, const float* gradient, float* parameter,
                             float* moment1, float* moment2) {
    const double correction1 = 1 - std::pow(s.beta1, static_cast<double>(s.step));
    const double correction2 = 1 - std::pow(s.beta2, static_cast<double>(s.step));
    const cpu::AdamFactors factors{s.gradientScale,
                                   static_cast<float>(1 - s.rate * s.weightDecay),
                                   static_cast<float>(1 - s.beta1),
                                   static_cast<float>(s.beta2),
                                   static_cast<float>(1 - s.beta2),
                                   static_cast<float>(std::sqrt(correction2)),
                                   static_cast<float>(s.eps),
                                   static_cast<float>(s.rate / correction1)};
    const auto run = HWY_DYNAMIC_DISPATCH(cpu::adamValues);
    forParts(values, kPartValues, [&](int64_t begin, int64_t end) {
        run(factors, end - begin, gradient + begin, parameter + begin, moment1 + begin, moment2 + begin);
    });
}

void CpuTrainingDevice::average(int64_t values, double decay, const float* value, float* average) {
    const auto run = HWY_DYNAMIC_DISPATCH(cpu::averageValues);
    forParts(values, kPartValues,
             [&](int64_t begin, int64_t end) { run(decay, end - begin, value + begin, average + begin); });
}

double CpuTrainingDevice::squareSum(int64_t values, const float* x) {
    std::vector<double> parts(static_cast<size_t>(cpu::ceilDivide(values, kPartValues)));
    const auto run = HWY_DYNAMIC_DISPATCH(cpu::squareSumOf);
    forParts(values, kPartValues, [&](int64_t begin, int64_t end) {
        parts[static_cast<size_t>(begin / kPartValues)] = run(end - begin, x + begin);
    });
    double sum = 0;
    for (const double part : parts) sum += part;
    return sum;
}

bool CpuTrainingDevice::finite(int64_t values, const float* x) {
    std::atomic<bool> all{true};
    const auto run = HWY_DYNAMIC_DISPATCH(cpu::finiteValues);
    forParts(values, kPartValues, [&](int64_t begin, int64_t end) {
        if (!run(end - begin, x + begin)) all.store(false, std::memory_order_relaxed);
    });
    return all.load();
}

}  // namespace moescope::train
#endif
