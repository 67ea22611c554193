// SPDX-License-Identifier: Apache-2.0
#include "engine/backend/device_graph.h"

#include <utility>

namespace moescope {

DeviceGraph::DeviceGraph(DeviceGraph&& other) noexcept {
    *this = std::move(other);
}

DeviceGraph& DeviceGraph::operator=(DeviceGraph&& other) noexcept {
    std::swap(m_backend, other.m_backend);
    std::swap(m_handle, other.m_handle);
    return *this;
}

DeviceGraph::~DeviceGraph() {
    if (m_handle) m_backend->table().graph_destroy(m_backend->context(), m_handle);
}

}  // namespace moescope
