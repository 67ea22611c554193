// SPDX-License-Identifier: GPL-3.0-or-later
// Numbers for runs: made here, made again or read from a file, no two the same within one start of the program.
#pragma once

#include <atomic>

#include "ui/session/run_view.h"

namespace moescope {

/// Any thread.
inline RunId nextRunId() {
    static std::atomic<RunId> last{0};
    return ++last;
}

}  // namespace moescope
