// SPDX-License-Identifier: Apache-2.0
#include "engine/data/colour_names.h"

#include <fmt/format.h>

#include <charconv>
#include <utility>

namespace moescope {

Result<std::array<uint8_t, 3>> colourFrom(std::string_view text) {
    static constexpr std::pair<std::string_view, std::array<uint8_t, 3>> kNames[] = {
        {"white", {255, 255, 255}}, {"black", {0, 0, 0}},       {"grey", {128, 128, 128}},
        {"gray", {128, 128, 128}},  {"red", {220, 40, 40}},     {"green", {40, 160, 60}},
        {"blue", {40, 80, 220}},    {"yellow", {250, 220, 40}}, {"pink", {255, 205, 220}},
    };
    for (const auto& [name, colour] : kNames)
        if (text == name) return colour;
    const std::string_view digits = text.starts_with('#') ? text.substr(1) : text;
    uint32_t value = 0;
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    if (digits.size() != 6 || read.ec != std::errc{} || read.ptr != digits.data() + digits.size())
        return {
            ErrorCode::InvalidArgument,
            fmt::format("'{}' is no colour; give a name such as white, black or grey, or RRGGBB in hexadecimal", text)};
    return std::array<uint8_t, 3>{static_cast<uint8_t>(value >> 16), static_cast<uint8_t>(value >> 8),
                                  static_cast<uint8_t>(value)};
}

std::string colourText(std::array<uint8_t, 3> colour) {
    return fmt::format("#{:02x}{:02x}{:02x}", colour[0], colour[1], colour[2]);
}

}  // namespace moescope
