// SPDX-License-Identifier: GPL-3.0-or-later
// Every finished run as a session file in one folder, within a quota: nothing is lost by closing, crashing or being killed.
#pragma once

#include <QHash>
#include <QObject>
#include <QString>
#include <QTimer>
#include <QVector>
#include <filesystem>
#include <memory>

#include "ui/session/history_entry.h"
#include "ui/session/mailbox.h"
#include "ui/session/pool_tasks.h"
#include "ui/session/run_view.h"

namespace moescope {

class HistoryFolderLock;
struct WrittenSession;

/// Lives on the window's thread; files are read and written on the pool. Several programs may use one folder.
class HistoryStore : public QObject {
    Q_OBJECT
public:
    /// `folder` is made when missing. The entries that are there are read in the background; `changed` tells.
    HistoryStore(std::filesystem::path folder, qint64 quotaBytes, QObject* parent = nullptr);
    ~HistoryStore() override;  // waits for files that are being written

    /// Newest first.
    const QVector<HistoryEntry>& entries() const { return m_entries; }
    /// nullptr when there is no such entry. Valid until entries change.
    const HistoryEntry* entry(const QString& key) const;
    const std::filesystem::path& folder() const { return m_folder; }
    /// Whether files that were there at the start are still being looked at.
    bool listing() const { return m_toRead > 0 || !m_scanned; }

    /// Keeps a run that ended: listed at once, written in the background. One of which nothing was finished is not kept. Gives the
    /// entry's key, empty when there is none.
    QString add(RunViewPtr run);
    /// Opens an entry; `opened` or `openFailed` answers, never before this returns. A run that is still in memory is answered
    /// without reading, under the id that it had.
    void open(const QString& key);
    /// Any session file, without taking it into the folder.
    void openFile(const std::filesystem::path& file);
    /// Writes a run that is shown to a place of the person's choice; `saved` or `saveFailed` answers.
    void saveAs(RunViewPtr run, const std::filesystem::path& file);
    /// The same for an entry, whose file is copied as it is.
    void copyTo(const QString& key, const std::filesystem::path& file);

    void setStarred(const QString& key, bool starred);
    void remove(const QString& key);

    qint64 quota() const { return m_quota; }
    void setQuota(qint64 bytes);
    qint64 bytesUsed() const;
    /// Entries that would have to go to fit the quota, oldest first; starred ones and files that can not be read never. The window
    /// asks before removing them.
    QVector<HistoryEntry> overQuota() const;

    bool writing() const { return m_writing > 0; }
    /// Entries that the folder did not take: they end with the program unless they are saved elsewhere.
    QVector<HistoryEntry> onlyInMemory() const;

signals:
    void changed();  // several changes at once while the folder is read
    void opened(const moescope::RunViewPtr& run);
    void openFailed(const QString& file, const moescope::EngineError& error);
    void saved(const QString& file);
    void saveFailed(const QString& file, const moescope::EngineError& error);
    /// The folder could not take a run (disk full, not writable): it stays in memory until the program ends, and is tried again with
    /// the next run. Once for each run.
    void keptInMemory(const QString& key, const moescope::EngineError& error);
    /// A star or a removal did not reach the disk; the entry is as the disk has it.
    void changeFailed(const QString& key, const moescope::EngineError& error);
    /// Once each time that the quota is crossed.
    void quotaExceeded();

private:
    /// A run between `add` and its file; shared with the task that writes it.
    struct Pending;
    /// A run of this program: all of it until it is written, afterwards as long as somebody shows it.
    struct Known {
        RunId id = 0;
        RunState state = RunState::Finished;
        std::optional<EngineError> error;
        std::shared_ptr<const RunRecord> record;  // null once it is written
        std::weak_ptr<const RunRecord> shown;
        std::shared_ptr<Pending> pending;
        bool queued = false;  // a task is to write it
        bool told = false;    // keptInMemory was emitted
    };

    void scanned(const std::vector<std::filesystem::path>& files);
    void entryRead(HistoryEntry entry);
    void insert(HistoryEntry entry);
    void write(const QString& key);
    void written(const QString& key, const Result<WrittenSession>& result);
    void read(const std::filesystem::path& file);
    void save(const std::filesystem::path& file, std::function<Status()> work);
    void writeStar(const QString& key, const std::filesystem::path& file, bool starred);
    void checkQuota();
    void changedSoon();
    int indexOf(const QString& key) const;
    QString currentKey(const QString& key) const { return m_renamed.value(key, key); }

    std::filesystem::path m_folder;
    qint64 m_quota = 0;
    QVector<HistoryEntry> m_entries;
    QHash<QString, Known> m_known;
    QHash<QString, QString> m_renamed;  // keys that another program had taken
    bool m_scanned = false, m_overQuota = false;
    qsizetype m_toRead = 0;
    int m_writing = 0;
    QTimer m_changedTimer;
    Mailbox m_mailbox;
    std::shared_ptr<std::unique_ptr<HistoryFolderLock>> m_lock;  // filled by the first task; given back after the last
    SerialTasks m_writes{SerialTasks::AtEnd::Finish};
    SerialTasks m_reads{SerialTasks::AtEnd::Drop};
};

}  // namespace moescope
