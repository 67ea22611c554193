// SPDX-License-Identifier: GPL-3.0-or-later
// `moescope-cli export --view`: the window's views as files, without a window.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <string>

#include "engine/trace/run_record.h"

namespace moescope::cli {

/// As a person typed them; checked where a run is there to check them against.
struct ViewOptions {
    std::string view, output;
    std::optional<int> evaluation;  // from 1; none: the last
    std::optional<int> layer;       // index of the MoE layer; none: the first, and none is marked
    std::string branch = "cond", balance = "entropy", of = "taken", form = "stacked", size = "1200x800";
    std::string measure;            // empty: what tells something about the layers (usualMeasure)
    std::string over;               // empty: what the view shows first
    std::optional<int> image;       // from 0; none: all together, or the first where only one can be shown
    std::string map = "dominant";
    std::optional<int> expert;
    double opacity = 50;            // percent
    double scale = 1;
    bool dark = false;
};

/// Adds --view and what belongs to it.
void addViewOptions(CLI::App& command, ViewOptions& options);

/// Draws the view of the run into `options.output`. Throws an EngineException with a sentence for a person.
void exportView(std::shared_ptr<const RunRecord> run, const ViewOptions& options);

}  // namespace moescope::cli
