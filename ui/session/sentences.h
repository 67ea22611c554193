// SPDX-License-Identifier: GPL-3.0-or-later
// The engine's sentences as the window says them: what the command line calls an option has another name here.
#pragma once

#include <QString>

#include "engine/core/error.h"

namespace moescope {

/// With a capital and a full stop, and with names of options replaced by the controls of the window.
QString sentenceOf(const std::string& engineText);
inline QString sentenceOf(const EngineError& error) { return sentenceOf(error.message); }

}  // namespace moescope
