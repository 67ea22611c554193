// SPDX-License-Identifier: Apache-2.0
// Session files (*.moescope): a whole run in one file that replays without the model. Format:
// resources/help/session-format.md.
#pragma once

#include <filesystem>
#include <memory>

#include "engine/core/error.h"
#include "engine/trace/run_record.h"

namespace moescope {

/// Writes to a temporary name, syncs and renames; nothing is left behind when it fails and the run stays in memory. A
/// run whose parts do not fit each other is refused: a file that was written can be opened.
Status saveSession(const RunRecord& run, const std::filesystem::path& path);

/// The whole run in memory, every value checked. To look at parts of a long run, use SessionReader.
Result<std::shared_ptr<const RunRecord>> openSession(const std::filesystem::path& path);

}  // namespace moescope
