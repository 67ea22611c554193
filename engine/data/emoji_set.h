// SPDX-License-Identifier: Apache-2.0
// Writes data sets of emoji: every character a class, seen many times at slightly different sizes and places.
#pragma once

#include <string>
#include <vector>

#include "engine/data/emoji_font.h"
#include "engine/data/set_writer.h"
#include "engine/model/class_labels.h"

namespace moescope {

inline constexpr const char* emojiFontFile = "/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf";
inline constexpr const char* emojiNamesFile = "/usr/share/unicode/cldr/common/annotations/en.xml";

struct EmojiSetRequest {
    SetTarget target;
    std::filesystem::path font = emojiFontFile, names = emojiNamesFile;
    std::vector<std::string> groups;  // of emojiGroups(); empty: all
    int64_t count = 0;                // 0: 256 of all groups, or all of the groups named
    int64_t side = 32;
    int64_t views = 64;  // of each; the first is the plain one
    std::string background = "white";
    uint64_t seed = 0;
    int captions = 6;  // of a view, drawn from those of its class; the name is always one
};

/// A glyph on its sheet (onSquare with emojiMargin), drawn `scale` times its size and moved by dx, dy output pixels:
/// [side, side, 3].
Picture8 emojiView(const Picture8& sheet, int64_t side, double scale = 1, double dx = 0, double dy = 0);
inline constexpr int64_t emojiMargin = 40;

/// The classes of a request with their names; InvalidArgument, NotFound, Format.
Result<std::vector<ClassLabel>> emojiClasses(const EmojiSetRequest& request);

/// Views are moved by up to 1.5 pixels of 32 and scaled by 0.92 to 1.03. With labels.json, dataset.json and
/// evaluation.jsonl. The same request and font give the same bytes. Errors as emojiClasses, EmojiFont and SetWriter.
Result<SetSummary> writeEmojiSet(const EmojiSetRequest& request, const SetProgress& progress = {});

/// As ClassLabels::load reads it.
std::string labelsText(const std::vector<ClassLabel>& classes);

}  // namespace moescope
