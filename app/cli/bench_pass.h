// SPDX-License-Identifier: GPL-3.0-or-later
// A forward pass to be measured, with other inputs each time.
#pragma once

#include "app/cli/bench_cases.h"
#include "engine/backend/device_graph.h"
#include "engine/model/denoiser.h"

namespace moescope::cli {

/// Throws EngineException.
class BenchPass {
public:
    /// `batch`: samples; 2 are both branches of one guided picture.
    BenchPass(const Denoiser& denoiser, int batch);

    /// Noise, time and label of number `seed`; waits until they are there.
    void upload(uint64_t seed);
    /// Queues the operations of one pass, one by one.
    void forward();
    /// Records them where the device can; after a first forward(), which lets working memory grow.
    void record();
    bool replayed() const { return !m_graph.empty(); }
    /// Queues one pass: the recording, or operation by operation.
    void run();
    Backend& backend() { return m_denoiser.backend(); }

private:
    const Denoiser& m_denoiser;
    int m_batch;
    std::unique_ptr<DenoiserWorkspace> m_workspace;
    DeviceTensor m_x, m_times, m_labels;
    PromptStates m_prompts;
    DeviceGraph m_graph;
};

/// Milliseconds of plan.repeat passes after plan.warmup others, recorded where the device can. Inputs are uploaded
/// between them, outside of the times.
std::vector<double> timePasses(BenchPass& pass, const BenchPlan& plan);

}  // namespace moescope::cli
