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

/// Experts of each token, ascending: those of token t are expert[start[t]] .. expert[start[t + 1] - 1].
struct ExpertLists {
    std::vector<int64_t> start{0}, expert;

    /// `topK` experts for every token.
    static ExpertLists regular(std::vector<int64_t> experts, int64_t topK);

    int64_t tokens() const { return static_cast<int64_t>(start.size()) - 1; }
    std::vector<int64_t> of(int64_t token) const {
        return {expert.begin() + start[static_cast<size_t>(token)],
                expert.begin() + start[static_cast<size_t>(token) + 1]};
    }
};

/// Belongs into a DenoiserObserver, whose `routingFor` and `routed` it serves. One thread.
class RoutingProbe {
public:
    struct Layer {
        MoeLayerDescriptor descriptor;
        int64_t tokens = 0;
        std::vector<float> logits, scores;  // [tokens, E]
        std::vector<int32_t> start;         // [tokens + 1]
        std::vector<uint16_t> expert;       // [most pairs], ascending in a token
        std::vector<float> gate;            // [most pairs]
        std::vector<int32_t> counts;        // [samples, E]
        std::vector<float> margin;  // [tokens], or [pools, E] where experts choose; negative where forced experts were
                                    // not the router's choice
        std::vector<float> capacityLogits;  // [tokens, E] batch pools, else empty

        ExpertLists lists() const;
        /// Tokens that each expert received of samples [first, first + count).
        std::vector<int64_t> received(int64_t first, int64_t count) const;
    };

    RoutingProbe(Backend& backend, const ModelDescription& description);
    ~RoutingProbe();

    /// Before a forward pass over `samples` samples in `branches` branches, each a pool of batch-wide routing.
    /// `predicted`: capacities are, so that their thresholds have margins too.
    void begin(int64_t samples, int64_t branches = 1, bool predicted = true);
    const MsRouting* routingFor(int layer);
    void routed(int layer);
    /// After the pass: waits for the device.
    const std::vector<Layer>& finish();
    /// Of the finished pass. `evaluation` is noted in it.
    SmallestMargin smallestMargin(int evaluation = -1) const;

private:
    struct Buffers;
    Backend& m_backend;
    int64_t m_samples = 0, m_branches = 0;
    bool m_predicted = true;
    std::vector<Layer> m_layers;
    std::vector<std::unique_ptr<Buffers>> m_buffers;
};

/// Holds the choices for the tokens from `firstToken` on of a layer against stored ones, as sets; counts into `report`
/// and keeps the first difference.
void compareChoices(const RoutingProbe::Layer& layer, int64_t firstToken, const ExpertLists& reference, int evaluation,
                    Branch branch, RoutingReport& report);

}  // namespace moescope::verify
