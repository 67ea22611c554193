// SPDX-License-Identifier: Apache-2.0
// Colours as people type them.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/core/error.h"

namespace moescope {

/// RRGGBB, #RRGGBB, or one of white, black, grey, gray, red, green, blue, yellow, pink.
Result<std::array<uint8_t, 3>> colourFrom(std::string_view text);
/// "#rrggbb"
std::string colourText(std::array<uint8_t, 3> colour);

}  // namespace moescope
