// SPDX-License-Identifier: Apache-2.0
// Records what the MoE layers decide while a denoiser runs: device tensors during the pass, one record per branch after
// it.
#pragma once

#include <memory>
#include <vector>

#include "engine/model/denoiser.h"
#include "engine/trace/routing_trace.h"

namespace moescope {

/// Follows evaluations on the engine's thread: begin, forward pass, download, finish. Another evaluation may begin
/// before the one before it is finished, but no third one. Device tensors are made once per number of samples and stay
/// in place; where the device has views they lie in one block that leaves in one download.
class RoutingCapture : public DenoiserObserver {
public:
    /// `pool`: who competes where routing is decided over the batch.
    RoutingCapture(Backend& backend, const ModelDescription& description, CaptureSpec spec, RoutingPool pool = RoutingPool::Batch);
    ~RoutingCapture() override;

    /// Forgets evaluations that were begun and not finished.
    void reset();
    /// Call before the forward pass; `samples` = images, or twice that with the conditional ones first.
    void begin(const EvaluationInfo& info, int64_t samples);
    /// Evaluations over the same samples with the same number leave the same things in the same tensors.
    int form(const EvaluationInfo& info);
    /// Queues what begin's evaluation left behind.
    void download();
    /// The oldest evaluation that was downloaded, which the device has delivered by now: one record per layer and
    /// branch.
    std::vector<std::shared_ptr<const RoutingRecord>> finish();

    const MsRouting* routingFor(int layer) override;

    /// CPU seconds of this thread spent here because assignments (not only counts) are kept.
    double assignmentSeconds() const { return m_assignmentSeconds; }

private:
    struct Place;
    struct LayerPlaces;
    struct Buffers;
    struct Delivery;
    Buffers& buffersFor(int64_t samples);
    void lay(Buffers& buffers, int64_t samples);
    std::shared_ptr<const RoutingRecord> makeRecord(const Delivery& delivery, int layer, Branch branch,
                                                    int64_t firstSample, int64_t images) const;

    Backend& m_backend;
    const std::vector<MoeLayerDescriptor>& m_layers;
    CaptureSpec m_spec;
    RoutingPool m_pool;
    std::vector<std::unique_ptr<Buffers>> m_buffers;      // one per number of samples
    std::vector<std::vector<bool>> m_forms;               // which layers are detailed
    std::vector<std::unique_ptr<Delivery>> m_deliveries;  // begun or downloaded, oldest first; the last is begun
    std::vector<std::unique_ptr<Delivery>> m_spare;       // with memory to use again
    MsRouting m_routing{};
    double m_assignmentSeconds = 0;
};

}  // namespace moescope
