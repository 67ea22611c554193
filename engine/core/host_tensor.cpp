// SPDX-License-Identifier: Apache-2.0
#include "engine/core/host_tensor.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace moescope {

std::string shapeText(const Shape& shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

}  // namespace moescope
