// SPDX-License-Identifier: GPL-3.0-or-later
// How the filmstrip draws itself.
#include <QLocale>
#include <QPainter>
#include <algorithm>
#include <cmath>

#include "ui/session/current_run.h"
#include "ui/widgets/filmstrip_view.h"
#include "viz/overlay/filmstrip.h"

namespace moescope {
namespace {

const QColor kGuidance(0xe6, 0x9f, 0x00);

QColor faint(QColor colour, float share) {
    colour.setAlphaF(share);
    return colour;
}

/// "1", "0.5", "0.52"
QString shortNumber(double value) {
    return QLocale().toString(std::round(100 * value) / 100, 'g', 3);
}

}  // namespace

void FilmstripView::paintFrame(QPainter& painter, int evaluation, bool chosen) const {
    const QRectF rect = frameRect(evaluation);
    const QColor text = palette().color(QPalette::WindowText);
    const auto found = m_thumbnails.constFind(evaluation);
    if (found == m_thumbnails.constEnd()) {
        const bool going = evaluation >= done();
        if (going && !(m_current.view() && m_current.view()->going())) return;  // it will never come
        painter.fillRect(rect, faint(text, 0.04F));
        painter.setPen(QPen(faint(text, 0.35F), 1, going ? Qt::DotLine : Qt::SolidLine));
        painter.drawRect(rect.adjusted(0.5, 0.5, -0.5, -0.5));
        return;
    }
    painter.setRenderHint(QPainter::SmoothPixmapTransform, found->height() > rect.height() * devicePixelRatioF());
    painter.drawImage(rect, *found);
    if (!chosen) return;
    const QColor highlight = palette().color(QPalette::Highlight);
    painter.setPen(QPen(palette().color(QPalette::Window), 1));
    painter.drawRect(rect.adjusted(-2.5, -2.5, 2.5, 2.5));
    painter.setPen(QPen(highlight, 2));
    painter.drawRect(rect.adjusted(-1, -1, 1, 1));
}

void FilmstripView::paintFrames(QPainter& painter, const Bands&) const {
    for (const int i : shownFrames()) paintFrame(painter, i, false);
    if (done() > 0) paintFrame(painter, value(), true);
}

void FilmstripView::paintAxis(QPainter& painter, const Bands& bands) const {
    const RunView& run = *m_current.view();
    const QColor text = palette().color(QPalette::WindowText);
    const QFontMetricsF metrics(font());

    // Where guidance was on: one bar for each unbroken stretch of the same scale.
    for (int i = 0; i < done();) {
        const EvaluationInfo& info = run.evaluations[static_cast<size_t>(i)]->info;
        int end = i + 1;
        while (end < done() && run.evaluations[static_cast<size_t>(end)]->info.cfgScale == info.cfgScale) ++end;
        const QString words = guidanceText(info);
        if (!words.isEmpty()) {
            const QRectF bar(slot(i).left(), bands.guidance.top(), slot(end - 1).right() - slot(i).left(), bands.guidance.height());
            painter.fillRect(bar, faint(kGuidance, 0.30F));
            painter.fillRect(QRectF(bar.left(), bar.top(), bar.width(), 2), kGuidance);
            const double padding = metrics.height() / 4;
            if (metrics.horizontalAdvance(words) + 2 * padding <= bar.width()) {
                painter.setPen(text);
                painter.drawText(bar.adjusted(padding, 1, -padding, 0), Qt::AlignLeft | Qt::AlignVCenter, words);
            }
        }
        i = end;
    }

    // Ticks: a step's first evaluation is a full line, Heun's second one half a line.
    const double top = bands.ticks.top(), full = bands.ticks.height();
    painter.fillRect(QRectF(0, top, width(), 1), faint(text, 0.5F));
    for (int i = 0; i < planned(); ++i) {
        const bool known = i < done();
        const bool second = known && run.evaluations[static_cast<size_t>(i)]->info.stage > 0;
        painter.fillRect(QRectF(std::floor(slot(i).center().x()), top, 1, second ? full * 0.4 : full * 0.85), faint(text, known ? 0.8F : 0.25F));
    }

    // Labels of the noise level, as many as have room; the right end of the axis is the finished picture.
    painter.setPen(faint(text, 0.8F));
    const QString end = QStringLiteral("0");
    const double endLeft = width() - metrics.horizontalAdvance(end);
    painter.drawText(QPointF(endLeft, bands.labels.top() + metrics.ascent()), end);
    double free = 0;
    QString before;  // Heun looks twice at the same noise level: said once
    const double space = metrics.horizontalAdvance(QStringLiteral("0"));
    for (int i = 0; i < planned(); ++i) {
        const double noise = noiseAt(i);
        if (noise < 0) continue;
        const QString label = i == 0 ? tr("noise %1").arg(shortNumber(noise)) : shortNumber(noise);
        const double wide = metrics.horizontalAdvance(label);
        const double left = i == 0 ? 0 : slot(i).center().x() - wide / 2;
        if (label == before || left < free || left + wide + space > endLeft) continue;
        painter.drawText(QPointF(left, bands.labels.top() + metrics.ascent()), label);
        free = left + wide + 2.5 * space;
        before = label;
    }
}

void FilmstripView::paintScrubber(QPainter& painter, const Bands& bands) const {
    const QColor text = palette().color(QPalette::WindowText);
    if (m_hovered >= 0 && m_hovered < done() && m_hovered != value())
        painter.fillRect(QRectF(std::floor(slot(m_hovered).center().x()), bands.guidance.top(), 1, bands.labels.top() - bands.guidance.top()),
                         faint(text, 0.8F));
    if (done() == 0) return;
    const double x = std::floor(slot(value()).center().x()) + 0.5, half = bands.ticks.height() * 0.6;
    painter.setRenderHint(QPainter::Antialiasing);
    const QColor highlight = palette().color(QPalette::Highlight);
    painter.fillRect(QRectF(x - 1, bands.guidance.top() - 2, 2, bands.ticks.bottom() - bands.guidance.top() + 2), highlight);
    painter.setBrush(highlight);
    painter.setPen(QPen(palette().color(QPalette::Window), 1));
    const double y = bands.ticks.bottom();
    painter.drawPolygon(QPolygonF{{x, y - 1.6 * half}, {x + half, y}, {x - half, y}});
    painter.setRenderHint(QPainter::Antialiasing, false);
}

void FilmstripView::paintEvent(QPaintEvent*) {
    QPainter painter(this);
    const QColor text = palette().color(QPalette::WindowText);
    if (planned() == 0) {
        painter.setPen(faint(text, 0.7F));
        painter.drawText(rect(), Qt::AlignCenter | Qt::TextWordWrap, tr("The evaluations of a run appear here, from noise to picture."));
    } else {
        const Bands parts = bands();
        paintAxis(painter, parts);
        paintFrames(painter, parts);
        paintScrubber(painter, parts);
    }
    if (hasFocus()) {
        painter.setBrush(Qt::NoBrush);
        painter.setPen(palette().color(QPalette::Highlight));
        painter.drawRect(rect().adjusted(0, 0, -1, -1));
    }
}

}  // namespace moescope
