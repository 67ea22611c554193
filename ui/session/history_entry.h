// SPDX-License-Identifier: GPL-3.0-or-later
// One run that History shows.
#pragma once

#include <QDateTime>
#include <QString>
#include <filesystem>
#include <memory>
#include <vector>

#include "engine/io/generation_parameters.h"
#include "engine/io/png_file.h"

namespace moescope {

struct HistoryEntry {
    QString key;                   // names the entry: the file's stem
    std::filesystem::path file;    // empty while it could not be written (kept in memory only)
    QDateTime made;
    GenerationParameters parameters;
    int64_t images = 0;
    bool complete = true;
    bool starred = false;
    qint64 bytes = 0;
    std::vector<std::shared_ptr<const Picture>> thumbnails;  // per image, at most 128 pixels a side; null: none
    QString problem;               // why it is in memory only, or why the file can not be read
};

}  // namespace moescope
