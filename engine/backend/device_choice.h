// SPDX-License-Identifier: Apache-2.0
// Which device models run on, as a person chooses it and as a list shows it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace moescope {

/// Auto: the GPU if the model fits there, else the CPU.
enum class DeviceChoice : uint8_t { Auto, Cpu, Cuda };

std::string_view deviceChoiceName(DeviceChoice choice);  // "auto", "cpu", "cuda"
std::optional<DeviceChoice> deviceChoiceFromName(std::string_view name);

/// Bytes of the memory that a device has for itself.
struct DeviceMemory {
    int64_t free = 0, total = 0;
};

/// A device as a list shows it.
struct DeviceOffer {
    DeviceChoice device = DeviceChoice::Cpu;
    std::string description;             // "AVX-512, 2 threads", "NVIDIA H100 80GB HBM3"; empty when it is not offered
    std::string reason;                  // why it is not offered, as a sentence; empty when it is
    std::optional<DeviceMemory> memory;  // of its own

    bool offered() const { return reason.empty(); }
};

}  // namespace moescope
