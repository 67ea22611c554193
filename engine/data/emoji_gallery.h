// SPDX-License-Identifier: Apache-2.0
// Which class a made picture looks like: that of the training picture with the least difference, pixel by pixel.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/core/error.h"
#include "engine/data/picture_set.h"

namespace moescope {

struct GalleryMatch {
    int64_t item = -1;
    int32_t label = -1;
    double difference = 0;  // mean squared, of values 0 .. 255
};

/// Const after making; any thread.
class EmojiGallery {
public:
    /// Every picture of the set that has a class and can be read, cut to a square of `side` pixels. Format where none
    /// has.
    static Result<EmojiGallery> make(const PictureSet& set, int64_t side);

    /// Of equal ones the first. A picture of another size is cut to a square like the others.
    GalleryMatch nearest(const Picture8& picture) const;
    int64_t size() const { return static_cast<int64_t>(m_items.size()); }

private:
    PreparedSize m_size;
    std::vector<uint8_t> m_pictures;  // [size(), 3, side, side]
    std::vector<int64_t> m_items;
    std::vector<int32_t> m_labels;
};

}  // namespace moescope
