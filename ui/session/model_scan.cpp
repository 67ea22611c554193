// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/session/model_scan.h"

#include <QCoreApplication>
#include <QtConcurrent>
#include <algorithm>
#include <set>

#include "engine/ensemble/open_model.h"
#include "ui/session/model_words.h"
#include "ui/session/paths.h"
#include "ui/session/sentences.h"

namespace moescope {
namespace fs = std::filesystem;

namespace {

struct Text {
    Q_DECLARE_TR_FUNCTIONS(ModelScan)
};

constexpr int kDeepest = 6;
constexpr std::string_view kIndexEnding = ".safetensors.index.json";

bool isShard(const std::string& name) { return name.find("-of-") != std::string::npos && name.ends_with(".safetensors"); }

bool holdsWeights(const std::string& name) {
    for (const std::string_view ending : {".safetensors", ".pt", ".pth", ".bin", ".moe.json"})
        if (name.ends_with(ending)) return true;
    return false;
}

/// "models--org--name/snapshots/1a2b3c4d.../x" inside a Hugging Face cache -> "org/name (revision 1a2b3c4)".
QString placeOf(const fs::path& path, const fs::path& folder) {
    std::error_code ignored;
    fs::path inside = path.lexically_relative(folder);
    if (inside.empty()) inside = path.filename();
    QStringList parts;
    for (const fs::path& part : inside) parts.append(textOf(part));
    if (parts.size() >= 3 && parts[0].startsWith(QLatin1String("models--")) && parts[1] == QLatin1String("snapshots")) {
        QString place = parts[0].mid(8).replace(QLatin1String("--"), QLatin1String("/"));
        place = Text::tr("%1 (revision %2)").arg(place, parts[2].left(7));
        if (parts.size() > 3) place += QLatin1String(": ") + parts.mid(3).join(QLatin1Char('/'));
        return place;
    }
    return parts.join(QLatin1Char('/'));
}

void collect(const fs::path& folder, int depth, const std::function<bool()>& stop, std::vector<fs::path>& found) {
    if (stop()) return;
    std::vector<fs::path> files, folders;
    std::error_code code;
    for (fs::directory_iterator entry(folder, fs::directory_options::skip_permission_denied, code), end; !code && entry != end;
         entry.increment(code)) {
        std::error_code ignored;
        const std::string name = entry->path().filename().string();
        if (entry->is_directory(ignored)) {
            if (!entry->is_symlink(ignored) && name != "blobs" && !name.starts_with('.')) folders.push_back(entry->path());
        } else if (name.ends_with(kIndexEnding) || holdsWeights(name)) {
            files.push_back(entry->path());
        }
    }
    std::sort(files.begin(), files.end());
    std::sort(folders.begin(), folders.end());
    const bool sharded = std::any_of(files.begin(), files.end(), [](const fs::path& f) { return f.string().ends_with(kIndexEnding); });
    for (const fs::path& file : files)
        if (!sharded || !isShard(file.filename().string())) found.push_back(file);
    if (depth < kDeepest)
        for (const fs::path& inner : folders) collect(inner, depth + 1, stop, found);
}

int64_t sizeOf(const std::vector<fs::path>& files) {
    int64_t bytes = 0;
    for (const fs::path& file : files) {
        std::error_code code;
        const auto size = fs::file_size(file, code);
        if (!code) bytes += static_cast<int64_t>(size);
    }
    return bytes;
}

}  // namespace

FoundModel inspectModel(const fs::path& path) {
    FoundModel found;
    found.path = path;
    found.name = textOf(path.has_filename() ? path.filename() : path.parent_path().filename());
    const auto opened = openModel(path);
    if (!opened.ok()) {
        found.why = sentenceOf(opened.error());
        if (std::error_code code; fs::is_regular_file(path, code)) found.bytes = sizeOf({path});
        return found;
    }
    const LoadableModel& checkpoint = **opened;
    const ModelDescription& d = checkpoint.description();
    found.name = QString::fromStdString(checkpoint.name());
    found.family = QString::fromStdString(d.family);
    found.kind = picturesText(d);
    found.bytes = sizeOf(checkpoint.files());
    found.latent = d.space == PictureSpace::SdLatent;
    const Status runnable = checkpoint.runnable();
    found.runs = runnable.ok();
    if (!found.runs) found.why = sentenceOf(runnable.error());
    return found;
}

std::vector<fs::path> modelCandidates(const fs::path& folder, const std::function<bool()>& stop) {
    std::vector<fs::path> found;
    collect(folder, 0, stop, found);
    return found;
}

ModelScan::ModelScan(QObject* parent) : QObject(parent) {
    connect(&m_watcher, &QFutureWatcherBase::resultReadyAt, this, [this](int index) { emit found(m_watcher.resultAt(index)); });
    connect(&m_watcher, &QFutureWatcherBase::finished, this, [this] { emit finished(m_watcher.isCanceled()); });
}

ModelScan::~ModelScan() {
    m_watcher.disconnect();
    m_watcher.cancel();
    m_watcher.waitForFinished();
}

void ModelScan::start(const fs::path& folder) {
    m_watcher.cancel();  // what it found already stays; its late results are not told
    m_folder = folder;
    m_watcher.setFuture(QtConcurrent::run([folder](QPromise<FoundModel>& promise) {
        const auto stopped = [&promise] { return promise.isCanceled(); };
        for (const fs::path& path : modelCandidates(folder, stopped)) {
            if (stopped()) return;
            FoundModel model = inspectModel(path);
            model.place = placeOf(path, folder);
            promise.addResult(std::move(model));
        }
    }));
}

void ModelScan::stop() { m_watcher.cancel(); }

}  // namespace moescope
