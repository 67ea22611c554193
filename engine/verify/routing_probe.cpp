// SPDX-License-Identifier: Apache-2.0
#include "engine/verify/routing_probe.h"

#include <algorithm>

namespace moescope::verify {

struct RoutingProbe::Buffers {
    DeviceTensor rowPtr, expert, gate, logits, scores, margin;
    MsRouting routing{};
};

RoutingProbe::RoutingProbe(Backend& backend, const ModelDescription& description) : m_backend(backend) {
    for (const MoeLayerDescriptor& descriptor : description.moeLayers)
        m_layers.push_back({descriptor, 0, {}, {}, {}, {}, {}});
}

RoutingProbe::~RoutingProbe() = default;

void RoutingProbe::begin(int64_t samples) {
    if (samples == m_samples) return;
    m_samples = samples;
    m_buffers.clear();
    for (Layer& layer : m_layers) {
        const int64_t experts = layer.descriptor.experts, topK = layer.descriptor.topK;
        layer.tokens = samples * layer.descriptor.tokensPerSample();
        const size_t tokens = static_cast<size_t>(layer.tokens);
        layer.logits.resize(tokens * static_cast<size_t>(experts));
        layer.scores.resize(layer.logits.size());
        layer.expert.resize(tokens * static_cast<size_t>(topK));
        layer.gate.resize(layer.expert.size());
        layer.margin.resize(tokens);
        auto buffers = std::make_unique<Buffers>();
        Buffers& b = *buffers;
        b.rowPtr = m_backend.tensor({layer.tokens + 1}, MS_I32);
        b.expert = m_backend.tensor({layer.tokens * topK}, MS_U16);
        b.gate = m_backend.tensor({layer.tokens * topK});
        b.logits = m_backend.tensor({layer.tokens, experts});
        b.scores = m_backend.tensor({layer.tokens, experts});
        b.margin = m_backend.tensor({layer.tokens});
        b.routing.size = sizeof(MsRouting);
        b.routing.rowPtr = b.rowPtr.get();
        b.routing.expert = b.expert.get();
        b.routing.gate = b.gate.get();
        b.routing.logits = b.logits.get();
        b.routing.scores = b.scores.get();
        b.routing.margin = b.margin.get();
        m_buffers.push_back(std::move(buffers));
    }
}

const MsRouting* RoutingProbe::routingFor(int layer) {
    return &m_buffers[static_cast<size_t>(layer)]->routing;
}

void RoutingProbe::routed(int index) {
    Layer& layer = m_layers[static_cast<size_t>(index)];
    const Buffers& b = *m_buffers[static_cast<size_t>(index)];
    m_backend.download(b.expert, std::span(layer.expert));
    m_backend.download(b.gate, std::span(layer.gate));
    m_backend.download(b.logits, std::span(layer.logits));
    m_backend.download(b.scores, std::span(layer.scores));
    m_backend.download(b.margin, std::span(layer.margin));
}

const std::vector<RoutingProbe::Layer>& RoutingProbe::finish() {
    m_backend.synchronize();
    return m_layers;
}

SmallestMargin RoutingProbe::smallestMargin(int evaluation) const {
    SmallestMargin smallest;
    for (const Layer& layer : m_layers)
        for (int64_t token = 0; token < layer.tokens; ++token)
            smallest.include({layer.margin[static_cast<size_t>(token)], evaluation, layer.descriptor.block, token});
    return smallest;
}

void compareChoices(const RoutingProbe::Layer& layer, int64_t firstToken, const std::vector<int64_t>& reference,
                    int evaluation, Branch branch, RoutingReport& report) {
    const int64_t topK = layer.descriptor.topK, tokens = static_cast<int64_t>(reference.size()) / topK;
    for (int64_t token = 0; token < tokens; ++token) {
        ++report.sets;
        std::vector<int64_t> expected(reference.begin() + token * topK, reference.begin() + (token + 1) * topK);
        std::sort(expected.begin(), expected.end());
        const auto mine = layer.expert.begin() + (firstToken + token) * topK;
        if (std::equal(expected.begin(), expected.end(), mine)) continue;
        ++report.differing;
        if (report.first) continue;
        report.first = RoutingDifference{evaluation,
                                         branch,
                                         layer.descriptor.block,
                                         token,
                                         std::move(expected),
                                         {mine, mine + topK},
                                         layer.margin[static_cast<size_t>(firstToken + token)]};
    }
}

}  // namespace moescope::verify
