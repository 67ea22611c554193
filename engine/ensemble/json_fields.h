// SPDX-License-Identifier: Apache-2.0
// Reads the fields of a JSON object that a person wrote, and says in a sentence what is wrong with them.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/core/error.h"

namespace moescope {

/// Every reader throws EngineException (Format) with the field's name, what was expected and what stands there.
class JsonFields {
public:
    /// `where` begins the sentences: "the router section". `object` has to outlive this.
    JsonFields(const nlohmann::json& object, std::string where);

    /// nullptr where it is not there.
    const nlohmann::json* find(std::string_view name);
    const nlohmann::json& need(std::string_view name);
    std::string text(std::string_view name);
    std::string text(std::string_view name, std::string otherwise);
    /// One of `words`; without `otherwise` the field has to be there.
    std::string oneOf(std::string_view name, std::span<const std::string_view> words,
                      std::optional<std::string_view> otherwise = {});
    int64_t integer(std::string_view name, int64_t low, int64_t high, std::optional<int64_t> otherwise = {});
    /// Any whole number of 64 bits without sign.
    uint64_t seed(std::string_view name, uint64_t otherwise);
    /// Finite and within [low, high].
    double number(std::string_view name, double low, double high, std::optional<double> otherwise = {});
    bool flag(std::string_view name, bool otherwise);
    /// Throws where the object has a field that no call above asked for, with the nearest one that was.
    void refuseOthers() const;
    const std::string& where() const { return m_where; }

    [[noreturn]] void wrong(std::string_view name, std::string_view expected, const nlohmann::json& found) const;

private:
    const nlohmann::json& m_object;
    std::string m_where;
    std::vector<std::string> m_asked;
};

/// The value, or a discarded one where the text is no JSON or nested more than 32 deep: what copies or prints a value
/// goes as deep as the value does, and the stack has an end.
template <class Json = nlohmann::json, class Input>
Json parseShallowJson(Input&& input) {
    constexpr int deepest = 32;
    bool tooDeep = false;
    const auto follow = [&tooDeep](int depth, auto, Json&) {
        tooDeep = tooDeep || depth > deepest;
        return depth <= deepest;
    };
    Json json = Json::parse(std::forward<Input>(input), follow, false);
    return tooDeep ? Json(Json::value_t::discarded) : json;
}

/// The value as it stands in a sentence, cut where it is long.
std::string jsonExcerpt(const nlohmann::json& value);

}  // namespace moescope
