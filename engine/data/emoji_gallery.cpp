// SPDX-License-Identifier: Apache-2.0
#include "engine/data/emoji_gallery.h"

#include <limits>

namespace moescope {
namespace {

/// Sum of squared differences, or something above `most` as soon as it is.
int64_t difference(const uint8_t* a, const uint8_t* b, size_t count, int64_t most) {
    constexpr size_t block = 256;  // 256 * 255^2 fits 32 bits
    int64_t sum = 0;
    for (size_t start = 0; start < count && sum <= most; start += block) {
        int32_t part = 0;
        for (size_t i = start; i < std::min(start + block, count); ++i) {
            const int32_t step = a[i] - b[i];
            part += step * step;
        }
        sum += part;
    }
    return sum;
}

}  // namespace

Result<EmojiGallery> EmojiGallery::make(const PictureSet& set, int64_t side) {
    return guarded([&]() -> EmojiGallery {
        if (side < 1 || side > 4096)
            throw EngineException(ErrorCode::InvalidArgument, "a gallery of pictures needs a side of 1 to 4096 pixels");
        EmojiGallery gallery;
        gallery.m_size.side = side;
        for (int64_t item = 0; item < set.size(); ++item) {
            if (set.item(item).label < 0) continue;
            const auto picture = set.picture(item);
            if (!picture) continue;
            const std::vector<uint8_t> bytes = preparedBytes(*picture, gallery.m_size, false);
            gallery.m_pictures.insert(gallery.m_pictures.end(), bytes.begin(), bytes.end());
            gallery.m_items.push_back(item);
            gallery.m_labels.push_back(set.item(item).label);
        }
        if (gallery.m_items.empty())
            throw EngineException(ErrorCode::Format,
                                  "the data set has no readable picture with a class, so nothing can be compared with "
                                  "it; give another set");
        return gallery;
    });
}

GalleryMatch EmojiGallery::nearest(const Picture8& picture) const {
    const std::vector<uint8_t> bytes = preparedBytes(picture, m_size, false);
    int64_t least = std::numeric_limits<int64_t>::max();
    size_t best = 0;
    for (size_t i = 0; i < m_items.size(); ++i) {
        const int64_t sum = difference(bytes.data(), m_pictures.data() + i * bytes.size(), bytes.size(), least);
        if (sum >= least) continue;
        least = sum;
        best = i;
    }
    return {m_items[best], m_labels[best], static_cast<double>(least) / static_cast<double>(bytes.size())};
}

}  // namespace moescope
