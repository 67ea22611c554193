// SPDX-License-Identifier: Apache-2.0
// The reference losses of flow matching, data at t = 1: z = t x0 + (1 - t) noise, the mean of (v - (x0 - noise))^2 or
// its form for networks that predict the clean picture (Lipman et al., 2022; Li and He, 2025).
#pragma once

#include <algorithm>

#include "engine/reference/sampling.h"

namespace moescope::reference {

/// t x0 + (1 - t) noise per sample. x0, noise [samples, n], t [samples].
template <class T>
Matrix<T> mixNoise(const Matrix<T>& x0, const Matrix<T>& noise, const std::vector<T>& t) {
    Matrix<T> z(x0.rows, x0.cols);
    for (int64_t row = 0; row < z.rows; ++row) {
        const T time = t[static_cast<size_t>(row)];
        for (int64_t i = 0; i < z.cols; ++i) z(row, i) = time * x0(row, i) + (T(1) - time) * noise(row, i);
    }
    return z;
}

/// Velocity: v = output, target x0 - noise. CleanImage: v = (output - z) / max(1 - t, tEps), target (x0 - z) / max(1 -
/// t, tEps).
enum class FlowTarget { Velocity, CleanImage };

template <class T>
struct FlowBatch {
    FlowTarget target = FlowTarget::Velocity;
    Matrix<T> x0, z, noise;  // [samples, channels * pixels]
    std::vector<T> t;        // [samples]
    T tEps = T(0.05);
};

/// max(1 - t, tEps).
template <class T>
T flowSpan(const FlowBatch<T>& batch, int64_t sample) {
    return std::max(T(1) - batch.t[static_cast<size_t>(sample)], batch.tEps);
}

/// v - target of one value.
template <class T>
T flowError(const FlowBatch<T>& batch, const Matrix<T>& output, int64_t sample, int64_t i) {
    if (batch.target == FlowTarget::Velocity) return output(sample, i) - (batch.x0(sample, i) - batch.noise(sample, i));
    const T z = batch.z(sample, i), span = flowSpan(batch, sample);
    return velocityFromClean(output(sample, i), z, span) - velocityFromClean(batch.x0(sample, i), z, span);
}

/// Mean squared error of each sample [samples]. output [samples, n'], of which the first n values of a row count.
template <class T>
std::vector<T> flowLoss(const FlowBatch<T>& batch, const Matrix<T>& output) {
    std::vector<T> loss(static_cast<size_t>(output.rows));
    for (int64_t sample = 0; sample < output.rows; ++sample)
        for (int64_t i = 0; i < batch.x0.cols; ++i) {
            const T error = flowError(batch, output, sample, i);
            loss[static_cast<size_t>(sample)] += error * error / T(batch.x0.cols);
        }
    return loss;
}

/// dOutput of the mean over the samples' losses.
template <class T>
Matrix<T> flowLossBackward(const FlowBatch<T>& batch, const Matrix<T>& output) {
    Matrix<T> d(output.rows, output.cols);
    for (int64_t sample = 0; sample < output.rows; ++sample) {
        const T slope = batch.target == FlowTarget::Velocity ? T(1) : T(1) / flowSpan(batch, sample);
        for (int64_t i = 0; i < batch.x0.cols; ++i)
            d(sample, i) = T(2) * flowError(batch, output, sample, i) * slope / T(batch.x0.cols * batch.x0.rows);
    }
    return d;
}

}  // namespace moescope::reference
