// SPDX-License-Identifier: Apache-2.0
#include "engine/data/set_statistics.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "engine/cpu/thread_pool.h"
#include "engine/model/label_words.h"

namespace moescope {
namespace {

constexpr int64_t kChunk = 64;  // pictures between two looks at whether to stop
constexpr std::array<uint8_t, 3> kLineColour{200, 200, 200}, kBrokenColour{128, 128, 128};

struct Looked {
    int64_t width = 0, height = 0;
    EngineError error;
};

void countWords(const PictureSet& set, SetStatistics& counted) {
    std::set<std::string_view> captions;
    std::set<std::string> words;
    counted.perClass.assign(set.classNames().size(), 0);
    for (int64_t i = 0; i < set.size(); ++i) {
        const TrainingItem& item = set.item(i);
        if (item.label >= 0)
            ++counted.perClass[static_cast<size_t>(item.label)];
        else
            ++counted.unlabelled;
        counted.uncaptioned += item.captions.empty();
        counted.captions += static_cast<int64_t>(item.captions.size());
        for (const std::string& caption : item.captions)
            if (captions.insert(caption).second)
                for (std::string& word : wordsOf(caption)) words.insert(std::move(word));
    }
    counted.differentCaptions = static_cast<int64_t>(captions.size());
    counted.words = static_cast<int64_t>(words.size());
}

}  // namespace

Result<SetStatistics> measureSet(const PictureSet& set, int threads, const SetProgress& progress) {
    return guarded([&]() -> SetStatistics {
        SetStatistics counted;
        counted.items = set.size();
        countWords(set, counted);
        std::map<std::pair<int64_t, int64_t>, int64_t> sizes;
        ThreadPool pool(threads);
        for (int64_t start = 0; start < set.size(); start += kChunk) {
            if (progress && !progress(start, set.size()))
                throw EngineException(ErrorCode::Cancelled, "stopped before all pictures were read");
            std::vector<Looked> looked(static_cast<size_t>(std::min(kChunk, set.size() - start)));
            pool.parallelFor(static_cast<int64_t>(looked.size()), [&](int64_t task, int) {
                Looked& one = looked[static_cast<size_t>(task)];
                const auto picture = set.picture(start + task);
                if (!picture) one.error = picture.error();
                if (picture) std::tie(one.width, one.height) = std::pair(picture->width, picture->height);
            });
            for (size_t i = 0; i < looked.size(); ++i) {
                const int64_t item = start + static_cast<int64_t>(i);
                if (looked[i].width > 0)
                    ++sizes[{looked[i].width, looked[i].height}];
                else
                    counted.broken.push_back({item, set.item(item).key, looked[i].error.message});
            }
        }
        for (const auto& [size, pictures] : sizes) counted.sizes.push_back({size.first, size.second, pictures});
        std::ranges::stable_sort(counted.sizes, std::ranges::greater(), &PictureSizeCount::pictures);
        if (progress) progress(set.size(), set.size());
        return counted;
    });
}

Result<Picture8> contactSheet(const PictureSet& set, int64_t most, int64_t cell) {
    return guarded([&]() -> Picture8 {
        if (most < 1 || cell < 1 || most * (cell + 1) * (cell + 1) > int64_t{50'000'000})
            throw EngineException(
                ErrorCode::InvalidArgument,
                "a contact sheet of that many pictures would be too large; ask for fewer or smaller ones");
        const int64_t shown = std::min(most, set.size());
        const auto columns = static_cast<int64_t>(std::ceil(std::sqrt(static_cast<double>(shown))));
        const int64_t rows = (shown + columns - 1) / columns;
        Picture8 sheet{columns * (cell + 1) + 1, rows * (cell + 1) + 1, {}};
        for (int64_t pixel = 0; pixel < sheet.width * sheet.height; ++pixel)
            sheet.rgb.insert(sheet.rgb.end(), kLineColour.begin(), kLineColour.end());
        const PreparedSize size{.side = cell, .fit = PreparedSize::Fit::Pad, .padding = kLineColour};
        const auto plane = static_cast<size_t>(cell * cell);
        for (int64_t i = 0; i < shown; ++i) {
            const auto picture = set.picture(i * set.size() / shown);
            const std::vector<uint8_t> bytes =
                picture ? preparedBytes(*picture, size, false) : std::vector<uint8_t>(3 * plane, kBrokenColour[0]);
            for (int64_t y = 0; y < cell; ++y)
                for (int64_t x = 0; x < cell; ++x)
                    for (size_t channel = 0; channel < 3; ++channel)
                        sheet.rgb[3 * static_cast<size_t>(((i / columns) * (cell + 1) + 1 + y) * sheet.width +
                                                          (i % columns) * (cell + 1) + 1 + x) +
                                  channel] = bytes[channel * plane + static_cast<size_t>(y * cell + x)];
        }
        return sheet;
    });
}

}  // namespace moescope
