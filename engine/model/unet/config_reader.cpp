// SPDX-License-Identifier: Apache-2.0
#include "engine/model/unet/config_reader.h"

#include <fmt/format.h>

#include <algorithm>

namespace moescope::unet {
namespace {

using nlohmann::json;

int64_t whole(const json& value, const char* key, int64_t least, int64_t most) {
    const double number = value.is_number() ? value.get<double>() : -1;
    if (!(number >= static_cast<double>(least) && number <= static_cast<double>(most)) ||
        number != static_cast<double>(static_cast<int64_t>(number)))
        refuse(key, value, fmt::format("a whole number from {} to {}", least, most));
    return static_cast<int64_t>(number);
}

}  // namespace

std::string settingText(const json& value) {
    return value.dump(-1, ' ', false, json::error_handler_t::replace).substr(0, 80);
}

void refuse(std::string_view key, const json& found, std::string_view expected) {
    throw EngineException(ErrorCode::Unsupported,
                          fmt::format("the U-Net's config.json sets {} to {}; this version runs U-Nets with {}", key,
                                      settingText(found), expected));
}

const json* ConfigReader::given(const char* key) const {
    const json* found = m_settings.whole(key);
    return found && !found->is_null() ? found : nullptr;
}

bool ConfigReader::isNull(const char* key) const {
    const json* found = m_settings.whole(key);
    return found && found->is_null();
}

int64_t ConfigReader::integer(const char* key, int64_t fallback, int64_t least, int64_t most) const {
    const json* value = given(key);
    return value ? whole(*value, key, least, most) : fallback;
}

double ConfigReader::number(const char* key, double fallback, double least, double most) const {
    const json* value = given(key);
    if (!value) return fallback;
    if (!value->is_number() || !(value->get<double>() >= least && value->get<double>() <= most))
        refuse(key, *value, fmt::format("a number from {} to {}", least, most));
    return value->get<double>();
}

bool ConfigReader::flag(const char* key, bool fallback) const {
    const json* value = given(key);
    if (!value) return fallback;
    if (!value->is_boolean()) refuse(key, *value, "true or false");
    return value->get<bool>();
}

std::vector<int64_t> ConfigReader::perLevel(const char* key, int64_t fallback, int64_t count, int64_t most) const {
    const json* value = given(key);
    if (!value || !value->is_array())
        return std::vector<int64_t>(static_cast<size_t>(count), integer(key, fallback, 1, most));
    if (static_cast<int64_t>(value->size()) != count)
        refuse(key, *value, fmt::format("one number for each of its {} levels", count));
    std::vector<int64_t> numbers;
    for (const json& entry : *value) numbers.push_back(whole(entry, key, 1, most));
    return numbers;
}

int64_t ConfigReader::common(const char* key, int64_t fallback, int64_t count, int64_t most) const {
    const std::vector<int64_t> numbers = perLevel(key, fallback, count, most);
    if (std::ranges::any_of(numbers, [&](int64_t n) { return n != numbers.front(); }))
        refuse(key, *given(key), "the same number on all levels");
    return numbers.front();
}

std::vector<bool> ConfigReader::blocks(const char* key, int64_t count, const char* plain, const char* attending) const {
    const json* value = given(key);
    const std::string expected = fmt::format("{} blocks, each {} or {}", count, plain, attending);
    if (!value || !value->is_array() || static_cast<int64_t>(value->size()) != count)
        refuse(key, value ? *value : json(), expected);
    std::vector<bool> attends;
    for (const json& block : *value) {
        if (block != plain && block != attending) refuse(key, block, expected);
        attends.push_back(block == attending);
    }
    return attends;
}

}  // namespace moescope::unet
