// SPDX-License-Identifier: Apache-2.0
// Fresh noise for every step of a run, drawn by the generators that drew its starting noise.
#pragma once

#include <cstdint>
#include <span>
#include <variant>
#include <vector>

#include "engine/sampling/noise.h"
#include "engine/sampling/torch_cpu_rng.h"

namespace moescope {

/// The numbers that follow `makeNoise` in the generator of each image (or of the whole batch, where noise is joint):
/// image i of a batch goes on exactly as image i made alone. Where the starting noise came from a file, generators of
/// torch's CPU kind begin at seed + i. One thread. What a device draws itself comes from a DeviceNoiseStream instead.
class NoiseStream {
public:
    /// Images [first, first + images) of a batch of `batch`, `perImage` values each; seed of image 0.
    NoiseStream(const NoiseSpec& spec, uint64_t seed, int64_t batch, int64_t first, int64_t images, int64_t perImage);

    /// [images * perImage] standard normal numbers.
    void next(std::span<float> values);

private:
    using Generator = std::variant<TorchCpuGenerator, TorchCudaGenerator>;
    std::vector<Generator> m_generators;  // one per image, or one for all
    std::vector<float> m_batch;           // a draw of the whole batch, joint noise only
    int64_t m_first, m_perImage;
};

}  // namespace moescope
