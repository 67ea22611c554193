// SPDX-License-Identifier: GPL-3.0-or-later
// The translations: nothing is missing, placeholders and keys agree with the source, plurals are whole, help pages are there.
#include <QAbstractButton>
#include <QAction>
#include <QCoreApplication>
#include <QFile>
#include <QLabel>
#include <QMenuBar>
#include <QRegularExpression>
#include <QSet>
#include <QTest>
#include <QTranslator>
#include <QXmlStreamReader>

#include "engine/io/png_file.h"
#include "engine/io/session_reader.h"
#include "engine/model/checkpoint.h"
#include "engine/model/class_labels.h"
#include "tests/ui/window_fixture.h"
#include "ui/dialogs/help_window.h"
#include "ui/icons.h"
#include "ui/session/engine_sentences.h"
#include "ui/session/help_pages.h"
#include "ui/session/sentences.h"
#include "ui/translations.h"

namespace moescope {
namespace {

const std::filesystem::path kResources = MOESCOPE_RESOURCES;
const QString kGerman = QStringLiteral("de");

struct Message {
    QString context, source;
    QStringList translations;  // two where there are plurals
    bool plural = false, unfinished = false;
};

std::vector<Message> readMessages(const char* name) {
    QFile file(QString::fromStdString((kResources / "translations" / name).string()));
    if (!file.open(QIODevice::ReadOnly)) return {};
    std::vector<Message> messages;
    QString context;
    for (QXmlStreamReader xml(&file); !xml.atEnd();) {
        if (xml.readNext() != QXmlStreamReader::StartElement) continue;
        if (xml.name() == QLatin1String("name")) context = xml.readElementText();
        if (xml.name() == QLatin1String("message"))
            messages.push_back({context, {}, {}, xml.attributes().value(QLatin1String("numerus")) == QLatin1String("yes")});
        if (xml.name() == QLatin1String("source")) messages.back().source = xml.readElementText();
        if (xml.name() == QLatin1String("numerusform")) messages.back().translations << xml.readElementText();
        if (xml.name() == QLatin1String("translation")) {
            messages.back().unfinished = xml.attributes().hasAttribute(QLatin1String("type"));
            if (!messages.back().plural) messages.back().translations << xml.readElementText();
        }
    }
    return messages;
}

/// "%1" and its like, sorted; the singular of a plural may leave %n out.
QStringList placesIn(const QString& text, bool withCount) {
    static const QRegularExpression place(QStringLiteral("%(L?\\d+|n|p)"));
    QStringList places;
    for (auto found = place.globalMatch(text); found.hasNext();) {
        const QString one = found.next().captured();
        if (withCount || one != QLatin1String("%n")) places << one;
    }
    places.sort();
    return places;
}

QStringList linksIn(const QString& text) {
    static const QRegularExpression link(QStringLiteral("\\]\\(([^)\\s]+)\\)"));
    QStringList links;
    for (auto found = link.globalMatch(text); found.hasNext();) links << found.next().captured(1);
    return links;
}

/// The levels of the headings and which lines are tables, lists, pictures or code: what a translation keeps.
QStringList shapeOf(const QString& text) {
    QStringList shape;
    for (const QString& line : text.split(QLatin1Char('\n'))) {
        static const QRegularExpression mark(QStringLiteral("^(#+ |\\||- |\\d+\\. |!\\[|```|<!--)"));
        if (const auto match = mark.match(line); match.hasMatch()) shape << match.captured();
    }
    return shape;
}

QStringList anchorsOf(const QString& text) {
    QStringList anchors;
    for (const QString& line : text.split(QLatin1Char('\n')))
        if (line.startsWith(QLatin1Char('#'))) anchors << anchorOf(withoutMarks(line));
    return anchors;
}

}  // namespace

class TranslationTest : public QObject {
    Q_OBJECT
private slots:
    void init() { registerResources(); }
    void cleanup() {
        for (QTranslator* translator : qApp->findChildren<QTranslator*>()) delete translator;
        QLocale::setDefault(QLocale::c());
    }

    void everyTextHasAFinishedGermanTranslation() {
        const auto messages = readMessages("moescope_de.ts");
        QVERIFY(messages.size() > 700);
        for (const Message& message : messages) {
            QVERIFY2(!message.unfinished, qPrintable(message.context + QStringLiteral(": ") + message.source));
            QCOMPARE(message.translations.size(), message.plural ? 2 : 1);
            for (const QString& text : message.translations) QVERIFY2(!text.isEmpty(), qPrintable(message.source));
        }
    }

    void placesAndKeysAgreeWithTheSource() {
        for (const char* name : {"moescope_de.ts", "moescope_en.ts"})
            for (const Message& message : readMessages(name))
                for (const QString& text : message.translations) {
                    QVERIFY2(placesIn(text, !message.plural) == placesIn(message.source, !message.plural), qPrintable(text));
                    QVERIFY2(text.count(QLatin1Char('&')) == message.source.count(QLatin1Char('&')), qPrintable(text));
                    QVERIFY2(text.front().isSpace() == message.source.front().isSpace(), qPrintable(text));
                    QVERIFY2(text.back().isSpace() == message.source.back().isSpace(), qPrintable(text));
                }
    }

    void keySequencesStayTheSame() {
        int checked = 0;
        for (const Message& message : readMessages("moescope_de.ts")) {
            if (!message.source.startsWith(QLatin1String("Ctrl+"))) continue;
            QCOMPARE(message.translations.front(), message.source);
            ++checked;
        }
        QVERIFY(checked > 10);
    }

    void filtersOfFileDialogsKeepTheirEndings() {
        static const QRegularExpression ending(QStringLiteral("\\*(\\.[a-z.]+)?"));
        const auto endings = [](const QString& text) {
            QStringList found;
            for (auto match = ending.globalMatch(text); match.hasNext();) found << match.next().captured();
            return found;
        };
        for (const Message& message : readMessages("moescope_de.ts"))
            if (message.source.contains(QLatin1String("(*"))) QCOMPARE(endings(message.translations.front()), endings(message.source));
    }

    void englishPluralsAreWhole() {
        const auto english = readMessages("moescope_en.ts");
        QSet<QString> written;
        for (const Message& message : english) {
            QVERIFY2(message.plural && !message.unfinished && message.translations.size() == 2, qPrintable(message.source));
            for (const QString& text : message.translations) QVERIFY2(!text.contains(QLatin1String("(s)")), qPrintable(text));
            written.insert(message.context + message.source);
        }
        for (const Message& message : readMessages("moescope_de.ts"))
            QVERIFY2(!message.plural || written.contains(message.context + message.source), qPrintable(message.source));
    }

    void germanTextsAreShown() {
        installTranslations(*qApp, QStringLiteral("de_AT"));
        QCOMPARE(QCoreApplication::translate("MenuMaker", "&File"), QStringLiteral("&Datei"));
        QCOMPARE(QCoreApplication::translate("ChartKinds", "Experts of the layer"), QStringLiteral("Experten der Schicht"));
        QCOMPARE(QCoreApplication::translate("moescope::HistoryModel", "%n picture(s)", nullptr, 1), QStringLiteral("1 Bild"));
        QCOMPARE(QCoreApplication::translate("moescope::HistoryModel", "%n picture(s)", nullptr, 2), QStringLiteral("2 Bilder"));
        QCOMPARE(HelpWindow(kResources / "help", QLocale().name()).windowTitle(), QStringLiteral("Hilfe"));
        QCOMPARE(QLocale().toString(0.5), QStringLiteral("0,5"));
    }

    void otherLanguagesGetEnglishPlurals() {
        for (const char* locale : {"en", "en_GB", "fr_FR", "C", ""}) {
            installTranslations(*qApp, QString::fromLatin1(locale));
            QCOMPARE(QCoreApplication::translate("moescope::HistoryModel", "%n picture(s)", nullptr, 1), QStringLiteral("1 picture"));
            QCOMPARE(QCoreApplication::translate("moescope::HistoryModel", "%n picture(s)", nullptr, 2), QStringLiteral("2 pictures"));
            QCOMPARE(QCoreApplication::translate("MenuMaker", "&File"), QStringLiteral("&File"));
            cleanup();
        }
    }

    /// What the engine says today, so that a changed sentence there is noticed here.
    void sentencesOfTheEngineAreSaidInGerman() {
        const auto missing = Checkpoint::open("/nonexistent/50%1.safetensors");
        const auto noPicture = readPng("/nonexistent/a.png");
        const auto noSession = SessionReader::open("/nonexistent/a.moescope");
        const auto labels = ClassLabels::load(kResources / "embedded" / "labels.json");
        QVERIFY(!missing.ok() && !noPicture.ok() && !noSession.ok() && labels.ok());
        QVERIFY(sentenceOf(missing.error()).startsWith(QLatin1String("No file or folder")));

        installTranslations(*qApp, kGerman);
        QVERIFY2(sentenceOf(missing.error()).startsWith(QStringLiteral("Keine Datei und kein Ordner „/nonexistent/50%1.safetensors“;")),
                 qPrintable(sentenceOf(missing.error())));
        QVERIFY2(sentenceOf(noPicture.error()).contains(QLatin1String("eine lesbare PNG-Datei")), qPrintable(sentenceOf(noPicture.error())));
        QVERIFY2(sentenceOf(noSession.error()).contains(QLatin1String("diese Datei gibt es nicht")), qPrintable(sentenceOf(noSession.error())));
        const auto unknown = labels->match("qqqqqqqq"), known = labels->match("a red hart on blue");
        QVERIFY(!unknown.ok() && known.ok());
        QVERIFY2(sentenceOf(unknown.error()).startsWith(QStringLiteral("Keine Klasse dieses Modells passt zum Prompt")),
                 qPrintable(sentenceOf(unknown.error())));
        QVERIFY2(!sentenceOf(unknown.error()).contains(QLatin1String(" or ")), qPrintable(sentenceOf(unknown.error())));
        const QString reason = translatedReason(QString::fromStdString(known->reason));
        QVERIFY2(reason.contains(QLatin1String("steh")) && !reason.contains(QLatin1String(" is ")), qPrintable(reason));
        QCOMPARE(translatedSentence(QStringLiteral("something else")), QStringLiteral("something else"));
        QCOMPARE(translatedSentence(QStringLiteral("the experts are told different things: 'a' takes a class of 10, 'b' takes nothing")),
                 QStringLiteral("den Experten wird Verschiedenes gesagt: 'a' bekommt eine Klasse von 10, 'b' bekommt nichts"));
    }

    void everySentenceOfTheTableIsFoundAgain() {
        installTranslations(*qApp, kGerman);
        int checked = 0;
        for (const Message& message : readMessages("moescope_de.ts")) {
            if (message.context != QLatin1String("EngineSentences")) continue;
            QString said = message.source, expected = message.translations.front();
            for (int place = 1; place <= 4; ++place) {
                said.replace(QStringLiteral("%%1").arg(place), QStringLiteral("x%1").arg(place));
                expected.replace(QStringLiteral("%%1").arg(place), QStringLiteral("x%1").arg(place));
            }
            QCOMPARE(translatedSentence(said), expected);
            ++checked;
        }
        QVERIFY(checked > 60);
    }

    void mnemonicsOfTheGermanWindowAreUnique() {
        installTranslations(*qApp, kGerman);
        test::TestWindow w;
        QStringList clashes;
        const auto check = [&clashes](const QString& place, const QStringList& texts, QSet<QString> taken = {}) {
            for (const QString& text : texts) {
                const QString key = QKeySequence::mnemonic(text).toString();
                if (key.isEmpty()) continue;
                if (taken.contains(key)) clashes << place + QStringLiteral(": ") + text;
                taken.insert(key);
            }
        };
        QSet<QString> shortcuts;
        for (const QAction* action : w.window->findChildren<QAction*>())
            for (const QKeySequence& key : action->shortcuts()) shortcuts.insert(key.toString());
        for (const QMenu* menu : w.window->menuBar()->findChildren<QMenu*>()) {
            QStringList texts;
            for (const QAction* action : menu->actions()) texts << action->text();
            check(menu->title(), texts);
        }
        QStringList texts;
        for (const QAction* action : w.window->menuBar()->actions()) texts << action->text();
        for (const QLabel* label : w.window->findChildren<QLabel*>())
            if (label->buddy() && label->isVisible()) texts << label->text();
        for (const QAbstractButton* button : w.window->findChildren<QAbstractButton*>())
            if (button->isVisible()) texts << button->text();
        QVERIFY(texts.contains(QStringLiteral("&Datei")) && texts.size() > 15);
        check(QStringLiteral("window"), texts, shortcuts);
        QVERIFY2(clashes.isEmpty(), qPrintable(clashes.join(QLatin1Char('\n'))));
    }

    void everyHelpPageIsThereInGerman() {
        const HelpPages english(kResources / "help"), german(kResources / "help", kGerman);
        QCOMPARE(german.pages().size(), english.pages().size());
        for (const HelpPage& page : english.pages()) {
            const HelpPage* other = german.page(page.id);
            QVERIFY2(other && other->text != page.text, qPrintable(page.id));
            QVERIFY2(other->title.size() > 3 && other->summary.size() > 20 && other->summary.size() < 320, qPrintable(page.id + other->summary));
            QCOMPARE(shapeOf(other->text), shapeOf(page.text));
        }
    }

    void germanLinksLeadToTheSamePlaces() {
        const HelpPages english(kResources / "help"), german(kResources / "help", kGerman);
        int checked = 0;
        for (const HelpPage& page : german.pages()) {
            const QStringList links = linksIn(page.text), originals = linksIn(english.page(page.id)->text);
            QVERIFY2(links.size() == originals.size(), qPrintable(page.id));
            for (const QString& link : links) {
                const QString file = link.section(QLatin1Char('#'), 0, 0), anchor = link.section(QLatin1Char('#'), 1);
                QVERIFY2(std::any_of(originals.begin(), originals.end(),
                                     [&](const QString& one) { return one.section(QLatin1Char('#'), 0, 0) == file; }),
                         qPrintable(page.id + QStringLiteral(" -> ") + link));
                if (!file.endsWith(QLatin1String(".md"))) continue;
                const HelpPage* other = german.page(file.chopped(3));
                QVERIFY2(other, qPrintable(link));
                QVERIFY2(anchor.isEmpty() || anchorsOf(other->text).contains(anchor), qPrintable(page.id + QStringLiteral(" -> ") + link));
                ++checked;
            }
        }
        QVERIFY(checked > 30);
    }
};

}  // namespace moescope

QTEST_MAIN(moescope::TranslationTest)
#include "translation_test.moc"
