// SPDX-License-Identifier: GPL-3.0-or-later
// Runs in a person's words: names, progress, how they ended.
#pragma once

#include <QString>

#include "ui/session/engine_service.h"
#include "ui/session/run_view.h"

namespace moescope {

/// "red heart, seed 42": the prompt, else the class.
QString runName(const RunView& run);
/// "evaluation 12 of 49, 21 ms each, 0.8 s left"
QString progressText(const RunProgress& progress);
/// "Finished 'red heart, seed 42': 4 pictures." - for the status bar and the log.
QString endText(const RunView& run);
/// "21 ms", "1.4 s", "3 min 20 s"
QString durationText(double seconds);

}  // namespace moescope
