// SPDX-License-Identifier: GPL-3.0-or-later
// History on a real folder: keeping, opening, stars, quota, full disks, damaged files.
#include "ui/session/history_store.h"

#include <sys/resource.h>
#include <signal.h>

#include <QtTest>

#include "engine/io/session_file.h"
#include "tests/ui/history_runs.h"
#include "ui/session/history_folder.h"
#include "ui/session/thumbnails.h"

using namespace moescope;
using namespace moescope::test;

namespace {

QStringList keysOf(const QVector<HistoryEntry>& entries) {
    QStringList keys;
    for (const HistoryEntry& entry : entries) keys.push_back(entry.key);
    return keys;
}

/// Files can not grow beyond `bytes` while this lives: a disk that is full, for this process.
class FileSizeLimit {
public:
    explicit FileSizeLimit(rlim_t bytes) {
        m_handler = ::signal(SIGXFSZ, SIG_IGN);
        ::getrlimit(RLIMIT_FSIZE, &m_before);
        rlimit now = m_before;
        now.rlim_cur = bytes;
        ::setrlimit(RLIMIT_FSIZE, &now);
    }
    ~FileSizeLimit() {
        ::setrlimit(RLIMIT_FSIZE, &m_before);
        ::signal(SIGXFSZ, m_handler);
    }

private:
    rlimit m_before{};
    void (*m_handler)(int) = nullptr;
};

}  // namespace

class HistoryStoreTest : public QObject {
    Q_OBJECT

private slots:
    void listsARunAtOnceAndKeepsItForTheNextStart() {
        TemporaryFolder folder;
        const RunViewPtr run = runWithSeed(42);
        QString key;
        {
            HistoryStore store(folder / "deep/history", kPlenty);
            key = store.add(run);
            QCOMPARE(store.entries().size(), 1);
            QVERIFY(key.endsWith("-42"));
            QVERIFY(store.writing());
            QVERIFY(store.entries()[0].file.empty());
            QVERIFY(settled(store));
            QVERIFY(!store.entries()[0].file.empty());
            QCOMPARE(store.entries()[0].bytes, static_cast<qint64>(std::filesystem::file_size(store.entries()[0].file)));
        }
        HistoryStore store(folder / "deep/history", kPlenty);
        QVERIFY(store.listing());
        QVERIFY(settled(store));
        QCOMPARE(keysOf(store.entries()), QStringList{key});
        const HistoryEntry& entry = store.entries()[0];
        QVERIFY(entry.parameters == run->parameters);
        QCOMPARE(entry.images, 2);
        QVERIFY(entry.complete);
        QVERIFY(entry.problem.isEmpty());
        QVERIFY(qAbs(entry.made.msecsTo(QDateTime::currentDateTime())) < 60000);
        QCOMPARE(entry.thumbnails.size(), size_t(2));
        QVERIFY(*entry.thumbnails[1] == *run->pictures[1]);
    }

    void writesWhatWaitsBeforeItIsDestroyed() {
        TemporaryFolder folder;
        {
            HistoryStore store(folder.path(), kPlenty);
            for (uint64_t seed = 0; seed < 5; ++seed) store.add(largeRun(seed));
        }
        QCOMPARE(files(folder).size(), size_t(5));
        for (const std::string& name : files(folder)) QVERIFY(openSession(folder / name).ok());
    }

    void ordersNewestFirst() {
        TemporaryFolder folder;
        const QDateTime now = QDateTime::currentDateTime();
        for (int day : {3, 1, 2}) QVERIFY(writeHistorySession(folder.path(), historyKey(now.addDays(-day), 5), test::sampleRun()).ok());
        HistoryStore store(folder.path(), kPlenty);
        const QString newest = store.add(runWithSeed(1));
        QVERIFY(settled(store));
        QCOMPARE(keysOf(store.entries()), (QStringList{newest, historyKey(now.addDays(-1), 5), historyKey(now.addDays(-2), 5), historyKey(now.addDays(-3), 5)}));
    }

    void opensARunOfThisProgramWithoutReading() {
        TemporaryFolder folder;
        HistoryStore store(folder.path(), kPlenty);
        QSignalSpy opened(&store, &HistoryStore::opened);
        const RunViewPtr run = runWithSeed(1, RunState::Cancelled);
        const QString key = store.add(run);
        QVERIFY(settled(store));
        std::filesystem::remove(store.entries()[0].file);
        store.open(key);
        QCOMPARE(opened.size(), 0);  // never at once
        QTRY_COMPARE(opened.size(), 1);
        const auto view = opened[0][0].value<RunViewPtr>();
        QCOMPARE(view->id, run->id);
        QCOMPARE(view->state, RunState::Cancelled);
        QCOMPARE(view->record.get(), run->record.get());
        QCOMPARE(view->file, store.entries()[0].file);
    }

    void opensFilesUnderNewIds() {
        TemporaryFolder folder;
        HistoryStore store(folder.path(), kPlenty);
        QSignalSpy opened(&store, &HistoryStore::opened), failed(&store, &HistoryStore::openFailed);
        RunViewPtr run = runWithSeed(9);
        const RunId id = run->id;
        const auto latents = run->record->finalLatents.data;
        const std::weak_ptr<const RunRecord> record = run->record;
        const QString key = store.add(std::move(run));
        run = nullptr;  // nobody shows it any more
        QVERIFY(settled(store));
        QVERIFY(record.expired());  // History keeps files, not runs
        store.open(key);
        QTRY_COMPARE(opened.size(), 1);
        const auto first = opened[0][0].value<RunViewPtr>();
        QCOMPARE(first->state, RunState::Reopened);
        QVERIFY(first->id != id);
        QVERIFY(first->record->finalLatents.data == latents);
        QCOMPARE(first->routing->records.size(), test::sampleRun().routing.records.size());
        store.openFile(store.entries()[0].file);
        QTRY_COMPARE(opened.size(), 2);
        QVERIFY(opened[1][0].value<RunViewPtr>()->id != first->id);
        test::writeFile(folder / "text.moescope", "no session");
        store.openFile(folder / "text.moescope");
        QTRY_COMPARE(failed.size(), 1);
        QVERIFY(!failed[0][1].value<EngineError>().message.empty());
        store.open("20000101-000000-000-1");
        QTRY_COMPARE(failed.size(), 2);
    }

    void listsDamagedFilesAndLeavesThemAlone() {
        TemporaryFolder folder;
        test::writeFile(folder / "20250101-120000-000-3.moescope", "cut off");
        QVERIFY(saveSession(test::sampleRun(), folder / "my favourite.moescope").ok());
        {
            HistoryStore store(folder.path(), 1);
            QVERIFY(settled(store));
            QCOMPARE(store.entries().size(), 2);
            QVERIFY(store.entry("my favourite")->problem.isEmpty());
            QVERIFY(store.entry("my favourite")->made.isValid());
            const HistoryEntry* damaged = store.entry("20250101-120000-000-3");
            QVERIFY(!damaged->problem.isEmpty());
            QCOMPARE(damaged->bytes, 7);
            QCOMPARE(damaged->made.date(), QDate(2025, 1, 1));
            QCOMPARE(keysOf(store.overQuota()), QStringList{"my favourite"});
        }
        QCOMPARE(files(folder).size(), size_t(2));
    }

    void keepsStars() {
        TemporaryFolder folder;
        QString early, late;
        {
            HistoryStore store(folder.path(), kPlenty);
            early = store.add(runWithSeed(1));
            store.setStarred(early, true);  // before it is written
            late = store.add(runWithSeed(2));
            QVERIFY(settled(store));
            store.setStarred(late, true);
        }
        {
            HistoryStore store(folder.path(), kPlenty);
            QVERIFY(settled(store));
            QVERIFY(store.entry(early)->starred);
            QVERIFY(store.entry(late)->starred);
            store.setStarred(early, false);
            QVERIFY(!store.entry(early)->starred);
        }
        HistoryStore store(folder.path(), kPlenty);
        QVERIFY(settled(store));
        QVERIFY(!store.entry(early)->starred);
        QVERIFY(store.entry(late)->starred);
        QCOMPARE(files(folder).size(), size_t(3));
    }

    void leavesJsonFilesOfOthersAlone() {
        TemporaryFolder folder;
        QVERIFY(saveSession(test::sampleRun(), folder / "mine.moescope").ok());
        test::writeFile(folder / "mine.json", R"({"starred": true, "what": "notes"})");
        HistoryStore store(folder.path(), kPlenty);
        QSignalSpy failed(&store, &HistoryStore::changeFailed);
        QVERIFY(settled(store));
        QVERIFY(!store.entry("mine")->starred);
        store.setStarred("mine", true);
        QTRY_COMPARE(failed.size(), 1);
        QVERIFY(!store.entry("mine")->starred);
        store.remove("mine");
        QTRY_COMPARE(files(folder), std::vector<std::string>{"mine.json"});
    }

    void removesTheSessionWithItsStar() {
        TemporaryFolder folder;
        HistoryStore store(folder.path(), kPlenty);
        const QString key = store.add(runWithSeed(1));
        QVERIFY(settled(store));
        store.setStarred(key, true);
        QTRY_COMPARE(files(folder).size(), size_t(2));
        QSignalSpy changed(&store, &HistoryStore::changed);
        store.remove(key);
        QVERIFY(store.entries().isEmpty());
        QCOMPARE(changed.size(), 1);
        QTRY_VERIFY(files(folder).empty());
        store.remove(key);
        QCOMPARE(changed.size(), 1);
    }

    void removesARunThatIsStillBeingWritten() {
        TemporaryFolder folder;
        {
            HistoryStore store(folder.path(), kPlenty);
            for (uint64_t seed = 0; seed < 8; ++seed) {
                const QString key = store.add(largeRun(seed));
                if (seed % 2 == 0) QTest::qWait(static_cast<int>(seed));
                store.remove(key);
            }
            QVERIFY(store.entries().isEmpty());
        }
        QVERIFY(files(folder).empty());
    }

    void keepsARunInMemoryWhenTheFolderCanNotTakeItAndTriesAgain() {
        TemporaryFolder folder;
        test::writeFile(folder / "blocked", "a file where the folder should be");
        HistoryStore store(folder / "blocked", kPlenty);
        QSignalSpy kept(&store, &HistoryStore::keptInMemory), opened(&store, &HistoryStore::opened);
        const QString first = store.add(runWithSeed(1));
        QTRY_COMPARE(kept.size(), 1);
        QCOMPARE(kept[0][0].toString(), first);
        QVERIFY(!kept[0][1].value<EngineError>().message.empty());
        QVERIFY(!store.entry(first)->problem.isEmpty());
        QVERIFY(store.entry(first)->file.empty());
        QVERIFY(!store.writing());
        const QString second = store.add(runWithSeed(2));
        QTRY_COMPARE(kept.size(), 2);  // of the first one it was said already
        QVERIFY(settled(store));
        QCOMPARE(kept.size(), 2);
        store.setStarred(first, true);
        store.open(first);
        QTRY_COMPARE(opened.size(), 1);
        QCOMPARE(opened[0][0].value<RunViewPtr>()->parameters.seed, uint64_t(1));

        std::filesystem::remove(folder / "blocked");
        store.add(runWithSeed(3));
        QVERIFY(settled(store));
        for (const HistoryEntry& entry : store.entries()) {
            QVERIFY(entry.problem.isEmpty());
            QVERIFY(openSession(entry.file).ok());
        }
        QVERIFY(store.entry(first)->starred);
        QVERIFY(std::filesystem::exists(folder / "blocked" / (first.toStdString() + ".json")));
        QVERIFY(store.entry(second));
    }

    void keepsARunInMemoryWhenTheDiskIsFull() {
        TemporaryFolder folder;
        HistoryStore store(folder.path(), kPlenty);
        QVERIFY(settled(store));
        QSignalSpy kept(&store, &HistoryStore::keptInMemory);
        {
            const FileSizeLimit full(20000);
            store.add(largeRun(1));
            QTRY_COMPARE(kept.size(), 1);
        }
        QCOMPARE(kept[0][1].value<EngineError>().code, ErrorCode::NoSpace);
        QVERIFY(files(folder).empty());
        store.add(largeRun(2));
        QVERIFY(settled(store));
        QCOMPARE(files(folder).size(), size_t(2));
    }

    void ignoresRunsOfWhichNothingWasFinished() {
        TemporaryFolder folder;
        HistoryStore store(folder.path(), kPlenty);
        auto going = std::make_shared<RunView>();
        going->images = 1;
        QVERIFY(store.add(going).isEmpty());
        QVERIFY(store.add(nullptr).isEmpty());
        auto empty = std::make_shared<RunRecord>();
        empty->images = 1;
        QVERIFY(store.add(viewOf(empty, 1, RunState::Cancelled)).isEmpty());
        QVERIFY(store.entries().isEmpty());
    }

    void tellsTheQuotaOncePerCrossingAndWhatWouldHaveToGo() {
        TemporaryFolder folder;
        HistoryStore store(folder.path(), kPlenty);
        QSignalSpy exceeded(&store, &HistoryStore::quotaExceeded);
        QStringList keys;
        for (uint64_t seed = 0; seed < 4; ++seed) keys.push_back(store.add(runWithSeed(seed)));
        QVERIFY(settled(store));
        const qint64 each = store.bytesUsed() / 4;
        QVERIFY(each > 0);
        QVERIFY(store.overQuota().isEmpty());
        store.setStarred(keys[0], true);
        store.setQuota(each * 5 / 2);  // two too many
        QCOMPARE(exceeded.size(), 1);
        QCOMPARE(keysOf(store.overQuota()), (QStringList{keys[1], keys[2]}));  // the oldest has a star
        keys.push_back(store.add(runWithSeed(9)));
        QVERIFY(settled(store));
        QCOMPARE(exceeded.size(), 1);
        for (const HistoryEntry& entry : store.overQuota()) store.remove(entry.key);
        QVERIFY(store.bytesUsed() <= store.quota());
        QVERIFY(store.overQuota().isEmpty());
        store.add(runWithSeed(10));
        QVERIFY(settled(store));
        QCOMPARE(exceeded.size(), 2);
    }

    void tellsAtTheStartThatTheQuotaIsExceeded() {
        TemporaryFolder folder;
        for (int day = 1; day < 4; ++day) QVERIFY(writeHistorySession(folder.path(), historyKey(QDateTime::currentDateTime().addDays(-day), 5), test::sampleRun()).ok());
        HistoryStore store(folder.path(), 10);
        QSignalSpy exceeded(&store, &HistoryStore::quotaExceeded);
        QVERIFY(settled(store));
        QCOMPARE(exceeded.size(), 1);
        QCOMPARE(store.overQuota().size(), 3);
    }

    void savesToAPlaceOfChoice() {
        TemporaryFolder folder;
        HistoryStore store(folder / "history", kPlenty);
        QSignalSpy saved(&store, &HistoryStore::saved), failed(&store, &HistoryStore::saveFailed);
        const RunViewPtr run = runWithSeed(4);
        store.saveAs(run, folder / "heart.moescope");
        QTRY_COMPARE(saved.size(), 1);
        QCOMPARE(saved[0][0].toString(), QString::fromStdString((folder / "heart.moescope").string()));
        QVERIFY((*openSession(folder / "heart.moescope"))->parameters == run->parameters);
        store.saveAs(run, folder / "no such folder/heart.moescope");
        QTRY_COMPARE(failed.size(), 1);
        auto going = std::make_shared<RunView>();
        store.saveAs(going, folder / "going.moescope");
        QTRY_COMPARE(failed.size(), 2);
        QVERIFY(store.entries().isEmpty());
        QVERIFY(!store.writing());
    }

    void copiesAnEntryToAPlaceOfChoice() {
        TemporaryFolder folder;
        HistoryStore store(folder / "history", kPlenty);
        QSignalSpy saved(&store, &HistoryStore::saved), failed(&store, &HistoryStore::saveFailed);
        const QString key = store.add(runWithSeed(4));
        store.copyTo(key, folder / "early.moescope");  // perhaps not written yet
        QTRY_COMPARE(saved.size(), 1);
        QVERIFY(settled(store));
        store.copyTo(key, folder / "late.moescope");
        QTRY_COMPARE(saved.size(), 2);
        QVERIFY(fileBytes(folder / "early.moescope") == fileBytes(store.entries()[0].file));
        QVERIFY(fileBytes(folder / "late.moescope") == fileBytes(store.entries()[0].file));
        std::filesystem::remove(store.entries()[0].file);
        store.copyTo(key, folder / "gone.moescope");
        QTRY_COMPARE(failed.size(), 1);
        QVERIFY(!std::filesystem::exists(folder / "gone.moescope"));
    }

    void shrinksLargePicturesAndLeavesSmallOnes() {
        auto large = std::make_shared<Picture>(Picture{512, 256, {}});
        for (int y = 0; y < 256; ++y)
            for (int x = 0; x < 512; ++x)
                for (int value : {x < 256 ? 0 : 200, (x + y) % 2 ? 100 : 50, 7}) large->rgb.push_back(static_cast<uint8_t>(value));
        const auto small = thumbnailOf(large);
        QCOMPARE(small->width, 128);
        QCOMPARE(small->height, 64);
        QCOMPARE(int(small->rgb[0]), 0);
        QCOMPARE(int(small->rgb[1]), 75);  // the mean
        QCOMPARE(int(small->rgb[(63 * 128 + 127) * 3]), 200);
        QCOMPARE(thumbnailOf(small).get(), small.get());
        const auto thin = thumbnailOf(std::make_shared<Picture>(Picture{1, 1000, std::vector<uint8_t>(3000, 9)}));
        QCOMPARE(thin->width, 1);
        QCOMPARE(thin->height, 128);

        TemporaryFolder folder;
        RunRecord record = test::sampleRun();
        record.parameters.width = record.parameters.height = 512;
        for (Picture& picture : record.pictures) picture = {256, 256, std::vector<uint8_t>(size_t{256} * 256 * 3, 40)};
        HistoryStore store(folder.path(), kPlenty);
        const QString key = store.add(viewOf(std::make_shared<const RunRecord>(record), 1, RunState::Finished));
        QTRY_COMPARE(store.entry(key)->thumbnails.size(), size_t(2));
        QCOMPARE(store.entry(key)->thumbnails[0]->width, 128);
    }

    void showsThePreviewOfARunWithoutPicture() {
        TemporaryFolder folder;
        RunRecord record = test::sampleRun();
        record.complete = false;
        record.pictures.clear();
        QString key;
        {
            HistoryStore store(folder.path(), kPlenty);
            key = store.add(viewOf(std::make_shared<const RunRecord>(record), 1, RunState::Cancelled));
            QCOMPARE(store.entry(key)->thumbnails[1]->rgb[0], record.evaluations.back().preview[12]);
        }
        HistoryStore store(folder.path(), kPlenty);
        QVERIFY(settled(store));
        QVERIFY(!store.entry(key)->complete);
        QCOMPARE(store.entry(key)->thumbnails[1]->width, 2);
        QCOMPARE(store.entry(key)->thumbnails[1]->rgb[0], record.evaluations.back().preview[12]);
    }

};

QTEST_GUILESS_MAIN(HistoryStoreTest)
#include "history_store_test.moc"
