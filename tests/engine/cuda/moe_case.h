// SPDX-License-Identifier: GPL-3.0-or-later
// A MoE layer on the device with everything it records, and what the reference makes of the same layer.
#pragma once

#include <functional>
#include <optional>

#include "engine/reference/moe_layer.h"
#include "tests/engine/cuda/plugin_under_test.h"

namespace moescope::test {

struct MoeOptions {
    MsPolicy policy = MS_POLICY_TOKEN_CHOICE_SIGMOID;
    int64_t tokens = 20, samples = 2, width = 24, experts = 8, topK = 2, expertWidth = 20, sharedWidth = 28;
    int64_t groups = 1, keptGroups = 1;
    float scale = 2.5f;
    bool gated = true, bias = false, selection = false, addNothing = false, bypass = false;
    int64_t samplesPerPool = 1, capacity = 0;
    MsDType storage = MS_F32;
    uint32_t seed = 1;
    /// Changes the router's rows [E, D] before they are loaded; may be empty.
    std::function<void(std::vector<float>& rows)> editRouter;
    /// Forced choices [tokens * topK]; empty: none.
    std::vector<int32_t> forced;

    int64_t mostPairs() const;
    int64_t margins() const;
    bool recordsPredictions = false;  // of expert choice

    bool predictor() const { return policy == MS_POLICY_POOL_THRESHOLD || recordsPredictions; }
    bool pools() const { return policy == MS_POLICY_EXPERT_CHOICE || policy == MS_POLICY_POOL_THRESHOLD; }
};

class MoeCase {
public:
    MoeCase(Backend& backend, const MoeOptions& options);

    MsStatus run();
    std::vector<float> out() { return fetched(m_backend, m_out); }
    /// Pairs as recorded, and as the reference decides from the recorded logits.
    reference::Pairs<double> recordedPairs();
    reference::PolicyOutput<double> decided();
    /// routed, shared and their sum in double, for the recorded choices with gates from the recorded logits.
    reference::MoeLayerOutput<double> computed();
    /// The layer's output for one token in double, for the recorded choices and gates: for sizes at which `computed`
    /// takes too long.
    std::vector<double> computedRow(int64_t token, const reference::Pairs<double>& recorded) const;
    /// Everything the layer wrote, as bytes.
    std::vector<float> everything();

    template <class T>
    std::vector<T> record(const DeviceTensor& tensor, int64_t count = -1) {
        return fetchedAs<T>(m_backend, tensor, count);
    }

    Backend& m_backend;
    MoeOptions m_options;
    std::vector<float> m_x, m_router;
    DeviceTensor m_input, m_out, m_selection, m_thresholds, m_bypass, m_forced;
    PackedLinear m_routerWeights;
    RandomLinear m_in, m_outward;
    std::optional<RandomLinear> m_sharedIn, m_sharedOut, m_predictorIn, m_predictorOut;
    DeviceTensor rowPtr, expert, gate, counts, mass, logits, scores, margin, inputNorm, routedNorm, sharedNorm,
        capacityLogits;
    MsMoeLayerDesc m_desc{};
    MsRouting m_routing{};

private:
    reference::Matrix<double> logitsMatrix();
};

}  // namespace moescope::test
