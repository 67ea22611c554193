// SPDX-License-Identifier: Apache-2.0
#include "engine/core/name_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

namespace moescope {
namespace {

size_t editDistance(std::string_view a, std::string_view b) {
    std::vector<size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), size_t{0});
    for (size_t i = 0; i < a.size(); ++i) {
        size_t diagonal = std::exchange(row[0], i + 1);
        for (size_t j = 0; j < b.size(); ++j) {
            const size_t replaced = diagonal + (a[i] != b[j]);
            diagonal = row[j + 1];
            row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
        }
    }
    return row.back();
}

}  // namespace

std::string nearestName(std::string_view typed, std::span<const std::string> names) {
    constexpr size_t kLongest = 200;  // what is longer is no slip of the finger
    if (typed.size() > kLongest) return {};
    std::string best;
    size_t fewest = std::max<size_t>(typed.size() / 3, 1) + 1;
    for (const std::string& name : names) {
        if (name.size() > kLongest) continue;
        const size_t distance = editDistance(typed, name);
        if (distance >= fewest) continue;
        fewest = distance;
        best = name;
    }
    return best;
}

std::string quotedList(std::span<const std::string> names, std::string_view lastWord) {
    std::string text;
    for (size_t i = 0; i < names.size(); ++i) {
        if (i > 0) text += i + 1 == names.size() ? fmt::format(" {} ", lastWord) : ", ";
        text += fmt::format("'{}'", names[i]);
    }
    return text;
}

}  // namespace moescope
