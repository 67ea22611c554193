// SPDX-License-Identifier: Apache-2.0
// Devices that this machine offers: the built-in CPU, and CUDA where its plugin is found and agrees to serve.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "engine/backend/backend.h"

namespace moescope {

/// Where the plugin is looked for, in this order: $MOESCOPE_PLUGIN_DIR, the program's folder, ../lib/moescope of it.
std::vector<std::filesystem::path> pluginFolders();

/// The table of the CUDA plugin, which stays loaded until the process ends. The error is a sentence that begins with
/// "CUDA is not offered: ".
Result<const MsBackendTable*> cudaBackendTable();

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
