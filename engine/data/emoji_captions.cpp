// SPDX-License-Identifier: Apache-2.0
#include "engine/data/emoji_captions.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace moescope {

std::string withArticle(std::string_view name) {
    if (name.empty()) return {};
    const std::string_view head = name.substr(0, name.find(" with "));
    const bool plural = head.ends_with('s') && !head.ends_with("ss") && !head.ends_with("us");
    if (plural || name.starts_with("a ") || name.starts_with("the ")) return std::string(name);
    // "unicorn" and "ewe" begin with a consonant to the ear, "hourglass" with a vowel.
    const bool ear =
        name.starts_with("uni") || name.starts_with("ewe") || name.starts_with("one") || name.starts_with("U");
    const bool vowel = (std::string_view("aeiouAEIO").find(name.front()) != std::string_view::npos && !ear) ||
                       name.starts_with("hour") || name.starts_with("x-");
    return fmt::format("{} {}", vowel ? "an" : "a", name);
}

std::vector<EmojiCaptions> emojiCaptions(const std::vector<ClassLabel>& classes, std::string_view background) {
    std::map<std::string, int> owners;  // of a name or keyword: how many classes have it
    for (const ClassLabel& label : classes) {
        ++owners[label.name];
        for (const std::string& keyword : label.keywords)
            if (keyword != label.name) ++owners[keyword];
    }
    std::vector<EmojiCaptions> all;
    for (const ClassLabel& label : classes) {
        const std::string& name = label.name;
        const std::string one = withArticle(name);
        EmojiCaptions captions;
        captions.training = {name,
                             one,
                             "a picture of " + one,
                             "an emoji of " + one,
                             name + " emoji",
                             "the " + name,
                             "an image of " + one,
                             "a drawing of " + one,
                             "a small " + name,
                             "the emoji " + name,
                             "an emoji showing " + one,
                             "a picture showing the " + name};
        captions.heldOut = {"an image showing the " + name, "a small drawing of " + one,
                            fmt::format("a picture, {}", name)};
        if (background.empty()) {
            captions.heldOut.push_back("a drawing, the " + name);
        } else {
            captions.training.push_back(fmt::format("{} on a {} background", one, background));
            captions.heldOut.push_back(fmt::format("the {} emoji on a {} background", name, background));
        }
        std::string list = name;
        for (const std::string& keyword : label.keywords) {
            if (keyword == name) continue;
            list += ", " + keyword;
            captions.training.push_back(fmt::format("{}, {}", name, keyword));
            if (owners[keyword] > 1) continue;
            captions.training.push_back(keyword);
            captions.training.push_back(keyword + " emoji");
        }
        if (list != name) captions.training.push_back(list);
        all.push_back(std::move(captions));
    }
    return all;
}

}  // namespace moescope
