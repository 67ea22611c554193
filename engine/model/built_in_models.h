// SPDX-License-Identifier: Apache-2.0
// The models that come with the program: what they are called and where they lie among the program's data.
#pragma once

#include <filesystem>
#include <span>
#include <string_view>

#include "engine/core/error.h"

namespace moescope {

struct BuiltInModel {
    std::string_view id;    // as it is asked for: "embedded-emoji"
    std::string_view file;  // below the folder of the program's data
};

/// The name by which the first of them can be asked for.
inline constexpr std::string_view kDefaultBuiltIn = "embedded";

/// The default first.
std::span<const BuiltInModel> builtInModels();

/// Whether a person who writes this means a built-in model: "embedded", or "embedded-" and more.
bool meansBuiltIn(std::string_view name);

/// Of one of their names; empty means the default. NotFound, with the names that there are, for another one.
Result<BuiltInModel> builtInModel(std::string_view name);

/// Where it lies below `resources`. Does not look whether it is there.
Result<std::filesystem::path> builtInFile(std::string_view name, const std::filesystem::path& resources);

}  // namespace moescope
