// SPDX-License-Identifier: GPL-3.0-or-later
// The names of model families stay in engine/model: everything else acts on what a model describes of itself.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "engine/model/family.h"

namespace moescope {
namespace {

const std::filesystem::path kSource = MOESCOPE_SOURCE;

/// As people spell them: "DiT-MoE" is also looked for as "DiTMoE" and "DiT_MoE".
std::vector<std::string> spellings(std::string_view name) {
    std::vector<std::string> all{std::string(name)};
    for (const std::string_view between : {"", "_"}) {
        std::string other;
        for (const char c : name) other += c == '-' ? std::string(between) : std::string(1, c);
        if (std::find(all.begin(), all.end(), other) == all.end()) all.push_back(other);
    }
    return all;
}

bool wordAt(const std::string& text, size_t place, size_t length) {
    const auto letter = [&](size_t i) { return i < text.size() && std::isalnum(static_cast<unsigned char>(text[i])); };
    return !(place > 0 && letter(place - 1)) && !letter(place + length);
}

size_t find(const std::string& text, const std::string& word) {
    for (size_t place = text.find(word); place != std::string::npos; place = text.find(word, place + 1))
        if (wordAt(text, place, word.size())) return place;
    return std::string::npos;
}

/// "file:line: word" of each family's name in the code below `folder`.
std::vector<std::string> mentions(const std::filesystem::path& folder) {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(kSource / folder)) {
        const auto extension = entry.path().extension();
        if (extension != ".h" && extension != ".cpp") continue;
        std::ifstream file(entry.path());
        std::stringstream content;
        content << file.rdbuf();
        const std::string text = content.str();
        for (const FamilyDefinition* family : modelFamilies())
            for (const std::string& word : spellings(family->name))
                if (const size_t place = find(text, word); place != std::string::npos)
                    found.push_back(
                        std::filesystem::relative(entry.path(), kSource).string() + ":" +
                        std::to_string(
                            1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(place), '\n')) +
                        ": " + word);
    }
    return found;
}

TEST(FamilyNames, AreNotInSamplersTraceSessionViewsOrWindow) {
    for (const char* folder : {"engine/sampling", "engine/trace", "engine/io", "engine/ensemble", "viz", "ui"})
        for (const std::string& mention : mentions(folder)) ADD_FAILURE() << mention;
}

TEST(FamilyNames, AreFoundWhereTheyAre) {
    std::string all;
    for (const std::string& mention : mentions("engine/model")) all += mention + "\n";
    for (const char* name : {"DSMoE", "JiT", "DiT-MoE", "U-Net"})
        EXPECT_NE(all.find(std::string(": ") + name + "\n"), std::string::npos) << name << "\n" << all;
}

}  // namespace
}  // namespace moescope
