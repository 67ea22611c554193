// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/startup_probe.h"

#include <QApplication>
#include <QEvent>
#include <QFile>
#include <QWidget>
#include <cstdio>

#include "ui/main_window.h"
#include "ui/session/engine_service.h"
#include "ui/widgets/canvas_view.h"
#include "ui/window_parts.h"

namespace moescope {

StartupProbe* StartupProbe::make(MainWindow& window) {
    const QString file = qEnvironmentVariable("MOESCOPE_STARTUP_PROBE");
    return file.isEmpty() ? nullptr : new StartupProbe(window, file);
}

StartupProbe::StartupProbe(MainWindow& window, QString file) : QObject(&window), m_window(window), m_file(std::move(file)) {
    qApp->installEventFilter(this);
    const EngineService& engine = window.bench().engine;
    connect(&engine, &EngineService::modelChanged, this, [this](const OpenModelPtr& model) {
        if (model) expect("model");
    });
    connect(&engine, &EngineService::modelStateChanged, this, [this](ModelState state) {
        if (state == ModelState::Ready) expect("weights");
    });
    const CanvasView* canvas = window.parts().canvas;
    connect(canvas, &CanvasView::frameShown, this, [this, canvas] {
        const CanvasFramePtr& frame = canvas->frame();
        const CanvasPicture* chosen = frame ? frame->chosen() : nullptr;
        if (chosen && !chosen->picture.isNull()) expect(chosen->kind == PictureKind::Final ? "picture" : "preview");
    });
}

void StartupProbe::expect(const char* point) {
    const QString name = QString::fromLatin1(point);
    if (!m_said.contains(name) && !m_expected.contains(name)) m_expected << name;
}

bool StartupProbe::eventFilter(QObject* object, QEvent* event) {
    if (event->type() == QEvent::Paint && !m_expected.isEmpty() && object->isWidgetType() &&
        static_cast<QWidget*>(object)->window() == &m_window) {
        // All that waits for painting is painted in one go and handed to the screen before the next event is taken.
        m_said << m_expected;
        QMetaObject::invokeMethod(this, [this, points = m_expected] { say(points); }, Qt::QueuedConnection);
        m_expected.clear();
    }
    return QObject::eventFilter(object, event);
}

void StartupProbe::say(const QStringList& points) const {
    std::FILE* out = std::fopen(QFile::encodeName(m_file).constData(), "a");
    if (!out) return;
    for (const QString& point : points) std::fprintf(out, "%s\n", qPrintable(point));
    std::fclose(out);
}

}  // namespace moescope
