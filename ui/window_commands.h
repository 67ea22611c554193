// SPDX-License-Identifier: GPL-3.0-or-later
// The commands of the main window: menus, keys, and what Ctrl+K finds.
#pragma once

namespace moescope {

class MainWindow;

/// Fills the menu bar. Every command of the window is in a menu with its keys.
void makeMenus(MainWindow& window);
/// Tells the command palette what it can find: commands, classes, experts, help pages.
void fillPalette(MainWindow& window);

}  // namespace moescope
