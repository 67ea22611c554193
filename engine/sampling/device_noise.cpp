// SPDX-License-Identifier: Apache-2.0
#include "engine/sampling/device_noise.h"

#include <algorithm>

namespace moescope {
namespace {

constexpr int64_t kMostValues = int64_t{16} << 20;  // drawn at a time: 64 MiB of the device's memory

uint64_t residentThreads(const NoiseSpec& spec) {
    return TorchCudaGenerator::residentThreads(spec.multiprocessors, spec.threadsPerMultiprocessor);
}

}  // namespace

bool drawsOnDevice(const NoiseSpec& spec, const Backend& backend) {
    return spec.kind == NoiseSpec::Kind::TorchCuda && !spec.joint && backend.hasTorchNormals();
}

void drawStartOnDevice(const NoiseSpec& spec, uint64_t seed, int64_t perImage, Backend& backend,
                       std::span<float> values) {
    const auto images = static_cast<int64_t>(values.size()) / perImage;
    const int64_t most = std::clamp<int64_t>(kMostValues / perImage, 1, std::max<int64_t>(images, 1));
    DeviceTensor drawn = backend.tensor({most, perImage});
    for (int64_t first = 0; first < images; first += most) {
        const int64_t now = std::min(most, images - first);
        backend.reshape(drawn, {now, perImage});
        backend.torchNormals(seed + static_cast<uint64_t>(first), 0, static_cast<int64_t>(residentThreads(spec)),
                             drawn);
        backend.download(drawn,
                         values.subspan(static_cast<size_t>(first * perImage), static_cast<size_t>(now * perImage)));
        backend.synchronize();
    }
}

DeviceNoiseStream::DeviceNoiseStream(const NoiseSpec& spec, uint64_t seed, int64_t perImage, Backend& backend)
    : m_backend(backend),
      m_seed(seed),
      m_residentThreads(residentThreads(spec)),
      m_offsetsPerDraw(4 * torchCudaGrid(static_cast<uint64_t>(perImage), m_residentThreads).rounds) {
    m_offset = m_offsetsPerDraw;  // behind the starting noise
}

void DeviceNoiseStream::next(DeviceTensor& noise) {
    m_backend.torchNormals(m_seed, m_offset, static_cast<int64_t>(m_residentThreads), noise);
    m_offset += m_offsetsPerDraw;
}

}  // namespace moescope
