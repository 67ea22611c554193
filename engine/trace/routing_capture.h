// SPDX-License-Identifier: Apache-2.0
// Records what the MoE layers decide while a denoiser runs: device tensors during the pass, one record per branch after it.
#pragma once

#include <memory>
#include <vector>

#include "engine/model/denoiser.h"
#include "engine/trace/routing_trace.h"

namespace moescope {

/// Follows one evaluation at a time on the engine's thread; buffers are made once per batch size and reused.
class RoutingCapture : public DenoiserObserver {
public:
    /// `pool`: who competes where routing is decided over the batch.
    RoutingCapture(Backend& backend, const ModelDescription& description, CaptureSpec spec, RoutingPool pool = RoutingPool::Batch);
    ~RoutingCapture() override;

    /// Call before the forward pass; `samples` = images, or twice that with the conditional ones first.
    void begin(const EvaluationInfo& info, int64_t samples);
    /// Call after it: waits for the device and gives one record per layer and branch.
    std::vector<std::shared_ptr<const RoutingRecord>> finish();

    const MsRouting* routingFor(int layer) override;
    void routed(int layer) override;

    /// CPU seconds of this thread spent here because assignments (not only counts) are kept.
    double assignmentSeconds() const { return m_assignmentSeconds; }

private:
    struct LayerBuffers;
    std::shared_ptr<const RoutingRecord> makeRecord(const LayerBuffers& buffers, int layer, Branch branch, int64_t firstSample,
                                                    int64_t images) const;

    Backend& m_backend;
    const std::vector<MoeLayerDescriptor>& m_layers;
    CaptureSpec m_spec;
    RoutingPool m_pool;
    EvaluationInfo m_info;
    int64_t m_samples = 0;
    std::vector<std::unique_ptr<LayerBuffers>> m_buffers;
    double m_assignmentSeconds = 0;
};

}  // namespace moescope
