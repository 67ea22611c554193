// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/session/history_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <nlohmann/json.hpp>
#include <system_error>

#include <QCoreApplication>
#include <QRegularExpression>

#include "engine/io/atomic_file.h"
#include "engine/io/mapped_file.h"
#include "engine/io/session_file.h"
#include "engine/io/session_reader.h"
#include "ui/session/sentences.h"
#include "ui/session/thumbnails.h"

namespace moescope {
namespace fs = std::filesystem;

namespace {

constexpr const char* kSession = ".moescope";
constexpr const char* kStar = ".json";
constexpr const char* kClaim = ".claim";  // taken while a session of that name is written
constexpr const char* kStarSchema = "moescope.history/v1";
constexpr const char* kLock = ".moescope-history.lock";
constexpr const char* kTimeFormat = "yyyyMMdd-HHmmss-zzz";
constexpr int kTimeLength = 19;
constexpr int kMostNames = 1000;  // tried for one session

fs::path withEnding(const fs::path& session, const char* ending) {
    return fs::path(session).replace_extension(ending);
}

EngineError ioError(const char* sentence, const fs::path& file, const std::error_code& code) {
    return {ErrorCode::Io, QCoreApplication::translate("moescope::HistoryFolder", sentence)
                               .arg(QString::fromStdString(file.filename().string()), QString::fromStdString(code.message()))
                               .toStdString()};
}

/// Takes a name for the time of writing; other programs leave it alone. False: it is taken, or was used before.
Result<bool> claim(const fs::path& session) {
    const fs::path mark = withEnding(session, kClaim);
    const int fd = ::open(mark.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) {
        if (errno == EEXIST) return false;
        return ioError(QT_TRANSLATE_NOOP("moescope::HistoryFolder",
                                         "%1 could not be written to the History folder (%2); free some space there or make it writable"),
                       session, std::error_code(errno, std::generic_category()));
    }
    ::close(fd);
    std::error_code ignored;
    if (!fs::exists(session, ignored)) return true;
    fs::remove(mark, ignored);
    return false;
}

/// A file of the same name may be somebody else's.
bool isStarFile(const fs::path& file) {
    std::ifstream stream(file);
    const nlohmann::json star = nlohmann::json::parse(stream, nullptr, false);
    return star.is_object() && star.contains("schema") && star["schema"] == kStarSchema;
}

QDateTime writeTime(const fs::path& file) {
    std::error_code code;
    const auto time = fs::last_write_time(file, code);
    if (code) return {};
    const auto since = std::chrono::file_clock::to_sys(time).time_since_epoch();
    return QDateTime::fromMSecsSinceEpoch(std::chrono::duration_cast<std::chrono::milliseconds>(since).count());
}

/// What a reader tells about a run without its latents and routing.
RunView outline(const SessionReader& reader) {
    RunView view;
    const RunRecord& run = reader.run();
    view.images = run.images;
    view.previewHeight = run.previewHeight;
    view.previewWidth = run.previewWidth;
    view.pictures.resize(static_cast<size_t>(run.images));
    std::vector<Picture> pictures = reader.pictures().orThrow();
    for (size_t image = 0; image < pictures.size() && image < view.pictures.size(); ++image)
        if (pictures[image].width > 0) view.pictures[image] = std::make_shared<const Picture>(std::move(pictures[image]));
    const bool missing = std::find(view.pictures.begin(), view.pictures.end(), nullptr) != view.pictures.end();
    if (missing && reader.hasPreviews() && !run.evaluations.empty())
        view.evaluations.push_back(
            std::make_shared<const EvaluationRecord>(reader.evaluation(static_cast<int>(run.evaluations.size()) - 1).orThrow()));
    return view;
}

}  // namespace

QString historyKey(const QDateTime& made, uint64_t seed) {
    return QStringLiteral("%1-%2").arg(made.toString(QLatin1String(kTimeFormat))).arg(seed);
}

QDateTime timeOfHistoryKey(const QString& key) {
    return QDateTime::fromString(key.left(kTimeLength), QLatin1String(kTimeFormat));
}

fs::path historyFile(const fs::path& folder, const QString& key) {
    return folder / (key.toStdString() + kSession);
}

HistoryFolderLock::HistoryFolderLock(const fs::path& folder) {
    std::error_code ignored;
    fs::create_directories(folder, ignored);
    m_fd = ::open((folder / kLock).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (m_fd < 0) return;
    if (::flock(m_fd, LOCK_EX | LOCK_NB) == 0) cleanUp(folder);
    ::flock(m_fd, LOCK_SH);  // waits for another program that cleans up at this moment
}

HistoryFolderLock::~HistoryFolderLock() {
    if (m_fd >= 0) ::close(m_fd);
}

void HistoryFolderLock::cleanUp(const fs::path& folder) {
    // Names as historyKey and AtomicFile make them, nothing else.
    const QString key = QStringLiteral(R"(\A\d{8}-\d{6}-\d{3}-\d+(-\d+)?)");
    const QRegularExpression unfinished(key + QStringLiteral(R"(\.(claim|(moescope|json)\.[0-9a-f]{8}\.part)\z)"));
    const QRegularExpression star(key + QStringLiteral(R"(\.json\z)"));  // of ours by its name and its contents
    std::error_code code, ignored;
    std::vector<fs::path> leftover;
    for (fs::directory_iterator entry(folder, code), end; !code && entry != end; entry.increment(code)) {
        const fs::path& file = entry->path();
        const QString name = QString::fromStdString(file.filename().string());
        const bool lonelyStar = name.contains(star) && !fs::exists(withEnding(file, kSession), ignored) && isStarFile(file);
        if (lonelyStar || name.contains(unfinished)) leftover.push_back(file);
    }
    for (const fs::path& file : leftover) fs::remove(file, ignored);
}

std::vector<fs::path> historySessions(const fs::path& folder) {
    std::vector<fs::path> found;
    std::error_code code;
    for (fs::directory_iterator entry(folder, code), end; !code && entry != end; entry.increment(code))
        if (entry->path().extension() == kSession) found.push_back(entry->path());
    std::sort(found.rbegin(), found.rend());
    return found;
}

HistoryEntry readHistoryEntry(const fs::path& file) {
    HistoryEntry entry;
    entry.file = file;
    entry.key = QString::fromStdString(file.stem().string());
    entry.made = timeOfHistoryKey(entry.key);
    if (!entry.made.isValid()) entry.made = writeTime(file);
    std::error_code code;
    const auto bytes = fs::file_size(file, code);
    entry.bytes = code ? 0 : static_cast<qint64>(bytes);
    entry.starred = isStarFile(withEnding(file, kStar));
    const auto read = guarded([&] {
        const auto reader = SessionReader::open(file).orThrow();
        entry.parameters = reader->run().parameters;
        entry.images = reader->run().images;
        entry.complete = reader->run().complete;
        entry.thumbnails = thumbnailsOf(outline(*reader));
        return true;
    });
    if (!read.ok()) entry.problem = sentenceOf(read.error());
    return entry;
}

Result<WrittenSession> writeHistorySession(const fs::path& folder, const QString& key, const RunRecord& run) {
    std::error_code code;
    fs::create_directories(folder, code);  // it may have been removed meanwhile
    for (int number = 1; number < kMostNames; ++number) {
        WrittenSession written;
        written.key = number == 1 ? key : QStringLiteral("%1-%2").arg(key).arg(number);
        written.file = historyFile(folder, written.key);
        const Result<bool> claimed = claim(written.file);
        if (!claimed.ok()) return claimed.error();
        if (!*claimed) continue;
        const Status saved = saveSession(run, written.file);
        fs::remove(withEnding(written.file, kClaim), code);
        if (!saved.ok()) return saved.error();
        const auto bytes = fs::file_size(written.file, code);
        written.bytes = code ? 0 : static_cast<qint64>(bytes);
        return written;
    }
    return ioError(QT_TRANSLATE_NOOP("moescope::HistoryFolder", "%1 could not be written to the History folder (%2); move some of its files away"),
                   historyFile(folder, key), std::make_error_code(std::errc::file_exists));
}

Status copyHistorySession(const fs::path& session, const fs::path& target) {
    const auto copied = guarded([&] {
        const auto source = MappedFile::open(session).orThrow();
        AtomicFile copy = AtomicFile::create(target).orThrow();
        copy.write(source->bytes()).orThrow();
        copy.commit().orThrow();
        return true;
    });
    return copied.ok() ? Status() : Status(copied.error());
}

Status writeHistoryStar(const fs::path& session, bool starred) {
    const fs::path file = withEnding(session, kStar);
    std::error_code code;
    if (fs::exists(file, code) && !isStarFile(file))
        return ioError(QT_TRANSLATE_NOOP("moescope::HistoryFolder", "The star could not be kept: %1 belongs to another program (%2); rename it"), file,
                       std::make_error_code(std::errc::file_exists));
    if (!starred) {
        fs::remove(file, code);
        if (!code) return {};
        return ioError(QT_TRANSLATE_NOOP("moescope::HistoryFolder", "%1 could not be removed (%2); make the History folder writable"), file, code);
    }
    const auto written = guarded([&] {
        AtomicFile star = AtomicFile::create(file).orThrow();
        star.write(nlohmann::json{{"schema", kStarSchema}, {"starred", true}}.dump() + "\n").orThrow();
        star.commit().orThrow();
        return true;
    });
    return written.ok() ? Status() : Status(written.error());
}

Status removeHistorySession(const fs::path& session) {
    std::error_code code;
    fs::remove(session, code);
    const fs::path star = withEnding(session, kStar);
    if (!code && isStarFile(star)) fs::remove(star, code);
    if (!code) return {};
    return ioError(QT_TRANSLATE_NOOP("moescope::HistoryFolder", "%1 could not be deleted (%2); make the History folder writable"), session, code);
}

}  // namespace moescope
