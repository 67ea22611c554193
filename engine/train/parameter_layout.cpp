// SPDX-License-Identifier: Apache-2.0
#include "engine/train/parameter_layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <tuple>

#include "engine/core/error.h"

namespace moescope::train {
namespace {

/// The number behind `mark` in a name; -1: none.
int numberAfter(std::string_view name, std::string_view mark) {
    const size_t at = name.find(mark);
    if (at == std::string_view::npos) return -1;
    int number = -1;
    const char* begin = name.data() + at + mark.size();
    std::from_chars(begin, name.data() + name.size(), number);
    return number;
}

/// Order of an expert's tensors inside a layer: input weights, input biases, output weights, output biases.
int partOf(const Parameter& p) {
    const bool output = p.name.find("down_proj") != std::string::npos || p.name.find(".w3.") != std::string::npos;
    return (output ? 2 : 0) + (p.shape.size() == 1 ? 1 : 0);
}

}  // namespace

ParameterLayout::ParameterLayout(const ModelDescription& description) {
    std::vector<Parameter> learned, fixed;
    for (const ExpectedTensor& tensor : description.tensors) {
        Parameter p;
        p.name = tensor.name;
        p.shape = tensor.shape;
        p.values = elementCount(tensor.shape);
        p.learned = tensor.role == ExpectedTensor::Role::Learned || tensor.role == ExpectedTensor::Role::Table;
        p.block = numberAfter(p.name, "blocks.");
        if (tensor.routedExpert) p.expert = numberAfter(p.name, "experts.blocks.");
        p.router = p.name.ends_with(".gate.weight");
        (p.learned ? learned : fixed).push_back(std::move(p));
    }
    // Experts of a layer come together; everything else keeps its order.
    for (auto begin = learned.begin(); begin != learned.end();) {
        if (begin->expert < 0) {
            ++begin;
            continue;
        }
        const auto end = std::find_if(begin, learned.end(), [&](const Parameter& p) { return p.expert < 0 || p.block != begin->block; });
        std::stable_sort(begin, end, [](const Parameter& a, const Parameter& b) {
            return std::tuple(partOf(a), a.expert) < std::tuple(partOf(b), b.expert);
        });
        begin = end;
    }
    place(learned);
    m_learned = m_all;
    place(fixed);
}

void ParameterLayout::place(std::vector<Parameter>& of) {
    for (Parameter& p : of) {
        p.offset = m_all;
        m_all += p.values;
        m_byName.emplace(p.name, static_cast<int>(m_parameters.size()));
        m_parameters.push_back(std::move(p));
    }
}

int ParameterLayout::find(std::string_view name) const {
    const auto found = m_byName.find(std::string(name));
    return found == m_byName.end() ? -1 : found->second;
}

const Parameter& ParameterLayout::at(std::string_view name) const {
    const int index = find(name);
    if (index < 0) throw EngineException(ErrorCode::Internal, fmt::format("the network has no parameter '{}'", name));
    return m_parameters[static_cast<size_t>(index)];
}

}  // namespace moescope::train
