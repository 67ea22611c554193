// SPDX-License-Identifier: Apache-2.0
// Noise that a device draws itself, in its own memory, where the host would draw the same and upload it.
#pragma once

#include <cstdint>
#include <span>

#include "engine/backend/backend.h"
#include "engine/sampling/noise.h"

namespace moescope {

/// Whether `backend` draws what `spec` names: torch's CUDA noise, image by image.
bool drawsOnDevice(const NoiseSpec& spec, const Backend& backend);

/// The starting noise of images with seed, seed + 1, ..., `perImage` values each; waits for it. Where `drawsOnDevice`.
void drawStartOnDevice(const NoiseSpec& spec, uint64_t seed, int64_t perImage, Backend& backend,
                       std::span<float> values);

/// What NoiseStream is on the host, where `drawsOnDevice`: the numbers that follow the starting noise of each image.
class DeviceNoiseStream {
public:
    /// Images with seed, seed + 1, ..., `perImage` values each.
    DeviceNoiseStream(const NoiseSpec& spec, uint64_t seed, int64_t perImage, Backend& backend);

    /// noise [images, ...], F32: queued behind what the device was given before, not waited for.
    void next(DeviceTensor& noise);

private:
    Backend& m_backend;
    uint64_t m_seed, m_offset = 0;
    uint64_t m_residentThreads, m_offsetsPerDraw;
};

}  // namespace moescope
