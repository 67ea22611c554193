// SPDX-License-Identifier: Apache-2.0
// The reference optimizer: AdamW, moving averages, sums of squares.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>

namespace moescope::reference {

template <class T>
struct AdamSettings {
    T rate = T(1e-4), beta1 = T(0.9), beta2 = T(0.999), eps = T(1e-8), weightDecay = 0;
    int64_t step = 1;  // the number of this step, from 1
};

template <class T>
struct AdamState {
    T parameter = 0, moment1 = 0, moment2 = 0;
};

/// One parameter after one step (Kingma and Ba, 2015, algorithm 1, with the decay of Loshchilov and Hutter, 2019,
/// algorithm 2), as PyTorch has it: p is first multiplied by 1 - rate decay, and eps is added to sqrt(v) / sqrt(1 -
/// beta2^step).
template <class T>
AdamState<T> adamStep(AdamState<T> state, T gradient, const AdamSettings<T>& settings) {
    const T correction1 = T(1) - std::pow(settings.beta1, T(settings.step)),
            correction2 = T(1) - std::pow(settings.beta2, T(settings.step));
    state.parameter *= T(1) - settings.rate * settings.weightDecay;
    state.moment1 += (gradient - state.moment1) * (T(1) - settings.beta1);
    state.moment2 = settings.beta2 * state.moment2 + (T(1) - settings.beta2) * gradient * gradient;
    const T spread = std::sqrt(state.moment2) / std::sqrt(correction2) + settings.eps;
    state.parameter -= settings.rate / correction1 * state.moment1 / spread;
    return state;
}

/// decay average + (1 - decay) value.
template <class T>
T movingAverage(T average, T value, T decay) {
    return decay * average + (T(1) - decay) * value;
}

/// Values per partial sum of `squareSum`.
inline constexpr size_t kSquareSumBlock = 4096;

/// Sum of squares in double: of each block of values in their order, then of the blocks.
template <class T>
double squareSum(std::span<const T> values) {
    double sum = 0;
    for (size_t first = 0; first < values.size(); first += kSquareSumBlock) {
        double block = 0;
        for (const T value : values.subspan(first, std::min(kSquareSumBlock, values.size() - first)))
            block += static_cast<double>(value) * static_cast<double>(value);
        sum += block;
    }
    return sum;
}

}  // namespace moescope::reference
