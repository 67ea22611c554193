// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/session/history_store.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include "engine/io/session_file.h"
#include "engine/io/session_reader.h"
#include "ui/session/history_folder.h"
#include "ui/session/run_ids.h"
#include "ui/session/sentences.h"
#include "ui/session/thumbnails.h"

namespace moescope {
namespace {

constexpr int kChangedInterval = 50;  // ms between two `changed` while the folder is read

bool newer(const HistoryEntry& a, const HistoryEntry& b) {
    return a.made != b.made ? a.made > b.made : a.key > b.key;
}

}  // namespace

struct HistoryStore::Pending {
    std::mutex mutex;
    std::filesystem::path file;  // empty: not written (yet)
    bool starred = false;        // wanted once it is written
    bool discarded = false;      // removed before it was written
};

HistoryStore::HistoryStore(std::filesystem::path folder, qint64 quotaBytes, QObject* parent)
    : QObject(parent), m_folder(std::move(folder)), m_quota(quotaBytes), m_lock(std::make_shared<std::unique_ptr<HistoryFolderLock>>()) {
    m_changedTimer.setSingleShot(true);
    m_changedTimer.setInterval(kChangedInterval);
    connect(&m_changedTimer, &QTimer::timeout, this, &HistoryStore::changed);
    m_writes.add([this, folder = m_folder, lock = m_lock, sender = m_mailbox.sender()] {
        *lock = std::make_unique<HistoryFolderLock>(folder);
        sender->post([this, files = historySessions(folder)] { scanned(files); });
    });
}

HistoryStore::~HistoryStore() = default;

// ---- what is there

void HistoryStore::scanned(const std::vector<std::filesystem::path>& files) {
    m_scanned = true;
    m_toRead = static_cast<qsizetype>(files.size());
    for (const std::filesystem::path& file : files)
        m_reads.add([this, file, sender = m_mailbox.sender()] {
            sender->post([this, entry = readHistoryEntry(file)] { entryRead(entry); });
        });
    if (m_toRead == 0) {
        checkQuota();
        emit changed();
    }
}

void HistoryStore::entryRead(HistoryEntry entry) {
    --m_toRead;
    if (indexOf(entry.key) < 0) insert(std::move(entry));
    if (listing()) return changedSoon();
    checkQuota();
    m_changedTimer.stop();
    emit changed();
}

void HistoryStore::changedSoon() {
    if (!m_changedTimer.isActive()) m_changedTimer.start();
}

void HistoryStore::insert(HistoryEntry entry) {
    const auto place = std::lower_bound(m_entries.begin(), m_entries.end(), entry, newer);
    m_entries.insert(place, std::move(entry));
}

int HistoryStore::indexOf(const QString& key) const {
    const auto found = std::find_if(m_entries.begin(), m_entries.end(), [&](const HistoryEntry& entry) { return entry.key == key; });
    return found == m_entries.end() ? -1 : static_cast<int>(found - m_entries.begin());
}

const HistoryEntry* HistoryStore::entry(const QString& key) const {
    const int index = indexOf(currentKey(key));
    return index < 0 ? nullptr : &m_entries[index];
}

// ---- keeping runs

QString HistoryStore::add(RunViewPtr run) {
    if (!run || !run->record || run->record->images < 1 || run->record->evaluations.empty()) return {};
    for (auto older = m_entries.crbegin(); older != m_entries.crend(); ++older)  // the folder may have room again
        if (const auto found = m_known.constFind(older->key); found != m_known.constEnd() && found->record && !found->queued) write(older->key);

    HistoryEntry entry;
    entry.made = QDateTime::currentDateTime();
    entry.key = historyKey(entry.made, run->parameters.seed);
    while (indexOf(entry.key) >= 0) {
        entry.made = entry.made.addMSecs(1);
        entry.key = historyKey(entry.made, run->parameters.seed);
    }
    entry.parameters = run->record->parameters;
    entry.images = run->record->images;
    entry.complete = run->record->complete;
    const QString key = entry.key;
    const bool small = run->parameters.width <= kThumbnailSide && run->parameters.height <= kThumbnailSide;
    if (small)
        entry.thumbnails = thumbnailsOf(*run);
    else
        m_reads.add([this, key, run, sender = m_mailbox.sender()] {
            sender->post([this, key, thumbnails = thumbnailsOf(*run)] {
                if (const int index = indexOf(currentKey(key)); index >= 0) m_entries[index].thumbnails = thumbnails;
                emit changed();
            });
        }, true);
    Known& known = m_known[key];
    known.id = run->id;
    known.state = run->state;
    known.error = run->error;
    known.record = run->record;
    known.shown = run->record;
    known.pending = std::make_shared<Pending>();
    insert(std::move(entry));
    write(key);
    emit changed();
    return key;
}

void HistoryStore::write(const QString& key) {
    Known& known = m_known[key];
    known.queued = true;
    ++m_writing;
    m_writes.add([this, key, folder = m_folder, record = known.record, pending = known.pending, sender = m_mailbox.sender()]() mutable {
        {
            const std::lock_guard lock(pending->mutex);
            if (pending->discarded) return sender->post([this] { --m_writing; });
        }
        const Result<WrittenSession> result = writeHistorySession(folder, key, *record);
        if (result.ok()) {
            const std::lock_guard lock(pending->mutex);
            if (pending->discarded)
                static_cast<void>(removeHistorySession(result->file));
            else if (pending->starred)
                static_cast<void>(writeHistoryStar(result->file, true));
            pending->file = result->file;
        }
        record = nullptr;  // before the window hears of it
        sender->post([this, key, result] { written(key, result); });
    });
}

void HistoryStore::written(const QString& key, const Result<WrittenSession>& result) {
    --m_writing;
    const int index = indexOf(key);
    const auto found = m_known.find(key);
    if (index < 0 || found == m_known.end()) return;  // removed meanwhile
    HistoryEntry& entry = m_entries[index];
    found->queued = false;
    if (!result.ok()) {
        entry.problem = sentenceOf(result.error());
        emit changed();
        if (!std::exchange(found->told, true)) emit keptInMemory(key, result.error());
        return;
    }
    entry.problem.clear();
    entry.file = result->file;
    entry.bytes = result->bytes;
    found->record = nullptr;
    found->pending = nullptr;
    if (result->key != key) {
        entry.key = result->key;
        m_renamed.insert(key, result->key);
        const Known known = m_known.take(key);
        m_known.insert(result->key, known);
    }
    checkQuota();
    emit changed();
}

// ---- opening and saving

void HistoryStore::open(const QString& wanted) {
    const QString key = currentKey(wanted);
    const int index = indexOf(key);
    if (index < 0) {
        m_mailbox.sender()->post([this, key] {
            emit openFailed(key, {ErrorCode::NotFound, tr("This run is no longer in History; it was deleted.").toStdString()});
        });
        return;
    }
    const HistoryEntry& entry = m_entries[index];
    if (const auto found = m_known.constFind(key); found != m_known.constEnd())
        if (auto record = found->record ? found->record : found->shown.lock()) {
            auto view = std::make_shared<RunView>(*viewOf(std::move(record), found->id, found->state, entry.file));
            view->error = found->error;
            m_mailbox.sender()->post([this, view] { emit opened(view); });
            return;
        }
    read(entry.file);
}

void HistoryStore::openFile(const std::filesystem::path& file) {
    read(file);
}

void HistoryStore::read(const std::filesystem::path& file) {
    const auto work = [this, file, sender = m_mailbox.sender()] {
        const Result<RunViewPtr> view = guarded([&] {
            const auto reader = SessionReader::open(file).orThrow();
            return viewOf(reader->readAll().orThrow(), nextRunId(), RunState::Reopened, file);
        });
        sender->post([this, file, view] {
            if (view.ok())
                emit opened(*view);
            else
                emit openFailed(QString::fromStdString(file.string()), view.error());
        });
    };
    m_reads.add(work, true);  // somebody waits for it: before what is only listed
}

void HistoryStore::saveAs(RunViewPtr run, const std::filesystem::path& file) {
    const QString name = QString::fromStdString(file.string());
    if (!run || !run->record) {
        m_mailbox.sender()->post([this, name] {
            emit saveFailed(name, {ErrorCode::InvalidArgument,
                                   tr("A run can be saved when it has ended; wait for it, or cancel it to keep what is there.").toStdString()});
        });
        return;
    }
    save(file, [file, record = run->record] { return saveSession(*record, file); });
}

void HistoryStore::copyTo(const QString& wanted, const std::filesystem::path& file) {
    const QString key = currentKey(wanted);
    const auto known = m_known.constFind(key);
    if (known != m_known.constEnd() && known->record) return save(file, [file, record = known->record] { return saveSession(*record, file); });
    const HistoryEntry* there = entry(key);
    save(file, [file, session = there ? there->file : historyFile(m_folder, key)] { return copyHistorySession(session, file); });
}

void HistoryStore::save(const std::filesystem::path& file, std::function<Status()> work) {
    ++m_writing;
    m_writes.add([this, work = std::move(work), name = QString::fromStdString(file.string()), sender = m_mailbox.sender()] {
        sender->post([this, name, status = work()] {
            --m_writing;
            if (status.ok())
                emit saved(name);
            else
                emit saveFailed(name, status.error());
        });
    });
}

// ---- stars, removal, quota

void HistoryStore::setStarred(const QString& wanted, bool starred) {
    const QString key = currentKey(wanted);
    const int index = indexOf(key);
    if (index < 0 || m_entries[index].starred == starred) return;
    m_entries[index].starred = starred;
    std::filesystem::path file = m_entries[index].file;
    if (const auto found = m_known.constFind(key); found != m_known.constEnd() && found->pending) {
        const std::lock_guard lock(found->pending->mutex);
        found->pending->starred = starred;  // the task that writes the session writes the star
        file = found->pending->file;        // unless it has just finished
    }
    if (!file.empty()) writeStar(key, file, starred);
    emit changed();
}

void HistoryStore::writeStar(const QString& key, const std::filesystem::path& file, bool starred) {
    m_writes.add([this, key, file, starred, sender = m_mailbox.sender()] {
        const Status status = writeHistoryStar(file, starred);
        if (status.ok()) return;
        sender->post([this, key, starred, error = status.error()] {
            if (const int index = indexOf(currentKey(key)); index >= 0) m_entries[index].starred = !starred;
            emit changed();
            emit changeFailed(key, error);
        });
    });
}

void HistoryStore::remove(const QString& wanted) {
    const QString key = currentKey(wanted);
    const int index = indexOf(key);
    if (index < 0) return;
    const HistoryEntry entry = m_entries.takeAt(index);
    std::filesystem::path file = entry.file;
    if (const Known known = m_known.take(key); known.pending) {
        const std::lock_guard lock(known.pending->mutex);
        known.pending->discarded = true;
        file = known.pending->file;
    }
    if (!file.empty())
        m_writes.add([this, entry, file, sender = m_mailbox.sender()] {
            const Status status = removeHistorySession(file);
            if (status.ok()) return;
            sender->post([this, entry, error = status.error()] {
                insert(entry);
                checkQuota();
                emit changed();
                emit changeFailed(entry.key, error);
            });
        });
    checkQuota();
    emit changed();
}

void HistoryStore::setQuota(qint64 bytes) {
    m_quota = bytes;
    checkQuota();
}

qint64 HistoryStore::bytesUsed() const {
    qint64 bytes = 0;
    for (const HistoryEntry& entry : m_entries) bytes += entry.bytes;
    return bytes;
}

void HistoryStore::checkQuota() {
    if (listing()) return;
    const bool over = bytesUsed() > m_quota;
    if (std::exchange(m_overQuota, over) != over && over) emit quotaExceeded();
}

QVector<HistoryEntry> HistoryStore::overQuota() const {
    QVector<HistoryEntry> list;
    qint64 over = bytesUsed() - m_quota;
    for (auto entry = m_entries.crbegin(); entry != m_entries.crend() && over > 0; ++entry) {
        if (entry->starred || entry->file.empty() || !entry->problem.isEmpty()) continue;
        over -= entry->bytes;
        list.push_back(*entry);
    }
    return list;
}

QVector<HistoryEntry> HistoryStore::onlyInMemory() const {
    QVector<HistoryEntry> list;
    for (const HistoryEntry& entry : m_entries)
        if (entry.file.empty() && !entry.problem.isEmpty()) list.push_back(entry);
    return list;
}

}  // namespace moescope
