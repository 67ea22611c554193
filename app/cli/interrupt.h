// SPDX-License-Identifier: GPL-3.0-or-later
// Ctrl-C as a stop token.
#pragma once

#include <stop_token>

namespace moescope::cli {

/// Blocks SIGINT and SIGTERM in this and all later threads and turns the first of them into a stop request; a second one ends
/// the process. Call once, before other threads start.
void watchInterrupts();

std::stop_token interruptToken();

}  // namespace moescope::cli
