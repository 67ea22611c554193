// SPDX-License-Identifier: GPL-3.0-or-later
// The help pages: all load, all links lead somewhere, search finds; and the window around them.
#include <QFile>
#include <QLineEdit>
#include <QListWidget>
#include <QMenuBar>
#include <QRegularExpression>
#include <QTest>
#include <QTextBrowser>
#include <QScrollBar>
#include <QTextBlock>
#include <QTextDocument>

#include "tests/support/temporary_folder.h"
#include "ui/dialogs/help_drawings.h"
#include "ui/dialogs/help_window.h"
#include "ui/menu_actions.h"
#include "ui/theme.h"

namespace moescope {
namespace {

const std::filesystem::path kHelp = std::filesystem::path(MOESCOPE_RESOURCES) / "help";

QStringList headingsOf(const QString& markdown) {
    QStringList anchors;
    for (const QString& line : markdown.split(QLatin1Char('\n')))
        if (line.startsWith(QLatin1Char('#'))) anchors << anchorOf(withoutMarks(line));
    return anchors;
}

}  // namespace

class HelpWindowTest : public QObject {
    Q_OBJECT
private slots:
    void cleanup() { applyTheme(Theme::System); }

    void everyPageHasATitleASummaryAndText() {
        const HelpPages pages(kHelp);
        QVERIFY(pages.pages().size() >= 14);
        QCOMPARE(pages.pages().front().id, QStringLiteral("index"));
        for (const HelpPage& page : pages.pages()) {
            QVERIFY2(page.title != page.id && page.title.size() > 3, qPrintable(page.id));
            QVERIFY2(page.summary.size() > 20 && page.summary.size() < 300, qPrintable(page.id + QStringLiteral(": ") + page.summary));
            QVERIFY2(page.text.size() > 300, qPrintable(page.id));
        }
    }

    void everyPageIsReachedFromTheFirst() {
        const HelpPages pages(kHelp);
        const QString index = pages.page(QStringLiteral("index"))->text;
        for (const HelpPage& page : pages.pages())
            QVERIFY2(page.id == QLatin1String("index") || index.contains(QStringLiteral("](%1.md)").arg(page.id)), qPrintable(page.id));
    }

    void everyLinkLeadsSomewhere() {
        const HelpPages pages(kHelp);
        const QRegularExpression link(QStringLiteral("(!?)\\[[^\\]]*\\]\\(([^)\\s]+)\\)"));
        int checked = 0;
        for (const HelpPage& page : pages.pages()) {
            for (auto found = link.globalMatch(page.text); found.hasNext();) {
                const auto match = found.next();
                const QString target = match.captured(2);
                const QString where = page.id + QStringLiteral(" -> ") + target;
                if (target.startsWith(QLatin1String("https://"))) continue;
                if (!match.captured(1).isEmpty()) {
                    QVERIFY2(!helpDrawing(target, QPalette(), 16, 1).isNull(), qPrintable(where));
                    continue;
                }
                const QString file = target.section(QLatin1Char('#'), 0, 0), anchor = target.section(QLatin1Char('#'), 1);
                QVERIFY2(file.endsWith(QLatin1String(".md")), qPrintable(where));
                const HelpPage* other = pages.page(file.chopped(3));
                QVERIFY2(other, qPrintable(where));
                QVERIFY2(anchor.isEmpty() || headingsOf(other->text).contains(anchor), qPrintable(where));
                ++checked;
            }
        }
        QVERIFY(checked > 30);
    }

    void everyPageIsDrawnInBothThemes() {
        for (const Theme theme : {Theme::Light, Theme::Dark}) {
            applyTheme(theme);
            HelpWindow window(kHelp);
            auto* browser = window.findChild<QTextBrowser*>();
            for (const HelpPage& page : window.pages().pages()) {
                window.showPage(page.id);
                QCOMPARE(window.currentPage(), page.id);
                QVERIFY2(browser->toPlainText().contains(page.title), qPrintable(page.id));
                // Nothing of the Markdown is left over as text.
                QVERIFY2(!browser->toPlainText().contains(QStringLiteral("](")), qPrintable(page.id));
                QVERIFY2(!browser->toPlainText().contains(QStringLiteral("|--")), qPrintable(page.id));
            }
        }
    }

    void drawingsTakeTheColoursOfThePalette() {
        const QImage light = helpDrawing(QStringLiteral("moe-layer.svg"), themePalette(false), 16, 1);
        const QImage dark = helpDrawing(QStringLiteral("moe-layer.svg"), themePalette(true), 16, 1);
        QVERIFY(!light.isNull() && light.size() == dark.size());
        QVERIFY(light != dark);
        QCOMPARE(helpDrawing(QStringLiteral("moe-layer.svg"), themePalette(true), 16, 2).size(), dark.size() * 2);
    }

    void theTitleWinsTheSearch() {
        const HelpPages pages(kHelp);
        const auto hits = pages.search(QStringLiteral("balance"));
        QVERIFY(!hits.empty());
        QCOMPARE(hits.front().id, QStringLiteral("balance"));
    }

    void theSearchTakesBeginningsAndAllWords() {
        const HelpPages pages(kHelp);
        const auto ids = [&pages](const char* query) {
            QStringList found;
            for (const HelpHit& hit : pages.search(QString::fromLatin1(query))) found << hit.id;
            return found;
        };
        QVERIFY(ids("hugging cach").contains(QStringLiteral("models-and-files")));
        QVERIFY(ids("maxvio").contains(QStringLiteral("glossary")));
        QVERIFY(ids("entropy").contains(QStringLiteral("balance")));
        QVERIFY(ids("balance xylophone").isEmpty());
        QVERIFY(ids("  ").isEmpty());
        QVERIFY(ids(".*").isEmpty());
    }

    void theExcerptShowsTheWord() {
        const HelpPages pages(kHelp);
        for (const HelpHit& hit : pages.search(QStringLiteral("quota"))) {
            QVERIFY2(hit.excerpt.contains(QStringLiteral("quota"), Qt::CaseInsensitive), qPrintable(hit.excerpt));
            QVERIFY(hit.excerpt.size() < 260);
        }
    }

    void typingInTheSearchListsPagesAndEnterOpensTheFirst() {
        HelpWindow window(kHelp);
        window.showPage();
        auto* line = window.findChild<QLineEdit*>();
        auto* list = window.findChild<QListWidget*>();
        const int all = list->count();
        QTest::keyClicks(line, QStringLiteral("entropy"));
        QVERIFY(list->count() < all && list->count() >= 2);
        QTest::keyClick(line, Qt::Key_Return);
        QCOMPARE(window.currentPage(), list->item(0)->data(Qt::UserRole).toString());
        QVERIFY(!window.findChild<QTextBrowser*>()->extraSelections().isEmpty());
        line->clear();
        QCOMPARE(list->count(), all);
        QVERIFY(window.findChild<QTextBrowser*>()->extraSelections().isEmpty());
        QTest::keyClicks(line, QStringLiteral("xylophone"));
        QCOMPARE(list->count(), 1);  // the sentence that says so
        const QString before = window.currentPage();
        QTest::keyClick(line, Qt::Key_Return);
        QCOMPARE(window.currentPage(), before);
    }

    void theListBackAndForwardTurnThePages() {
        HelpWindow window(kHelp);
        window.showPage(QStringLiteral("balance"));
        auto* list = window.findChild<QListWidget*>();
        QCOMPARE(list->currentItem()->data(Qt::UserRole).toString(), QStringLiteral("balance"));
        window.showPage(QStringLiteral("glossary"));
        QVERIFY(QTest::qWaitForWindowActive(&window));
        QTest::keyClick(&window, Qt::Key_Left, Qt::AltModifier);
        QCOMPARE(window.currentPage(), QStringLiteral("balance"));
        QTest::keyClick(&window, Qt::Key_Right, Qt::AltModifier);
        QCOMPARE(window.currentPage(), QStringLiteral("glossary"));
        list->setFocus();
        QTest::keyClick(list, Qt::Key_Home);
        QCOMPARE(window.currentPage(), QStringLiteral("index"));
    }

    void aLinkIsFollowedToItsHeading() {
        HelpWindow window(kHelp);
        window.resize(700, 260);
        window.showPage(QStringLiteral("problems"));
        auto* browser = window.findChild<QTextBrowser*>();
        browser->setSource(QUrl(QStringLiteral("models-and-files.md#sessions")));
        QCOMPARE(window.currentPage(), QStringLiteral("models-and-files"));
        QCOMPARE(browser->textCursor().block().text(), QStringLiteral("Sessions"));
    }

    void anUnknownPageShowsTheFirst() {
        HelpWindow window(kHelp);
        window.showPage(QStringLiteral("no-such-page"));
        QCOMPARE(window.currentPage(), QStringLiteral("index"));
        QVERIFY(window.isVisible());
    }

    void thePlaceOnThePageIsKeptWhenTheThemeChanges() {
        HelpWindow window(kHelp);
        window.resize(700, 260);
        window.showPage(QStringLiteral("glossary"));
        auto* browser = window.findChild<QTextBrowser*>();
        browser->verticalScrollBar()->setValue(200);
        applyTheme(isDark() ? Theme::Light : Theme::Dark);
        QCoreApplication::processEvents();
        QCOMPARE(window.currentPage(), QStringLiteral("glossary"));
        QCOMPARE(browser->verticalScrollBar()->value(), 200);
    }

    void thePageOfKeysIsMadeFromTheMenus() {
        QMenuBar bar;
        QMenu* file = bar.addMenu(QStringLiteral("&File"));
        file->addAction(QStringLiteral("&Save session…"))->setShortcuts({QKeySequence(QStringLiteral("Ctrl+S")), QKeySequence(QStringLiteral("Ctrl+|"))});
        file->addAction(QStringLiteral("Without keys"));
        file->addMenu(QStringLiteral("&Export"))->addAction(QStringLiteral("As CSV"))->setShortcut(QKeySequence(QStringLiteral("Ctrl+E")));
        HelpWindow window(kHelp);
        window.setPart(QStringLiteral("shortcuts"), [&bar] { return shortcutTable(menuActions(bar)); });
        window.showPage(QStringLiteral("shortcuts"));
        const QString text = window.findChild<QTextBrowser*>()->toPlainText();
        QVERIFY(text.contains(QStringLiteral("Ctrl+S, Ctrl+|")));
        QVERIFY(text.contains(QStringLiteral("Save session")));
        QVERIFY(text.contains(QStringLiteral("Export: As CSV")));
        QVERIFY(!text.contains(QStringLiteral("Without keys")));
    }

    void aTranslatedPageIsPreferred() {
        test::TemporaryFolder folder;
        test::writeFile(folder / "index.md", std::string_view("# Start\n\nFirst sentence. See [b](b.md)."));
        test::writeFile(folder / "b.md", std::string_view("# Second\n\nText."));
        std::filesystem::create_directory(folder / "de");
        test::writeFile(folder / "de/b.md", std::string_view("# Zweite\n\nText."));
        const HelpPages german(folder.path(), QStringLiteral("de_DE"));
        QCOMPARE(german.page(QStringLiteral("b"))->title, QStringLiteral("Zweite"));
        QCOMPARE(german.page(QStringLiteral("index"))->title, QStringLiteral("Start"));
        QCOMPARE(german.page(QStringLiteral("index"))->summary, QStringLiteral("First sentence."));
        QCOMPARE(HelpPages(folder.path()).page(QStringLiteral("b"))->title, QStringLiteral("Second"));
    }

    void aMissingFolderGivesAnEmptyWindow() {
        HelpWindow window(std::filesystem::path("/nonexistent/help"));
        window.showPage();
        QVERIFY(window.pages().pages().empty());
    }
};

}  // namespace moescope

QTEST_MAIN(moescope::HelpWindowTest)
#include "help_window_test.moc"
