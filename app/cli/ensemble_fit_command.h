// SPDX-License-Identifier: GPL-3.0-or-later
// `moescope-cli ensemble fit`, to be hung below the command `ensemble`.
#pragma once

#include "app/cli/console.h"

namespace moescope::cli {

void addEnsembleFit(CLI::App& ensemble, Console& console, int& exitStatus);

}  // namespace moescope::cli
