// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/session/event_log.h"

#include <QDir>
#include <QFileInfo>
#include <QRegularExpression>
#include <QStringList>
#include <QUrl>
#include <algorithm>
#include <atomic>

namespace moescope {
namespace {

// A message that dumps a whole file would push out everything else.
constexpr int kLongestText = 4000;

QString levelWord(LogLevel level) {
    switch (level) {
        case LogLevel::Debug: return QStringLiteral("debug");
        case LogLevel::Info: return QStringLiteral("info");
        case LogLevel::Warning: return QStringLiteral("warning");
        case LogLevel::Error: break;
    }
    return QStringLiteral("error");
}

QString cleaned(const QString& text) {
    QString clean = withoutHome(text).trimmed();
    if (clean.size() > kLongestText) clean = clean.left(kLongestText) + QStringLiteral(" ...");
    for (QChar& character : clean)
        if (character.category() == QChar::Other_Control && character != QLatin1Char('\n')) character = QLatin1Char(' ');
    return clean;
}

std::recursive_mutex captureMutex;  // guards the two below; recursive: who is told of a new line may itself log one
EventLog* capturingLog = nullptr;
QtMessageHandler handlerBefore = nullptr;

void capture(QtMsgType type, const QMessageLogContext& context, const QString& message) {
    // Adding may itself make Qt say something: such a message goes to the console only.
    static thread_local bool inside = false;
    QtMessageHandler before = nullptr;
    {
        const std::lock_guard guard(captureMutex);
        before = handlerBefore;
        if (capturingLog && !inside) {
            inside = true;
            const LogLevel level = type == QtDebugMsg     ? LogLevel::Debug
                                   : type == QtInfoMsg    ? LogLevel::Info
                                   : type == QtWarningMsg ? LogLevel::Warning
                                                          : LogLevel::Error;
            const QString category = QString::fromLatin1(context.category);
            capturingLog->add(level, message, category == QLatin1String("default") ? QStringLiteral("qt") : category);
            inside = false;
        }
    }
    if (before) before(type, context, message);
}

}  // namespace

EventLog::EventLog(int limit, QObject* parent) : QObject(parent), m_limit(static_cast<size_t>(std::max(1, limit))) {}

void EventLog::add(LogLevel level, const QString& text, const QString& source) {
    const QString clean = cleaned(text);
    if (clean.isEmpty()) return;
    {
        const std::lock_guard guard(m_mutex);
        const QDateTime now = QDateTime::currentDateTimeUtc();
        LogEntry* last = m_entries.empty() ? nullptr : &m_entries.back();
        if (last && last->level == level && last->source == source && last->text == clean) {
            last->number = m_nextNumber++;
            last->time = now;
            ++last->times;
        } else {
            m_entries.push_back({m_nextNumber++, now, level, source, clean, 1});
            if (m_entries.size() > m_limit) m_entries.pop_front();
        }
    }
    emit changed();
}

void EventLog::add(const EngineError& error, const QString& source) {
    const LogLevel level = error.code == ErrorCode::Cancelled ? LogLevel::Info : LogLevel::Error;
    add(level, QString::fromStdString(error.message), source);
}

void EventLog::clear() {
    {
        const std::lock_guard guard(m_mutex);
        m_entries.clear();
    }
    emit changed();
}

void EventLog::setHead(const QString& head) {
    const std::lock_guard guard(m_mutex);
    m_head = cleaned(head);
}

QVector<LogEntry> EventLog::entries() const {
    const std::lock_guard guard(m_mutex);
    return QVector<LogEntry>(m_entries.begin(), m_entries.end());
}

QString EventLog::text(int most) const {
    const std::lock_guard guard(m_mutex);
    QStringList lines;
    if (!m_head.isEmpty()) lines << m_head << QString();
    const auto count = static_cast<int>(m_entries.size());
    for (int i = most > 0 ? std::max(0, count - most) : 0; i < count; ++i) lines << logLine(m_entries[size_t(i)]);
    return lines.isEmpty() ? QString() : lines.join(QLatin1Char('\n')) + QLatin1Char('\n');
}

int EventLog::size() const {
    const std::lock_guard guard(m_mutex);
    return static_cast<int>(m_entries.size());
}

QString logLine(const LogEntry& entry) {
    QString line = entry.time.toLocalTime().toString(QStringLiteral("yyyy-MM-dd HH:mm:ss.zzz"));
    line += QStringLiteral("  ") + levelWord(entry.level).leftJustified(7);
    if (!entry.source.isEmpty()) line += QStringLiteral("  [%1]").arg(entry.source);
    line += QStringLiteral("  ") + QString(entry.text).replace(QLatin1Char('\n'), QLatin1String("\n    "));
    if (entry.times > 1) line += QStringLiteral("  (%1 times)").arg(entry.times);
    return line;
}

QString withoutHome(const QString& text, const QString& home) {
    const QString folder = QDir::cleanPath(home);
    if (folder.size() < 2) return text;  // "/" or nothing: not a person's folder
    QString result = text;
    const QString encoded = QUrl::fromLocalFile(folder).path(QUrl::FullyEncoded);
    for (const QString& form : {folder, encoded}) {
        // A whole component: "/home/anna" must not change "/home/annabel", "/mnt/home/anna" or "/home/anna.old".
        const QRegularExpression place(QStringLiteral("(?<![\\w.~-])%1(?![\\w-]|\\.\\w)")
                                           .arg(QRegularExpression::escape(form)),
                                       QRegularExpression::UseUnicodePropertiesOption);
        result.replace(place, QStringLiteral("~"));
    }
    return result;
}

QString withoutHome(const QString& text) {
    // Both names of a home folder that is reached through a link.
    static const QString home = QDir::homePath();
    static const QString real = QFileInfo(home).canonicalFilePath();
    const QString result = withoutHome(text, home);
    return real.isEmpty() || real == home ? result : withoutHome(result, real);
}

MessageCapture::MessageCapture(EventLog& log) {
    const std::lock_guard guard(captureMutex);
    capturingLog = &log;
    handlerBefore = qInstallMessageHandler(capture);
}

MessageCapture::~MessageCapture() {
    const std::lock_guard guard(captureMutex);
    qInstallMessageHandler(handlerBefore);
    capturingLog = nullptr;
    handlerBefore = nullptr;
}

}  // namespace moescope

#include "moc_event_log.cpp"
