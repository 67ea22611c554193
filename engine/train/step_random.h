// SPDX-License-Identifier: Apache-2.0
// The random numbers of a training step: a pure function of seed, step and purpose, so that a resumed run needs no generator state.
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>
#include <span>

#include "engine/sampling/torch_cuda_rng.h"

namespace moescope::train {

enum class RandomPurpose : uint32_t { Noise, Times, Dropout, Weights, Latents, Words };

/// Philox4x32-10 with the seed as key; the counter is (block, low and high half of `number`, purpose).
class StepRandom {
public:
    StepRandom(uint64_t seed, uint64_t number, RandomPurpose purpose)
        : m_key{static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)}, m_number(number), m_purpose(static_cast<uint32_t>(purpose)) {}

    /// In (0, 1), never at its ends.
    double uniform() {
        if (m_next == 4) {
            m_words = philox4x32({m_block++, static_cast<uint32_t>(m_number), static_cast<uint32_t>(m_number >> 32), m_purpose}, m_key);
            m_next = 0;
        }
        return (m_words[m_next++] + 0.5) * 0x1p-32;
    }
    /// Standard normal, two from two uniform numbers (Box and Muller, 1958).
    double normal() {
        if (m_hasSpare) {
            m_hasSpare = false;
            return m_spare;
        }
        const double radius = std::sqrt(-2 * std::log(uniform())), angle = 2 * std::numbers::pi * uniform();
        m_spare = radius * std::sin(angle);
        m_hasSpare = true;
        return radius * std::cos(angle);
    }
    void normals(std::span<float> values, double scale) {
        for (float& value : values) value = static_cast<float>(normal() * scale);
    }

private:
    std::array<uint32_t, 2> m_key;
    uint64_t m_number;
    uint32_t m_purpose, m_block = 0;
    std::array<uint32_t, 4> m_words{};
    size_t m_next = 4;
    double m_spare = 0;
    bool m_hasSpare = false;
};

}  // namespace moescope::train
