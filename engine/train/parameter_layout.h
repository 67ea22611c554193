// SPDX-License-Identifier: Apache-2.0
// Where every tensor of a model lies in the trainer's flat memory, and which part of the network it belongs to.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/model/model_description.h"

namespace moescope::train {

struct Parameter {
    std::string name;  // as in checkpoints, without the prefix of a weight set
    Shape shape;
    int64_t offset = 0, values = 0;
    bool learned = true;  // false: a selection bias, a fixed table
    int block = -1;
    int expert = -1;      // number of a routed expert
    bool router = false;
};

/// Learned tensors first, the others behind them. The experts of a layer are stacked: all input weights (gate half first), then all
/// input biases, output weights, output biases, each part of the same size for every expert. Const after construction.
class ParameterLayout {
public:
    explicit ParameterLayout(const ModelDescription& description);

    const std::vector<Parameter>& parameters() const { return m_parameters; }
    /// Index by name, -1: none.
    int find(std::string_view name) const;
    /// Throws EngineException (Internal) when there is none of that name.
    const Parameter& at(std::string_view name) const;
    int64_t learnedValues() const { return m_learned; }
    int64_t allValues() const { return m_all; }

private:
    void place(std::vector<Parameter>& of);

    std::vector<Parameter> m_parameters;
    std::unordered_map<std::string, int> m_byName;
    int64_t m_learned = 0, m_all = 0;
};

}  // namespace moescope::train
