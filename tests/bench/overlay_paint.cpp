// SPDX-License-Identifier: GPL-3.0-or-later
// How long it takes from a change of the selection until the canvas has painted it: 64 x 64 tokens, 48 experts.
// Run with QT_QPA_PLATFORM=offscreen.
#include <QApplication>
#include <QElapsedTimer>
#include <algorithm>
#include <cstdio>
#include <functional>
#include <random>
#include <vector>

#include "ui/session/current_run.h"
#include "ui/widgets/canvas_view.h"
#include "ui/widgets/picture_area.h"

using namespace moescope;

namespace {

constexpr int kGrid = 64, kExperts = 48, kEvaluations = 49, kLayers = 6, kPicture = 1024;

RoutingRecord routed(std::mt19937& random, int evaluation, Branch branch, int layer) {
    RoutingRecord record;
    record.evaluation = evaluation;
    record.branch = branch;
    record.layer = layer;
    record.rowPtr.push_back(0);
    std::uniform_int_distribution<int> expert(0, kExperts / 2 - 1);
    for (int token = 0; token < kGrid * kGrid; ++token) {
        for (const int number : {expert(random), kExperts / 2 + expert(random)}) {
            record.expert.push_back(static_cast<uint16_t>(number));
            record.gate.push_back(static_cast<float>(number % 7) / 8 + 0.1f);
        }
        record.rowPtr.push_back(static_cast<uint32_t>(record.expert.size()));
    }
    return record;
}

RunViewPtr syntheticRun() {
    std::mt19937 random(1);
    auto record = std::make_shared<RunRecord>();
    record->images = record->routing.images = 1;
    record->parameters.width = record->parameters.height = kPicture;
    record->latentShape = {4, kPicture / 8, kPicture / 8};
    record->previewHeight = record->previewWidth = 64;
    record->classIds = {0};
    record->routing.networks = {"synthetic"};
    for (int layer = 0; layer < kLayers; ++layer) {
        MoeLayerDescriptor moe;
        moe.block = 2 * layer + 1;
        moe.moeIndex = layer;
        moe.experts = kExperts;
        moe.topK = 2;
        moe.tokenGroups = {{TokenKind::Image, kGrid * kGrid, kGrid, kGrid}};
        record->routing.layers.push_back(moe);
    }
    for (int i = 0; i < kEvaluations; ++i) {
        EvaluationRecord evaluation;
        evaluation.info = {i, i / 2, i % 2, 0, 1, 2.5, true};
        for (int byte = 0; byte < 64 * 64 * 3; ++byte) evaluation.preview.push_back(static_cast<uint8_t>(random()));
        record->evaluations.push_back(std::move(evaluation));
        for (const Branch branch : {Branch::Cond, Branch::Uncond})
            for (int layer = 0; layer < kLayers; ++layer)
                record->routing.records.push_back(std::make_shared<RoutingRecord>(routed(random, i, branch, layer)));
    }
    return viewOf(record, 1, RunState::Finished);
}

void report(const char* what, std::vector<double> milliseconds) {
    std::sort(milliseconds.begin(), milliseconds.end());
    const auto at = [&](double share) { return milliseconds[static_cast<size_t>(share * static_cast<double>(milliseconds.size() - 1))]; };
    std::printf("%-28s n %4zu   p50 %6.2f ms   p95 %6.2f ms   largest %6.2f ms\n", what, milliseconds.size(), at(0.5), at(0.95), at(1));
}

}  // namespace

int main(int argc, char** argv) {
    QApplication app(argc, argv);
    SelectionModel selection;
    CurrentRun current(selection);
    CanvasView canvas(current, selection);
    canvas.resize(1200, 1000);
    canvas.show();
    current.show(syntheticRun());

    QElapsedTimer clock;
    double painted = -1;
    QObject::connect(&canvas, &CanvasView::frameShown, &canvas, [&] {
        const CanvasFramePtr& frame = canvas.frame();
        if (!frame || frame->selection.evaluation != selection.now().evaluation || frame->selection.layer != selection.now().layer ||
            frame->selection.branch != selection.now().branch)
            return;
        canvas.area().repaint();
        painted = static_cast<double>(clock.nsecsElapsed()) / 1e6;
    });
    const auto measure = [&](const char* what, int times, const std::function<void(int)>& change) {
        std::vector<double> milliseconds;
        for (int i = 0; i < times; ++i) {
            painted = -1;
            clock.start();
            change(i);
            while (painted < 0) QApplication::processEvents(QEventLoop::WaitForMoreEvents);
            milliseconds.push_back(painted);
            QApplication::processEvents();
        }
        report(what, std::move(milliseconds));
    };
    while (!canvas.frame()) QApplication::processEvents(QEventLoop::WaitForMoreEvents);
    QApplication::processEvents();
    std::printf("%d x %d tokens, %d experts, picture %g times %d pixels\n", kGrid, kGrid, kExperts, canvas.area().zoom(), kPicture);
    measure("another evaluation", 400, [&](int i) { selection.setEvaluation((i * 7 + 1) % kEvaluations); });
    measure("another layer", 400, [&](int i) { selection.setLayer((i + 1) % kLayers); });
    measure("cond / difference", 400, [&](int i) { selection.setBranch(i % 2 ? BranchChoice::Cond : BranchChoice::Difference); });
    selection.setBranch(BranchChoice::Cond);
    std::vector<double> marks;
    for (int i = 0; i < 400; ++i) {  // only the marks move: nothing is made anew
        clock.start();
        selection.setExpert(i % kExperts);
        canvas.area().repaint();
        marks.push_back(static_cast<double>(clock.nsecsElapsed()) / 1e6);
        QApplication::processEvents();
    }
    report("another expert", std::move(marks));
    return 0;
}
