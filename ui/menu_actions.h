// SPDX-License-Identifier: GPL-3.0-or-later
// Every command of a menu bar with its place and its keys: for the command palette and the page of shortcuts.
#pragma once

#include <QPointer>
#include <QString>
#include <vector>

class QAction;
class QMenu;
class QMenuBar;

namespace moescope {

struct MenuAction {
    QPointer<QAction> action;
    QString text;     // "Save session as": without mnemonic and dots
    QString path;     // "File › Export"
    QString keys;     // "Ctrl+S", all of them joined; may be empty
};

/// In the order of the menus; separators and commands that are not shown are left out.
std::vector<MenuAction> menuActions(const QMenuBar& bar);
/// Of one menu and those below it.
std::vector<MenuAction> menuActions(const QMenu& menu, const QString& path);

/// "Save session as" of "&Save session as…"
QString plainText(const QString& menuText);

/// All keys as a Markdown table, one part per menu: what the help page of shortcuts shows. Commands without keys are left out.
QString shortcutTable(const std::vector<MenuAction>& actions);

}  // namespace moescope
