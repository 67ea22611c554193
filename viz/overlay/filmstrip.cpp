// SPDX-License-Identifier: GPL-3.0-or-later
#include "viz/overlay/filmstrip.h"

#include <QCoreApplication>
#include <QFont>
#include <QFontMetricsF>
#include <QLocale>
#include <QPainter>
#include <algorithm>
#include <cmath>

#include "viz/overlay/state_picture.h"

namespace moescope {
namespace {

struct Text {
    Q_DECLARE_TR_FUNCTIONS(Filmstrip)
};

/// Distances in units, all from the size of a frame.
struct Layout {
    int columns, rows;
    double side, gap, line, title;

    Layout(const FilmstripSpec& strip, const FilmstripStyle& style) {
        const int frames = std::max<int>(1, static_cast<int>(strip.frames.size()));
        const int lines = style.columns > 0 ? 0 : std::max(1, (frames + 11) / 12);
        columns = std::min(frames, style.columns > 0 ? style.columns : (frames + lines - 1) / lines);
        rows = (frames + columns - 1) / columns;
        side = std::max(16, style.frameSide);
        gap = std::round(side / 12);
        line = std::round(side / 6);
        title = strip.title.isEmpty() ? 0 : 2 * line;
    }
    double cellHeight() const { return side + 2.2 * line + gap; }
    QRectF frame(int index) const {
        return {gap + (index % columns) * (side + gap), gap + title + (index / columns) * cellHeight(), side, side};
    }
};

QFont fontOf(double line) {
    QFont font;
    font.setPixelSize(std::max(4, static_cast<int>(std::lround(line * 0.72))));
    return font;
}

/// The text, cut to the width.
void drawLine(QPainter& painter, const QRectF& box, const QString& text) {
    const QFontMetricsF metrics(painter.font(), painter.device());
    painter.drawText(box, Qt::AlignHCenter | Qt::AlignVCenter | Qt::TextSingleLine, metrics.elidedText(text, Qt::ElideRight, box.width()));
}

}  // namespace

QString guidanceText(const EvaluationInfo& info) {
    return info.cfgScale == 1 ? QString() : Text::tr("guidance %1").arg(QLocale().toString(static_cast<double>(info.cfgScale), 'g', 3));
}

QString noiseText(const EvaluationInfo& info) { return QLocale().toString(static_cast<double>(info.noiseLevel), 'f', 2); }

FilmstripSpec filmstripOf(const RunRecord& run, int64_t image, int mostFrames) {
    FilmstripSpec strip;
    const StateLayout layout = stateLayout(run);
    const auto count = static_cast<int>(run.evaluations.size());
    const int shown = mostFrames > 1 ? std::min(count, mostFrames) : count;
    for (int i = 0; i < shown; ++i) {
        const int index = shown > 1 ? static_cast<int>(std::lround(static_cast<double>(i) * (count - 1) / (shown - 1))) : 0;
        const EvaluationRecord& evaluation = run.evaluations[static_cast<size_t>(index)];
        strip.frames.push_back({previewImage(evaluation, layout, image), evaluation.info, false});
    }
    if (image >= 0 && image < static_cast<int64_t>(run.pictures.size()) && run.pictures[static_cast<size_t>(image)].width > 0) {
        FilmstripFrame last{imageOf(run.pictures[static_cast<size_t>(image)]), {}, true};
        strip.frames.push_back(std::move(last));
    }
    strip.title = QString::fromStdString(run.parameters.prompt.empty() ? run.parameters.className : run.parameters.prompt);
    if (strip.title.isEmpty() && image < static_cast<int64_t>(run.classIds.size()) && image >= 0)
        strip.title = Text::tr("class %1").arg(run.classIds[static_cast<size_t>(image)]);
    GenerationParameters one = run.parameters;
    one.batchIndex = image;
    strip.title = Text::tr("%1, seed %2").arg(strip.title).arg(one.imageSeed());
    return strip;
}

QSize filmstripSize(const FilmstripSpec& strip, const FilmstripStyle& style) {
    const Layout layout(strip, style);
    return {static_cast<int>(std::ceil(layout.gap + layout.columns * (layout.side + layout.gap))),
            static_cast<int>(std::ceil(layout.gap + layout.title + layout.rows * layout.cellHeight()))};
}

void paintFilmstrip(QPainter& painter, const FilmstripSpec& strip, const FilmstripStyle& style) {
    const Layout layout(strip, style);
    painter.save();
    painter.fillRect(QRect({}, filmstripSize(strip, style)), style.background);
    QFont font = fontOf(layout.line);
    QColor faint = style.text;
    faint.setAlphaF(0.65F);
    if (!strip.title.isEmpty()) {
        QFont bold = font;
        bold.setBold(true);
        bold.setPixelSize(static_cast<int>(std::lround(font.pixelSize() * 1.2)));
        painter.setFont(bold);
        painter.setPen(style.text);
        const QRectF box(layout.gap, layout.gap, layout.columns * (layout.side + layout.gap) - layout.gap, layout.title);
        const QFontMetricsF metrics(bold, painter.device());
        painter.drawText(box, Qt::AlignLeft | Qt::AlignTop | Qt::TextSingleLine, metrics.elidedText(strip.title, Qt::ElideRight, box.width()));
    }
    painter.setFont(font);
    for (size_t i = 0; i < strip.frames.size(); ++i) {
        const FilmstripFrame& frame = strip.frames[i];
        const QRectF box = layout.frame(static_cast<int>(i));
        if (frame.picture.isNull()) {
            painter.setPen(QPen(faint, 1, Qt::DashLine));
            painter.drawRect(box.adjusted(0.5, 0.5, -0.5, -0.5));
        } else {
            QSizeF size = frame.picture.size();
            size.scale(box.size(), Qt::KeepAspectRatio);
            QRectF place({}, size);
            place.moveCenter(box.center());
            // Small pictures stay crisp, large ones are shrunk smoothly.
            painter.setRenderHint(QPainter::SmoothPixmapTransform, frame.picture.width() > layout.side);
            painter.drawImage(place, frame.picture);
        }
        const QRectF first(box.left() - layout.gap / 2, box.bottom() + layout.line * 0.1, box.width() + layout.gap, layout.line);
        const QString guidance = frame.final ? QString() : guidanceText(frame.info);
        if (!guidance.isEmpty())  // the same line as on the timeline
            painter.fillRect(QRectF(first.left(), box.bottom(), first.width(), std::max(1.0, layout.line * 0.12)), QColor(0xe6, 0x9f, 0x00));
        painter.setPen(style.text);
        drawLine(painter, first, frame.final ? Text::tr("picture") : Text::tr("noise %1").arg(noiseText(frame.info)));
        painter.setPen(faint);
        if (!frame.final) {
            const QString step = frame.info.stage > 0 ? Text::tr("step %1, 2nd").arg(frame.info.step + 1) : Text::tr("step %1").arg(frame.info.step + 1);
            drawLine(painter, first.translated(0, layout.line), step);
        }
    }
    painter.restore();
}

QImage filmstripImage(const FilmstripSpec& strip, const FilmstripStyle& style, double scale) {
    const QSize size = filmstripSize(strip, style);
    QImage image(QSizeF(QSizeF(size) * scale).toSize(), QImage::Format_RGB32);
    image.fill(style.background);
    QPainter painter(&image);
    painter.scale(scale, scale);
    paintFilmstrip(painter, strip, style);
    return image;
}

}  // namespace moescope
