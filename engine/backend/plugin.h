// SPDX-License-Identifier: Apache-2.0
// Devices that this machine offers: the built-in CPU, and CUDA where its plugin is found and agrees to serve.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/backend/backend.h"

namespace moescope {

/// Auto: the GPU if the model fits there, else the CPU.
enum class DeviceChoice : uint8_t { Auto, Cpu, Cuda };

std::string_view deviceChoiceName(DeviceChoice choice);  // "auto", "cpu", "cuda"
std::optional<DeviceChoice> deviceChoiceFromName(std::string_view name);

/// Where the plugin is looked for, in this order: $MOESCOPE_PLUGIN_DIR, the program's folder, ../lib/moescope of it.
std::vector<std::filesystem::path> pluginFolders();

/// The table of the CUDA plugin, which stays loaded until the process ends. The error is a sentence that begins with
/// "CUDA is not offered: ".
Result<const MsBackendTable*> cudaBackendTable();

/// A device as a list shows it.
struct DeviceOffer {
    DeviceChoice device = DeviceChoice::Cpu;
    std::string description;             // "AVX-512, 2 threads", "NVIDIA H100 80GB HBM3"; empty when it is not offered
    std::string reason;                  // why it is not offered, as a sentence; empty when it is
    std::optional<DeviceMemory> memory;  // of its own

    bool offered() const { return reason.empty(); }
};

/// The CPU, then CUDA. Makes a context on each for a moment: not on a thread that must not wait.
std::vector<DeviceOffer> devices(const BackendOptions& options);

struct OpenedDevice {
    std::unique_ptr<Backend> backend;
    std::string note;  // of Auto, where there is a GPU and the CPU was taken: why, as a sentence
};

/// A context on the device that was asked for. `needed`: bytes of the model that it is for; Auto takes the GPU only
/// where as many are free. An error says why CUDA can not be had and what to do.
Result<OpenedDevice> openDevice(DeviceChoice choice, const BackendOptions& options, int64_t needed = 0);

/// Short name for records of runs: "CPU, AVX-512" (how many threads there were changes no byte), "CUDA, NVIDIA H100
/// 80GB HBM3".
std::string deviceText(const Backend& backend);

}  // namespace moescope
