// SPDX-License-Identifier: Apache-2.0
// Reads the settings of a diffusers config.json, each with what would be understood in its place.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "engine/model/setting_bag.h"

namespace moescope::unet {

/// A value as it stands in a sentence, cut where it is long.
std::string settingText(const nlohmann::json& value);

/// Throws EngineException (Unsupported): the setting, what it is set to, what this version runs.
[[noreturn]] void refuse(std::string_view key, const nlohmann::json& found, std::string_view expected);

/// Every reader throws through refuse(); a setting that is missing or null has its fallback.
class ConfigReader {
public:
    /// `settings` has to outlive this.
    explicit ConfigReader(const SettingBag& settings) : m_settings(settings) {}

    /// Null where the setting is missing or null.
    const nlohmann::json* given(const char* key) const;
    bool isNull(const char* key) const;
    int64_t integer(const char* key, int64_t fallback, int64_t least, int64_t most) const;
    double number(const char* key, double fallback, double least, double most) const;
    bool flag(const char* key, bool fallback) const;
    /// One number for all of `count` levels, or a list with one for each.
    std::vector<int64_t> perLevel(const char* key, int64_t fallback, int64_t count, int64_t most) const;
    /// The same, where all levels must agree.
    int64_t common(const char* key, int64_t fallback, int64_t count, int64_t most) const;
    /// Whether each block attends: `plain` and `attending` are the names of the two kinds.
    std::vector<bool> blocks(const char* key, int64_t count, const char* plain, const char* attending) const;

private:
    const SettingBag& m_settings;
};

}  // namespace moescope::unet
