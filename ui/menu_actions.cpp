// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/menu_actions.h"

#include <QAction>
#include <QCoreApplication>
#include <QKeySequence>
#include <QMenu>
#include <QMenuBar>
#include <QStringList>

namespace moescope {
namespace {

QString keysOf(const QAction& action) {
    QStringList keys;
    for (const QKeySequence& sequence : action.shortcuts()) {
        const QString text = sequence.toString(QKeySequence::NativeText);
        if (!text.isEmpty() && !keys.contains(text)) keys << text;
    }
    return keys.join(QStringLiteral(", "));
}

void collect(const QList<QAction*>& actions, const QString& path, std::vector<MenuAction>& found) {
    for (QAction* action : actions) {
        if (action->isSeparator() || !action->isVisible()) continue;
        const QString text = plainText(action->text());
        if (const QMenu* menu = action->menu()) {
            collect(menu->actions(), path.isEmpty() ? text : path + QStringLiteral(" › ") + text, found);
        } else if (!text.isEmpty()) {
            found.push_back({action, text, path, keysOf(*action)});
        }
    }
}

/// Inside a cell of a Markdown table.
QString cell(QString text) {
    for (const char* special : {"\\", "|", "*", "_", "[", "]", "<", "`"})
        text.replace(QLatin1String(special), QLatin1Char('\\') + QLatin1String(special));
    return text;
}

}  // namespace

std::vector<MenuAction> menuActions(const QMenuBar& bar) {
    std::vector<MenuAction> found;
    collect(bar.actions(), {}, found);
    return found;
}

std::vector<MenuAction> menuActions(const QMenu& menu, const QString& path) {
    std::vector<MenuAction> found;
    collect(menu.actions(), path, found);
    return found;
}

QString plainText(const QString& menuText) {
    QString text;
    for (int i = 0; i < menuText.size(); ++i) {
        if (menuText[i] == QLatin1Char('&') && i + 1 < menuText.size()) ++i;  // the mnemonic, or the second of "&&"
        text += menuText[i];
    }
    if (const auto tab = text.indexOf(QLatin1Char('\t')); tab >= 0) text.truncate(tab);
    if (text.endsWith(QStringLiteral("…"))) text.chop(1);
    if (text.endsWith(QLatin1String("..."))) text.chop(3);
    return text.trimmed();
}

QString shortcutTable(const std::vector<MenuAction>& actions) {
    QString page, menuNow;
    for (const MenuAction& entry : actions) {
        if (entry.keys.isEmpty()) continue;
        const QString menu = entry.path.section(QStringLiteral(" › "), 0, 0);
        if (page.isEmpty() || menu != menuNow) {
            page += QStringLiteral("\n## %1\n\n| %2 | %3 |\n|---|---|\n")
                        .arg(menu.isEmpty() ? QCoreApplication::translate("MenuActions", "Commands") : menu,
                             QCoreApplication::translate("MenuActions", "Keys"),
                             QCoreApplication::translate("MenuActions", "What they do"));
            menuNow = menu;
        }
        const QString below = entry.path.section(QStringLiteral(" › "), 1);
        page += QStringLiteral("| %1 | %2 |\n").arg(cell(entry.keys), cell(below.isEmpty() ? entry.text : below + QStringLiteral(": ") + entry.text));
    }
    return page;
}

}  // namespace moescope
