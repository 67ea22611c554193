// SPDX-License-Identifier: GPL-3.0-or-later
// Charts as files, without a widget on the screen. Needs a QApplication (any platform, "offscreen" too) and the window's thread.
#pragma once

#include <QImage>
#include <QPalette>
#include <filesystem>
#include <functional>

#include "engine/core/error.h"
#include "viz/charts/chart_spec.h"

namespace moescope {

/// Colours for pictures on paper or a screen that is not ours, light or dark.
QPalette exportPalette(bool dark);

/// Opaque, with the palette's background and a font that suits the size. `size` in device-independent pixels, `scale` device pixels each.
QImage chartImage(const ChartSpec& chart, const QPalette& palette, QSize size, double scale);

/// Any picture, and any painting on a page of that size, as a file with its title and description inside. Both appear under their names
/// only when they are complete.
Status writePngFile(const std::filesystem::path& path, QImage image, const QString& title, const QString& description);
Status writeSvgFile(const std::filesystem::path& path, QSize size, const QString& title, const QString& description,
                    const std::function<void(QPaintDevice&)>& paint);

/// Both appear under their names only when they are complete.
Status writeChartPng(const std::filesystem::path& path, const ChartSpec& chart, const QPalette& palette, QSize size, double scale);
/// Vectors: cells are rectangles and labels are text.
Status writeChartSvg(const std::filesystem::path& path, const ChartSpec& chart, const QPalette& palette, QSize size);

}  // namespace moescope
