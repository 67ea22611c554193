// SPDX-License-Identifier: Apache-2.0
// Batches of pictures from a set, learned and held-out items apart.
#pragma once

#include <memory>

#include "engine/data/picture_set.h"
#include "engine/train/batch_source.h"
#include "engine/train/recipe.h"

namespace moescope::train {

/// The items that are learned from, and those kept aside: every item whose turn comes up by the share, evenly spread, never all.
struct SplitSet {
    std::shared_ptr<const PictureSet> learned, heldOut;  // heldOut null: the share is 0 or there are too few
};
SplitSet splitSet(std::shared_ptr<const PictureSet> set, double heldOutShare);

struct PictureSourceOptions {
    PreparedSize size;
    int64_t batch = 64;
    uint64_t seed = 0;
    int threads = 1;
};

/// InvalidArgument, Format: the set gives no picture.
Result<std::unique_ptr<BatchSource>> makePictureSource(std::shared_ptr<const PictureSet> set, const PictureSourceOptions& options);

}  // namespace moescope::train
