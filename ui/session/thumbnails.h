// SPDX-License-Identifier: GPL-3.0-or-later
// Small copies of pictures, for lists of runs.
#pragma once

#include <memory>
#include <vector>

#include "engine/io/png_file.h"
#include "ui/session/run_view.h"

namespace moescope {

inline constexpr int kThumbnailSide = 128;  // pixels

/// The picture itself when no side is longer, else its box average with the longer side at most `side`.
std::shared_ptr<const Picture> thumbnailOf(std::shared_ptr<const Picture> picture, int side = kThumbnailSide);

/// Per image a small copy of the picture, else the preview of the last evaluation; null where there is neither.
std::vector<std::shared_ptr<const Picture>> thumbnailsOf(const RunView& run);

}  // namespace moescope
