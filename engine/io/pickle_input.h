// SPDX-License-Identifier: Apache-2.0
// The bytes of a pickle with a place in them, and its memo: what the reader of opcodes stands on.
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/core/error.h"
#include "engine/io/pickle_graph.h"

namespace moescope {

class PickleInput {
public:
    explicit PickleInput(std::span<const std::byte> bytes) : m_bytes(bytes) {}

    /// Throws Format, naming the byte of the opcode that is being read.
    [[noreturn]] void fail(const std::string& what) const {
        throw EngineException(
            ErrorCode::Format,
            fmt::format("the pickle is damaged at its byte {}: {}; fetch or save the file again", m_opcodeAt, what));
    }

    std::span<const std::byte> take(uint64_t count) {
        if (count > m_bytes.size() - m_at)
            fail(m_at == m_bytes.size() ? "it ends without STOP" : "it ends inside a value");
        const auto result = m_bytes.subspan(m_at, count);
        m_at += count;
        return result;
    }
    template <class T>
    T number() {
        T value;
        std::memcpy(&value, take(sizeof(T)).data(), sizeof(T));
        return value;
    }
    /// Text up to the next line feed (protocol 0 and names).
    std::string_view line() {
        const auto* begin = reinterpret_cast<const char*>(m_bytes.data()) + m_at;
        const auto* end = static_cast<const char*>(std::memchr(begin, '\n', m_bytes.size() - m_at));
        if (!end) fail("a line of text has no end");
        m_at += static_cast<size_t>(end - begin) + 1;
        return {begin, static_cast<size_t>(end - begin)};
    }
    uint32_t offsetOf(const void* where) const {
        return static_cast<uint32_t>(static_cast<const std::byte*>(where) - m_bytes.data());
    }
    uint8_t takeOpcode() {
        m_opcodeAt = m_at;
        return static_cast<uint8_t>(take(1)[0]);
    }
    size_t position() const { return m_at; }

private:
    std::span<const std::byte> m_bytes;
    size_t m_at = 0, m_opcodeAt = 0;
};

/// Slots by number. Numbers from a file may be huge while there are few of them.
class PickleMemo {
public:
    void put(uint64_t slot, PickleId value) {
        if (slot < m_dense.size()) {
            if (m_dense[slot] == kNoPickle) ++m_count;
            m_dense[slot] = value;
        } else if (slot < 1024 + 2 * m_count && slot < kDenseMemos) {
            m_dense.resize(slot + 1, kNoPickle);
            m_dense[slot] = value;
            ++m_count;
        } else if (m_sparse.insert_or_assign(slot, value).second) {
            ++m_count;
            if (m_sparse.size() > kMostMemos / 8)
                throw EngineException(ErrorCode::Format,
                                      "the pickle's memo numbers are scattered without bound; choose another file");
        }
        if (m_count > kMostMemos)
            throw EngineException(
                ErrorCode::Format,
                "the pickle remembers more than 2.5 million objects, far beyond any checkpoint; choose another file");
    }
    PickleId get(uint64_t slot) const {
        if (slot < m_dense.size() && m_dense[slot] != kNoPickle) return m_dense[slot];
        const auto found = m_sparse.find(slot);
        return found == m_sparse.end() ? kNoPickle : found->second;
    }
    size_t count() const { return m_count; }

private:
    static constexpr size_t kMostMemos = PickleGraph::kMostNodes;
    static constexpr uint64_t kDenseMemos = 4 * kMostMemos;  // larger numbers go to a hash table

    std::vector<PickleId> m_dense;
    std::unordered_map<uint64_t, PickleId> m_sparse;
    size_t m_count = 0;
};

}  // namespace moescope
