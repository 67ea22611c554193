// SPDX-License-Identifier: GPL-3.0-or-later
// Drawings of the help pages and licence texts that are compiled in.
#pragma once

#include <QImage>
#include <QPalette>
#include <QString>

namespace moescope {

/// Makes :/help and :/licences known; what is compiled into a static library is not there before.
void initHelpDrawings();

/// Drawing `name` ("moe-layer.svg") in the palette's colours, with its words in the program's language, for letters of
/// `letterHeight`; null when there is none of that name.
QImage helpDrawing(const QString& name, const QPalette& palette, double letterHeight, double devicePixelRatio);

}  // namespace moescope
