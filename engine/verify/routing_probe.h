// SPDX-License-Identifier: Apache-2.0
// What every MoE layer decided in one forward pass, on the host: logits, scores, experts, gates and margins.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/backend/backend.h"
#include "engine/model/model_description.h"
#include "engine/verify/case_report.h"

namespace moescope::verify {

/// Belongs into a DenoiserObserver, whose `routingFor` and `routed` it serves. Token choice: every token has topK
/// experts. One thread.
class RoutingProbe {
public:
    struct Layer {
        MoeLayerDescriptor descriptor;
        int64_t tokens = 0;
        std::vector<float> logits, scores;  // [tokens, E]
        std::vector<uint16_t> expert;       // [tokens, topK] ascending
        std::vector<float> gate;            // [tokens, topK]
        std::vector<float> margin;          // [tokens]; negative where forced experts were not the router's choice
    };

    RoutingProbe(Backend& backend, const ModelDescription& description);
    ~RoutingProbe();

    /// Before a forward pass over `samples` samples.
    void begin(int64_t samples);
    const MsRouting* routingFor(int layer);
    void routed(int layer);
    /// After the pass: waits for the device.
    const std::vector<Layer>& finish();
    /// Of the finished pass. `evaluation` is noted in it.
    SmallestMargin smallestMargin(int evaluation = -1) const;

private:
    struct Buffers;
    Backend& m_backend;
    int64_t m_samples = 0;
    std::vector<Layer> m_layers;
    std::vector<std::unique_ptr<Buffers>> m_buffers;
};

/// Holds the choices for the tokens [firstToken, firstToken + reference.size() / topK) of a layer against stored ones,
/// as sets; counts into `report` and keeps the first difference.
void compareChoices(const RoutingProbe::Layer& layer, int64_t firstToken, const std::vector<int64_t>& reference,
                    int evaluation, Branch branch, RoutingReport& report);

}  // namespace moescope::verify
