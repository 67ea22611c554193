// SPDX-License-Identifier: Apache-2.0
// Which networks of a mixture compute a picture and with what weights: the router's logits, bent by what a person changed.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/core/error.h"
#include "engine/trace/network_edits.h"

namespace moescope {

/// Edits resolved to the networks of one mixture. Const.
class NetworkChooser {
public:
    /// `factors` [E]: what the ensemble file multiplies a chosen network's weight with; `biases` [E]: what it adds to the
    /// logits. Throws EngineException with the sentence of checkEdits.
    NetworkChooser(std::span<const std::string> names, int64_t topK, std::span<const float> factors, std::span<const float> biases,
                   const NetworkEdits& edits);

    /// Whether the weights are given by hand, so that nobody asks the router.
    bool byHand() const { return !m_rows.empty(); }
    bool muted(int64_t network) const { return m_muted[static_cast<size_t>(network)]; }

    /// The weights of one picture, [E], 0 = does not run: the pinned ones and those with the largest logit (of equal ones the
    /// lower index), k in all; a softmax over their logits, times their factors, scaled to sum 1. Networks that are not
    /// chosen change no bit of the others' weights.
    std::vector<float> fromLogits(std::span<const float> logits) const;
    /// The weights by hand of step `step`, scaled to sum 1.
    const std::vector<float>& fromHand(int step) const;

    /// The logits with biases; muted networks have minus infinity.
    std::vector<float> bent(std::span<const float> logits) const;
    /// Last chosen minus first refused logit; infinite where none was refused, 0 under weights by hand.
    float margin(std::span<const float> logits, std::span<const float> weights) const;

private:
    std::vector<bool> m_muted, m_pinned;
    std::vector<float> m_factors, m_biases;
    std::vector<std::vector<float>> m_rows;  // by hand: one, or one per step
    int64_t m_chosen = 0;                    // how many
};

/// A sentence for the first thing in `edits` that does not fit: unknown names, everything muted, bad numbers, a number of
/// rows other than 1 or `steps` (any number where `steps` is 0).
Status checkEdits(std::span<const std::string> names, const NetworkEdits& edits, int steps);

}  // namespace moescope
