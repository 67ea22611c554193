// SPDX-License-Identifier: Apache-2.0
// Names and keywords of characters from an annotation file of Unicode CLDR.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "engine/core/error.h"

namespace moescope {

struct CharacterName {
    std::string name;
    std::vector<std::string> keywords;
};

/// By character or sequence, without the selector U+FE0F; what has keywords but no name is left out. NotFound names the
/// Debian package; Format.
Result<std::map<std::string, CharacterName>> readCldrNames(const std::filesystem::path& file);

}  // namespace moescope
