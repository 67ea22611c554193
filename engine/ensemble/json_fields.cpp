// SPDX-License-Identifier: Apache-2.0
#include "engine/ensemble/json_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "engine/core/name_list.h"

namespace moescope {

using Json = nlohmann::json;

std::string jsonExcerpt(const Json& value) {
    std::string text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
    if (text.size() > 60) text = text.substr(0, 57) + "...";
    return text;
}

JsonFields::JsonFields(const Json& object, std::string where) : m_object(object), m_where(std::move(where)) {
    if (!object.is_object())
        throw EngineException(ErrorCode::Format, fmt::format("{} is {} where an object in braces is expected; see the "
                                                             "description of ensemble files",
                                                             m_where, jsonExcerpt(object)));
}

void JsonFields::wrong(std::string_view name, std::string_view expected, const Json& found) const {
    throw EngineException(ErrorCode::Format,
                          fmt::format("the field \"{}\" of {} is {} where {} is expected; correct it", name, m_where,
                                      jsonExcerpt(found), expected));
}

const Json* JsonFields::find(std::string_view name) {
    m_asked.emplace_back(name);
    const auto found = m_object.find(name);
    return found == m_object.end() ? nullptr : &*found;
}

const Json& JsonFields::need(std::string_view name) {
    const Json* found = find(name);
    if (!found) throw EngineException(ErrorCode::Format, fmt::format("{} has no field \"{}\"; add it", m_where, name));
    return *found;
}

std::string JsonFields::text(std::string_view name) {
    const Json& found = need(name);
    if (!found.is_string() || found.get_ref<const std::string&>().empty()) wrong(name, "a text", found);
    return found.get<std::string>();
}

std::string JsonFields::text(std::string_view name, std::string otherwise) {
    const Json* found = find(name);
    if (!found) return otherwise;
    if (!found->is_string()) wrong(name, "a text", *found);
    return found->get<std::string>();
}

std::string JsonFields::oneOf(std::string_view name, std::span<const std::string_view> words,
                              std::optional<std::string_view> otherwise) {
    const Json* found = otherwise ? find(name) : &need(name);
    if (!found) return std::string(*otherwise);
    if (!found->is_string() || std::ranges::find(words, found->get_ref<const std::string&>()) == words.end())
        wrong(name, quotedList(std::vector<std::string>(words.begin(), words.end())), *found);
    return found->get<std::string>();
}

int64_t JsonFields::integer(std::string_view name, int64_t low, int64_t high, std::optional<int64_t> otherwise) {
    const Json* found = otherwise ? find(name) : &need(name);
    if (!found) return *otherwise;
    const bool fits = found->is_number_unsigned()  ? std::in_range<int64_t>(found->get<uint64_t>())
                      : found->is_number_integer() ? true
                                                   : false;
    if (!fits || found->get<int64_t>() < low || found->get<int64_t>() > high)
        wrong(name, fmt::format("a whole number from {} to {}", low, high), *found);
    return found->get<int64_t>();
}

uint64_t JsonFields::seed(std::string_view name, uint64_t otherwise) {
    const Json* found = find(name);
    if (!found) return otherwise;
    const bool signedAndFits = found->is_number_integer() && !found->is_number_unsigned() && found->get<int64_t>() >= 0;
    if (!found->is_number_unsigned() && !signedAndFits) wrong(name, "a whole number of at least 0", *found);
    return found->get<uint64_t>();
}

double JsonFields::number(std::string_view name, double low, double high, std::optional<double> otherwise) {
    const Json* found = otherwise ? find(name) : &need(name);
    if (!found) return *otherwise;
    const double value = found->is_number() ? found->get<double>() : NAN;
    if (!(std::isfinite(value) && value >= low && value <= high))
        wrong(name, fmt::format("a number from {} to {}", low, high), *found);
    return value;
}

bool JsonFields::flag(std::string_view name, bool otherwise) {
    const Json* found = find(name);
    if (!found) return otherwise;
    if (!found->is_boolean()) wrong(name, "true or false", *found);
    return found->get<bool>();
}

void JsonFields::refuseOthers() const {
    for (const auto& [name, value] : m_object.items()) {
        if (std::ranges::find(m_asked, name) != m_asked.end()) continue;
        const std::string near = nearestName(name, m_asked);
        const std::string advice = near.empty() ? "remove it" : fmt::format("did you mean \"{}\"?", near);
        throw EngineException(ErrorCode::Format, fmt::format("{} has the field {}, which means nothing there; {}",
                                                             m_where, jsonExcerpt(name), advice));
    }
}

}  // namespace moescope
