// SPDX-License-Identifier: Apache-2.0
#include "engine/cpu/cpu_context.h"

int64_t MsTensor::elements() const {
    int64_t count = 1;
    for (int64_t extent : shape) count *= extent;
    return count;
}

float* MsContext::scratch(Slot slot, int64_t floats) {
    const size_t bytes = static_cast<size_t>(floats) * sizeof(float);
    if (m_scratch[slot].size() < bytes) {
        bytesHeld -= m_scratch[slot].size();
        m_scratch[slot] = {};
        m_scratch[slot] = moescope::AlignedBytes(bytes);
        bytesHeld += bytes;
    }
    return reinterpret_cast<float*>(m_scratch[slot].data());
}
