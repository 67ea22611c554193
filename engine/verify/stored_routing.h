// SPDX-License-Identifier: Apache-2.0
// The expert choices that a reference trajectory stores, for every evaluation, branch and MoE block it has them for.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "engine/model/model_description.h"
#include "engine/verify/case_folder.h"
#include "engine/verify/routing_probe.h"

namespace moescope::verify {

/// Experts of each token of a branch; tokens numbered over the images of the batch.
class StoredRouting {
public:
    void add(int evaluation, Branch branch, int block, ExpertLists experts) {
        m_choices[{evaluation, branch, block}] = std::move(experts);
    }
    bool empty() const { return m_choices.empty(); }
    /// Null where nothing is stored.
    const ExpertLists* find(int evaluation, Branch branch, int block) const {
        const auto found = m_choices.find({evaluation, branch, block});
        return found == m_choices.end() ? nullptr : &found->second;
    }

private:
    std::map<std::tuple<int, Branch, int>, ExpertLists> m_choices;
};

/// "cond.EE.moe.N.expert", "uncond.EE.moe.N.weight": one list of the layout for routing inside trajectories.
struct RoutingKey {
    Branch branch = Branch::Cond;
    int evaluation = 0;
    int block = 0;
    std::string part;  // "token", "expert", "weight"
};
bool parseRoutingKey(const std::string& key, RoutingKey& parsed);

/// Reads the lists `{cond,uncond}.EE.moe.N.{token,expert}`: pairs sorted by token, then expert. Throws EngineException
/// where they are not, where tokens or experts are out of range, or where tokens choose and one of `images` images has
/// not topK experts.
StoredRouting readStoredRouting(const GoldenFile& file, const ModelDescription& description, int64_t images);

}  // namespace moescope::verify
