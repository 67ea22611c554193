// SPDX-License-Identifier: GPL-3.0-or-later
// The options of `generate` that change what a mixture of networks does.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/trace/network_edits.h"

namespace moescope::cli {

/// Options as typed.
struct NetworkArguments {
    std::string weights, weightsFile;
    std::vector<std::string> muted, pinned;
    std::optional<int64_t> topK;

    void addTo(CLI::App& command);
    /// For the networks `names`; options beat what `repeated` says. Throws EngineException with a sentence.
    NetworkEdits edits(std::span<const std::string> names, const NetworkEdits& repeated) const;
};

}  // namespace moescope::cli
