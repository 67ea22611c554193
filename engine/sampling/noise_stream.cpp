// SPDX-License-Identifier: Apache-2.0
#include "engine/sampling/noise_stream.h"

#include <algorithm>

namespace moescope {

NoiseStream::NoiseStream(const NoiseSpec& spec, uint64_t seed, int64_t batch, int64_t first, int64_t images, int64_t perImage)
    : m_first(first), m_perImage(perImage) {
    const auto add = [&](uint64_t number) {
        if (spec.kind == NoiseSpec::Kind::TorchCuda)
            m_generators.emplace_back(TorchCudaGenerator(number, spec.multiprocessors, spec.threadsPerMultiprocessor));
        else
            m_generators.emplace_back(TorchCpuGenerator(number));
    };
    if (spec.joint) {
        m_batch.resize(static_cast<size_t>(batch * perImage));
        add(seed);
    } else {
        for (int64_t image = 0; image < images; ++image) add(seed + static_cast<uint64_t>(first + image));
    }
    if (spec.kind == NoiseSpec::Kind::File) return;
    std::vector<float> start(static_cast<size_t>(images * perImage));
    next(start);  // what makeNoise has drawn
}

void NoiseStream::next(std::span<float> values) {
    const auto draw = [](Generator& generator, std::span<float> to) { std::visit([&](auto& g) { g.randn(to); }, generator); };
    if (!m_batch.empty()) {
        draw(m_generators.front(), m_batch);
        std::copy_n(m_batch.begin() + m_first * m_perImage, values.size(), values.begin());
        return;
    }
    for (size_t image = 0; image < m_generators.size(); ++image)
        draw(m_generators[image], values.subspan(image * static_cast<size_t>(m_perImage), static_cast<size_t>(m_perImage)));
}

}  // namespace moescope
