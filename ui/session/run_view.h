// SPDX-License-Identifier: GPL-3.0-or-later
// What the window sees of a run, whether it is still going, finished, or read from a file: one immutable value per state.
#pragma once

#include <QMetaType>
#include <QString>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "engine/core/error.h"
#include "engine/trace/run_record.h"

namespace moescope {

using RunId = quint64;  // unique within one start of the program; 0: none

enum class RunState : uint8_t { Going, Finished, Cancelled, Failed, Reopened };

/// Shared as std::shared_ptr<const RunView>. A running run is a sequence of these; parts that did not change are shared. While a
/// batch is made group by group, an evaluation holds the images that reached it: records may have fewer images than `images`.
struct RunView {
    RunId id = 0;
    RunState state = RunState::Going;
    GenerationParameters parameters;
    std::vector<int> classIds;  // per image
    int64_t images = 0;
    Shape latentShape;          // [C, H, W]
    LatentPrecision precision = LatentPrecision::F16;
    int previewHeight = 0, previewWidth = 0;
    int plannedEvaluations = 0; // of the whole run; equals evaluations.size() once finished
    std::vector<std::shared_ptr<const EvaluationRecord>> evaluations;
    std::shared_ptr<const RoutingTrace> routing = std::make_shared<RoutingTrace>();
    std::vector<std::shared_ptr<const Picture>> pictures;  // per image; null: not decoded (yet)
    std::shared_ptr<const RunRecord> record;               // whole; null while the run is going, and when it ended before anything was there
    std::filesystem::path file;                            // session file that holds it; empty: memory only
    std::optional<EngineError> error;                      // why it stopped early

    bool going() const { return state == RunState::Going; }
};

using RunViewPtr = std::shared_ptr<const RunView>;

/// View of a whole record; `record` is shared, not copied.
RunViewPtr viewOf(std::shared_ptr<const RunRecord> record, RunId id, RunState state, std::filesystem::path file = {});

/// Which state of an evaluation the canvas shows.
enum class PictureKind : uint8_t { CleanEstimate, NoisyState, Velocity, Final };

}  // namespace moescope

Q_DECLARE_METATYPE(moescope::RunViewPtr)
