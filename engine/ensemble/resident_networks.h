// SPDX-License-Identifier: Apache-2.0
// The networks of an ensemble in memory: loaded when they are first needed, the least recently used let go where room is short.
#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <thread>
#include <vector>

#include "engine/model/loadable_model.h"

namespace moescope {

class Checkpoint;

/// Used by one thread; a thread of its own reads ahead from the disk. Throws EngineException where a network can not be loaded.
class ResidentNetworks {
public:
    /// What happened to one network so far.
    struct History {
        int64_t loads = 0, evictions = 0;
        uint64_t bytes = 0;  // held now
    };

    /// `budget`: bytes for all networks together, by their memoryNeeded; negative: what the system has free when one is loaded.
    ResidentNetworks(Backend& backend, std::vector<std::shared_ptr<const Checkpoint>> networks, MsDType storage, int64_t budget);
    ~ResidentNetworks();

    /// Valid until another network is acquired.
    const Denoiser& acquire(size_t network, const std::stop_token& stop);
    /// Starts reading the file of a network that is needed soon, so that acquiring it does not wait for the disk.
    void expect(size_t network);

    bool holds(size_t network) const { return m_places[network].denoiser != nullptr; }
    const History& history(size_t network) const { return m_places[network].history; }

private:
    struct Place {
        std::shared_ptr<const Checkpoint> checkpoint;
        std::unique_ptr<Denoiser> denoiser;
        int64_t needed = 0;
        uint64_t lastUse = 0;
        History history;
    };
    void makeRoom(int64_t needed);

    Backend& m_backend;
    std::vector<Place> m_places;
    MsDType m_storage;
    int64_t m_budget;
    uint64_t m_uses = 0;
    size_t m_expected;    // being read ahead, or read; the number of networks: none
    std::jthread m_reader;
};

}  // namespace moescope
