// SPDX-License-Identifier: GPL-3.0-or-later
// Puts the facts of a run together: after each one the run as the window may see it, sharing all that did not change.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "engine/sampling/generator.h"
#include "ui/session/run_view.h"

namespace moescope {

/// Used by one thread; the views are values for any. A batch is made group by group: the images of a later group are appended to
/// the evaluations and routing records that are there.
class RunAssembler {
public:
    /// `withLatents`: whether the views of a going run carry the noisy state and the velocity; the finished record has them anyway.
    RunAssembler(RunId id, const ModelDescription& description, const GenerationRequest& request, bool withLatents = true);

    /// Kept back until the evaluation they belong to is there: no view shows one without the other.
    void routingCaptured(std::shared_ptr<const RoutingRecord> record, int64_t firstImage);
    void evaluationCompleted(const EvaluationRecord& evaluation, int64_t firstImage);
    void pictureFinished(int64_t image, const Picture& picture);

    RunViewPtr view() const;

    /// The last view. `record`: what the engine kept (may be null); where it kept nothing because the run broke, what was seen is
    /// made into a record. `error`: why it stopped early; ErrorCode::Cancelled is not a failure.
    RunViewPtr ended(std::shared_ptr<const RunRecord> record, std::optional<EngineError> error) const;

private:
    void merge(const std::shared_ptr<const RoutingRecord>& record, int64_t firstImage);
    std::shared_ptr<const RunRecord> salvaged() const;

    RunView m_now;
    RoutingTrace m_trace;
    std::vector<int64_t> m_imagesOf;  // per evaluation, images that reached it
    std::vector<std::shared_ptr<const RoutingRecord>> m_pending;
    bool m_withLatents;
};

/// The images of `b` after those of `a`.
std::shared_ptr<const EvaluationRecord> joinImages(const EvaluationRecord& a, const EvaluationRecord& b);

}  // namespace moescope
