// SPDX-License-Identifier: GPL-3.0-or-later
// Looks for models in folders on disk, from the headers of their files; reads only, never downloads.
#pragma once

#include <QFutureWatcher>
#include <QObject>
#include <QString>
#include <QVector>
#include <filesystem>
#include <functional>

namespace moescope {

/// What the headers of a file or folder say.
struct FoundModel {
    std::filesystem::path path;  // what to open
    QString name;                // of a released size where it is one
    QString place;               // for a person: "org/name (revision 1a2b3c4)", or the path inside the folder that was searched
    QString family;              // empty where it is of no known family
    QString kind;                // "makes 256 x 256 pictures of 1000 classes"
    int64_t bytes = 0;           // of its files
    bool latent = false;         // needs a VAE for real pictures
    bool runs = false;
    QString why;                 // why it does not run: a sentence
};

/// One path, on the calling thread. A file that can not be read is one that does not run, with the reason.
FoundModel inspectModel(const std::filesystem::path& path);

/// Files in `folder` (and below, at most six folders deep) that may be models: a sharded model counts once, by its index. Folders
/// that are links are not followed; `stop` is asked between folders.
std::vector<std::filesystem::path> modelCandidates(const std::filesystem::path& folder, const std::function<bool()>& stop);

/// Lives on the window's thread; files are read on the pool, one after the other.
class ModelScan : public QObject {
    Q_OBJECT
public:
    explicit ModelScan(QObject* parent = nullptr);
    ~ModelScan() override;  // stops and waits for the file that is being read

    /// Stops what is going on and searches `folder`, which may not exist.
    void start(const std::filesystem::path& folder);
    void stop();
    bool running() const { return m_watcher.isRunning(); }
    const std::filesystem::path& folder() const { return m_folder; }

signals:
    void found(const moescope::FoundModel& model);
    void finished(bool stopped);

private:
    QFutureWatcher<FoundModel> m_watcher;
    std::filesystem::path m_folder;
};

}  // namespace moescope
