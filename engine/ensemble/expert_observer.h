// SPDX-License-Identifier: Apache-2.0
// Lets an observer of a mixture of networks see the MoE layers inside its experts, which compute some of the pictures only.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/model/denoiser.h"

namespace moescope {

/// Follows one pass of one expert over the samples `rows` (ascending) of a mixture's pass over `samples` samples. The outer observer is
/// given whole records: tokens of samples that the expert did not compute have no experts there, and zeros elsewhere. The smallest
/// distances between choices (MsRouting::margin) are left out where the expert computes a part.
class ExpertObserver final : public DenoiserObserver {
public:
    /// `layers`: the expert's own, which the outer observer knows by the numbers from `firstLayer` on. All outlive this.
    ExpertObserver(Backend& backend, DenoiserObserver& outer, std::span<const MoeLayerDescriptor> layers, int firstLayer,
                   int64_t samples, std::span<const int32_t> rows);
    ~ExpertObserver() override;

    const MsRouting* routingFor(int layer) override;
    const DeviceTensor* forcedExperts(int layer) override;
    void routed(int layer) override;

    /// What the outer observer is given of experts that did not run: no token has any of their experts.
    static void tellNothing(Backend& backend, DenoiserObserver& outer, std::span<const MoeLayerDescriptor> layers, int firstLayer,
                            int64_t samples);

private:
    struct Part;
    bool whole() const { return static_cast<int64_t>(m_rows.size()) == m_samples; }

    Backend& m_backend;
    DenoiserObserver& m_outer;
    std::span<const MoeLayerDescriptor> m_layers;
    int m_firstLayer;
    int64_t m_samples;
    std::span<const int32_t> m_rows;
    MsRouting m_outerRouting{}, m_routing{};
    std::unique_ptr<Part> m_part;
};

}  // namespace moescope
