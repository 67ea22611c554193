// SPDX-License-Identifier: GPL-3.0-or-later
// How the window feels, in numbers: the event loop's heartbeat during a run, a selection until everything is painted, Esc until the
// run has ended, and memory before, with and after a model. Run with QT_QPA_PLATFORM=offscreen or under Xvfb.
#include <QApplication>
#include <QElapsedTimer>
#include <QEventLoop>
#include <QKeyEvent>
#include <QLineEdit>
#include <QSettings>
#include <QTemporaryDir>
#include <QTimer>

#include <malloc.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "ui/docks/chart_panel.h"
#include "ui/icons.h"
#include "ui/main_window.h"
#include "ui/session/current_run.h"
#include "ui/session/engine_service.h"
#include "ui/session/event_log.h"
#include "ui/session/history_store.h"
#include "ui/session/preferences.h"
#include "ui/session/run_ids.h"
#include "ui/session/selection.h"
#include "ui/widgets/canvas_view.h"
#include "ui/widgets/picture_area.h"
#include "ui/window_parts.h"
#include "viz/plots/chart_view.h"

using namespace moescope;

namespace {

constexpr int kBeat = 5;  // ms
constexpr int kCancels = 20;
constexpr int kSelections = 300;

double percentile(std::vector<double> values, double share) {
    if (values.empty()) return std::nan("");
    std::sort(values.begin(), values.end());
    return values[std::min(values.size() - 1, static_cast<size_t>(std::ceil(share * static_cast<double>(values.size()))) - 1)];
}

/// Memory of this process that is not files, in MiB.
double anonymousMemory() {
    malloc_trim(0);
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with("RssAnon:")) return std::strtod(line.c_str() + 8, nullptr) / 1024;
    return 0;
}

template <class Condition>
void wait(Condition condition) {
    QEventLoop loop;
    QTimer look;  // for what changes without an event
    look.start(20);
    while (!condition()) loop.processEvents(QEventLoop::AllEvents | QEventLoop::WaitForMoreEvents);
}

void idle(int ms) {
    QEventLoop loop;
    QTimer::singleShot(ms, &loop, &QEventLoop::quit);
    loop.exec();
}

/// 64 x 64 tokens, 48 experts, two of them per token: what a large model makes.
RunViewPtr largeRun(int layers, int evaluations) {
    constexpr int64_t kSide = 64, kTokens = kSide * kSide, kExperts = 48;
    constexpr int kPreview = 256;
    RunRecord run;
    run.images = 1;
    run.classIds = {0};
    run.complete = true;
    run.latentShape = {4, kSide, kSide};
    run.parameters.width = run.parameters.height = kPreview;
    run.previewHeight = run.previewWidth = kPreview;
    run.routing.images = 1;
    run.routing.networks = {"synthetic"};
    for (int layer = 0; layer < layers; ++layer) {
        MoeLayerDescriptor descriptor;
        descriptor.block = 2 * layer + 1;
        descriptor.moeIndex = layer;
        descriptor.experts = kExperts;
        descriptor.topK = 2;
        descriptor.tokenGroups = {{TokenKind::Image, kTokens, kSide, kSide}};
        run.routing.layers.push_back(descriptor);
    }
    uint32_t state = 1;
    const auto next = [&state] { return state = state * 1664525u + 1013904223u, state >> 16; };
    for (int e = 0; e < evaluations; ++e) {
        EvaluationRecord evaluation;
        evaluation.info = {e, e, 0, static_cast<float>(e) / static_cast<float>(evaluations), 1 - static_cast<float>(e) / static_cast<float>(evaluations),
                           2.5, true};
        evaluation.preview.resize(size_t{kPreview} * kPreview * 3);
        for (uint8_t& value : evaluation.preview) value = static_cast<uint8_t>(next());
        run.evaluations.push_back(std::move(evaluation));
        for (const Branch branch : {Branch::Cond, Branch::Uncond})
            for (int layer = 0; layer < layers; ++layer) {
                auto record = std::make_shared<RoutingRecord>();
                record->evaluation = e;
                record->branch = branch;
                record->layer = layer;
                record->counts.resize(kExperts);
                record->mass.resize(kExperts);
                record->rowPtr.push_back(0);
                for (int64_t token = 0; token < kTokens; ++token) {
                    const auto first = static_cast<uint16_t>(next() % (kExperts - 1));
                    const auto second = static_cast<uint16_t>(first + 1 + next() % (kExperts - 1 - first));
                    const float weight = 0.5f + static_cast<float>(next() % 100) / 200;
                    for (const auto& [expert, gate] : {std::pair(first, weight), std::pair(second, 1 - weight)}) {
                        record->expert.push_back(expert);
                        record->gate.push_back(gate);
                        ++record->counts[expert];
                        record->mass[expert] += gate;
                    }
                    record->rowPtr.push_back(static_cast<uint32_t>(record->expert.size()));
                }
                run.routing.records.push_back(std::move(record));
            }
    }
    return viewOf(std::make_shared<const RunRecord>(std::move(run)), nextRunId(), RunState::Reopened);
}

/// Counts paint events of everything below a widget.
class Painted : public QObject {
public:
    explicit Painted(QWidget& root) {
        root.installEventFilter(this);
        for (QWidget* widget : root.findChildren<QWidget*>()) widget->installEventFilter(this);
    }
    int count = 0;

protected:
    bool eventFilter(QObject*, QEvent* event) override {
        count += event->type() == QEvent::Paint;
        return false;
    }
};

struct Stand {
    QTemporaryDir folder;
    QSettings settings{folder.filePath(QStringLiteral("settings.ini")), QSettings::IniFormat};
    EventLog log;
    PreferenceStore preferences{settings};
    EngineService engine{{MOESCOPE_RESOURCES, 0, "auto"}};
    SelectionModel selection;
    CurrentRun current{selection};
    HistoryStore history{std::filesystem::path(folder.path().toStdString()) / "history", qint64{1} << 40};
    MainWindow window{{engine, selection, current, history, preferences, log, settings, MOESCOPE_RESOURCES}};

    void order(int steps, int pictures) {
        GenerateSettings wanted = window.parts().state.now();
        wanted.prompt = QStringLiteral("dog");
        wanted.steps = steps;
        wanted.pictures = pictures;
        window.parts().state.set(wanted);
        const Result<GenerationOrder> order = window.parts().state.nextOrder();
        engine.generate(order.value());
    }
    void finished() {
        wait([this] { return engine.jobs().isEmpty() && !history.writing(); });
    }
};

void measureHeartbeat(Stand& stand) {
    std::vector<double> late;
    QElapsedTimer clock;
    QTimer beat;
    beat.setTimerType(Qt::PreciseTimer);
    QObject::connect(&beat, &QTimer::timeout, [&] { late.push_back(std::max(0.0, static_cast<double>(clock.nsecsElapsed()) / 1e6 - kBeat)), clock.restart(); });
    stand.order(50, 4);
    wait([&] { return stand.engine.running(); });
    clock.start();
    beat.start(kBeat);
    wait([&] { return stand.engine.jobs().isEmpty(); });
    beat.stop();
    std::printf("heartbeat every %d ms during a run (4 pictures, 50 steps): late p50 %.1f ms, p99 %.1f ms, most %.1f ms (%zu beats)\n", kBeat,
                percentile(late, 0.5), percentile(late, 0.99), percentile(late, 1), late.size());
    stand.finished();
}

/// From a change until the answers of all views are in and painted: canvas, charts and what follows directly.
void measureSelections(Stand& stand) {
    constexpr int kLayers = 12, kEvaluations = 20;
    const RunViewPtr run = largeRun(kLayers, kEvaluations);
    stand.current.show(run);
    WindowParts& parts = stand.window.parts();
    idle(1000);
    Painted painted(stand.window);
    int frames = 0, paintsBefore = 0;  // paints when the newest answer came in: it is on the screen with the next ones
    std::vector<int> drawn(parts.charts.size(), 0);
    QObject context;
    const auto onScreen = [&](size_t chart) { return !parts.charts[chart]->visibleRegion().isEmpty(); };  // not behind another tab
    QObject::connect(parts.canvas, &CanvasView::frameShown, &context, [&] { ++frames, paintsBefore = painted.count; });
    for (size_t i = 0; i < parts.charts.size(); ++i)
        QObject::connect(parts.charts[i], &ChartPanel::drawn, &context, [&, i] {
            ++drawn[i];
            if (onScreen(i)) paintsBefore = painted.count;
        });
    std::vector<double> times;
    uint32_t state = 7;
    for (int i = 0; i < kSelections; ++i) {
        state = state * 1664525u + 1013904223u;
        Selection wanted = stand.selection.now();
        if (i % 3 == 0) wanted.layer = (wanted.layer + 1) % kLayers;
        else wanted.evaluation = (wanted.evaluation + 1 + static_cast<int>(state >> 20) % (kEvaluations - 1)) % kEvaluations;
        const int framesBefore = frames;
        const std::vector<int> drawnBefore = drawn;
        paintsBefore = painted.count;
        QElapsedTimer clock;
        clock.start();
        stand.selection.set(wanted);
        wait([&] {
            if (frames == framesBefore || painted.count <= paintsBefore) return false;
            for (size_t chart = 0; chart < drawn.size(); ++chart)
                if (onScreen(chart) && drawn[chart] == drawnBefore[chart]) return false;
            return true;
        });
        times.push_back(static_cast<double>(clock.nsecsElapsed()) / 1e6);
        idle(5);
    }
    std::printf("selection to all views painted (64 x 64 tokens, 48 experts, %d layers, %d evaluations): p50 %.1f ms, p95 %.1f ms, most %.1f ms (%d changes)\n",
                kLayers, kEvaluations, percentile(times, 0.5), percentile(times, 0.95), percentile(times, 1), kSelections);
    stand.current.show(nullptr);
}

void measureCancel(Stand& stand) {
    std::vector<double> times;
    for (int i = 0; i < kCancels; ++i) {
        stand.order(250, 4);
        wait([&] { return stand.current.view() && stand.current.view()->going() && stand.current.view()->evaluations.size() > 1; });
        idle(7 * i % 40);  // anywhere within an evaluation
        QElapsedTimer clock;
        clock.start();
        QKeyEvent escape(QEvent::KeyPress, Qt::Key_Escape, Qt::NoModifier);
        QCoreApplication::sendEvent(&stand.window, &escape);
        wait([&] { return !stand.engine.running(); });
        times.push_back(static_cast<double>(clock.nsecsElapsed()) / 1e6);
        stand.finished();
    }
    std::printf("Esc to the end of the run: p50 %.1f ms, most %.1f ms (%d times)\n", percentile(times, 0.5), percentile(times, 1), kCancels);
}

}  // namespace

int main(int argc, char** argv) {
    QApplication application(argc, argv);
    registerResources();
    Stand stand;
    stand.window.show();
    wait([&] { return !stand.engine.deviceText().isEmpty(); });
    idle(500);
    const double before = anonymousMemory();
    const auto load = [&stand] {
        stand.window.openFirstModel({});
        wait([&] { return stand.engine.modelState() == ModelState::Ready; });
        idle(200);
        return anonymousMemory();
    };
    const auto unload = [&stand] {
        stand.engine.unloadModel();
        wait([&] { return stand.engine.modelState() == ModelState::None; });
        idle(200);
        return anonymousMemory();
    };
    const double with = load(), without = unload();
    static_cast<void>(load());
    measureHeartbeat(stand);
    measureCancel(stand);
    const double afterRuns = anonymousMemory();
    stand.current.show(nullptr);
    const double end = unload();
    std::printf("memory that is not files: %.1f MiB before, %.1f MiB with the model, %.1f MiB unloaded; %.1f MiB with it after %d runs, "
                "%.1f MiB unloaded (History lists the runs)\n", before, with, without, afterRuns, kCancels + 1, end);
    measureSelections(stand);
    return 0;
}
