// SPDX-License-Identifier: Apache-2.0
#include "engine/ensemble/resident_networks.h"

#include <algorithm>

#include "engine/core/system_memory.h"
#include "engine/model/checkpoint.h"

namespace moescope {

ResidentNetworks::ResidentNetworks(Backend& backend, std::vector<std::shared_ptr<const Checkpoint>> networks, MsDType storage, int64_t budget)
    : m_backend(backend), m_storage(storage), m_budget(budget), m_expected(networks.size()) {
    for (auto& network : networks) {
        const int64_t needed = network->memoryNeeded(storage);
        m_places.push_back({std::move(network), nullptr, needed, 0, {}});
    }
}

ResidentNetworks::~ResidentNetworks() = default;

void ResidentNetworks::makeRoom(int64_t needed) {
    while (true) {
        int64_t held = 0;
        Place* oldest = nullptr;
        for (Place& place : m_places) {
            if (!place.denoiser) continue;
            held += place.needed;
            if (!oldest || place.lastUse < oldest->lastUse) oldest = &place;
        }
        if (!oldest || needed <= (m_budget < 0 ? availableMemory() : m_budget - held)) return;
        oldest->denoiser.reset();
        oldest->history.bytes = 0;
        ++oldest->history.evictions;
    }
}

const Denoiser& ResidentNetworks::acquire(size_t network, const std::stop_token& stop) {
    Place& place = m_places[network];
    place.lastUse = ++m_uses;
    if (place.denoiser) return *place.denoiser;
    makeRoom(place.needed);
    LoadOptions options;
    options.storage = m_storage;
    options.stop = stop;
    options.available = m_budget;  // of which nothing is taken by others now, or as much as fits beside them
    place.denoiser = place.checkpoint->load(m_backend, options).orThrow();
    place.history.bytes = place.denoiser->packedBytes();
    ++place.history.loads;
    return *place.denoiser;
}

void ResidentNetworks::expect(size_t network) {
    if (holds(network) || network == m_expected) return;
    m_expected = network;
    m_reader = std::jthread([checkpoint = m_places[network].checkpoint](const std::stop_token& stop) {
        for (const ExpectedTensor& tensor : checkpoint->description().tensors)
            if (const TensorInfo* found = checkpoint->view().find(tensor.name))
                if (!checkpoint->source().prepare(*found, stop)) return;
    });
}

}  // namespace moescope
