// SPDX-License-Identifier: GPL-3.0-or-later
// Writes what a person keeps of a run: pictures with their settings inside. For the pool.
#pragma once

#include <filesystem>

#include "ui/session/run_view.h"

namespace moescope {

/// Picture `image` as PNG, each pixel drawn `factor` times as wide and high; with its settings inside (A1111's text and our JSON) unless
/// `metadata` is false. Appears under its name only when it is complete.
Status savePicture(const RunView& run, int64_t image, const std::filesystem::path& path, int factor, bool metadata);

/// What a person would call the picture's file: "red-heart-42.png", "class-207-43.png".
std::string pictureFileName(const RunView& run, int64_t image, std::string_view extension);

}  // namespace moescope
