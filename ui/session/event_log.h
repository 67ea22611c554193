// SPDX-License-Identifier: GPL-3.0-or-later
// What the program did and what went wrong, as lines that a person can copy into a bug report.
#pragma once

#include <QDateTime>
#include <QObject>
#include <QString>
#include <QVector>
#include <deque>
#include <mutex>

#include "engine/core/error.h"

namespace moescope {

enum class LogLevel : uint8_t { Debug, Info, Warning, Error };

struct LogEntry {
    quint64 number = 0;  // counts up, never reused; a repeated entry gets a new one
    QDateTime time;      // of the last time it was said
    LogLevel level = LogLevel::Info;
    QString source;      // "engine", "qt.svg"; may be empty
    QString text;
    int times = 1;       // said that often in a row
};

/// Any thread may add and read. Bounded: the oldest entries go first. Texts hold no path of the home folder; `~` stands for it.
class EventLog : public QObject {
    Q_OBJECT
public:
    explicit EventLog(int limit = 2000, QObject* parent = nullptr);

    void add(LogLevel level, const QString& text, const QString& source = {});
    void add(const EngineError& error, const QString& source = {});
    void clear();

    /// Facts for the head of every copy: versions, device.
    void setHead(const QString& head);

    QVector<LogEntry> entries() const;
    /// Head and lines, the last `most` of them; 0: all.
    QString text(int most = 0) const;
    int size() const;

signals:
    /// On the thread that changed it.
    void changed();

private:
    mutable std::mutex m_mutex;
    const size_t m_limit;
    std::deque<LogEntry> m_entries;
    quint64 m_nextNumber = 1;
    QString m_head;
};

/// "2026-01-31 14:05:09.120  warning  [qt.svg]  text  (3 times)"; further lines of a text are indented. Local time.
QString logLine(const LogEntry& entry);

/// `text` with the folder `home` replaced by `~` wherever it is a whole path component, plain or percent-encoded.
QString withoutHome(const QString& text, const QString& home);
QString withoutHome(const QString& text);

/// While it lives, what is said through qDebug .. qCritical also goes to the log. One at a time; `log` outlives it.
class MessageCapture {
public:
    explicit MessageCapture(EventLog& log);
    ~MessageCapture();
    MessageCapture(const MessageCapture&) = delete;
    MessageCapture& operator=(const MessageCapture&) = delete;
};

}  // namespace moescope
