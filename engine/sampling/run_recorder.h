// SPDX-License-Identifier: Apache-2.0
// Turns the sampler's evaluations of one group of images into the parts of a run record.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "engine/sampling/generator.h"
#include "engine/trace/routing_capture.h"

namespace moescope {

/// Follows one Sampler::run; on the engine's thread.
class RunRecorder : public SamplerObserver {
public:
    /// `done`/`total`: evaluations over all groups; this group starts at image `firstImage`. `capture` outlives the
    /// sampler.
    RunRecorder(const Denoiser& denoiser, const GenerationRequest& request, RoutingCapture& capture,
                GenerationObserver* observer, int64_t firstImage, int64_t images, int done, int total);

    DenoiserObserver* beforeEvaluation(const EvaluationInfo& info, int64_t samples) override;
    int form(const EvaluationInfo& info) override { return m_capture.form(info); }
    void evaluated(const EvaluationView& view) override;
    void arrived() override;

    /// Evaluations, latents and routing of this group; pictures and final latents are the caller's.
    RunRecord take();
    int64_t networkPasses() const { return m_passes; }

private:
    struct Arrival {  // what is downloaded of one evaluation
        EvaluationInfo info;
        std::vector<float> noisy, velocity;
    };

    const GenerationRequest& m_request;
    GenerationObserver* m_observer;
    Backend& m_backend;
    const ModelDescription& m_description;
    RoutingCapture& m_capture;
    RunRecord m_record;
    int64_t m_firstImage;
    int m_done, m_total;
    int64_t m_passes = 0;
    std::deque<Arrival> m_awaited;  // oldest first
    std::vector<float> m_clean;
};

/// Appends the images of `group` to `run` (same evaluations and layers).
void appendImages(RunRecord& run, RunRecord&& group);

/// The images of `b` after those of `a`: one evaluation, one layer and one branch of two groups of a batch.
std::shared_ptr<const RoutingRecord> joinImages(const RoutingRecord& a, const RoutingRecord& b);

}  // namespace moescope
