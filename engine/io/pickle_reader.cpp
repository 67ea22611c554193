// SPDX-License-Identifier: Apache-2.0
#include "engine/io/pickle_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <string>

#include "engine/io/pickle_input.h"

namespace moescope {
namespace {

using Node = PickleGraph::Node;

constexpr size_t kDeepestStack = PickleGraph::kMostNodes;

class Reader : private PickleInput {
public:
    explicit Reader(std::span<const std::byte> bytes) : PickleInput(bytes), m_result{.graph = PickleGraph(bytes)} {
        m_small.fill(kNoPickle);
    }

    Pickle read() {
        while (true) {
            const uint8_t opcode = takeOpcode();
            if (opcode == '.') break;
            if (!data(opcode) && !structure(opcode)) fail(fmt::format("0x{:02x} is no opcode", opcode));
        }
        m_result.root = pop();
        m_result.length = position();
        return std::move(m_result);
    }

private:
    // --- stack -----------------------------------------------------------------------------------------------------
    size_t fence() const { return m_marks.empty() ? 0 : m_marks.back(); }
    void push(PickleId id) {
        if (m_stack.size() >= kDeepestStack) fail("its stack grows without bound");
        m_stack.push_back(id);
    }
    PickleId pop() {
        if (m_stack.size() <= fence()) fail("a value is missing on its stack");
        const PickleId id = m_stack.back();
        m_stack.pop_back();
        return id;
    }
    PickleId top() const {
        if (m_stack.size() <= fence()) fail("a value is missing on its stack");
        return m_stack.back();
    }
    void mark() {
        if (m_marks.size() >= kDeepestStack) fail("its marks grow without bound");
        m_marks.push_back(static_cast<uint32_t>(m_stack.size()));
    }
    /// Index of the first value above the innermost mark, which is removed.
    size_t unmark() {
        if (m_marks.empty()) fail("a mark is missing on its stack");
        const size_t first = m_marks.back();
        m_marks.pop_back();
        return first;
    }

    // --- values ----------------------------------------------------------------------------------------------------
    void pushNode(const Node& node) { push(m_result.graph.add(node)); }
    /// None, False, True and the empty tuple never change: one node each.
    void pushShared(PickleKind kind) {
        PickleId& id = m_constants[static_cast<size_t>(kind)];
        if (id == kNoPickle) id = m_result.graph.add({.kind = kind});
        push(id);
    }
    void pushInt(int64_t value) {
        if (value < 0 || value >= static_cast<int64_t>(m_small.size())) return push(m_result.graph.addInt(value));
        PickleId& id = m_small[static_cast<size_t>(value)];
        if (id == kNoPickle) id = m_result.graph.addInt(value);
        push(id);
    }
    void pushRange(PickleKind kind, uint64_t length) {
        const auto bytes = take(length);
        pushNode({.kind = kind, .a = offsetOf(bytes.data()), .b = static_cast<uint32_t>(length)});
    }
    void pushLong(uint64_t length) {
        if (length > sizeof(int64_t)) return pushRange(PickleKind::Big, length);
        const auto bytes = take(length);
        const bool negative = length > 0 && static_cast<uint8_t>(bytes.back()) >= 0x80;
        uint64_t value = negative ? ~uint64_t{0} : 0;
        if (length > 0) std::memcpy(&value, bytes.data(), length);
        pushInt(static_cast<int64_t>(value));
    }
    void pushDecimal(std::string_view text) {
        if (text.ends_with('L')) text.remove_suffix(1);
        int64_t value = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (error == std::errc::result_out_of_range) return pushNode({.kind = PickleKind::Opaque});
        if (error != std::errc() || end != text.data() + text.size()) fail("an integer is not written in digits");
        pushInt(value);
    }
    void pushDecimalFloat(std::string_view text) {
        double value = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (error == std::errc::invalid_argument || end != text.data() + text.size())
            fail("a number is not written in digits");
        push(m_result.graph.addFloat(value));
    }
    /// Text of protocol 0: kept where no escape has to be resolved.
    void pushLine(std::string_view text, bool quoted) {
        if (quoted) {
            if (text.size() < 2 || text.front() != text.back() || (text.front() != '\'' && text.front() != '"'))
                fail("a text has no quotes");
            text = text.substr(1, text.size() - 2);
        }
        if (text.find('\\') != std::string_view::npos) return pushNode({.kind = PickleKind::Opaque});
        pushNode({.kind = PickleKind::Text, .a = offsetOf(text.data()), .b = static_cast<uint32_t>(text.size())});
    }
    PickleId addGlobal(std::string_view module, std::string_view name) {
        return m_result.graph.add({.kind = PickleKind::Global,
                                   .a = offsetOf(module.data()),
                                   .b = static_cast<uint32_t>(module.size()),
                                   .c = offsetOf(name.data()),
                                   .d = static_cast<uint32_t>(name.size())});
    }
    void pushObject(PickleId callee, PickleId arguments, bool newObject) {
        const PickleId object =
            m_result.graph.add({.kind = PickleKind::Object, .newObject = newObject, .c = callee, .d = arguments});
        if (m_result.graph.isGlobal(callee, "collections", "OrderedDict")) adoptPairs(object, arguments);
        push(object);
    }
    /// OrderedDict([(key, value), ...]), as Python 2 wrote it: the pairs become items.
    void adoptPairs(PickleId object, PickleId arguments) {
        PickleGraph& graph = m_result.graph;
        const auto only = graph.items(arguments, 2);
        if (graph.kind(arguments) != PickleKind::Tuple || only.size() != 1 || graph.kind(only[0]) != PickleKind::List)
            return;
        for (uint32_t at = graph[only[0]].a; at != kNoPickle; at = graph.cell(at).next) {
            const auto pair = graph.items(graph.cell(at).value, 3);
            if (pair.size() != 2) return;
            graph.append(object, pair[0]);
            graph.append(object, pair[1]);
        }
        graph[object].keyedItems = true;
    }
    void pushPersistent(PickleId reference) {
        const PickleId id = m_result.graph.add({.kind = PickleKind::Persistent, .c = reference});
        m_result.persistents.push_back(id);
        push(id);
    }
    void pushContainer(PickleKind kind, size_t first) {
        const PickleId id = m_result.graph.add({.kind = kind});
        for (size_t i = first; i < m_stack.size(); ++i) m_result.graph.append(id, m_stack[i]);
        if (kind == PickleKind::Dict && (m_stack.size() - first) % 2 != 0) fail("a dictionary key has no value");
        m_stack.resize(first);
        push(id);
    }
    /// The last `count` values become a tuple.
    void pushTuple(size_t count) {
        if (m_stack.size() - fence() < count) fail("a value is missing on its stack");
        pushContainer(PickleKind::Tuple, m_stack.size() - count);
    }
    /// Values from `first` on are appended to the container below them.
    void extend(size_t first, bool pairs) {
        if (first <= fence()) fail("a container is missing on its stack");
        PickleGraph& graph = m_result.graph;
        const PickleId id = m_stack[first - 1];
        const PickleKind kind = graph.kind(id);
        if (pairs && (m_stack.size() - first) % 2 != 0) fail("a dictionary key has no value");
        if (kind == PickleKind::Object) {
            if (graph[id].b == 0) graph[id].keyedItems = pairs;
            if (graph[id].keyedItems == pairs)  // an object that is list and dictionary at once keeps what came first
                for (size_t i = first; i < m_stack.size(); ++i) graph.append(id, m_stack[i]);
        } else if (pairs ? kind == PickleKind::Dict : kind == PickleKind::List || kind == PickleKind::Set) {
            for (size_t i = first; i < m_stack.size(); ++i) graph.append(id, m_stack[i]);
        } else if (kind != PickleKind::Opaque) {
            fail("items are added to something that is no container");
        }
        m_stack.resize(first);
    }
    void build() {
        const PickleId state = pop(), object = top();
        Node& node = m_result.graph[object];
        if (node.kind == PickleKind::Object) node.e = state;  // set as data; no __setstate__ is ever looked for
    }

    /// Opcodes that push one value read from the bytes.
    bool data(uint8_t opcode) {
        switch (opcode) {
            case 'N':
                pushShared(PickleKind::None);
                return true;
            case 0x88:
                pushShared(PickleKind::True);
                return true;
            case 0x89:
                pushShared(PickleKind::False);
                return true;
            case ')':
                pushShared(PickleKind::Tuple);
                return true;
            case 'K':
                pushInt(number<uint8_t>());
                return true;
            case 'M':
                pushInt(number<uint16_t>());
                return true;
            case 'J':
                pushInt(number<int32_t>());
                return true;
            case 'G':
                push(m_result.graph.addFloat(std::bit_cast<double>(__builtin_bswap64(number<uint64_t>()))));
                return true;
            case 0x8a:
                pushLong(number<uint8_t>());
                return true;
            case 0x8b: {
                const auto length = number<int32_t>();
                if (length < 0) fail("an integer has a negative length");
                pushLong(static_cast<uint64_t>(length));
                return true;
            }
            case 'I': {
                const std::string_view text = line();
                if (text == "00" || text == "01")
                    pushShared(text == "01" ? PickleKind::True : PickleKind::False);
                else
                    pushDecimal(text);
                return true;
            }
            case 'L':
                pushDecimal(line());
                return true;
            case 'F':
                pushDecimalFloat(line());
                return true;
            case 'S':
                pushLine(line(), true);
                return true;
            case 'V':
                pushLine(line(), false);
                return true;
            case 'X':
                pushRange(PickleKind::Text, number<uint32_t>());
                return true;
            case 0x8c:
                pushRange(PickleKind::Text, number<uint8_t>());
                return true;
            case 0x8d:
                pushRange(PickleKind::Text, number<uint64_t>());
                return true;
            case 'T':
                pushRange(PickleKind::Text, number<uint32_t>());
                return true;  // str of Python 2
            case 'U':
                pushRange(PickleKind::Text, number<uint8_t>());
                return true;
            case 'B':
                pushRange(PickleKind::Bytes, number<uint32_t>());
                return true;
            case 'C':
                pushRange(PickleKind::Bytes, number<uint8_t>());
                return true;
            case 0x8e:
            case 0x96:
                pushRange(PickleKind::Bytes, number<uint64_t>());
                return true;
            case ']':
                pushNode({.kind = PickleKind::List});
                return true;
            case '}':
                pushNode({.kind = PickleKind::Dict});
                return true;
            case 0x8f:
                pushNode({.kind = PickleKind::Set});
                return true;
            case 0x82:
                take(1);
                pushNode({.kind = PickleKind::Opaque});
                return true;  // extension registry: unknown here
            case 0x83:
                take(2);
                pushNode({.kind = PickleKind::Opaque});
                return true;
            case 0x84:
                take(4);
                pushNode({.kind = PickleKind::Opaque});
                return true;
            default:
                return false;
        }
    }

    /// Opcodes that work on the stack, the memo, or name things.
    bool structure(uint8_t opcode) {
        switch (opcode) {
            case 0x80:
                if (const auto version = number<uint8_t>(); version > 5)
                    fail(fmt::format("its protocol is {} where 5 is the newest", version));
                return true;
            case 0x95:
                take(8);
                return true;  // frame length: only a hint for buffered readers
            case '(':
                mark();
                return true;
            case '0':
                if (m_stack.size() > fence())
                    m_stack.pop_back();
                else
                    unmark();
                return true;
            case '1':
                m_stack.resize(unmark());
                return true;
            case '2':
                push(top());
                return true;
            case 't':
                pushContainer(PickleKind::Tuple, unmark());
                return true;
            case 0x85:
                pushTuple(1);
                return true;
            case 0x86:
                pushTuple(2);
                return true;
            case 0x87:
                pushTuple(3);
                return true;
            case 'l':
                pushContainer(PickleKind::List, unmark());
                return true;
            case 'd':
                pushContainer(PickleKind::Dict, unmark());
                return true;
            case 0x91:
                pushContainer(PickleKind::Set, unmark());
                return true;
            case 'a':
                top();
                extend(m_stack.size() - 1, false);
                return true;
            case 'e':
            case 0x90:
                extend(unmark(), false);
                return true;
            case 's':
                if (m_stack.size() < fence() + 3) fail("a value is missing on its stack");
                extend(m_stack.size() - 2, true);
                return true;
            case 'u':
                extend(unmark(), true);
                return true;
            case 'b':
                build();
                return true;
            case 'q':
                m_memo.put(number<uint8_t>(), top());
                return true;
            case 'r':
                m_memo.put(number<uint32_t>(), top());
                return true;
            case 'p':
                m_memo.put(memoNumber(), top());
                return true;
            case 0x94:
                m_memo.put(m_memo.count(), top());
                return true;
            case 'h':
                recall(number<uint8_t>());
                return true;
            case 'j':
                recall(number<uint32_t>());
                return true;
            case 'g':
                recall(memoNumber());
                return true;
            default:
                return naming(opcode);
        }
    }

    /// Opcodes that name classes and, in Python, would call them.
    bool naming(uint8_t opcode) {
        switch (opcode) {
            case 'c': {
                const std::string_view module = line(), name = line();
                push(addGlobal(module, name));
                return true;
            }
            case 0x93: {
                const PickleId name = pop(), module = pop();
                if (m_result.graph.kind(name) != PickleKind::Text || m_result.graph.kind(module) != PickleKind::Text)
                    fail("a class is not named by text");
                push(addGlobal(m_result.graph.text(module), m_result.graph.text(name)));
                return true;
            }
            case 'R':
            case 0x81: {
                const PickleId arguments = pop(), callee = pop();
                pushObject(callee, arguments, opcode == 0x81);
                return true;
            }
            case 0x92: {
                pop();  // keyword arguments
                const PickleId arguments = pop(), callee = pop();
                pushObject(callee, arguments, true);
                return true;
            }
            case 'i': {
                const std::string_view module = line(), name = line();
                const PickleId callee = addGlobal(module, name);
                pushContainer(PickleKind::Tuple, unmark());
                pushObject(callee, pop(), true);
                return true;
            }
            case 'o': {
                const size_t first = unmark();
                if (m_stack.size() <= first) fail("a class is missing on its stack");
                const PickleId callee = m_stack[first];
                pushContainer(PickleKind::Tuple, first + 1);
                const PickleId arguments = m_stack.back();
                m_stack.resize(first);
                pushObject(callee, arguments, true);
                return true;
            }
            case 'P': {
                pushLine(line(), false);
                pushPersistent(pop());
                return true;
            }
            case 'Q':
                pushPersistent(pop());
                return true;
            default:
                return false;
        }
    }

    uint64_t memoNumber() {
        const std::string_view text = line();
        uint64_t slot = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), slot);
        if (error != std::errc() || end != text.data() + text.size()) fail("a memo number is not written in digits");
        return slot;
    }
    void recall(uint64_t slot) {
        const PickleId id = m_memo.get(slot);
        if (id == kNoPickle) fail(fmt::format("it refers to memo {}, which was never written", slot));
        push(id);
    }

    Pickle m_result;
    std::vector<PickleId> m_stack;
    std::vector<uint32_t> m_marks;  // stack heights
    PickleMemo m_memo;
    std::array<PickleId, 256> m_small;
    std::array<PickleId, 16> m_constants = [] {
        std::array<PickleId, 16> none{};
        none.fill(kNoPickle);
        return none;
    }();
};

}  // namespace

Pickle readPickle(std::span<const std::byte> bytes) {
    static_assert(std::endian::native == std::endian::little, "pickled integers are little-endian");
    return Reader(bytes.first(std::min(bytes.size(), kLargestPickle))).read();
}

}  // namespace moescope
