// SPDX-License-Identifier: GPL-3.0-or-later
// What the experts did in a run, as plain text for a person without a window.
#pragma once

#include <string>

#include "engine/trace/run_record.h"

namespace moescope {

/// UTF-8, lines of at most about 100 columns: the settings of the run; per MoE layer the share of each expert with a
/// bar (one scale for all layers), balance, and what changed from the first to the last third; and how to read it.
/// Token choice is shown in tokens received, expert choice (where counts are equal by construction) in gate mass. Taken
/// from the conditional branch, all evaluations and images.
std::string routingReport(const RunRecord& run);

}  // namespace moescope
