// SPDX-License-Identifier: Apache-2.0
// Adds an expert to the router of an ensemble, or takes one away; the others keep every bit of their logits.
#pragma once

#include <filesystem>
#include <string>

#include "engine/core/error.h"
#include "engine/ensemble/ensemble_file.h"

namespace moescope {

/// The router section of `file` (which lies at `path`) without the expert `index`. A learned router's weights are written again beside
/// the ensemble file; rules lose the expert, and those that named nobody else go.
Result<nlohmann::json> routerWithout(const EnsembleFile& file, const std::filesystem::path& path, size_t index);

/// The router section with one expert more, `name`, at the end. A learned router gives it the logit `bias` for every input until it is
/// fitted; likeness to a prompt needs `words`, a text that the expert is for; rules leave it without weight where they name others.
Result<nlohmann::json> routerWith(const EnsembleFile& file, const std::filesystem::path& path, const std::string& name, const std::string& words,
                                  float bias);

}  // namespace moescope
