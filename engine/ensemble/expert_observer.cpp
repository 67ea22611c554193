// SPDX-License-Identifier: Apache-2.0
#include "engine/ensemble/expert_observer.h"

#include <algorithm>
#include <array>

namespace moescope {
namespace {

/// A record with `width` values for each token or sample.
struct Plain {
    MsTensor* MsRouting::* member;
    MsDType dtype;
    bool perToken;
    bool perExpert;
};
constexpr std::array<Plain, 8> kPlain{{{&MsRouting::counts, MS_I32, false, true},
                                       {&MsRouting::mass, MS_F32, false, true},
                                       {&MsRouting::logits, MS_F32, true, true},
                                       {&MsRouting::scores, MS_F32, true, true},
                                       {&MsRouting::inputNorm, MS_F32, true, false},
                                       {&MsRouting::routedNorm, MS_F32, true, false},
                                       {&MsRouting::sharedNorm, MS_F32, true, false},
                                       {&MsRouting::capacityLogits, MS_F32, true, true}}};

int64_t valuesPerSample(const Plain& plain, const MoeLayerDescriptor& layer) {
    return (plain.perToken ? layer.tokensPerSample() : 1) * (plain.perExpert ? layer.experts : 1);
}

}  // namespace

/// The records of a layer over the expert's samples, on the device; all of them are 32 bits wide but for the experts.
struct ExpertObserver::Part {
    std::array<DeviceTensor, kPlain.size()> plain;
    DeviceTensor rowPtr, expert, gate;
};

ExpertObserver::ExpertObserver(Backend& backend, DenoiserObserver& outer, std::span<const MoeLayerDescriptor> layers, int firstLayer,
                               int64_t samples, std::span<const int32_t> rows)
    : m_backend(backend), m_outer(outer), m_layers(layers), m_firstLayer(firstLayer), m_samples(samples), m_rows(rows) {}

ExpertObserver::~ExpertObserver() = default;

const MsRouting* ExpertObserver::routingFor(int layer) {
    const MsRouting* outer = m_outer.routingFor(m_firstLayer + layer);
    if (!outer || whole()) return outer;
    m_outerRouting = *outer;
    m_routing = MsRouting{};
    m_routing.size = sizeof(MsRouting);
    m_part = std::make_unique<Part>();
    const MoeLayerDescriptor& descriptor = m_layers[static_cast<size_t>(layer)];
    const auto rows = static_cast<int64_t>(m_rows.size());
    for (size_t i = 0; i < kPlain.size(); ++i)
        if (outer->*kPlain[i].member) {
            const int64_t perSample = valuesPerSample(kPlain[i], descriptor);
            m_part->plain[i] = m_backend.tensor({rows * perSample}, kPlain[i].dtype);
            m_routing.*kPlain[i].member = m_part->plain[i].get();
        }
    if (outer->rowPtr) {
        const int64_t tokens = rows * descriptor.tokensPerSample(), mostPairs = tokens * descriptor.experts;
        m_part->rowPtr = m_backend.tensor({tokens + 1}, MS_I32);
        m_part->expert = m_backend.tensor({mostPairs}, MS_U16);
        m_part->gate = m_backend.tensor({mostPairs});
        m_routing.rowPtr = m_part->rowPtr.get();
        m_routing.expert = m_part->expert.get();
        m_routing.gate = m_part->gate.get();
    }
    return &m_routing;
}

const DeviceTensor* ExpertObserver::forcedExperts(int layer) {
    return whole() ? m_outer.forcedExperts(m_firstLayer + layer) : nullptr;
}

void ExpertObserver::routed(int layer) {
    if (m_part) {
        const MoeLayerDescriptor& descriptor = m_layers[static_cast<size_t>(layer)];
        const MsBackendTable& ops = m_backend.table();
        const auto send = [&](MsTensor* target, const auto& values) {
            m_backend.check(ops.upload(m_backend.context(), target, values.data(), values.size() * sizeof(values[0])));
        };
        for (size_t i = 0; i < kPlain.size(); ++i) {
            if (m_part->plain[i].empty()) continue;
            const auto perSample = static_cast<size_t>(valuesPerSample(kPlain[i], descriptor));
            std::vector<uint32_t> part(m_rows.size() * perSample), all(static_cast<size_t>(m_samples) * perSample);
            m_backend.download(m_part->plain[i], std::span(part));
            m_backend.synchronize();
            for (size_t r = 0; r < m_rows.size(); ++r)
                std::copy_n(part.begin() + static_cast<std::ptrdiff_t>(r * perSample), perSample,
                            all.begin() + static_cast<std::ptrdiff_t>(static_cast<size_t>(m_rows[r]) * perSample));
            send(m_outerRouting.*kPlain[i].member, all);
        }
        if (!m_part->rowPtr.empty()) {
            const auto tokens = static_cast<size_t>(descriptor.tokensPerSample());
            std::vector<int32_t> part(m_rows.size() * tokens + 1), all(static_cast<size_t>(m_samples) * tokens + 1);
            m_backend.download(m_part->rowPtr, std::span(part));
            m_backend.synchronize();
            size_t next = 0;  // the expert's sample that comes next
            for (size_t sample = 0; sample < static_cast<size_t>(m_samples); ++sample) {
                const bool computed = next < m_rows.size() && static_cast<size_t>(m_rows[next]) == sample;
                for (size_t token = 0; token < tokens; ++token) {
                    const int32_t pairs = computed ? part[next * tokens + token + 1] - part[next * tokens + token] : 0;
                    all[sample * tokens + token + 1] = all[sample * tokens + token] + pairs;
                }
                next += computed;
            }
            std::vector<uint16_t> expert(static_cast<size_t>(part.back()));
            std::vector<float> gate(expert.size());
            m_backend.download(m_part->expert, std::span(expert));
            m_backend.download(m_part->gate, std::span(gate));
            m_backend.synchronize();
            send(m_outerRouting.rowPtr, all);
            if (m_outerRouting.expert) send(m_outerRouting.expert, expert);
            if (m_outerRouting.gate) send(m_outerRouting.gate, gate);
        }
        m_part.reset();
    }
    m_outer.routed(m_firstLayer + layer);
}

void ExpertObserver::tellNothing(Backend& backend, DenoiserObserver& outer, std::span<const MoeLayerDescriptor> layers, int firstLayer,
                                 int64_t samples) {
    for (size_t layer = 0; layer < layers.size(); ++layer) {
        const int number = firstLayer + static_cast<int>(layer);
        const MsRouting* routing = outer.routingFor(number);
        if (!routing) continue;
        const auto clear = [&](MsTensor* target, int64_t values) {
            if (!target) return;
            const std::vector<uint32_t> zeros(static_cast<size_t>(values));
            backend.check(backend.table().upload(backend.context(), target, zeros.data(), zeros.size() * sizeof(uint32_t)));
        };
        for (const Plain& plain : kPlain) clear(routing->*plain.member, samples * valuesPerSample(plain, layers[layer]));
        clear(routing->rowPtr, samples * layers[layer].tokensPerSample() + 1);
        outer.routed(number);
    }
}

}  // namespace moescope
