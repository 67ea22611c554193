// SPDX-License-Identifier: GPL-3.0-or-later
// Between the window's texts and the engine's paths.
#pragma once

#include <QFile>
#include <QString>
#include <filesystem>

namespace moescope {

inline QString textOf(const std::filesystem::path& path) { return QFile::decodeName(QByteArray::fromStdString(path.native())); }
inline std::filesystem::path pathOf(const QString& text) { return QFile::encodeName(text).toStdString(); }

}  // namespace moescope
