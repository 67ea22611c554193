// SPDX-License-Identifier: GPL-3.0-or-later
// The files of History: one session per run, a small file beside those with a star, and no trace of programs that were killed.
// Everything here reads or writes files: call it on the pool.
#pragma once

#include <QString>
#include <filesystem>
#include <memory>
#include <vector>

#include "engine/trace/run_record.h"
#include "ui/session/history_entry.h"

namespace moescope {

/// "20250131-142233-123-42": local time and seed.
QString historyKey(const QDateTime& made, uint64_t seed);
/// The time in such a key; invalid for other names.
QDateTime timeOfHistoryKey(const QString& key);
std::filesystem::path historyFile(const std::filesystem::path& folder, const QString& key);

/// Held by every living program that uses a folder, given back by the system when one is killed: whoever gets it alone may clean up.
class HistoryFolderLock {
public:
    /// Makes the folder when missing. Where it can not be locked (another kind of disk, not writable) nothing is cleaned.
    explicit HistoryFolderLock(const std::filesystem::path& folder);
    ~HistoryFolderLock();
    HistoryFolderLock(const HistoryFolderLock&) = delete;

private:
    /// Removes what killed programs left: unfinished files under our names, stars of sessions that are gone.
    static void cleanUp(const std::filesystem::path& folder);
    int m_fd = -1;
};

/// Session files in the folder, newest name first.
std::vector<std::filesystem::path> historySessions(const std::filesystem::path& folder);
/// Everything that History shows of a file; `problem` says when it can not be read.
HistoryEntry readHistoryEntry(const std::filesystem::path& file);

struct WrittenSession {
    QString key;  // another one when a program beside this one has taken the name
    std::filesystem::path file;
    qint64 bytes = 0;
};
/// Never replaces a file. What was written is complete under its name or not there.
Result<WrittenSession> writeHistorySession(const std::filesystem::path& folder, const QString& key, const RunRecord& run);

/// Complete under its new name or not there; replaces a file of that name.
Status copyHistorySession(const std::filesystem::path& session, const std::filesystem::path& target);

/// Writes or removes the star beside a session.
Status writeHistoryStar(const std::filesystem::path& session, bool starred);
/// The session, then its star. A file that is not there is no error.
Status removeHistorySession(const std::filesystem::path& session);

}  // namespace moescope
