// SPDX-License-Identifier: Apache-2.0
// How much memory this process may still take, and how much it has.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace moescope {

/// Bytes that can be taken without swapping: the smaller of the system's estimate and what the control group leaves.
int64_t availableMemory();
/// What the control group `group` ("/user.slice/...") below `root` and the groups around it leave: the limit minus what is
/// used, files that the system can drop not counted. The largest number where there is no limit.
int64_t controlGroupMemory(const std::filesystem::path& root, const std::string& group);
/// Anonymous (private, not file-backed) resident bytes of this process.
int64_t anonymousMemory();
/// "1.4 GB", "730 MB"
std::string bytesText(int64_t bytes);

}  // namespace moescope
