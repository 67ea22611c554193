// SPDX-License-Identifier: Apache-2.0
// The sets of weights inside a file (raw model, averages) and a view of one of them under its plain names.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/io/tensor_source.h"

namespace moescope {

/// One set of weights: "ema", "model_ema1", "model", or a bare state dict.
struct WeightSet {
    std::string name;    // as a person types it; "state_dict" where the file holds nothing else
    std::string prefix;  // in front of every tensor's name, e.g. "model_ema1.net."
    int64_t tensors = 0;
};

/// All sets, the preferred one first: averaged weights before raw ones (ema, model_ema1, ema_model_state_dict, model_ema2, ...).
std::vector<WeightSet> findWeightSets(const TensorSource& source);

/// Tensors of one set under the names of the model.
class WeightView {
public:
    WeightView(std::shared_ptr<const TensorSource> source, WeightSet set);

    const TensorSource& source() const { return *m_source; }
    const std::shared_ptr<const TensorSource>& sharedSource() const { return m_source; }
    const WeightSet& set() const { return m_set; }
    const TensorInfo* find(const std::string& name) const { return m_source->find(m_set.prefix + name); }
    bool has(const std::string& name) const { return find(name) != nullptr; }
    /// Shape of a tensor that must be there; empty when it is not.
    Shape shape(const std::string& name) const;
    /// Names inside the set, without the prefix.
    const std::vector<std::string>& names() const { return m_names; }

private:
    std::shared_ptr<const TensorSource> m_source;
    WeightSet m_set;
    std::vector<std::string> m_names;
};

}  // namespace moescope
