// SPDX-License-Identifier: GPL-3.0-or-later
// Views of the sample run in its states, for tests of the canvas and the timeline.
#pragma once

#include <memory>

#include "tests/support/sample_run.h"
#include "ui/session/run_view.h"

namespace moescope::test {

/// Two pictures of 4 x 4 pixels, 2 x 2 tokens, three evaluations.
inline RunViewPtr sampleView(RunId id = 1, RunState state = RunState::Finished) {
    return viewOf(std::make_shared<RunRecord>(sampleRun()), id, state);
}

/// The same run when `done` of its evaluations were finished, and nothing else was.
inline RunViewPtr partialView(int done, RunId id = 1, RunState state = RunState::Going) {
    auto view = std::make_shared<RunView>(*sampleView(id, state));
    view->plannedEvaluations = 3;
    view->evaluations.resize(static_cast<size_t>(done));
    view->pictures.assign(2, nullptr);
    view->record = nullptr;
    auto routing = std::make_shared<RoutingTrace>(*view->routing);
    std::erase_if(routing->records, [&](const auto& record) { return record->evaluation >= done; });
    view->routing = routing;
    return view;
}

}  // namespace moescope::test
