// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/session/thumbnails.h"

#include <algorithm>

namespace moescope {

std::shared_ptr<const Picture> thumbnailOf(std::shared_ptr<const Picture> picture, int side) {
    if (!picture || (picture->width <= side && picture->height <= side)) return picture;
    const int longer = std::max(picture->width, picture->height);
    const auto scaled = [&](int length) { return std::max(1, static_cast<int>(int64_t{length} * side / longer)); };
    auto small = std::make_shared<Picture>(Picture{scaled(picture->width), scaled(picture->height), {}});
    small->rgb.resize(static_cast<size_t>(small->width) * static_cast<size_t>(small->height) * 3);
    uint8_t* out = small->rgb.data();
    for (int y = 0; y < small->height; ++y) {
        const int64_t top = int64_t{y} * picture->height / small->height;
        const int64_t bottom = std::max<int64_t>(top + 1, int64_t{y + 1} * picture->height / small->height);
        for (int x = 0; x < small->width; ++x) {
            const int64_t left = int64_t{x} * picture->width / small->width;
            const int64_t right = std::max<int64_t>(left + 1, int64_t{x + 1} * picture->width / small->width);
            int64_t sum[3] = {};
            for (int64_t row = top; row < bottom; ++row) {
                const uint8_t* in = picture->rgb.data() + (row * picture->width + left) * 3;
                for (int64_t i = 0; i < (right - left) * 3; ++i) sum[i % 3] += in[i];
            }
            const int64_t count = (bottom - top) * (right - left);
            for (const int64_t channel : sum) *out++ = static_cast<uint8_t>((channel + count / 2) / count);
        }
    }
    return small;
}

std::vector<std::shared_ptr<const Picture>> thumbnailsOf(const RunView& run) {
    std::vector<std::shared_ptr<const Picture>> thumbnails(static_cast<size_t>(run.images));
    const size_t bytes = static_cast<size_t>(run.previewWidth) * static_cast<size_t>(run.previewHeight) * 3;
    for (size_t image = 0; image < thumbnails.size(); ++image) {
        if (image < run.pictures.size() && run.pictures[image]) {
            // A copy even where nothing shrinks: the run's own picture would keep the whole run in memory.
            const auto small = thumbnailOf(run.pictures[image]);
            thumbnails[image] = small == run.pictures[image] ? std::make_shared<const Picture>(*small) : small;
            continue;
        }
        if (run.evaluations.empty() || bytes == 0) continue;
        const std::vector<uint8_t>& previews = run.evaluations.back()->preview;
        if (previews.size() < (image + 1) * bytes) continue;
        const auto begin = previews.begin() + static_cast<std::ptrdiff_t>(image * bytes);
        thumbnails[image] = thumbnailOf(std::make_shared<const Picture>(
            Picture{run.previewWidth, run.previewHeight, {begin, begin + static_cast<std::ptrdiff_t>(bytes)}}));
    }
    return thumbnails;
}

}  // namespace moescope
