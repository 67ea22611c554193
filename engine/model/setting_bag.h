// SPDX-License-Identifier: Apache-2.0
// Settings that tensor shapes can not give, gathered from files beside the weights and from the person, strongest first.
#pragma once

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/error.h"
#include "engine/io/tensor_source.h"
#include "engine/model/model_description.h"

namespace moescope {

/// Looks names up in several flattened objects; every successful look-up is remembered with its source.
class SettingBag {
public:
    /// Leaves of `object` under their own key ("model.params.MoE_config.n_group" is found as "n_group"); earlier sources win.
    void add(const nlohmann::json& object, std::string source);

    /// First of `names` (spellings of one setting) that some source has as a number (or numeric text).
    std::optional<double> number(std::initializer_list<std::string_view> names);
    std::optional<int64_t> integer(std::initializer_list<std::string_view> names);
    std::optional<std::string> text(std::initializer_list<std::string_view> names);
    std::optional<bool> flag(std::initializer_list<std::string_view> names);
    /// The value under exactly this name, lists and null included, of the strongest source that has it at its top; nullptr where none
    /// has. Not remembered as used. Valid until the next `add`.
    const nlohmann::json* whole(std::string_view name) const;

    const std::vector<SettingSource>& used() const { return m_used; }
    void remember(std::string setting, std::string value, std::string source);

private:
    struct Source {
        std::map<std::string, nlohmann::json, std::less<>> leaves;
        nlohmann::json object;
        std::string name;
    };
    const nlohmann::json* look(std::initializer_list<std::string_view> names, std::string& source);
    std::vector<Source> m_sources;
    std::vector<SettingSource> m_used;
};

/// A YAML or JSON file as a JSON value (YAML scalars become numbers and booleans where they read as such).
Result<nlohmann::json> readConfigFile(const std::filesystem::path& path);

/// Sources that belong to a checkpoint: its metadata or pickled `args`, and config_*.yaml / config.json beside it or one folder up.
void addCheckpointSettings(SettingBag& bag, const TensorSource& source, std::vector<std::string>& notes);

}  // namespace moescope
