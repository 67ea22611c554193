// SPDX-License-Identifier: Apache-2.0
#include "engine/io/pickle_graph.h"

#include <bit>

#include "engine/core/error.h"

namespace moescope {

PickleId PickleGraph::add(const Node& node) {
    if (m_nodes.size() >= kMostNodes)
        throw EngineException(
            ErrorCode::Format,
            "the pickle describes more than 2.5 million objects, far beyond any checkpoint; choose another file");
    m_nodes.push_back(node);
    return static_cast<PickleId>(m_nodes.size() - 1);
}

PickleId PickleGraph::addInt(int64_t value) {
    const auto bits = static_cast<uint64_t>(value);
    return add({.kind = PickleKind::Int, .a = static_cast<uint32_t>(bits), .b = static_cast<uint32_t>(bits >> 32)});
}

PickleId PickleGraph::addFloat(double value) {
    const auto bits = std::bit_cast<uint64_t>(value);
    return add({.kind = PickleKind::Float, .a = static_cast<uint32_t>(bits), .b = static_cast<uint32_t>(bits >> 32)});
}

void PickleGraph::append(PickleId container, PickleId value) {
    if (m_cells.size() >= kMostCells)
        throw EngineException(ErrorCode::Format,
                              "the pickle describes containers of more than 4 million items, far beyond any "
                              "checkpoint; choose another file");
    const auto index = static_cast<uint32_t>(m_cells.size());
    m_cells.push_back({value, kNoPickle});
    Node& node = m_nodes[container];
    uint32_t& last = node.kind == PickleKind::Object ? node.last : node.c;
    if (last == kNoPickle)
        node.a = index;
    else
        m_cells[last].next = index;
    last = index;
    ++node.b;
}

std::optional<int64_t> PickleGraph::integer(PickleId id) const {
    const Node& node = m_nodes[id];
    if (node.kind != PickleKind::Int) return std::nullopt;
    return static_cast<int64_t>(node.a | static_cast<uint64_t>(node.b) << 32);
}

double PickleGraph::real(PickleId id) const {
    const Node& node = m_nodes[id];
    return std::bit_cast<double>(node.a | static_cast<uint64_t>(node.b) << 32);
}

std::string_view PickleGraph::range(uint32_t begin, uint32_t length) const {
    return {reinterpret_cast<const char*>(m_source.data()) + begin, length};
}

std::string_view PickleGraph::text(PickleId id) const {
    const Node& node = m_nodes[id];
    const bool ranged = node.kind == PickleKind::Text || node.kind == PickleKind::Bytes || node.kind == PickleKind::Big;
    return ranged ? range(node.a, node.b) : std::string_view();
}

std::string_view PickleGraph::module(PickleId id) const {
    const Node& node = m_nodes[id];
    return node.kind == PickleKind::Global ? range(node.a, node.b) : std::string_view();
}

std::string_view PickleGraph::name(PickleId id) const {
    const Node& node = m_nodes[id];
    return node.kind == PickleKind::Global ? range(node.c, node.d) : std::string_view();
}

bool PickleGraph::isGlobal(PickleId id, std::string_view moduleName, std::string_view globalName) const {
    return id != kNoPickle && kind(id) == PickleKind::Global && module(id) == moduleName && name(id) == globalName;
}

std::vector<PickleId> PickleGraph::items(PickleId id, size_t limit) const {
    std::vector<PickleId> result;
    const Node& node = m_nodes[id];
    switch (node.kind) {
        case PickleKind::List:
        case PickleKind::Tuple:
        case PickleKind::Set:
        case PickleKind::Dict:
        case PickleKind::Object:
            break;
        default:
            return result;
    }
    for (uint32_t at = node.a; at != kNoPickle && result.size() < limit; at = m_cells[at].next)
        result.push_back(m_cells[at].value);
    return result;
}

}  // namespace moescope
