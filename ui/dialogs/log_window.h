// SPDX-License-Identifier: GPL-3.0-or-later
// The log in a window: follows it, copies, saves and clears it.
#pragma once

#include <QDialog>

#include "ui/session/event_log.h"

class QPlainTextEdit;
class QPushButton;
class QTimer;

namespace moescope {

/// Not modal. `log` outlives it.
class LogWindow : public QDialog {
    Q_OBJECT
public:
    explicit LogWindow(EventLog& log, QWidget* parent = nullptr);

    void copy() const;
    /// Asks where to.
    void save();
    /// Whether it could be written; `failed` says why not.
    bool saveTo(const QString& file);

signals:
    void failed(const moescope::EngineError& error);

protected:
    void showEvent(QShowEvent* event) override;

private:
    void refresh();

    EventLog& m_log;
    QPlainTextEdit* m_text = nullptr;
    QPushButton *m_copy = nullptr, *m_save = nullptr, *m_clear = nullptr;
    QTimer* m_refresh = nullptr;  // many lines at once are shown at once
};

}  // namespace moescope
