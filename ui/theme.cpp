// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/theme.h"

#include <QApplication>
#include <QStyle>
#include <QToolTip>
#include <optional>

namespace moescope {
namespace {

struct Colours {
    const char *window, *base, *alternate, *button, *text, *dim, *disabled, *highlight, *highlighted, *link, *visited, *toolTip,
        *light, *midlight, *mid, *dark, *shadow, *disabledHighlight;
};

constexpr Colours kLight{.window = "#f3f3f4",
                         .base = "#ffffff",
                         .alternate = "#f6f6f8",
                         .button = "#ececee",
                         .text = "#1d1f23",
                         .dim = "#62666d",
                         .disabled = "#8b8f96",
                         .highlight = "#1f66b5",
                         .highlighted = "#ffffff",
                         .link = "#0b5cad",
                         .visited = "#6b3fa0",
                         .toolTip = "#fffbe6",
                         .light = "#ffffff",
                         .midlight = "#f8f8f9",
                         .mid = "#c3c5c9",
                         .dark = "#a3a6ab",
                         .shadow = "#6f7278",
                         .disabledHighlight = "#b9bdc4"};
constexpr Colours kDark{.window = "#2b2d31",
                        .base = "#1f2124",
                        .alternate = "#26282c",
                        .button = "#383b40",
                        .text = "#e7e8ea",
                        .dim = "#a7abb2",
                        .disabled = "#7d8188",
                        .highlight = "#2f6fb8",
                        .highlighted = "#ffffff",
                        .link = "#7fb4f2",
                        .visited = "#c3a3ee",
                        .toolTip = "#3a3d42",
                        .light = "#54585f",
                        .midlight = "#474a50",
                        .mid = "#232529",
                        .dark = "#1a1b1e",
                        .shadow = "#0c0d0e",
                        .disabledHighlight = "#4a4e55"};

/// The look that the platform gave the application before the first change.
struct PlatformLook {
    QString style;
    bool dark = false;
    QPalette toolTip;
};

}  // namespace

QPalette themePalette(bool dark) {
    const Colours& colours = dark ? kDark : kLight;
    QPalette palette;
    const auto set = [&palette](QPalette::ColorRole role, const char* name) { palette.setColor(role, QColor(QLatin1String(name))); };
    set(QPalette::Window, colours.window);
    set(QPalette::WindowText, colours.text);
    set(QPalette::Base, colours.base);
    set(QPalette::AlternateBase, colours.alternate);
    set(QPalette::Text, colours.text);
    set(QPalette::PlaceholderText, colours.dim);
    set(QPalette::Button, colours.button);
    set(QPalette::ButtonText, colours.text);
    set(QPalette::BrightText, colours.highlighted);
    set(QPalette::Highlight, colours.highlight);
    set(QPalette::HighlightedText, colours.highlighted);
    set(QPalette::Link, colours.link);
    set(QPalette::LinkVisited, colours.visited);
    set(QPalette::ToolTipBase, colours.toolTip);
    set(QPalette::ToolTipText, colours.text);
    set(QPalette::Light, colours.light);
    set(QPalette::Midlight, colours.midlight);
    set(QPalette::Mid, colours.mid);
    set(QPalette::Dark, colours.dark);
    set(QPalette::Shadow, colours.shadow);
    for (const auto role : {QPalette::WindowText, QPalette::Text, QPalette::ButtonText, QPalette::HighlightedText,
                            QPalette::PlaceholderText, QPalette::ToolTipText})
        palette.setColor(QPalette::Disabled, role, QColor(QLatin1String(colours.disabled)));
    palette.setColor(QPalette::Disabled, QPalette::HighlightedText, QColor(QLatin1String(colours.text)));
    palette.setColor(QPalette::Disabled, QPalette::Highlight, QColor(QLatin1String(colours.disabledHighlight)));
    palette.setColor(QPalette::Disabled, QPalette::Base, QColor(QLatin1String(colours.window)));
    return palette;
}

bool isDark(const QPalette& palette) {
    return palette.color(QPalette::Window).lightness() < palette.color(QPalette::WindowText).lightness();
}

bool isDark() { return isDark(QApplication::palette()); }

void applyTheme(Theme theme) {
    static std::optional<PlatformLook> platform;
    static bool ours = false;  // whether our own palette is in force
    if (!platform) platform = PlatformLook{QApplication::style()->objectName(), isDark(), QToolTip::palette()};
    // While the platform's own palette is in force, it may have changed with the desktop.
    if (!ours) platform->dark = isDark();

    if (theme == Theme::System || (theme == Theme::Dark) == platform->dark) {
        if (!ours) return;
        QApplication::setStyle(platform->style);
        QApplication::setPalette(QPalette());  // an unset palette brings back the platform's
        QToolTip::setPalette(platform->toolTip);
        ours = false;
        platform->dark = isDark();
        return;
    }
    if (QApplication::style()->objectName().compare(QLatin1String("fusion"), Qt::CaseInsensitive) != 0)
        QApplication::setStyle(QStringLiteral("Fusion"));
    const QPalette palette = themePalette(theme == Theme::Dark);
    QApplication::setPalette(palette);
    QToolTip::setPalette(palette);
    ours = true;
}

}  // namespace moescope
