// SPDX-License-Identifier: GPL-3.0-or-later
// The prompt line with its history, its completer and its class, the seed, the buttons; and the settings panel beside it.
#include "ui/widgets/prompt_bar.h"

#include <QAbstractItemView>
#include <QAction>
#include <QComboBox>
#include <QCompleter>
#include <QDialog>
#include <QDoubleSpinBox>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSignalSpy>
#include <QSpinBox>
#include <QTest>
#include <QToolButton>

#include "tests/support/prompt_model.h"
#include "tests/support/temporary_folder.h"
#include "tests/ui/model_fixture.h"
#include "ui/docks/settings_dock.h"
#include "ui/widgets/interval_bar.h"
#include "ui/widgets/prompt_completer.h"
#include "ui/widgets/seed_field.h"

using namespace moescope;

class PromptBarTest : public QObject {
    Q_OBJECT
private slots:
    void initTestCase();
    void init();
    void cleanup();
    void typingSaysWhichClassIsTakenAndWhy();
    void anEmptyPromptIsASentenceAndNoJob();
    void controlEnterMakesAJob();
    void enterInAnOpenListOfCompletionsStillMakesAJob();
    void shiftPutsTheJobInFront();
    void theSeedIsDrawnShownAndLocked();
    void aTypedSeedIsKept();
    void altArrowsWalkTheHistory();
    void historyKeepsTwoHundredWithoutRepeats();
    void endingsOfTheLastWordsAreOffered();
    void aChosenCompletionReplacesTheLastWords();
    void anotherClassIsOneClickAway();
    void pickingAClassBeatsTheWordsUntilTheyAreEdited();
    void cancelShowsOnlyWhileARunIsGoing();
    void altAGoesToThePrompt();
    void aNegativeThatIsNothingIsSaid();
    void aModelThatReadsPromptsSaysHow();
    void settingsAreEditedAndRestored();
    void anIntervalTurnedRoundIsASentenceInPlace();
    void draggingTheBarMovesTheInterval();
    void restoredValuesBeyondTheBoxesAreShownAsTheyWere();
    void aRunThatDoesNotFitIsAWarning();

private:
    QLineEdit* prompt() const { return m_bar->findChild<QLineEdit*>("prompt"); }
    QString className() const { return m_bar->sentence(); }

    OpenModelPtr m_emoji;
    std::unique_ptr<GenerateState> m_state;
    std::unique_ptr<PromptBar> m_bar;
};

void PromptBarTest::initTestCase() { m_emoji = test::emojiModel(); }

void PromptBarTest::init() {
    m_state = std::make_unique<GenerateState>();
    m_state->setModel(m_emoji);
    m_bar = std::make_unique<PromptBar>(*m_state);
    m_bar->resize(1000, m_bar->sizeHint().height());
    m_bar->show();
    m_bar->activateWindow();
    QVERIFY(QTest::qWaitForWindowActive(m_bar.get()));
    prompt()->setFocus();
}

void PromptBarTest::cleanup() {
    m_bar.reset();
    m_state.reset();
}

void PromptBarTest::typingSaysWhichClassIsTakenAndWhy() {
    QTest::keyClicks(prompt(), "red heart");
    QTRY_VERIFY(className().contains("“red heart”"));
    QVERIFY(className().contains("the words are its name"));
    prompt()->setText("qqqqqq");
    QTRY_VERIFY(!className().contains("red heart"));
    QVERIFY(!className().isEmpty());
}

void PromptBarTest::anEmptyPromptIsASentenceAndNoJob() {
    QSignalSpy ordered(m_bar.get(), &PromptBar::ordered);
    m_bar->findChild<QPushButton*>("generate")->click();
    QCOMPARE(ordered.count(), 0);
    QVERIFY(className().contains("Say what to draw"));
    QTest::keyClicks(prompt(), "pizza");
    QTRY_VERIFY(className().contains("pizza"));  // the sentence goes when the person goes on
}

void PromptBarTest::controlEnterMakesAJob() {
    QSignalSpy ordered(m_bar.get(), &PromptBar::ordered);
    prompt()->setText("pizza");
    QTest::keyClick(prompt(), Qt::Key_Return, Qt::ControlModifier);
    QCOMPARE(ordered.count(), 1);
    const auto order = ordered[0][0].value<GenerationOrder>();
    QCOMPARE(order.request.classes.front(), *m_emoji->labels->byName("pizza"));
    QCOMPARE(ordered[0][1].toBool(), false);
    QCOMPARE(m_bar->history().prompts(), QStringList{"pizza"});
    QTest::keyClick(prompt(), Qt::Key_Return);  // plain Enter as well, and once
    QCOMPARE(ordered.count(), 2);
}

void PromptBarTest::enterInAnOpenListOfCompletionsStillMakesAJob() {
    QSignalSpy ordered(m_bar.get(), &PromptBar::ordered);
    QTest::keyClicks(prompt(), "heart");
    QWidget* popup = prompt()->completer()->popup();
    QTRY_VERIFY(popup->isVisible());
    QTest::keyClick(popup, Qt::Key_Return, Qt::ControlModifier);
    QCOMPARE(ordered.count(), 1);
    QVERIFY(!popup->isVisible());
}

void PromptBarTest::shiftPutsTheJobInFront() {
    QSignalSpy ordered(m_bar.get(), &PromptBar::ordered);
    prompt()->setText("pizza");
    m_bar->setRunning(true);
    QTest::keyClick(prompt(), Qt::Key_Return, Qt::ControlModifier | Qt::ShiftModifier);
    QCOMPARE(ordered.count(), 1);
    QCOMPARE(ordered[0][1].toBool(), true);
    QVERIFY(className().contains("Next in the queue"));
}

void PromptBarTest::theSeedIsDrawnShownAndLocked() {
    auto* text = m_bar->findChild<QLineEdit*>("seedText");
    auto* lock = m_bar->findChild<QToolButton*>("seedLock");
    prompt()->setText("pizza");
    m_bar->findChild<QToolButton*>("seedDice")->click();
    const QString drawn = text->text();
    QCOMPARE(drawn, QString::number(m_state->now().seed));
    QVERIFY(!m_state->now().seedLocked);
    lock->click();
    QVERIFY(m_state->now().seedLocked);
    QSignalSpy ordered(m_bar.get(), &PromptBar::ordered);
    m_bar->generateAction()->trigger();
    QCOMPARE(QString::number(ordered[0][0].value<GenerationOrder>().request.seed), drawn);
    QCOMPARE(text->text(), drawn);
    lock->click();
    m_bar->generateAction()->trigger();
    QCOMPARE(text->text(), QString::number(ordered[1][0].value<GenerationOrder>().request.seed));
}

void PromptBarTest::aTypedSeedIsKept() {
    auto* text = m_bar->findChild<QLineEdit*>("seedText");
    text->selectAll();
    QTest::keyClicks(text, "18446744073709551615");
    QCOMPARE(m_state->now().seed, 18446744073709551615ull);
    QVERIFY(m_state->now().seedLocked);
    QTest::keyClicks(text, "9-x");  // neither too large nor no number
    QCOMPARE(text->text(), QString("18446744073709551615"));
    text->selectAll();
    QTest::keyClicks(text, "007");
    QCOMPARE(m_state->now().seed, 7ull);
    QCOMPARE(text->text(), QString("007"));
}

void PromptBarTest::altArrowsWalkTheHistory() {
    for (const char* words : {"cat", "dog"}) {
        prompt()->setText(words);
        m_bar->generateAction()->trigger();
    }
    prompt()->setText("piz");
    QTest::keyClick(prompt(), Qt::Key_Up, Qt::AltModifier);
    QCOMPARE(prompt()->text(), QString("dog"));
    QTest::keyClick(prompt(), Qt::Key_Up, Qt::AltModifier);
    QCOMPARE(prompt()->text(), QString("cat"));
    QTest::keyClick(prompt(), Qt::Key_Up, Qt::AltModifier);
    QCOMPARE(prompt()->text(), QString("cat"));
    QTest::keyClick(prompt(), Qt::Key_Down, Qt::AltModifier);
    QTest::keyClick(prompt(), Qt::Key_Down, Qt::AltModifier);
    QCOMPARE(prompt()->text(), QString("piz"));  // what was typed before is not lost
    QCOMPARE(m_state->now().prompt, QString("piz"));
}

void PromptBarTest::historyKeepsTwoHundredWithoutRepeats() {
    PromptHistory history;
    for (int i = 0; i < 300; ++i)
        for (int twice = 0; twice < 2; ++twice) history.add(QString("prompt %1 ").arg(i));
    history.add("   ");
    QCOMPARE(history.prompts().size(), qsizetype(200));
    QCOMPARE(history.prompts().front(), QString("prompt 100"));
    QCOMPARE(history.older("prompt 299"), QString("prompt 298"));  // what is shown already is passed over
    QCOMPARE(PromptHistory(history.prompts()).prompts(), history.prompts());
    PromptHistory one({"cat"});
    QCOMPARE(one.older(""), QString("cat"));
    QCOMPARE(one.newer("cat"), QString(""));
    QCOMPARE(PromptHistory().older("x"), QString("x"));
}

void PromptBarTest::endingsOfTheLastWordsAreOffered() {
    const QStringList words{"red heart", "heart", "blue heart", "red apple", "hearth"};
    QCOMPARE(promptEndings(words, "a red he"), (PromptEndings{"a ", {"red heart"}}));
    QCOMPARE(promptEndings(words, "hear"), (PromptEndings{"", {"heart", "hearth", "red heart", "blue heart"}}));
    QCOMPARE(promptEndings(words, "two RED"), (PromptEndings{"two ", {"red heart", "red apple"}}));
    QCOMPARE(promptEndings(words, "red "), PromptEndings{});
    QCOMPARE(promptEndings(words, ""), PromptEndings{});
    QCOMPARE(promptEndings(words, "zebra"), PromptEndings{});
}

void PromptBarTest::aChosenCompletionReplacesTheLastWords() {
    QTest::keyClicks(prompt(), "a pizz");
    auto* popup = prompt()->completer()->popup();
    QTRY_VERIFY(popup->isVisible());
    QTest::keyClick(popup, Qt::Key_Down);
    QTest::keyClick(popup, Qt::Key_Return);
    QCOMPARE(prompt()->text(), QString("a pizza"));
    QCOMPARE(m_state->now().prompt, QString("a pizza"));
}

void PromptBarTest::anotherClassIsOneClickAway() {
    prompt()->setText("heart");
    QTRY_VERIFY(className().contains("heart"));
    auto* label = m_bar->findChild<QLabel*>("sentence");
    const auto taken = classOf(m_state->now(), *m_emoji);
    QVERIFY(!taken->others.isEmpty());
    const OtherClass other = taken->others.front();
    QVERIFY(label->text().contains(QString("href=\"%1\"").arg(other.index)));
    emit label->linkActivated(QString::number(other.index));
    QCOMPARE(m_state->now().classId, other.index);
    QCOMPARE(prompt()->text(), other.name);
    prompt()->undo();
    QCOMPARE(prompt()->text(), QString("heart"));
    QCOMPARE(m_state->now().classId, -1);
}

void PromptBarTest::pickingAClassBeatsTheWordsUntilTheyAreEdited() {
    QTimer::singleShot(0, this, [] {
        auto* dialog = qobject_cast<QDialog*>(QApplication::activeModalWidget());
        QVERIFY(dialog);
        dialog->findChild<QLineEdit*>()->setText("pizza");
        dialog->accept();
    });
    m_bar->findChild<QToolButton*>("pickClass")->click();
    const int pizza = *m_emoji->labels->byName("pizza");
    QCOMPARE(m_state->now().classId, pizza);
    QCOMPARE(prompt()->text(), QString("pizza"));
    QTRY_VERIFY(className().contains("chosen from the list"));
    QTest::keyClicks(prompt(), "s");
    QCOMPARE(m_state->now().classId, -1);
}

void PromptBarTest::cancelShowsOnlyWhileARunIsGoing() {
    auto* cancel = m_bar->findChild<QPushButton*>("cancel");
    QVERIFY(!cancel->isVisible());
    const int height = m_bar->sizeHint().height();
    m_bar->setRunning(true);
    QVERIFY(cancel->isVisible());
    QCOMPARE(m_bar->sizeHint().height(), height);  // nothing jumps
    QSignalSpy asked(m_bar.get(), &PromptBar::cancelRequested);
    QTest::mouseClick(cancel, Qt::LeftButton);
    QCOMPARE(asked.count(), 1);
    m_bar->setRunning(false);
    QVERIFY(!cancel->isVisible());
}

void PromptBarTest::altAGoesToThePrompt() {
    m_bar->findChild<QLineEdit*>("negative")->setFocus();
    prompt()->setText("cat");
    QTest::keyClick(m_bar.get(), Qt::Key_A, Qt::AltModifier);
    QVERIFY(prompt()->hasFocus());
    QCOMPARE(prompt()->selectedText(), QString("cat"));
}

void PromptBarTest::aNegativeThatIsNothingIsSaid() {
    prompt()->setText("pizza");
    auto* negative = m_bar->findChild<QLineEdit*>("negative");
    negative->setText("cat");
    QTRY_VERIFY(className().contains("away from class"));
    negative->setText("qqqqqq");
    QTRY_VERIFY(className().startsWith("Away from:"));
    QSignalSpy ordered(m_bar.get(), &PromptBar::ordered);
    m_bar->generateAction()->trigger();
    QCOMPARE(ordered.count(), 0);
}

void PromptBarTest::aModelThatReadsPromptsSaysHow() {
    const test::TemporaryFolder folder;
    test::PromptToy().write(folder / "toy.safetensors");
    ModelOrder modelOrder;
    modelOrder.path = folder / "toy.safetensors";
    m_state->setModel(test::openedModel(modelOrder));
    QVERIFY(!m_bar->findChild<QToolButton*>("pickClass")->isEnabled());
    auto* negative = m_bar->findChild<QLineEdit*>("negative");
    QCOMPARE(negative->placeholderText(), QString("nothing"));
    prompt()->setText("a red zebra");
    QTRY_VERIFY(className().contains("of 5 places"));
    QVERIFY(className().contains("Not known to the model: “zebra”"));
    negative->setText("blurry");
    QTRY_VERIFY(className().contains("away from “blurry”"));
    QSignalSpy ordered(m_bar.get(), &PromptBar::ordered);
    m_bar->generateAction()->trigger();
    QCOMPARE(ordered.count(), 1);
    const auto order = ordered[0][0].value<GenerationOrder>();
    QCOMPARE(order.request.parameters.prompt, std::string("a red zebra"));
    QCOMPARE(order.request.parameters.negativePrompt, std::string("blurry"));
    QVERIFY(order.title.startsWith("a red zebra"));
    m_state->setModel(m_emoji);
    QVERIFY(m_bar->findChild<QToolButton*>("pickClass")->isEnabled());
}

void PromptBarTest::settingsAreEditedAndRestored() {
    SettingsDock dock(*m_state);
    dock.show();
    const int own = m_emoji->description().defaults.steps;
    auto* steps = dock.findChild<QSpinBox*>("steps");
    auto* defaults = dock.findChild<QPushButton*>("defaults");
    auto* sampler = dock.findChild<QComboBox*>("sampler");
    const auto labelOf = [&](QWidget* field) {
        for (QLabel* label : dock.findChildren<QLabel*>())
            if (label->buddy() == field) return label;
        return static_cast<QLabel*>(nullptr);
    };
    QCOMPARE(steps->value(), own);
    QVERIFY(!defaults->isEnabled());
    QVERIFY(!labelOf(steps)->font().bold());
    steps->setValue(7);
    QCOMPARE(m_state->now().steps, 7);
    QVERIFY(labelOf(steps)->font().bold());
    QVERIFY(!labelOf(sampler)->font().bold());
    QVERIFY(dock.findChild<QLabel*>("evaluations")->text().contains("13"));
    sampler->setFocus();
    QTest::keyClick(sampler, Qt::Key_Up);
    QCOMPARE(m_state->now().sampler, SamplerKind::Euler);
    QVERIFY(!dock.advancedShown());
    QVERIFY(!dock.findChild<QComboBox*>("rng")->isVisible());
    dock.findChild<QToolButton*>("disclosure")->click();
    QVERIFY(dock.findChild<QComboBox*>("rng")->isVisible());
    auto* capture = dock.findChild<QComboBox*>("capture");
    capture->setFocus();
    QTest::keyClick(capture, Qt::Key_Down);
    QCOMPARE(m_state->now().capture, CaptureLevel::Scores);
    QTest::mouseClick(defaults, Qt::LeftButton);
    QCOMPARE(steps->value(), own);
    QCOMPARE(m_state->now(), defaultsOf(m_emoji->description(), m_state->now()));
    QVERIFY(!labelOf(steps)->font().bold());
}

void PromptBarTest::anIntervalTurnedRoundIsASentenceInPlace() {
    SettingsDock dock(*m_state);
    dock.show();
    dock.findChild<QDoubleSpinBox*>("guidanceLow")->setValue(0.8);
    QVERIFY(dock.warning().isEmpty());
    dock.findChild<QDoubleSpinBox*>("guidanceHigh")->setValue(0.2);
    QVERIFY(dock.warning().contains("guidance interval"));
    QVERIFY(dock.findChild<QLabel*>("warning")->isVisible());
    dock.findChild<QDoubleSpinBox*>("guidanceLow")->setValue(0.1);
    QVERIFY(dock.warning().isEmpty());
}

void PromptBarTest::draggingTheBarMovesTheInterval() {
    SettingsDock dock(*m_state);
    dock.resize(400, 600);
    dock.show();
    auto* bar = dock.findChild<IntervalBar*>("interval");
    const int y = bar->height() / 2;
    QTest::mousePress(bar, Qt::LeftButton, {}, QPoint(2, y));
    QTest::mouseMove(bar, QPoint(bar->width() / 2, y));
    QTest::mouseRelease(bar, Qt::LeftButton, {}, QPoint(bar->width() / 2, y));
    QVERIFY(qAbs(m_state->now().guidanceLow - 0.5) < 0.02);
    QCOMPARE(m_state->now().guidanceHigh, 1.0);
    QCOMPARE(dock.findChild<QDoubleSpinBox*>("guidanceLow")->value(), m_state->now().guidanceLow);
}

void PromptBarTest::restoredValuesBeyondTheBoxesAreShownAsTheyWere() {
    SettingsDock dock(*m_state);
    GenerateSettings settings = m_state->now();
    settings.pictures = 500;
    settings.steps = 2000;
    settings.guidance = 55.5;
    settings.rng = "torch-cuda:80,1024";
    m_state->set(settings);
    QCOMPARE(m_state->now(), settings);
    QCOMPARE(dock.findChild<QSpinBox*>("pictures")->value(), 500);
    QCOMPARE(dock.findChild<QSpinBox*>("steps")->value(), 2000);
    QCOMPARE(dock.findChild<QDoubleSpinBox*>("guidance")->value(), 55.5);
    QCOMPARE(dock.findChild<QComboBox*>("rng")->currentText(), QString("torch-cuda:80,1024"));
}

void PromptBarTest::aRunThatDoesNotFitIsAWarning() {
    SettingsDock dock(*m_state);
    GenerateSettings settings = m_state->now();
    settings.pictures = 4096;
    settings.steps = 10000;
    m_state->set(settings);
    QVERIFY2(dock.warning().contains("fewer pictures"), qPrintable(dock.warning()));
}

QTEST_MAIN(PromptBarTest)
#include "prompt_bar_test.moc"
