// SPDX-License-Identifier: GPL-3.0-or-later
// Every finished run as a session file in one folder, within a quota: nothing is lost by closing, crashing or being killed.
#pragma once

#include <QDateTime>
#include <QObject>
#include <QString>
#include <QVector>
#include <filesystem>
#include <memory>

#include "ui/session/run_view.h"

namespace moescope {

/// One run that History shows.
struct HistoryEntry {
    QString key;                   // names the entry for good: the file's stem
    std::filesystem::path file;    // empty while it could not be written (kept in memory only)
    QDateTime made;
    GenerationParameters parameters;
    int64_t images = 0;
    bool complete = true;
    bool starred = false;
    qint64 bytes = 0;
    std::vector<std::shared_ptr<const Picture>> thumbnails;  // per image, at most 128 pixels a side
    QString problem;               // why it is in memory only, or why the file can not be read
};

/// Lives on the window's thread; files are read and written on the pool.
class HistoryStore : public QObject {
    Q_OBJECT
public:
    /// `folder` is made when missing. The entries that are there are read in the background; `changed` tells.
    HistoryStore(std::filesystem::path folder, qint64 quotaBytes, QObject* parent = nullptr);
    ~HistoryStore() override;  // waits for files that are being written

    /// Newest first.
    const QVector<HistoryEntry>& entries() const { return m_entries; }
    const std::filesystem::path& folder() const { return m_folder; }

    /// Keeps a finished or cancelled run: listed at once, written in the background.
    void add(RunViewPtr run);
    /// Opens an entry; `opened` or `openFailed` answers. A run that is still in memory is answered without reading.
    void open(const QString& key);
    /// Any session file, without taking it into the folder.
    void openFile(const std::filesystem::path& file);
    /// Copies the run of an entry, or one that is shown, to a place of the person's choice; `saved` or `saveFailed` answers.
    void saveAs(RunViewPtr run, const std::filesystem::path& file);

    void setStarred(const QString& key, bool starred);
    void remove(const QString& key);

    qint64 quota() const { return m_quota; }
    void setQuota(qint64 bytes);
    qint64 bytesUsed() const;
    /// Entries that would have to go to fit the quota, oldest first; starred ones never. The window asks before removing them.
    QVector<HistoryEntry> overQuota() const;

    bool writing() const;

signals:
    void changed();
    void opened(const moescope::RunViewPtr& run);
    void openFailed(const QString& file, const moescope::EngineError& error);
    void saved(const QString& file);
    void saveFailed(const QString& file, const moescope::EngineError& error);
    /// The folder could not take a run (disk full, not writable): it stays in memory until the program ends.
    void keptInMemory(const QString& key, const moescope::EngineError& error);
    void quotaExceeded();

private:
    std::filesystem::path m_folder;
    qint64 m_quota = 0;
    QVector<HistoryEntry> m_entries;
};

}  // namespace moescope
