// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/cli/bench_pass.h"

#include <algorithm>
#include <chrono>

#include "engine/sampling/noise.h"

namespace moescope::cli {

BenchPass::BenchPass(const Denoiser& denoiser, int batch)
    : m_denoiser(denoiser), m_batch(batch), m_workspace(denoiser.makeWorkspace(batch)) {
    const TransformerConfig& c = denoiser.description().config;
    Backend& backend = denoiser.backend();
    m_x = backend.tensor({batch, c.inChannels, c.inputSide(), c.inputSide()});
    m_times = backend.tensor({batch});
    m_labels = backend.tensor({batch}, MS_I32);
}

void BenchPass::upload(uint64_t seed) {
    const TransformerConfig& c = m_denoiser.description().config;
    Backend& backend = m_denoiser.backend();
    const HostTensor noise = makeNoise({}, seed, m_batch, {c.inChannels, c.inputSide(), c.inputSide()}).orThrow();
    const std::vector<float> time(static_cast<size_t>(m_batch), static_cast<float>((seed * 37 + 11) % 100) / 100.0f);
    std::vector<int32_t> classes(static_cast<size_t>(m_batch), static_cast<int32_t>(c.classes));
    classes[0] = static_cast<int32_t>((seed * 101 + 207) % static_cast<uint64_t>(std::max<int64_t>(1, c.classes)));
    m_denoiser.encodePrompts(std::vector<std::string>(static_cast<size_t>(m_batch), "red heart"), m_prompts);
    backend.upload(m_x, std::span<const float>(noise.data));
    backend.upload(m_times, std::span<const float>(time));
    backend.upload(m_labels, std::span<const int32_t>(classes));
    backend.synchronize();
}

void BenchPass::forward() {
    Condition condition{m_labels, m_batch == 2 ? 2 : 1};
    condition.prompts = m_prompts.tokens.empty() ? nullptr : &m_prompts;
    m_denoiser.forward(*m_workspace, m_x, m_times, condition, nullptr);
}

void BenchPass::record() {
    Backend& backend = m_denoiser.backend();
    if (backend.recordsGraphs() && m_denoiser.recordable())
        m_graph = DeviceGraph::record(backend, [this] { forward(); });
}

void BenchPass::run() {
    m_graph.empty() ? forward() : m_graph.launch();
}

std::vector<double> timePasses(BenchPass& pass, const BenchPlan& plan) {
    using Clock = std::chrono::steady_clock;
    pass.upload(0);
    pass.forward();
    pass.record();
    std::vector<double> milliseconds;
    for (int run = -plan.warmup; run < plan.repeat; ++run) {
        pass.upload(static_cast<uint64_t>(run + plan.warmup));
        const auto start = Clock::now();
        pass.run();
        pass.backend().synchronize();
        if (run >= 0) milliseconds.push_back(std::chrono::duration<double, std::milli>(Clock::now() - start).count());
    }
    return milliseconds;
}

}  // namespace moescope::cli
