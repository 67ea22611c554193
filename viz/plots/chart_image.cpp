// SPDX-License-Identifier: GPL-3.0-or-later
#include "viz/plots/chart_image.h"

#include <QBuffer>
#include <QSvgGenerator>
#include <cmath>
#include <span>

#include "engine/io/atomic_file.h"
#include "viz/plots/chart_plot.h"

namespace moescope {
namespace {

Status writeBytes(const std::filesystem::path& path, const QByteArray& bytes) {
    auto file = AtomicFile::create(path);
    if (!file.ok()) return file.error();
    if (const Status written = file->write(std::string_view(bytes.constData(), static_cast<size_t>(bytes.size()))); !written.ok()) return written;
    return file->commit();
}

}  // namespace

QPalette exportPalette(bool dark) {
    const QColor background(dark ? 0xff1e1f22 : 0xffffffff), text(dark ? 0xffe6e6e6 : 0xff1c1c1c);
    QPalette palette(background);
    palette.setColor(QPalette::Base, background);
    palette.setColor(QPalette::Window, background);
    palette.setColor(QPalette::Text, text);
    palette.setColor(QPalette::WindowText, text);
    palette.setColor(QPalette::Highlight, QColor(dark ? 0xff5b9cff : 0xff1f66d0));
    return palette;
}

QImage chartImage(const ChartSpec& chart, const QPalette& palette, QSize size, double scale) {
    QImage image(QSize(static_cast<int>(std::lround(size.width() * scale)), static_cast<int>(std::lround(size.height() * scale))),
                 QImage::Format_RGB32);
    if (image.isNull()) return image;
    image.setDevicePixelRatio(scale);
    const ChartStyle style = exportStyle(palette, size);
    image.fill(style.background());
    ChartPlot().paintOn(image, chart, style, size, false);
    return image;
}

Status writePngFile(const std::filesystem::path& path, QImage image, const QString& title, const QString& description) {
    if (image.isNull())
        return {ErrorCode::OutOfMemory, "there is not enough memory for a picture of that size: choose a smaller size or scale"};
    image.setText(QStringLiteral("Title"), title);
    if (!description.isEmpty()) image.setText(QStringLiteral("Description"), description);
    QByteArray bytes;
    QBuffer buffer(&bytes);
    buffer.open(QIODevice::WriteOnly);
    if (!image.save(&buffer, "PNG")) return {ErrorCode::Internal, "the picture could not be written as PNG"};
    return writeBytes(path, bytes);
}

Status writeSvgFile(const std::filesystem::path& path, QSize size, const QString& title, const QString& description,
                    const std::function<void(QPaintDevice&)>& paint) {
    QByteArray bytes;
    QBuffer buffer(&bytes);
    buffer.open(QIODevice::WriteOnly);
    QSvgGenerator generator;
    generator.setOutputDevice(&buffer);
    generator.setSize(size);
    generator.setViewBox(QRect(QPoint(0, 0), size));
    generator.setResolution(96);
    generator.setTitle(title);
    generator.setDescription(description);
    paint(generator);
    buffer.close();
    return writeBytes(path, bytes);
}

Status writeChartPng(const std::filesystem::path& path, const ChartSpec& chart, const QPalette& palette, QSize size, double scale) {
    return writePngFile(path, chartImage(chart, palette, size, scale), chart.title, summaryOf(chart));
}

Status writeChartSvg(const std::filesystem::path& path, const ChartSpec& chart, const QPalette& palette, QSize size) {
    return writeSvgFile(path, size, chart.title, summaryOf(chart), [&](QPaintDevice& page) {
        ChartPlot().paintOn(page, chart, exportStyle(palette, size), size, true);
    });
}

}  // namespace moescope
