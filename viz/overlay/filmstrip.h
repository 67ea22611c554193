// SPDX-License-Identifier: GPL-3.0-or-later
// A run as a strip of its evaluations, drawn for files: noise on the left, the picture on the right.
#pragma once

#include <QColor>
#include <QImage>
#include <QString>
#include <vector>

#include "engine/trace/run_record.h"

class QPainter;

namespace moescope {

struct FilmstripFrame {
    QImage picture;      // null: drawn as an empty frame
    EvaluationInfo info;
    bool final = false;  // the finished picture, after the last evaluation
};

struct FilmstripSpec {
    QString title;  // may be empty
    std::vector<FilmstripFrame> frames;
};

/// One image of the batch. `mostFrames`: of longer runs evenly chosen evaluations, with the first and the last; 0: all.
FilmstripSpec filmstripOf(const RunRecord& run, int64_t image, int mostFrames = 0);

struct FilmstripStyle {
    int frameSide = 96;  // of a frame, in units; texts follow it
    int columns = 0;     // frames in a row; 0: as many as make rows of about 12
    QColor background = QColor(0xff, 0xff, 0xff);
    QColor text = QColor(0x22, 0x22, 0x22);
};

/// In units of the painter.
QSize filmstripSize(const FilmstripSpec& strip, const FilmstripStyle& style);
void paintFilmstrip(QPainter& painter, const FilmstripSpec& strip, const FilmstripStyle& style);
/// `scale` pixels per unit. Needs a QGuiApplication for the texts.
QImage filmstripImage(const FilmstripSpec& strip, const FilmstripStyle& style, double scale);

/// "guidance 2.5" where it is on, else nothing.
QString guidanceText(const EvaluationInfo& info);
/// "0.52": share of noise in the input.
QString noiseText(const EvaluationInfo& info);

}  // namespace moescope
