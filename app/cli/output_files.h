// SPDX-License-Identifier: GPL-3.0-or-later
// Files that commands leave behind.
#pragma once

#include <filesystem>
#include <string>

#include "engine/core/error.h"
#include "engine/trace/run_record.h"

namespace moescope::cli {

/// Picture `image` of a run as PNG; with its settings inside (A1111's text and our JSON) unless `metadata` is false.
Status writeRunPicture(const std::filesystem::path& path, const RunRecord& run, int64_t image, bool metadata);

/// Appears under its name only when it is complete.
Status writeTextFile(const std::filesystem::path& path, const std::string& text);

}  // namespace moescope::cli
