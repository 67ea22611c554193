// SPDX-License-Identifier: GPL-3.0-or-later
// The JSON document of a run's routing, shared by the JSON and the NPZ export.
#pragma once

#include <nlohmann/json.hpp>

#include "engine/trace/run_record.h"

namespace moescope {

/// Descriptors and aggregates; with `records` also the counts and gate mass of every record.
nlohmann::ordered_json routingJson(const RunRecord& run, bool records);

}  // namespace moescope
