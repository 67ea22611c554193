// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/dialogs/help_drawings.h"

#include <QCoreApplication>
#include <QFile>
#include <QPainter>
#include <QSvgRenderer>

// Q_INIT_RESOURCE must stand outside any namespace.
static void initDrawings() { Q_INIT_RESOURCE(drawings); }

namespace moescope {
namespace {

constexpr double kLettersDrawnAt = 16;  // height of a line, in units of the drawings

struct Text {
    Q_DECLARE_TR_FUNCTIONS(HelpDrawings)
};

}  // namespace

void initHelpDrawings() { initDrawings(); }

QImage helpDrawing(const QString& name, const QPalette& palette, double letterHeight, double devicePixelRatio) {
    initDrawings();
    QFile file(QStringLiteral(":/help/") + name);
    if (!file.open(QIODevice::ReadOnly)) return {};
    QByteArray drawing = file.readAll();
    drawing.replace("currentColor", palette.color(QPalette::Text).name().toLatin1());
    drawing.replace("accentColor", palette.color(QPalette::Link).name().toLatin1());
    const std::pair<const char*, QString> words[] = {{"{token}", Text::tr("token")},       {"{router}", Text::tr("router")},
                                                     {"{expert}", Text::tr("expert")},     {"{shared}", Text::tr("shared expert")},
                                                     {"{sum}", Text::tr("sum")},           {"{noise}", Text::tr("noise")},
                                                     {"{picture}", Text::tr("picture")},   {"{network}", Text::tr("network")}};
    for (const auto& [mark, word] : words) drawing.replace(mark, word.toHtmlEscaped().toUtf8());

    QSvgRenderer renderer(drawing);
    const QSizeF size = QSizeF(renderer.defaultSize()) * letterHeight / kLettersDrawnAt;
    QImage image((size * devicePixelRatio).toSize(), QImage::Format_ARGB32_Premultiplied);
    image.fill(Qt::transparent);
    QPainter painter(&image);
    painter.setRenderHint(QPainter::Antialiasing);
    renderer.render(&painter);
    painter.end();
    image.setDevicePixelRatio(devicePixelRatio);
    return image;
}

}  // namespace moescope
