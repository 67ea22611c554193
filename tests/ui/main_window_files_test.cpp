// SPDX-License-Identifier: GPL-3.0-or-later
// The whole window and files: sessions without a model, pictures that bring their settings, and what can not be opened.
#include <QAction>
#include <QClipboard>
#include <QFileDialog>
#include <QInputDialog>
#include <QLabel>
#include <QListView>
#include <QMenuBar>
#include <QPointer>
#include <QTableWidget>

#include "engine/io/session_file.h"
#include "tests/support/sample_run.h"
#include "tests/ui/window_fixture.h"
#include "ui/dialogs/new_mixture_dialog.h"
#include "ui/docks/history_panel.h"
#include "ui/menu_actions.h"
#include "ui/session/run_export.h"
#include "viz/plots/chart_view.h"

using namespace moescope;
using namespace moescope::test;

namespace fs = std::filesystem;

namespace {

const fs::path kHostile = MOESCOPE_TEST_DATA "/golden/pickle-hostile";

QString textOfPath(const fs::path& path) { return QString::fromStdString(path.string()); }

/// Answers file dialogs with `path`, number dialogs with `number`, and every question with yes.
std::function<void(QWidget&)> choosing(const fs::path& path, int number = 1) {
    return [path, number](QWidget& asked) {
        if (auto* dialog = qobject_cast<QFileDialog*>(&asked)) {
            for (const QString& filter : dialog->nameFilters())
                if (filter.contains(QString::fromStdString(path.extension().string()))) dialog->selectNameFilter(filter);
            dialog->findChild<QLineEdit*>(QStringLiteral("fileNameEdit"))->setText(textOfPath(path));
            static_cast<QDialog*>(dialog)->accept();
        } else if (auto* numbers = qobject_cast<QInputDialog*>(&asked)) {
            numbers->setIntValue(number);
            numbers->accept();
        } else {
            pressing(QStringLiteral("Yes"))(asked);
        }
    };
}

QAction* command(TestWindow& w, const QString& text) {
    for (const MenuAction& entry : menuActions(*w.window->menuBar()))
        if (entry.text == text) return entry.action;
    return nullptr;
}

}  // namespace

class MainWindowFilesTest : public QObject {
    Q_OBJECT
private slots:
    void a_session_opens_with_no_model_at_hand();
    void history_opens_an_earlier_run();
    void a_saved_session_opens_as_the_same_run();
    void a_dropped_session_is_shown();
    void a_dropped_picture_restores_its_settings_after_asking();
    void a_dropped_picture_brings_back_the_built_in_model_that_made_it();
    void a_picture_dropped_on_the_prompt_is_no_text();
    void a_text_file_gives_a_sentence();
    void damaged_sessions_give_a_sentence();
    void hostile_checkpoints_give_a_sentence();
    void a_missing_file_gives_a_sentence();
    void pictures_and_routing_are_written_where_they_are_wanted();
    void a_folder_that_can_not_be_written_gives_a_sentence();
    void charts_are_exported_in_every_format();
    void a_new_mixture_is_made_through_the_dialogs();
};

void MainWindowFilesTest::a_session_opens_with_no_model_at_hand() {
    TestWindow w;
    const fs::path file = w.folder / "sample.moescope";
    QVERIFY(saveSession(sampleRun(), file).ok());
    QVERIFY(!w.engine.model());
    w.window->openPath(textOfPath(file));
    QTRY_VERIFY_WITH_TIMEOUT(w.current.view(), kLong);
    QCOMPARE(w.current.view()->state, RunState::Reopened);
    QVERIFY(w.settled());
    QVERIFY(w.parts().canvas->hasPicture());
    QTRY_COMPARE(chartRows(w.chart("layer-expert").view().chart()), 3);
    // Layer 0 of the sample sends token t of image i to expert (t + i + evaluation) % 3: 2, 1, 1 of the four tokens.
    w.selection.setEvaluation(0);
    QTRY_COMPARE(chartValue(w.chart("load").view().chart(), 0, 0), 2.0);
    QCOMPARE(chartValue(w.chart("load").view().chart(), 0, 1), 1.0);
    QTest::keyClick(w.window.get(), Qt::Key_Right);
    QTRY_COMPARE(chartValue(w.chart("load").view().chart(), 0, 1), 2.0);
}

void MainWindowFilesTest::history_opens_an_earlier_run() {
    TestWindow w;
    QVERIFY(w.openModel());
    QVERIFY(w.generate(QStringLiteral("dog")));
    const RunId first = w.current.view()->id;
    QVERIFY(w.generate(QStringLiteral("banana")));
    QVERIFY(w.current.view()->id != first);
    QListView& list = w.parts().history->list();
    QCOMPARE(list.model()->rowCount(), 2);
    QCOMPARE(list.currentIndex().row(), 0);  // the run that is shown is marked
    const QModelIndex older = list.model()->index(1, 0);
    list.scrollTo(older);
    QTest::mouseClick(list.viewport(), Qt::LeftButton, Qt::NoModifier, list.visualRect(older).center());
    QTRY_COMPARE_WITH_TIMEOUT(w.current.view()->parameters.prompt, std::string("dog"), kLong);
    QVERIFY(w.settled());

    // In the next start, from its file and with no model.
    w.window.reset();
    HistoryStore again(w.history.folder(), qint64{1} << 40);
    EngineService idle({MOESCOPE_RESOURCES, 1, "auto"});
    CurrentRun current(w.selection);
    MainWindow window({idle, w.selection, current, again, w.preferences, w.log, w.settings, MOESCOPE_RESOURCES});
    window.show();
    QTRY_COMPARE_WITH_TIMEOUT(window.parts().history->list().model()->rowCount(), 2, kLong);
    again.open(again.entries()[1].key);
    QTRY_VERIFY_WITH_TIMEOUT(current.view(), kLong);
    QCOMPARE(current.view()->parameters.prompt, std::string("dog"));
    QCOMPARE(current.view()->state, RunState::Reopened);
}

void MainWindowFilesTest::a_saved_session_opens_as_the_same_run() {
    TestWindow w;
    QVERIFY(w.openModel(4, 2));
    const RunViewPtr made = w.generate(QStringLiteral("dog"));
    QVERIFY(made);
    const fs::path file = w.folder / "kept.moescope";
    {
        const Answering answers(choosing(file));
        command(w, QStringLiteral("Save session"))->trigger();
    }
    QTRY_VERIFY_WITH_TIMEOUT(fs::exists(file), kLong);
    QVERIFY(w.idle());
    w.window->openPath(textOfPath(file));
    QTRY_VERIFY_WITH_TIMEOUT(w.current.view() != made, kLong);
    const RunViewPtr read = w.current.view();
    QCOMPARE(read->evaluations.size(), made->evaluations.size());
    QCOMPARE(read->routing->records.size(), made->routing->records.size());
    for (size_t i = 0; i < made->routing->records.size(); ++i) {
        QVERIFY(read->routing->records[i]->counts == made->routing->records[i]->counts);
        QVERIFY(read->routing->records[i]->gate == made->routing->records[i]->gate);
    }
    QVERIFY(*read->pictures[1] == *made->pictures[1]);
    QVERIFY(!w.error());
}

void MainWindowFilesTest::a_dropped_session_is_shown() {
    TestWindow w;
    const fs::path file = w.folder / "renamed.bin";  // told by its content
    QVERIFY(saveSession(sampleRun(), file).ok());
    w.drop({file});
    QTRY_VERIFY_WITH_TIMEOUT(w.current.view(), kLong);
    QCOMPARE(w.current.view()->images, int64_t{2});
}

void MainWindowFilesTest::a_dropped_picture_restores_its_settings_after_asking() {
    TestWindow w;
    QVERIFY(w.openModel());
    const RunViewPtr made = w.generate(QStringLiteral("dog"));
    const fs::path file = w.folder / "dog.png";
    QVERIFY(savePicture(*made, 0, file, 1, true).ok());
    const GenerateSettings before = [&] {
        GenerateSettings other = w.parts().state.now();
        other.prompt = QStringLiteral("cat");
        other.steps = 9;
        other.seed = 7;
        other.seedLocked = false;
        w.parts().state.set(other);
        return other;
    }();
    {
        const Answering answers(pressing(QStringLiteral("Cancel")));
        w.drop({file});
        QTRY_COMPARE_WITH_TIMEOUT(answers.seen(), 1, kLong);
    }
    QVERIFY(w.parts().state.now() == before);
    {
        const Answering answers(pressing(QStringLiteral("Use these settings")));
        w.drop({file});
        QTRY_COMPARE_WITH_TIMEOUT(w.prompt().text(), QStringLiteral("dog"), kLong);
    }
    const GenerateSettings& now = w.parts().state.now();
    QCOMPARE(now.steps, 4);
    QCOMPARE(now.seed, quint64(made->parameters.seed));
    QVERIFY(now.seedLocked);
    // The same picture again.
    QTest::keyClick(&w.prompt(), Qt::Key_Return, Qt::ControlModifier);
    QVERIFY(w.idle());
    QVERIFY(w.current.view() != made);
    QVERIFY(*w.current.view()->pictures[0] == *made->pictures[0]);
}

void MainWindowFilesTest::a_dropped_picture_brings_back_the_built_in_model_that_made_it() {
    TestWindow w;
    QVERIFY(w.openModel());
    const RunViewPtr made = w.generate(QStringLiteral("dog"));
    const fs::path file = w.folder / "dog.png";
    QVERIFY(savePicture(*made, 0, file, 1, true).ok());
    const auto opened = [&w](const char* id) {
        return w.engine.model() && w.engine.model()->order.builtIn == id && w.engine.modelState() == ModelState::Ready;
    };
    w.window->openFirstModel(QStringLiteral("embedded-prompts-early"));
    QTRY_VERIFY_WITH_TIMEOUT(opened("embedded-prompts-early"), kLong);
    {
        const Answering answers(pressing(QStringLiteral("Use these settings")));
        w.drop({file});
        QTRY_VERIFY_WITH_TIMEOUT(opened("embedded-emoji"), kLong);
    }
    QCOMPARE(w.prompt().text(), QStringLiteral("dog"));
    QTest::keyClick(&w.prompt(), Qt::Key_Return, Qt::ControlModifier);
    QVERIFY(w.idle());
    QVERIFY(w.current.view() != made);
    QVERIFY(*w.current.view()->pictures[0] == *made->pictures[0]);
}

void MainWindowFilesTest::a_picture_dropped_on_the_prompt_is_no_text() {
    TestWindow w;
    const fs::path file = w.folder / "sample.moescope";
    QVERIFY(saveSession(sampleRun(), file).ok());
    QMimeData data;
    data.setUrls({QUrl::fromLocalFile(textOfPath(file))});
    QDragEnterEvent enter(QPoint(5, 5), Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
    QApplication::sendEvent(&w.prompt(), &enter);
    QVERIFY(enter.isAccepted());
    QDropEvent event(QPoint(5, 5), Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
    QApplication::sendEvent(&w.prompt(), &event);
    QTRY_VERIFY_WITH_TIMEOUT(w.current.view(), kLong);
    QCOMPARE(w.prompt().text(), QString());
}

void MainWindowFilesTest::a_text_file_gives_a_sentence() {
    TestWindow w;
    const fs::path file = w.folder / "notes.txt";
    writeFile(file, std::string_view("milk, bread\n"));
    w.drop({file});
    const QString said = w.takeError();
    QVERIFY2(said.contains(QStringLiteral("notes.txt")) && said.contains(QLatin1Char(' ')), qPrintable(said));
    QVERIFY(!w.current.view());
}

void MainWindowFilesTest::damaged_sessions_give_a_sentence() {
    TestWindow w;
    QVERIFY(saveSession(sampleRun(), w.folder / "whole.moescope").ok());
    const std::vector<std::byte> whole = fileBytes(w.folder / "whole.moescope");
    std::vector<std::vector<std::byte>> damaged;
    damaged.emplace_back();
    for (const size_t keep : {size_t{7}, size_t{100}, whole.size() / 2, whole.size() - 1})
        damaged.emplace_back(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(keep));
    damaged.push_back(whole);
    for (size_t i = 0; i < 8; ++i) damaged.back()[i] = std::byte{0xff};
    for (const auto& bytes : damaged) {
        const fs::path file = w.folder / "damaged.moescope";
        writeFile(file, bytes);
        w.drop({file});
        const QString said = w.takeError();
        QVERIFY2(said.size() > 20, qPrintable(said));
        QVERIFY2(said.trimmed().endsWith(QLatin1Char('.')), qPrintable(said));
        QVERIFY(!w.current.view());
    }
}

void MainWindowFilesTest::hostile_checkpoints_give_a_sentence() {
    TestWindow w;
    QVERIFY(w.openModel());
    const OpenModelPtr before = w.engine.model();
    int files = 0;
    for (const auto& entry : fs::directory_iterator(kHostile)) {
        const std::string name = entry.path().filename().string();
        if (name == "sharded" || name == "values" || name == "manifest.json") continue;
        ++files;
        w.window->openPath(textOfPath(entry.path()));
        const QString said = w.takeError();
        QVERIFY2(said.size() > 20 && said.contains(QLatin1Char(' ')), (name + ": " + said.toStdString()).c_str());
        QVERIFY2(!said.contains(QStringLiteral("std::")), qPrintable(said));
        QCOMPARE(w.engine.model(), before);  // what was open stays usable
    }
    QVERIFY(files > 50);
    QVERIFY(!fs::exists("PWNED_moescope"));  // what the code in those files would make
    QVERIFY(w.generate(QStringLiteral("dog")));
}

void MainWindowFilesTest::a_missing_file_gives_a_sentence() {
    TestWindow w;
    w.window->openPath(textOfPath(w.folder / "gone.moescope"));
    QVERIFY(w.takeError().contains(QStringLiteral("gone.moescope")));
}

void MainWindowFilesTest::pictures_and_routing_are_written_where_they_are_wanted() {
    TestWindow w;
    QVERIFY(w.openModel(4, 2));
    QVERIFY(w.generate(QStringLiteral("dog")));
    const auto written = [&](const char* text, const fs::path& file, int number = 1) {
        const Answering answers(choosing(file, number));
        command(w, QString::fromUtf8(text))->trigger();
        return QTest::qWaitFor([&] { return fs::exists(file); }, kLong);
    };
    QVERIFY(written("Save picture", w.folder / "large.png", 4));
    QImage large;
    QTRY_VERIFY(large.load(textOfPath(w.folder / "large.png")));
    QCOMPARE(large.size(), QSize(32 * 4, 32 * 4));
    for (const char* name : {"routing.npz", "routing.csv", "routing.json", "routing.txt"})
        QVERIFY2(written("Routing as NPZ, CSV or JSON", w.folder / name), name);
    QVERIFY(!w.error());
    command(w, QStringLiteral("Copy picture"))->trigger();
    QCOMPARE(QApplication::clipboard()->image().size(), QSize(32, 32));
    command(w, QStringLiteral("Copy settings as text"))->trigger();
    QVERIFY(QApplication::clipboard()->text().startsWith(QStringLiteral("dog")));
}

void MainWindowFilesTest::a_folder_that_can_not_be_written_gives_a_sentence() {
    TestWindow w;
    QVERIFY(w.openModel());
    QVERIFY(w.generate(QStringLiteral("dog")));
    const fs::path nowhere = w.folder / "missing" / "dog.moescope";
    w.history.saveAs(w.current.view(), nowhere);
    const QString said = w.takeError();
    QVERIFY2(said.size() > 20, qPrintable(said));
    QVERIFY(!fs::exists(nowhere));
}

void MainWindowFilesTest::charts_are_exported_in_every_format() {
    TestWindow w;
    QVERIFY(w.openModel());
    QVERIFY(w.generate(QStringLiteral("dog")));
    const RoutingTrace& routing = *w.current.view()->routing;
    for (ChartPanel* panel : w.parts().charts) {
        if (panel->kind().concerns && !panel->kind().concerns(routing)) continue;
        for (const char* ending : {".png", ".svg", ".csv"}) {
            const fs::path file = w.folder / (panel->kind().id.toStdString() + ending);
            const Answering answers(choosing(file));
            panel->exportChart();
            QVERIFY2(fs::exists(file) && fs::file_size(file) > 50, file.c_str());
        }
    }
    QVERIFY(!w.error());
    const Answering answers(choosing(w.folder / "load.bmp"));
    w.chart("load").exportChart();
    QVERIFY(w.takeError().contains(QStringLiteral(".svg")));
}

void MainWindowFilesTest::a_new_mixture_is_made_through_the_dialogs() {
    TestWindow w;
    QVERIFY(w.openModel());
    const fs::path embedded = fs::path(MOESCOPE_RESOURCES) / "embedded";
    for (const char* name : {"pets.safetensors", "meals.safetensors"}) fs::copy_file(embedded / "emoji32.safetensors", w.folder / name);
    fs::copy_file(embedded / "labels.json", w.folder / "labels.json");
    command(w, QStringLiteral("New mixture of networks"))->trigger();
    const QPointer<NewMixtureDialog> dialog = w.window->findChild<NewMixtureDialog*>();
    QVERIFY(dialog && dialog->isVisible());

    // The file dialogs are typed into; the one that asks for them is left alone.
    QString typed = QStringLiteral("\"pets.safetensors\" \"meals.safetensors\"");
    int asked = 0;
    const Answering answers([&](QWidget& shown) {
        auto* files = qobject_cast<QFileDialog*>(&shown);
        if (!files) return;
        ++asked;
        files->setDirectory(textOfPath(w.folder.path()));
        files->findChild<QLineEdit*>(QStringLiteral("fileNameEdit"))->setText(typed);
        static_cast<QDialog*>(files)->accept();
    });
    QTest::mouseClick(dialog->findChild<QPushButton*>(QStringLiteral("addNetworks")), Qt::LeftButton);
    auto* table = dialog->findChild<QTableWidget*>(QStringLiteral("mixtureNetworks"));
    QCOMPARE(table->rowCount(), 2);
    QCOMPARE(table->item(0, NewMixtureDialog::Name)->text(), QStringLiteral("pets"));
    table->item(0, NewMixtureDialog::Words)->setText(QStringLiteral("cat dog"));
    table->item(1, NewMixtureDialog::Words)->setText(QStringLiteral("pizza cake"));
    dialog->findChild<QLineEdit*>(QStringLiteral("mixtureName"))->setText(QStringLiteral("Pets and meals"));
    typed = QStringLiteral("pair");  // the ending is added
    QTest::mouseClick(dialog->findChild<QPushButton*>(QStringLiteral("writeMixture")), Qt::LeftButton);
    QTRY_VERIFY_WITH_TIMEOUT(!dialog, kLong);
    QCOMPARE(asked, 2);
    QVERIFY(fs::exists(w.folder / "pair.moe.json"));

    // It is the window's model now, and chooses by the words.
    QTRY_VERIFY_WITH_TIMEOUT(w.engine.model() && w.engine.model()->name == QStringLiteral("Pets and meals"), kLong);
    QTRY_COMPARE_WITH_TIMEOUT(w.engine.modelState(), ModelState::Ready, kLong);
    w.quick(2, 1);
    const RunViewPtr run = w.generate(QStringLiteral("pizza"));
    QVERIFY(run && !w.error());
    QCOMPARE(run->routing->networks, (std::vector<std::string>{"pets", "meals"}));
    for (const auto& record : run->routing->records)
        if (record->layer == 0) QCOMPARE(record->expert, std::vector<uint16_t>{1});
}

QTEST_MAIN(MainWindowFilesTest)
#include "main_window_files_test.moc"
