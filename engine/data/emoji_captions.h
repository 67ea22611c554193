// SPDX-License-Identifier: Apache-2.0
// What people would call an emoji, and ways of asking for it that training does not show.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/model/class_labels.h"

namespace moescope {

struct EmojiCaptions {
    std::vector<std::string> training;  // the name first
    std::vector<std::string>
        heldOut;  // other phrasings; every word of them stands in some training caption of the same class
};

/// For each class. A keyword stands alone only where no other class has it. `background`: a word, or empty.
std::vector<EmojiCaptions> emojiCaptions(const std::vector<ClassLabel>& classes, std::string_view background);

/// "a red apple", "an ant", "glasses": plurals and names with an article of their own stay as they are.
std::string withArticle(std::string_view name);

}  // namespace moescope
