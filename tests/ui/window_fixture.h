// SPDX-License-Identifier: GPL-3.0-or-later
// A whole window on the embedded model with its own settings and History in a temporary folder, and an answer to every dialog.
#pragma once

#include <QApplication>
#include <QDockWidget>
#include <QDragEnterEvent>
#include <QDropEvent>
#include <QLineEdit>
#include <QMessageBox>
#include <QMimeData>
#include <QPushButton>
#include <QSettings>
#include <QTimer>
#include <QtTest>
#include <functional>
#include <memory>

#include "tests/support/temporary_folder.h"
#include "ui/dialogs/error_box.h"
#include "ui/docks/chart_panel.h"
#include "ui/icons.h"
#include "ui/main_window.h"
#include "ui/session/current_run.h"
#include "ui/session/engine_service.h"
#include "ui/session/event_log.h"
#include "ui/session/history_store.h"
#include "ui/session/preferences.h"
#include "ui/session/selection.h"
#include "ui/widgets/canvas_view.h"
#include "ui/widgets/picture_area.h"
#include "ui/widgets/prompt_bar.h"
#include "ui/window_parts.h"

namespace moescope::test {

inline constexpr int kLong = 60000;  // ms; only a failure waits that long

/// While it lives, whatever is modal or pops up is given to `answer`, again and again until it is gone.
class Answering {
public:
    explicit Answering(std::function<void(QWidget&)> answer) : m_answer(std::move(answer)) {
        m_timer.setInterval(15);
        QObject::connect(&m_timer, &QTimer::timeout, &m_timer, [this] {
            QWidget* asked = QApplication::activePopupWidget();
            if (!asked) asked = QApplication::activeModalWidget();
            if (!asked) return;
            if (asked != m_last) ++m_seen;
            m_last = asked;
            m_answer(*asked);
        });
        m_timer.start();
    }
    int seen() const { return m_seen; }  // dialogs that came up

    /// Says no to everything.
    static void dismiss(QWidget& asked) {
        if (auto* dialog = qobject_cast<QDialog*>(&asked))
            dialog->reject();
        else
            asked.close();
    }

private:
    std::function<void(QWidget&)> m_answer;
    QTimer m_timer;
    QWidget* m_last = nullptr;
    int m_seen = 0;
};

/// Presses the button of a message box whose text holds `words`; another dialog is dismissed.
inline std::function<void(QWidget&)> pressing(const QString& words) {
    return [words](QWidget& asked) {
        if (auto* box = qobject_cast<QMessageBox*>(&asked))
            for (QAbstractButton* button : box->buttons())
                if (button->text().remove(QLatin1Char('&')).contains(words, Qt::CaseInsensitive)) return button->click();
        Answering::dismiss(asked);
    };
}

struct TestWindow {
    TemporaryFolder folder;
    QSettings settings;
    EventLog log;
    PreferenceStore preferences;
    EngineService engine;
    SelectionModel selection;
    CurrentRun current;
    HistoryStore history;
    std::unique_ptr<MainWindow> window;

    /// `historyFolder` below the temporary folder; a file of that name makes a folder that can not be written.
    explicit TestWindow(const std::string& historyFolder = "history")
        : settings((registerResources(), QString::fromStdString((folder / "settings.ini").string())), QSettings::IniFormat),
          preferences(settings),
          engine({MOESCOPE_RESOURCES, 2, "auto", preferences.now().device}),
          current(selection),
          history(prepared(historyFolder), qint64{1} << 40) {
        makeWindow();
    }
    ~TestWindow() { window.reset(); }

    void makeWindow() {
        window.reset();
        window = std::make_unique<MainWindow>(Workbench{engine, selection, current, history, preferences, log, settings, MOESCOPE_RESOURCES});
        window->show();
        window->activateWindow();
        static_cast<void>(QTest::qWaitForWindowActive(window.get()));
    }

    WindowParts& parts() { return window->parts(); }
    QLineEdit& prompt() { return *parts().prompt->findChild<QLineEdit*>(QStringLiteral("prompt")); }
    PictureArea& area() { return parts().canvas->area(); }
    ChartPanel& chart(const QString& id) {
        for (ChartPanel* panel : parts().charts)
            if (panel->kind().id == id) return *panel;
        qFatal("no such chart");
    }
    QDockWidget& dock(const QString& name) { return *window->findChild<QDockWidget*>(name); }

    /// The first model, with its weights, and settings that take a moment only.
    bool openModel(int steps = 4, int pictures = 1) {
        window->openFirstModel(QStringLiteral("embedded-emoji"));
        if (!QTest::qWaitFor([this] { return engine.model() && engine.modelState() == ModelState::Ready; }, kLong)) return false;
        quick(steps, pictures);
        return true;
    }
    void quick(int steps, int pictures) {
        GenerateSettings wanted = parts().state.now();
        wanted.steps = steps;
        wanted.pictures = pictures;
        wanted.sampler = SamplerKind::Heun;
        parts().state.set(wanted);
    }
    /// As a person does: click into the line and type; the list of classes that pops up gets the keys, as on a screen.
    void type(const QString& words) {
        QTest::mouseClick(&prompt(), Qt::LeftButton);
        prompt().selectAll();
        QTest::keyClicks(&prompt(), words);
        QCoreApplication::processEvents();  // this platform activates popups, and late
    }
    void order(const QString& words) {
        type(words);
        QWidget* popup = QApplication::activePopupWidget();
        QTest::keyClick(popup ? popup : static_cast<QWidget*>(&prompt()), Qt::Key_Return, Qt::ControlModifier);
        activate();
    }
    /// There is no window manager here that would do it when a popup goes.
    void activate() {
        if (QWidget* popup = QApplication::activePopupWidget()) popup->hide();
        QApplication::setActiveWindow(window.get());
    }
    bool idle() {
        return QTest::qWaitFor([this] { return engine.jobs().isEmpty() && !history.writing(); }, kLong);
    }
    /// Orders and waits for the run; what the window shows then.
    RunViewPtr generate(const QString& words) {
        order(words);
        const bool shown = idle() && settled();
        activate();
        return shown ? current.view() : nullptr;
    }
    /// Canvas and visible charts show the run and the selection of now.
    bool settled() {
        return QTest::qWaitFor([this] {
            const CanvasFramePtr& frame = parts().canvas->frame();
            return current.view() && frame && frame->run == current.view() && frame->selection.evaluation == selection.now().evaluation &&
                   frame->selection.layer == selection.now().layer && frame->selection.image == selection.now().image;
        }, kLong);
    }

    /// The error that is on the screen; null: none.
    ErrorBox* error() const {
        for (QWidget* widget : QApplication::topLevelWidgets())
            if (auto* box = qobject_cast<ErrorBox*>(widget); box && box->isVisible()) return box;
        return nullptr;
    }
    /// Waits for an error, closes it and gives its sentence; empty: none came.
    QString takeError() {
        if (!QTest::qWaitFor([this] { return error() != nullptr; }, kLong)) return {};
        ErrorBox* box = error();
        const QString said = box->accessibleDescription();
        QTest::mouseClick(box->findChild<QPushButton*>(QStringLiteral("closeBox")), Qt::LeftButton);
        QCoreApplication::sendPostedEvents(nullptr, QEvent::DeferredDelete);
        return said;
    }

    void drop(const std::vector<std::filesystem::path>& files) {
        QMimeData data;
        QList<QUrl> urls;
        for (const auto& file : files) urls << QUrl::fromLocalFile(QString::fromStdString(file.string()));
        data.setUrls(urls);
        const QPoint middle = window->rect().center();
        QDragEnterEvent enter(middle, Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
        QApplication::sendEvent(window.get(), &enter);
        if (!enter.isAccepted()) return;
        QDropEvent event(middle, Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
        QApplication::sendEvent(window.get(), &event);
    }

private:
    std::filesystem::path prepared(const std::string& name) const {
        if (name == "blocked") writeFile(folder / "blocked", std::string_view("a file where the folder should be"));
        return name == "blocked" ? folder / "blocked" / "history" : folder / name;
    }
};

}  // namespace moescope::test
