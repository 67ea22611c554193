// SPDX-License-Identifier: Apache-2.0
// The reference arithmetic of the samplers: velocity, guidance, Euler step, mean of two slopes, steps of discrete diffusions.
#pragma once

#include <cmath>

#include "engine/reference/matrix.h"

namespace moescope::reference {

/// Velocity of a flow z = t x + (1 - t) noise from a prediction of the clean picture: (x - z) / span, span = max(1 - t,
/// t_eps).
template <class T>
T velocityFromClean(T clean, T z, T span) {
    return (clean - z) / span;
}

/// Classifier-free guidance (Ho and Salimans, 2022): vu + scale (vc - vu).
template <class T>
T guide(T conditional, T unconditional, T scale) {
    return unconditional + scale * (conditional - unconditional);
}

/// prediction [P, C' n] with P = B or 2 B (conditional samples first), of which the first C n values of a row are used;
/// z [B, C n] -> velocity [B, C n]. `clean`: the prediction is the clean picture, else the velocity itself.
template <class T>
Matrix<T> guidedVelocity(const Matrix<T>& prediction, const Matrix<T>& z, bool clean, T span, T scale) {
    Matrix<T> velocity(z.rows, z.cols);
    const auto branch = [&](int64_t row, int64_t b, int64_t i) {
        return clean ? velocityFromClean(prediction(row, i), z(b, i), span) : prediction(row, i);
    };
    for (int64_t b = 0; b < z.rows; ++b)
        for (int64_t i = 0; i < z.cols; ++i)
            velocity(b, i) =
                prediction.rows == z.rows ? branch(b, b, i) : guide(branch(b, b, i), branch(z.rows + b, b, i), scale);
    return velocity;
}

/// z + dt v.
template <class T>
Matrix<T> advance(const Matrix<T>& z, const Matrix<T>& v, T dt) {
    Matrix<T> out = z;
    for (size_t i = 0; i < out.data.size(); ++i) out.data[i] += dt * v.data[i];
    return out;
}

/// (a + b) / 2.
template <class T>
Matrix<T> mean(const Matrix<T>& a, const Matrix<T>& b) {
    Matrix<T> out = a;
    for (size_t i = 0; i < out.data.size(); ++i) out.data[i] = T(0.5) * (out.data[i] + b.data[i]);
    return out;
}

/// Guidance on the first `guided` values of each row only; the others come from the conditional branch.
/// prediction [P, n'] with P = B or 2 B -> [B, n] with n <= n', times `sign`.
template <class T>
Matrix<T> guidedPrediction(const Matrix<T>& prediction, int64_t batch, int64_t n, int64_t guided, T scale, T sign) {
    Matrix<T> out(batch, n);
    for (int64_t b = 0; b < batch; ++b)
        for (int64_t i = 0; i < n; ++i) {
            const bool both = prediction.rows == 2 * batch && i < guided;
            out(b, i) = sign * (both ? guide(prediction(b, i), prediction(batch + b, i), scale) : prediction(b, i));
        }
    return out;
}

/// Coefficients of one step of a discrete diffusion (Ho et al., 2020; Nichol and Dhariwal, 2021; Song et al., 2021):
/// clean = cleanZ z - cleanNoise e, next = nextClean clean + nextZ z + nextNoise e + spread exp(log variance / 2) noise.
template <class T>
struct DiffusionCoefficients {
    T cleanZ, cleanNoise, nextClean, nextZ, nextNoise, logHigh, logLow, spread;
};

/// Of one value; `v` in -1 .. 1 interpolates the log variance between logLow and logHigh.
template <class T>
T diffusionClean(const DiffusionCoefficients<T>& c, T noise, T z) {
    return c.cleanZ * z - c.cleanNoise * noise;
}
template <class T>
T diffusionNext(const DiffusionCoefficients<T>& c, T predicted, T v, T z, T noise) {
    const T share = (v + T(1)) / T(2);
    return c.nextClean * diffusionClean(c, predicted, z) + c.nextZ * z + c.nextNoise * predicted +
           c.spread * std::exp((share * c.logHigh + (T(1) - share) * c.logLow) / T(2)) * noise;
}

}  // namespace moescope::reference
