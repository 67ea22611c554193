// SPDX-License-Identifier: Apache-2.0
// The backwards of the reference norms, of modulation and of gated addition.
#pragma once

#include "engine/reference/norm.h"

namespace moescope::reference {

/// What the backward of a norm takes from its forward, one value per row.
template <class T>
struct NormSaved {
    std::vector<T> mean;      // LayerNorm's; empty for RMS norms
    std::vector<T> rowScale;  // 1 / sqrt(variance + eps), 1 / sqrt(mean(x^2) + eps)
};

template <class T>
NormSaved<T> layerNormSaved(const Matrix<T>& x, T eps) {
    NormSaved<T> saved;
    for (int64_t row = 0; row < x.rows; ++row) {
        T mean = 0, variance = 0;
        for (int64_t i = 0; i < x.cols; ++i) mean += x(row, i) / T(x.cols);
        for (int64_t i = 0; i < x.cols; ++i) variance += (x(row, i) - mean) * (x(row, i) - mean) / T(x.cols);
        saved.mean.push_back(mean);
        saved.rowScale.push_back(T(1) / std::sqrt(variance + eps));
    }
    return saved;
}

template <class T>
NormSaved<T> rmsNormSaved(const Matrix<T>& x, T eps) {
    NormSaved<T> saved;
    for (int64_t row = 0; row < x.rows; ++row) {
        T square = 0;
        for (int64_t i = 0; i < x.cols; ++i) square += x(row, i) * x(row, i);
        saved.rowScale.push_back(T(1) / std::sqrt(square / T(x.cols) + eps));
    }
    return saved;
}

/// The normed rows, before weight and modulation, from what the forward saved.
template <class T>
Matrix<T> normedRows(const Matrix<T>& x, const NormSaved<T>& saved) {
    Matrix<T> y(x.rows, x.cols);
    for (int64_t row = 0; row < x.rows; ++row) {
        const auto at = static_cast<size_t>(row);
        for (int64_t i = 0; i < x.cols; ++i)
            y(row, i) = (x(row, i) - (saved.mean.empty() ? T(0) : saved.mean[at])) * saved.rowScale[at];
    }
    return y;
}

/// Of y = (x - mean) r, r = 1 / sqrt(variance + eps): dx = r (dy - mean(dy) - y mean(dy y)), means over the row.
template <class T>
Matrix<T> layerNormBackward(const Matrix<T>& x, const NormSaved<T>& saved, const Matrix<T>& dy) {
    const Matrix<T> y = normedRows(x, saved);
    Matrix<T> dx(x.rows, x.cols);
    for (int64_t row = 0; row < x.rows; ++row) {
        T mean = 0, along = 0;
        for (int64_t i = 0; i < x.cols; ++i) {
            mean += dy(row, i) / T(x.cols);
            along += dy(row, i) * y(row, i) / T(x.cols);
        }
        for (int64_t i = 0; i < x.cols; ++i)
            dx(row, i) = saved.rowScale[static_cast<size_t>(row)] * (dy(row, i) - mean - y(row, i) * along);
    }
    return dx;
}

template <class T>
struct RmsNormGradients {
    Matrix<T> x;
    std::vector<T> weight;
};

/// Of y = n w, n = x r, r = 1 / sqrt(mean(x^2) + eps): dw = the sum over rows of dy n, dx = r (dn - n mean(dn n)) with
/// dn = dy w. weight [D] or empty (ones).
template <class T>
RmsNormGradients<T> rmsNormBackward(const Matrix<T>& x, const std::vector<T>& weight, const NormSaved<T>& saved,
                                    const Matrix<T>& dy) {
    const Matrix<T> n = normedRows(x, saved);
    RmsNormGradients<T> d{Matrix<T>(x.rows, x.cols), std::vector<T>(static_cast<size_t>(x.cols))};
    for (int64_t row = 0; row < x.rows; ++row) {
        T along = 0;
        for (int64_t i = 0; i < x.cols; ++i) {
            const T w = weight.empty() ? T(1) : weight[static_cast<size_t>(i)];
            d.weight[static_cast<size_t>(i)] += dy(row, i) * n(row, i);
            d.x(row, i) = dy(row, i) * w;
            along += d.x(row, i) * n(row, i) / T(x.cols);
        }
        for (int64_t i = 0; i < x.cols; ++i)
            d.x(row, i) = saved.rowScale[static_cast<size_t>(row)] * (d.x(row, i) - n(row, i) * along);
    }
    return d;
}

template <class T>
struct ModulationGradients {
    Matrix<T> x;           // of what is modulated; of gatedAdd: of the branch
    Matrix<T> modulation;  // [samples, chunks * D], zero in the chunks that are not used
};

/// Of y = x (1 + scale) + shift: dx = dy (1 + scale), dScale = the sum over a sample's rows of dy x, dShift that of dy.
template <class T>
ModulationGradients<T> modulateBackward(const Matrix<T>& x, const Matrix<T>& modulation, int64_t shiftChunk,
                                        int64_t scaleChunk, const Matrix<T>& dy) {
    ModulationGradients<T> d{dy, Matrix<T>(modulation.rows, modulation.cols)};
    for (int64_t row = 0; row < x.rows; ++row) {
        const int64_t sample = row * modulation.rows / x.rows;
        for (int64_t i = 0; i < x.cols; ++i) {
            if (shiftChunk >= 0) d.modulation(sample, shiftChunk * x.cols + i) += dy(row, i);
            if (scaleChunk < 0) continue;
            d.modulation(sample, scaleChunk * x.cols + i) += dy(row, i) * x(row, i);
            d.x(row, i) *= T(1) + modulation(sample, scaleChunk * x.cols + i);
        }
    }
    return d;
}

/// Of x + gate * branch: dBranch = gate dy, dGate = the sum over a sample's rows of dy branch. dx is dy itself.
template <class T>
ModulationGradients<T> gatedAddBackward(const Matrix<T>& branch, const Matrix<T>& modulation, int64_t gateChunk,
                                        const Matrix<T>& dy) {
    ModulationGradients<T> d{dy, Matrix<T>(modulation.rows, modulation.cols)};
    for (int64_t row = 0; row < dy.rows; ++row) {
        const int64_t sample = row * modulation.rows / dy.rows;
        for (int64_t i = 0; i < dy.cols; ++i) {
            d.modulation(sample, gateChunk * dy.cols + i) += dy(row, i) * branch(row, i);
            d.x(row, i) *= modulation(sample, gateChunk * dy.cols + i);
        }
    }
    return d;
}

}  // namespace moescope::reference
