// SPDX-License-Identifier: GPL-3.0-or-later
// Light and dark: switching at run time, the way back to the platform's look, contrast of our own palettes.
#include <QApplication>
#include <QLabel>
#include <QStyle>
#include <QTest>
#include <QToolTip>
#include <cmath>

#include "ui/theme.h"

namespace moescope {
namespace {

double linear(double channel) { return channel <= 0.04045 ? channel / 12.92 : std::pow((channel + 0.055) / 1.055, 2.4); }

/// Contrast of two colours by the Web Content Accessibility Guidelines: 1 .. 21.
double contrast(const QColor& one, const QColor& other) {
    const auto luminance = [](const QColor& c) {
        return 0.2126 * linear(c.redF()) + 0.7152 * linear(c.greenF()) + 0.0722 * linear(c.blueF());
    };
    const double a = luminance(one), b = luminance(other);
    return (std::max(a, b) + 0.05) / (std::min(a, b) + 0.05);
}

class PaletteWatcher : public QWidget {
public:
    int changes = 0;

protected:
    void changeEvent(QEvent* event) override {
        if (event->type() == QEvent::PaletteChange) ++changes;
    }
};

}  // namespace

class ThemeTest : public QObject {
    Q_OBJECT
private slots:
    void cleanup() { applyTheme(Theme::System); }

    void darkAndLightDoWhatTheySay() {
        applyTheme(Theme::Dark);
        QVERIFY(isDark());
        applyTheme(Theme::Light);
        QVERIFY(!isDark());
    }

    void theSystemsLookComesBack() {
        const QPalette before = QApplication::palette();
        const QString style = QApplication::style()->objectName();
        applyTheme(isDark() ? Theme::Light : Theme::Dark);
        QVERIFY(QApplication::palette().color(QPalette::Window) != before.color(QPalette::Window));
        applyTheme(Theme::System);
        for (int role = 0; role < QPalette::NColorRoles; ++role)
            QCOMPARE(QApplication::palette().color(QPalette::ColorRole(role)), before.color(QPalette::ColorRole(role)));
        QCOMPARE(QApplication::style()->objectName(), style);
        QCOMPARE(QToolTip::palette().color(QPalette::ToolTipBase).lightness() > 127, !isDark());
    }

    void aWidgetThatIsThereChangesAtOnce() {
        PaletteWatcher widget;
        widget.resize(40, 40);
        widget.show();
        applyTheme(Theme::Dark);
        QTRY_VERIFY(widget.changes > 0);
        QVERIFY(isDark(widget.palette()));
        QVERIFY(widget.grab().toImage().pixelColor(20, 20).lightness() < 100);
    }

    void aPlatformThatIsDarkIsLeftAloneInDark() {
        QPalette theirs = themePalette(true);
        theirs.setColor(QPalette::Window, QColor(10, 40, 10));
        QApplication::setPalette(theirs);
        applyTheme(Theme::Dark);
        QCOMPARE(QApplication::palette().color(QPalette::Window), QColor(10, 40, 10));
        QApplication::setPalette(QPalette());
    }

    void textsStandOutFromEveryGround_data() {
        QTest::addColumn<bool>("dark");
        QTest::newRow("light") << false;
        QTest::newRow("dark") << true;
    }

    void textsStandOutFromEveryGround() {
        QFETCH(bool, dark);
        const QPalette p = themePalette(dark);
        using Role = QPalette::ColorRole;
        const std::pair<Role, Role> pairs[] = {
            {QPalette::WindowText, QPalette::Window},       {QPalette::Text, QPalette::Base},
            {QPalette::Text, QPalette::AlternateBase},      {QPalette::ButtonText, QPalette::Button},
            {QPalette::HighlightedText, QPalette::Highlight}, {QPalette::ToolTipText, QPalette::ToolTipBase},
            {QPalette::Link, QPalette::Base},               {QPalette::Link, QPalette::Window},
            {QPalette::LinkVisited, QPalette::Base},        {QPalette::PlaceholderText, QPalette::Base},
            {QPalette::PlaceholderText, QPalette::Window}};
        for (const auto& [text, ground] : pairs) {
            const double ratio = contrast(p.color(text), p.color(ground));
            QVERIFY2(ratio >= 4.5, qPrintable(QStringLiteral("roles %1 on %2: %3").arg(text).arg(ground).arg(ratio)));
        }
        const double disabled = contrast(p.color(QPalette::Disabled, QPalette::WindowText), p.color(QPalette::Window));
        QVERIFY2(disabled >= 2.5 && disabled < 4.5, qPrintable(QString::number(disabled)));
        QCOMPARE(isDark(p), dark);
    }
};

}  // namespace moescope

QTEST_MAIN(moescope::ThemeTest)
#include "theme_test.moc"
