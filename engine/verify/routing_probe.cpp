// SPDX-License-Identifier: Apache-2.0
#include "engine/verify/routing_probe.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace moescope::verify {

struct RoutingProbe::Buffers {
    DeviceTensor rowPtr, expert, gate, counts, logits, scores, margin, capacityLogits;
    MsRouting routing{};
};

ExpertLists ExpertLists::regular(std::vector<int64_t> experts, int64_t topK) {
    ExpertLists lists;
    for (int64_t end = topK; end <= static_cast<int64_t>(experts.size()); end += topK) lists.start.push_back(end);
    lists.expert = std::move(experts);
    return lists;
}

ExpertLists RoutingProbe::Layer::lists() const {
    ExpertLists all;
    all.start.assign(start.begin(), start.end());
    all.expert.assign(expert.begin(), expert.begin() + start.back());
    return all;
}

std::vector<int64_t> RoutingProbe::Layer::received(int64_t first, int64_t count) const {
    const auto experts = static_cast<size_t>(descriptor.experts);
    std::vector<int64_t> sums(experts);
    for (size_t cell = static_cast<size_t>(first) * experts; cell < static_cast<size_t>(first + count) * experts;
         ++cell)
        sums[cell % experts] += counts[cell];
    return sums;
}

RoutingProbe::RoutingProbe(Backend& backend, const ModelDescription& description) : m_backend(backend) {
    for (const MoeLayerDescriptor& descriptor : description.moeLayers) m_layers.emplace_back().descriptor = descriptor;
}

RoutingProbe::~RoutingProbe() = default;

void RoutingProbe::begin(int64_t samples, int64_t branches, bool predicted) {
    m_predicted = predicted;
    if (samples == m_samples && branches == m_branches) return;
    m_samples = samples;
    m_branches = branches;
    m_buffers.clear();
    for (Layer& layer : m_layers) {
        const MoeLayerDescriptor& d = layer.descriptor;
        const bool pools = d.policy == RoutingPolicy::BatchPool;
        layer.tokens = samples * d.tokensPerSample();
        const int64_t pairs = d.mostPairs(samples);
        const int64_t margins = pools                                     ? branches * d.experts
                                : d.policy == RoutingPolicy::ExpertChoice ? samples * d.experts
                                                                          : layer.tokens;
        auto buffers = std::make_unique<Buffers>();
        Buffers& b = *buffers;
        const auto room = [&](auto& host, DeviceTensor& tensor, MsTensor*& wanted, Shape shape,
                              MsDType dtype = MS_F32) {
            host.resize(static_cast<size_t>(elementCount(shape)));
            tensor = m_backend.tensor(shape, dtype);
            m_backend.upload(tensor, std::span(std::as_const(host)));  // there may be fewer pairs than room
            wanted = tensor.get();
        };
        b.routing.size = sizeof(MsRouting);
        room(layer.start, b.rowPtr, b.routing.rowPtr, {layer.tokens + 1}, MS_I32);
        room(layer.expert, b.expert, b.routing.expert, {pairs}, MS_U16);
        room(layer.gate, b.gate, b.routing.gate, {pairs});
        room(layer.counts, b.counts, b.routing.counts, {samples, d.experts}, MS_I32);
        room(layer.logits, b.logits, b.routing.logits, {layer.tokens, d.experts});
        room(layer.scores, b.scores, b.routing.scores, {layer.tokens, d.experts});
        room(layer.margin, b.margin, b.routing.margin, {margins});
        if (pools) room(layer.capacityLogits, b.capacityLogits, b.routing.capacityLogits, {layer.tokens, d.experts});
        m_buffers.push_back(std::move(buffers));
    }
}

const MsRouting* RoutingProbe::routingFor(int layer) {
    return &m_buffers[static_cast<size_t>(layer)]->routing;
}

void RoutingProbe::routed(int index) {
    Layer& layer = m_layers[static_cast<size_t>(index)];
    const Buffers& b = *m_buffers[static_cast<size_t>(index)];
    m_backend.download(b.rowPtr, std::span(layer.start));
    m_backend.download(b.expert, std::span(layer.expert));
    m_backend.download(b.gate, std::span(layer.gate));
    m_backend.download(b.counts, std::span(layer.counts));
    m_backend.download(b.logits, std::span(layer.logits));
    m_backend.download(b.scores, std::span(layer.scores));
    m_backend.download(b.margin, std::span(layer.margin));
    if (!b.capacityLogits.empty()) m_backend.download(b.capacityLogits, std::span(layer.capacityLogits));
}

const std::vector<RoutingProbe::Layer>& RoutingProbe::finish() {
    m_backend.synchronize();
    return m_layers;
}

SmallestMargin RoutingProbe::smallestMargin(int evaluation) const {
    SmallestMargin smallest;
    for (const Layer& layer : m_layers) {
        const int block = layer.descriptor.block;
        const int64_t experts = layer.descriptor.experts;
        const bool byToken = !expertsChoose(layer.descriptor.policy);
        for (size_t i = 0; i < layer.margin.size(); ++i) {
            const auto place = static_cast<int64_t>(i);
            smallest.include(
                {layer.margin[i], evaluation, block, byToken ? place : -1, byToken ? -1 : place % experts});
        }
        if (layer.capacityLogits.empty() || layer.descriptor.thresholds.empty() || !m_predicted) continue;
        for (size_t i = 0; i < layer.capacityLogits.size(); ++i) {
            const auto place = static_cast<int64_t>(i);
            const double chance = 1.0 / (1.0 + std::exp(-static_cast<double>(layer.capacityLogits[i])));
            const double distance =
                std::abs(chance - layer.descriptor.thresholds[static_cast<size_t>(place % experts)]);
            smallest.include({distance, evaluation, block, place / experts, place % experts});
        }
    }
    return smallest;
}

void compareChoices(const RoutingProbe::Layer& layer, int64_t firstToken, const ExpertLists& reference, int evaluation,
                    Branch branch, RoutingReport& report) {
    const ExpertLists mine = layer.lists();
    for (int64_t token = 0; token < reference.tokens(); ++token) {
        ++report.sets;
        std::vector<int64_t> expected = reference.of(token), found = mine.of(firstToken + token);
        std::sort(expected.begin(), expected.end());
        if (expected == found) continue;
        ++report.differing;
        if (report.first) continue;
        const auto margin = expertsChoose(layer.descriptor.policy)
                                ? std::min_element(layer.margin.begin(), layer.margin.end())
                                : layer.margin.begin() + firstToken + token;
        report.first = RoutingDifference{evaluation,       branch, layer.descriptor.block, token, std::move(expected),
                                         std::move(found), *margin};
    }
}

}  // namespace moescope::verify
