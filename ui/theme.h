// SPDX-License-Identifier: GPL-3.0-or-later
// Light, dark, or as the desktop has it: the colours of the whole program.
#pragma once

#include <QPalette>

#include "ui/session/preferences.h"

namespace moescope {

/// Gives the application the wanted look at once; widgets hear of it through QEvent::PaletteChange. The platform's own style and
/// colours stay where they are as light or dark as wanted; elsewhere the Fusion style with the palette below. Window's thread.
void applyTheme(Theme theme);

/// Whether the palette in force is light text on a dark ground.
bool isDark();
bool isDark(const QPalette& palette);

/// Palettes of our own; texts keep a contrast of at least 4.5 to 1 to every ground they stand on.
QPalette themePalette(bool dark);

}  // namespace moescope
