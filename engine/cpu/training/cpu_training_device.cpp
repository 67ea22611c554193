// SPDX-License-Identifier: Apache-2.0
#include "engine/cpu/training/cpu_training_device.h"

#include <fmt/format.h>

#include <cstring>

#include "engine/core/error.h"

namespace moescope::train {
namespace {

AlignedBytes allocated(int64_t bytes) {
    try {
        return AlignedBytes(static_cast<size_t>(bytes));
    } catch (const std::bad_alloc&) {
        throw EngineException(
            ErrorCode::OutOfMemory,
            fmt::format("training needs {:.1f} MB more memory than the system has; close other programs or choose "
                        "a smaller model or batch",
                        static_cast<double>(bytes) / 1e6));
    }
}

class HostBlock final : public MemoryBlock {
public:
    explicit HostBlock(int64_t bytes) : m_bytes(allocated(bytes)) {
        // Fresh mapped memory is zero, and is not touched before it is used.
        if (m_bytes.size() < AlignedBytes::kMapThreshold && m_bytes.size() > 0)
            std::memset(m_bytes.data(), 0, m_bytes.size());
    }
    std::byte* data() override { return m_bytes.data(); }
    int64_t bytes() const override { return static_cast<int64_t>(m_bytes.size()); }

private:
    AlignedBytes m_bytes;
};

}  // namespace

float* ScratchMemory::take(int64_t floats) {
    const int64_t bytes = floats * static_cast<int64_t>(sizeof(float));
    if (static_cast<int64_t>(m_bytes.size()) < bytes) {
        m_bytes = {};
        m_bytes = allocated(bytes);
    }
    return reinterpret_cast<float*>(m_bytes.data());
}

std::unique_ptr<MemoryBlock> CpuTrainingDevice::reserve(int64_t bytes) {
    return std::make_unique<HostBlock>(bytes);
}

void CpuTrainingDevice::upload(const void* from, void* to, int64_t bytes) {
    if (bytes > 0) std::memcpy(to, from, static_cast<size_t>(bytes));
}

void CpuTrainingDevice::download(const void* from, void* to, int64_t bytes) {
    if (bytes > 0) std::memcpy(to, from, static_cast<size_t>(bytes));
}

std::unique_ptr<TrainingDevice> makeCpuTrainingDevice(int threads) {
    return std::make_unique<CpuTrainingDevice>(threads);
}

}  // namespace moescope::train
