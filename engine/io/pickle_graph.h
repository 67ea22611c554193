// SPDX-License-Identifier: Apache-2.0
// What a pickle describes, as data: a graph of values in an arena. Nothing in it is ever called.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace moescope {

using PickleId = uint32_t;  // index of a node
inline constexpr uint32_t kNoPickle = UINT32_MAX;

enum class PickleKind : uint8_t {
    None,
    False,
    True,
    Int,  // fits in 64 bits
    Big,  // an integer that does not; its little-endian two's complement bytes
    Float,
    Text,  // UTF-8 as stored
    Bytes,
    Global,  // module and name of a class or function: only a name here
    List,
    Tuple,
    Set,
    Dict,        // items are key, value, key, value ...
    Object,      // what would be the result of a call: callee, arguments, state, and items set on it later
    Persistent,  // reference to something outside the pickle (a storage)
    Opaque,      // understood as harmless, kept as nothing (extension codes, escaped protocol-0 text)
};

/// Nodes and item cells live in two arenas with fixed limits; sharing and cycles are plain repeated indices.
class PickleGraph {
public:
    /// Text, bytes and names are ranges of `source`, which outlives the graph.
    explicit PickleGraph(std::span<const std::byte> source = {}) : m_source(source) {}

    struct Node {
        PickleKind kind = PickleKind::None;
        bool newObject = false;   // Object made by NEWOBJ: callee is its class
        bool keyedItems = false;  // Object: items are pairs
        uint32_t a = kNoPickle,
                 b = 0;  // Int/Float: the 64 bits; Text/Bytes/Big: begin, length; containers: first cell, count
        uint32_t c =
            kNoPickle;  // containers: last cell; Object: callee; Global: begin of the name; Persistent: reference
        uint32_t d = kNoPickle;     // Object: arguments; Global: length of the name
        uint32_t e = kNoPickle;     // Object: state
        uint32_t last = kNoPickle;  // Object: last item cell
    };
    struct Cell {
        PickleId value;
        uint32_t next;
    };

    static constexpr size_t kMostNodes = 2'500'000;
    static constexpr size_t kMostCells = 4'000'000;

    size_t size() const { return m_nodes.size(); }
    const Node& operator[](PickleId id) const { return m_nodes[id]; }
    Node& operator[](PickleId id) { return m_nodes[id]; }
    PickleKind kind(PickleId id) const { return m_nodes[id].kind; }
    const Cell& cell(uint32_t index) const { return m_cells[index]; }

    /// Throw EngineException when a limit is reached.
    PickleId add(const Node& node);
    PickleId addInt(int64_t value);
    PickleId addFloat(double value);
    void append(PickleId container, PickleId value);

    std::optional<int64_t> integer(PickleId id) const;  // Int only, not bool
    double real(PickleId id) const;
    std::string_view text(PickleId id) const;    // Text, Bytes, Big; else empty
    std::string_view module(PickleId id) const;  // Global; else empty
    std::string_view name(PickleId id) const;
    bool isGlobal(PickleId id, std::string_view module, std::string_view name) const;
    /// The items of a container or of an Object, up to `limit`.
    std::vector<PickleId> items(PickleId id, size_t limit) const;

private:
    std::string_view range(uint32_t begin, uint32_t length) const;

    std::span<const std::byte> m_source;
    std::deque<Node> m_nodes;  // grows without moving
    std::deque<Cell> m_cells;
};

}  // namespace moescope
