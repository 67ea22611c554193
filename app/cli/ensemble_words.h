// SPDX-License-Identifier: GPL-3.0-or-later
// What an ensemble is, for people and for machines: as `info` and `ensemble info` tell it.
#pragma once

#include "app/cli/console.h"
#include "engine/ensemble/ensemble.h"

namespace moescope::cli {

nlohmann::ordered_json ensembleJson(const Ensemble& ensemble);
void ensembleText(const Console& console, const Ensemble& ensemble);

}  // namespace moescope::cli
