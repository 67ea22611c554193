// SPDX-License-Identifier: Apache-2.0
// How much memory this process may still take, and how much it has.
#pragma once

#include <cstdint>
#include <string>

namespace moescope {

/// Bytes that can be taken without swapping: the smaller of the system's estimate and what the control group leaves.
int64_t availableMemory();
/// Anonymous (private, not file-backed) resident bytes of this process.
int64_t anonymousMemory();
/// "1.4 GB", "730 MB"
std::string bytesText(int64_t bytes);

}  // namespace moescope
