// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/support/random_tensor.h"

#include <algorithm>
#include <cmath>
#include <random>

namespace moescope::test {

double relativeDifference(const std::vector<float>& values, const std::vector<float>& reference) {
    if (values.size() != reference.size()) return HUGE_VAL;
    double difference = 0.0, largest = 0.0;
    for (size_t i = 0; i < values.size(); ++i) {
        const double distance = std::abs(static_cast<double>(values[i]) - static_cast<double>(reference[i]));
        if (!(distance <= HUGE_VAL)) return HUGE_VAL;  // NaN
        difference = std::max(difference, distance);
        largest = std::max(largest, std::abs(static_cast<double>(reference[i])));
    }
    return largest > 0.0 ? difference / largest : difference;
}

HostTensor randomTensor(const Shape& shape, uint32_t seed) {
    std::mt19937 random(seed);
    HostTensor tensor(shape);
    for (float& value : tensor.data) value = static_cast<float>(random() >> 8) * 0x1p-23f - 1.0f;
    return tensor;
}

}  // namespace moescope::test
