// SPDX-License-Identifier: Apache-2.0
// Names in sentences: the one that was meant, and lists of those that there are.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace moescope {

/// The name that `typed` most likely means: the fewest letters changed, at most a third of them; empty where none is
/// near.
std::string nearestName(std::string_view typed, std::span<const std::string> names);

/// "'a', 'b' or 'c'"
std::string quotedList(std::span<const std::string> names, std::string_view lastWord = "or");

}  // namespace moescope
