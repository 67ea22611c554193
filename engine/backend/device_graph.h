// SPDX-License-Identifier: Apache-2.0
// Operations that were recorded once and are replayed with one call.
#pragma once

#include "engine/backend/backend.h"

namespace moescope {

/// Owns a recorded graph; must not outlive its Backend or the tensors that it was recorded with.
class DeviceGraph {
public:
    DeviceGraph() = default;
    DeviceGraph(DeviceGraph&& other) noexcept;
    DeviceGraph& operator=(DeviceGraph&& other) noexcept;
    ~DeviceGraph();

    /// Records what `queue` asks of the backend, without running it. Throws what `queue` throws, and EngineException
    /// when the device can not record it; the backend works on in both cases.
    template <class Queue>
    static DeviceGraph record(Backend& backend, Queue&& queue) {
        DeviceGraph graph(backend);
        backend.check(backend.table().graph_begin(backend.context()));
        try {
            queue();
        } catch (...) {
            static_cast<void>(graph.end());
            throw;
        }
        backend.check(graph.end());
        return graph;
    }

    bool empty() const { return m_handle == nullptr; }
    /// Queues all of it.
    void launch() { m_backend->check(m_backend->table().graph_launch(m_backend->context(), m_handle)); }

private:
    explicit DeviceGraph(Backend& backend) : m_backend(&backend) {}
    MsStatus end() { return m_backend->table().graph_end(m_backend->context(), &m_handle); }

    Backend* m_backend = nullptr;
    MsGraph* m_handle = nullptr;
};

}  // namespace moescope
