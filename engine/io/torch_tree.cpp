// SPDX-License-Identifier: Apache-2.0
#include "engine/io/torch_tree.h"

#include <fmt/format.h>

#include <limits>

#include "engine/io/torch_objects.h"

namespace moescope {
namespace {

constexpr int kDeepestStandIn = 4;
constexpr size_t kLongestKey = 1024;

bool isMappingClass(std::string_view module, std::string_view name) {
    if (module == "collections") return name == "OrderedDict" || name == "defaultdict" || name == "Counter";
    return (module == "builtins" || module == "__builtin__") && name == "dict";
}

bool isNamespaceClass(std::string_view module, std::string_view name) {
    return (module == "argparse" && name == "Namespace") || (module == "types" && name == "SimpleNamespace");
}

/// The value of a text key in a dictionary's cells.
PickleId fieldOf(const PickleGraph& graph, PickleId dictionary, std::string_view field) {
    if (dictionary == kNoPickle || graph.kind(dictionary) != PickleKind::Dict) return kNoPickle;
    const auto items = graph.items(dictionary, 64);
    for (size_t i = 0; i + 1 < items.size(); i += 2)
        if (graph.text(items[i]) == field) return items[i + 1];
    return kNoPickle;
}

/// The dictionary of an object's attributes; pickled as such, or as (dictionary, slots).
PickleId attributes(const PickleGraph& graph, const PickleGraph::Node& object) {
    if (object.e == kNoPickle) return kNoPickle;
    if (graph.kind(object.e) == PickleKind::Dict) return object.e;
    if (graph.kind(object.e) != PickleKind::Tuple) return kNoPickle;
    const auto parts = graph.items(object.e, 2);
    return parts.size() == 2 && graph.kind(parts[0]) == PickleKind::Dict ? parts[0] : kNoPickle;
}

TorchNode objectNode(const PickleGraph& graph, PickleId id) {
    const PickleGraph::Node& node = graph[id];
    if (isTorchTensor(graph, id)) return {TorchShape::Tensor, kNoPickle, id};
    const std::string_view module = graph.module(node.c), name = graph.name(node.c);
    if (isMappingClass(module, name)) return {TorchShape::Mapping, node.keyedItems ? node.a : kNoPickle, id, id};
    const PickleId fields = attributes(graph, node);
    if (isNamespaceClass(module, name))
        return fields == kNoPickle ? TorchNode{TorchShape::Mapping, kNoPickle, id, id}
                                   : TorchNode{TorchShape::Mapping, graph[fields].a, id, fields};
    if (module == "torch" && name == "Size") {
        const auto only = graph.items(node.d, 2);
        if (only.size() == 1 && graph.kind(only[0]) == PickleKind::Tuple)
            return {TorchShape::Sequence, graph[only[0]].a, id, only[0]};
    }
    if ((module == "builtins" || module == "__builtin__") && (name == "set" || name == "frozenset")) {
        const auto only = graph.items(node.d, 2);
        if (only.size() == 1 && graph.kind(only[0]) == PickleKind::List)
            return {TorchShape::Sequence, graph[only[0]].a, id, only[0]};
    }
    // An object of some class, made without arguments that matter: its attributes are data like a Namespace's. Modules
    // are not taken apart: their tensors are spread over attributes whose meaning is code.
    if (node.newObject && fields != kNoPickle && fieldOf(graph, fields, "_modules") == kNoPickle)
        return {TorchShape::Mapping, graph[fields].a, id, fields};
    return {TorchShape::Opaque, kNoPickle, id};
}

/// omegaconf keeps every value inside an object: the value stands for the object.
PickleId standIn(const PickleGraph& graph, PickleId id) {
    for (int depth = 0; depth < kDeepestStandIn; ++depth) {
        if (graph.kind(id) != PickleKind::Object || !graph.module(graph[id].c).starts_with("omegaconf.")) return id;
        const PickleId fields = attributes(graph, graph[id]);
        PickleId inner = fieldOf(graph, fields, "_content");
        if (inner == kNoPickle) inner = fieldOf(graph, fields, "_val");
        if (inner == kNoPickle) return id;
        id = inner;
    }
    return id;
}

struct Visit {
    PickleId id;
    uint32_t cell = kNoPickle;   // next item
    PickleId alias = kNoPickle;  // the node's items are those of this one, which is visited once for all its users
    bool mapping = false, atKey = false;
    bool holdsTensor = false;
    uint32_t plainValues = 1;
};

uint32_t saturatingAdd(uint32_t a, uint32_t b) {
    uint32_t sum = 0;
    return __builtin_add_overflow(a, b, &sum) ? std::numeric_limits<uint32_t>::max() : sum;
}

}  // namespace

TorchNode torchNode(const PickleGraph& graph, PickleId id) {
    id = standIn(graph, id);
    switch (graph.kind(id)) {
        case PickleKind::Dict:
            return {TorchShape::Mapping, graph[id].a, id, id};
        case PickleKind::List:
        case PickleKind::Tuple:
        case PickleKind::Set:
            return {TorchShape::Sequence, graph[id].a, id, id};
        case PickleKind::Object:
            return objectNode(graph, id);
        case PickleKind::None:
        case PickleKind::False:
        case PickleKind::True:
        case PickleKind::Int:
        case PickleKind::Float:
        case PickleKind::Text:
            return {TorchShape::Plain, kNoPickle, id};
        case PickleKind::Global:
            // torch.float16 and other element types read as their names
            return {graph.module(id) == "torch" ? TorchShape::Plain : TorchShape::Opaque, kNoPickle, id};
        default:
            return {TorchShape::Opaque, kNoPickle, id};
    }
}

TorchReach torchReach(const PickleGraph& graph, PickleId root) {
    enum State : uint8_t { Unseen, Open, Done };
    TorchReach reach{std::vector<bool>(graph.size(), false), std::vector<uint32_t>(graph.size(), 0)};
    std::vector<uint8_t> state(graph.size(), Unseen);
    std::vector<Visit> stack;
    const auto enter = [&](PickleId id) {
        const TorchNode node = torchNode(graph, id);
        state[id] = Open;
        Visit visit{id};
        if (node.owner == id)
            visit.cell = node.firstCell;
        else
            visit.alias = node.owner;
        visit.mapping = visit.atKey = node.shape == TorchShape::Mapping;
        visit.holdsTensor = node.shape == TorchShape::Tensor;
        if (graph.kind(node.value) == PickleKind::Text) visit.plainValues += graph[node.value].b / 16;
        stack.push_back(visit);
    };
    enter(root);
    while (!stack.empty()) {
        Visit& visit = stack.back();
        if (visit.alias == kNoPickle && visit.cell == kNoPickle) {
            state[visit.id] = Done;
            reach.holdsTensor[visit.id] = visit.holdsTensor;
            reach.plainValues[visit.id] = visit.plainValues;
            stack.pop_back();
            continue;
        }
        const PickleId child = visit.alias != kNoPickle ? visit.alias : graph.cell(visit.cell).value;
        const bool key = visit.alias == kNoPickle && visit.atKey;
        if (key) {
            visit.plainValues = saturatingAdd(visit.plainValues, static_cast<uint32_t>(graph.text(child).size() / 16));
        } else if (state[child] == Unseen) {
            enter(child);  // comes back to this item when the child is done; `visit` may have moved
            continue;
        } else if (state[child] == Done) {
            visit.holdsTensor = visit.holdsTensor || reach.holdsTensor[child];
            visit.plainValues = saturatingAdd(visit.plainValues, reach.plainValues[child]);
        }
        if (visit.alias != kNoPickle) {
            visit.alias = kNoPickle;
        } else {
            visit.cell = graph.cell(visit.cell).next;
            visit.atKey = visit.mapping && !visit.atKey;
        }
    }
    return reach;
}

std::string keyText(const PickleGraph& graph, PickleId key) {
    if (graph.kind(key) == PickleKind::Text) return std::string(graph.text(key).substr(0, kLongestKey));
    if (const auto number = graph.integer(key)) return fmt::format("{}", *number);
    return {};
}

}  // namespace moescope
