// SPDX-License-Identifier: Apache-2.0
// All activations of a training step in one piece of memory whose size is known before the first step.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/train/training_device.h"

namespace moescope::train {

/// Wishes are collected first and placed one behind the other, each at a multiple of 64 bytes.
class MemoryPlan {
public:
    template <class T>
    void want(T*& pointer, int64_t values) {
        static_assert(sizeof(T) == 4);
        m_wishes.push_back({reinterpret_cast<void**>(&pointer), m_bytes});
        m_bytes += (values * 4 + 63) / 64 * 64;
    }
    /// Puts all of them into one region as large as the largest: for memory that they do not need at the same time.
    void overlap(const std::vector<MemoryPlan>& alternatives) {
        int64_t most = 0;
        for (const MemoryPlan& plan : alternatives) {
            for (const Wish& wish : plan.m_wishes) m_wishes.push_back({wish.pointer, m_bytes + wish.offset});
            most = std::max(most, plan.m_bytes);
        }
        m_bytes += most;
    }
    int64_t bytes() const { return m_bytes; }
    /// The pointers are valid as long as the returned memory lives.
    std::unique_ptr<MemoryBlock> place(TrainingDevice& device) const {
        auto memory = device.reserve(m_bytes);
        for (const Wish& wish : m_wishes) *wish.pointer = memory->data() + wish.offset;
        return memory;
    }

private:
    struct Wish {
        void** pointer;
        int64_t offset;
    };
    std::vector<Wish> m_wishes;
    int64_t m_bytes = 0;
};

}  // namespace moescope::train
