// SPDX-License-Identifier: Apache-2.0
// What a data set holds: counted by reading every picture once.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "engine/data/picture_loader.h"
#include "engine/data/picture_set.h"
#include "engine/data/set_writer.h"

namespace moescope {

struct PictureSizeCount {
    int64_t width = 0, height = 0, pictures = 0;
};

struct SetStatistics {
    int64_t items = 0;
    int64_t unlabelled = 0;   // items without a class
    int64_t uncaptioned = 0;  // items without a caption
    int64_t captions = 0;     // of all items together
    int64_t differentCaptions = 0;
    int64_t words = 0;                    // different ones, as the matching of prompts reads them
    std::vector<int64_t> perClass;        // items of each class name
    std::vector<PictureSizeCount> sizes;  // the most frequent first
    std::vector<BrokenPicture> broken;    // in the order of items
};

/// On that many threads. Cancelled where `progress` says so.
Result<SetStatistics> measureSet(const PictureSet& set, int threads, const SetProgress& progress = {});

/// Up to `most` pictures, taken evenly from the whole set, each fitted into a square of `cell` pixels, with lines
/// between them. Broken ones stay grey.
Result<Picture8> contactSheet(const PictureSet& set, int64_t most, int64_t cell);

}  // namespace moescope
