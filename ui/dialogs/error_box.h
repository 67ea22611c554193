// SPDX-License-Identifier: GPL-3.0-or-later
// Tells a person what went wrong, what to do, and offers it; the details are foldable and can be copied.
#pragma once

#include <QDialog>
#include <functional>
#include <vector>

#include "engine/core/error.h"

class QLabel;
class QPlainTextEdit;
class QPushButton;

namespace moescope {

class EventLog;

/// Something a person can do about it: "Choose another folder…". The box closes first.
struct ErrorAction {
    QString text;
    std::function<void()> run;
};

/// Use showError(); the class is here for tests.
class ErrorBox : public QDialog {
    Q_OBJECT
public:
    ErrorBox(const QString& title, const EngineError& error, EventLog* log, std::vector<ErrorAction> actions, QWidget* parent = nullptr);

    /// What Copy copies: title, sentence, kind of error, end of the log.
    QString details() const { return m_details; }
    void setDetailsShown(bool shown);
    bool tells(const QString& title, const EngineError& error) const;
    /// The same went wrong once more.
    void again();

protected:
    void showEvent(QShowEvent* event) override;

private:
    void fit();

    QString m_title;
    EngineError m_error;
    QString m_details;
    int m_times = 1;
    QLabel* m_repeated = nullptr;
    QPushButton* m_toggle = nullptr;
    QPlainTextEdit* m_text = nullptr;
};

/// Shows the box over `parent`'s window and returns at once. A box that already says this is raised and counts instead. The box
/// deletes itself when it is closed. `log`: where the details take the last lines from; may be null.
ErrorBox* showError(QWidget* parent, const QString& title, const EngineError& error, EventLog* log = nullptr,
                    std::vector<ErrorAction> actions = {});

/// What helps against this kind of error in general; empty where the message itself must say it.
QString errorAdvice(ErrorCode code);

}  // namespace moescope
