// SPDX-License-Identifier: GPL-3.0-or-later
// Random tensors for tests, and the measure in which results are compared.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/core/host_tensor.h"

namespace moescope::test {

/// Uniform in -1 .. 1.
HostTensor randomTensor(const Shape& shape, uint32_t seed);

/// Largest difference over largest value of `reference`; infinite where sizes differ or a NaN is met.
double relativeDifference(const std::vector<float>& values, const std::vector<float>& reference);

}  // namespace moescope::test
