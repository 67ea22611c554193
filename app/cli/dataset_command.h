// SPDX-License-Identifier: GPL-3.0-or-later
// What the subcommands of `dataset` share.
#pragma once

#include <string>

#include "app/cli/console.h"
#include "engine/data/set_writer.h"

namespace moescope::cli {

struct TargetArguments {
    std::string folder;
    bool tar = false, force = false;
    int64_t perShard = 10000;

    void define(CLI::App& command);
    SetTarget target() const;
};

/// Says what was written, as text or JSON.
void sayWritten(const Console& console, const TargetArguments& arguments, const SetSummary& summary);

void addDatasetFolder(CLI::App& dataset, Console& console, int& exitStatus);

}  // namespace moescope::cli
