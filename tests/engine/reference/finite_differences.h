// SPDX-License-Identifier: GPL-3.0-or-later
// Checks a gradient against central differences in double.
//
// A function with values y is reduced to the number <r, y> with random r; the backward under test is given dy = r. The
// difference
// (<r, y(v + h)> - <r, y(v - h)>) / 2h is wrong by h^2 / 6 of the third derivative, 2e-11 of it for h = 1e-5, and by
// the rounding of y, about 50 operations of 1.1e-16 each on terms that add up to S = sum |r y|: 50 * 1.1e-16 * S / h =
// 6e-10 S. With derivatives up to the third of about the size of the first to a thousand times that, the limit is 1e-7
// of the tensor's largest gradient plus 6e-10 S.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "engine/reference/matrix.h"

namespace moescope::test {

using Values = std::vector<double>;

/// Random numbers of one test, uniform in -1 .. 1.
class RandomValues {
public:
    explicit RandomValues(uint32_t seed) : m_bits(seed) {}

    Values vector(int64_t count) {
        Values values(static_cast<size_t>(count));
        for (double& value : values) value = static_cast<double>(m_bits()) / 2147483648.0 - 1.0;
        return values;
    }
    reference::Matrix<double> matrix(int64_t rows, int64_t cols) { return {rows, cols, vector(rows * cols)}; }

private:
    std::mt19937 m_bits;
};

/// An input of the function, changed in place and restored, and the gradient that is claimed for it.
struct ClaimedGradient {
    std::string name;
    Values* input;
    Values gradient;
};

inline double projected(const Values& r, const Values& y) {
    double sum = 0;
    for (size_t i = 0; i < r.size(); ++i) sum += r[i] * y[i];
    return sum;
}

/// `function` returns y from the inputs as they are now; `projection` is what the backward was given as dy.
inline void expectGradients(const std::function<Values()>& function, const Values& projection,
                            const std::vector<ClaimedGradient>& claims) {
    constexpr double kStep = 1e-5;
    const Values y = function();
    ASSERT_EQ(y.size(), projection.size());
    double terms = 0;
    for (size_t i = 0; i < y.size(); ++i) terms += std::abs(y[i] * projection[i]);
    for (const ClaimedGradient& claim : claims) {
        ASSERT_EQ(claim.input->size(), claim.gradient.size()) << claim.name;
        double largest = 0, worst = 0;
        for (size_t i = 0; i < claim.gradient.size(); ++i) {
            double& value = (*claim.input)[i];
            const double kept = value;
            value = kept + kStep;
            const double above = projected(projection, function());
            value = kept - kStep;
            const double below = projected(projection, function());
            value = kept;
            worst = std::max(worst, std::abs((above - below) / (2 * kStep) - claim.gradient[i]));
            largest = std::max(largest, std::abs(claim.gradient[i]));
        }
        EXPECT_GT(largest, 0) << claim.name;
        EXPECT_LE(worst, 1e-7 * largest + 6e-10 * terms) << claim.name << ", largest gradient " << largest;
    }
}

}  // namespace moescope::test
