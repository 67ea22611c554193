// SPDX-License-Identifier: GPL-3.0-or-later
// Tells a stopwatch outside the program what has just become visible; only where the environment asks for it.
#pragma once

#include <QObject>
#include <QString>
#include <QStringList>

namespace moescope {

class MainWindow;

/// Appends a line to the file (or pipe) named by MOESCOPE_STARTUP_PROBE when each of these has been painted for the first time:
///   model    the model that was opened, from its headers
///   weights  the same model, its weights in memory
///   preview  the first picture of a run that is still forming
///   picture  a finished picture
class StartupProbe : public QObject {
public:
    /// nullptr where nothing is asked for. Lives as long as the window.
    static StartupProbe* make(MainWindow& window);

protected:
    bool eventFilter(QObject* object, QEvent* event) override;

private:
    StartupProbe(MainWindow& window, QString file);
    /// Says `point` once its next paint has reached the screen.
    void expect(const char* point);
    void say(const QStringList& points) const;

    MainWindow& m_window;
    QString m_file;
    QStringList m_expected, m_said;
};

}  // namespace moescope
