// SPDX-License-Identifier: GPL-3.0-or-later
#include "viz/aggregate/network_choice.h"

#include <algorithm>

namespace moescope {
namespace {

/// Sum over images of one network in one record.
struct Part {
    double weight = 0;
    int64_t pictures = 0;  // that it worked on
    int64_t images = 0;    // that were looked at
};

Part partOf(const RoutingRecord* record, int64_t experts, int64_t network, int64_t image) {
    Part part;
    if (!record || experts <= 0) return part;
    const auto images = static_cast<int64_t>(std::min(record->counts.size(), record->mass.size())) / experts;
    const int64_t first = std::max<int64_t>(image, 0), end = image < 0 ? images : std::min(image + 1, images);
    for (int64_t i = first; i < end; ++i) {
        const auto cell = static_cast<size_t>(i * experts + network);
        part.weight += static_cast<double>(record->mass[cell]);
        part.pictures += record->counts[cell] > 0 ? 1 : 0;
        ++part.images;
    }
    return part;
}

double meanOf(const Part& part) {
    return part.weight / static_cast<double>(part.images);
}

double weightOf(const Part& cond, const Part& uncond, BranchChoice branch) {
    switch (branch) {
        case BranchChoice::Cond:
            return cond.pictures > 0 ? meanOf(cond) : noData;
        case BranchChoice::Uncond:
            return uncond.pictures > 0 ? meanOf(uncond) : noData;
        case BranchChoice::Both: {
            const Part both{cond.weight + uncond.weight, cond.pictures + uncond.pictures, cond.images + uncond.images};
            return both.pictures > 0 ? meanOf(both) : noData;
        }
        case BranchChoice::Difference: {
            const bool ran = cond.images > 0 && uncond.images > 0 && cond.pictures + uncond.pictures > 0;
            return ran ? meanOf(cond) - meanOf(uncond) : noData;
        }
    }
    return noData;
}

}  // namespace

int networkLayer(const RoutingTrace& trace) {
    for (size_t layer = 0; layer < trace.layers.size(); ++layer)
        if (trace.layers[layer].policy == RoutingPolicy::NetworkMixture) return static_cast<int>(layer);
    return -1;
}

NetworkPresence::NetworkPresence(const RoutingTrace& trace) {
    const int layer = networkLayer(trace);
    if (layer < 0) return;
    m_networks = trace.layers[static_cast<size_t>(layer)].experts;
    for (const auto& record : trace.records)
        if (record->layer == layer) m_choices.emplace(std::pair(record->evaluation, record->branch), record.get());
}

bool NetworkPresence::ran(const MoeLayerDescriptor& layer, int evaluation, Branch branch, int64_t image) const {
    if (layer.policy == RoutingPolicy::NetworkMixture || layer.network < 0 || layer.network >= m_networks) return true;
    const auto choice = m_choices.find({evaluation, branch});
    return choice == m_choices.end() || partOf(choice->second, m_networks, layer.network, image).pictures > 0;
}

Matrix networkWeights(const RoutingTrace& trace, const LoadQuery& query) {
    const int layer = networkLayer(trace);
    if (layer < 0) return {};
    const int64_t experts = trace.layers[static_cast<size_t>(layer)].experts;
    const int first = std::max(query.firstEvaluation, 0);
    const int end = std::max(first, std::min(query.endEvaluation, evaluationCount(trace)));
    Matrix weights(experts, end - first);
    for (int evaluation = first; evaluation < end; ++evaluation) {
        const RoutingRecord* cond = trace.find(evaluation, Branch::Cond, layer);
        const RoutingRecord* uncond = trace.find(evaluation, Branch::Uncond, layer);
        for (int64_t network = 0; network < experts; ++network)
            weights.at(network, evaluation - first) =
                weightOf(partOf(cond, experts, network, query.image), partOf(uncond, experts, network, query.image),
                         query.branch);
    }
    return weights;
}

}  // namespace moescope
