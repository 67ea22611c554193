// SPDX-License-Identifier: GPL-3.0-or-later
#include "viz/aggregate/token_map.h"

#include <algorithm>

#include "viz/aggregate/network_choice.h"

namespace moescope {
namespace {

/// The CSR range of one token.
struct PairRange {
    size_t begin, end;
};

/// Whether the record has assignments for every token of `image`.
bool hasAssignments(const MoeLayerDescriptor& layer, const RoutingRecord& record, int64_t image) {
    const int64_t tokens = layer.tokensPerSample();
    return image >= 0 && tokens > 0 && static_cast<int64_t>(record.rowPtr.size()) > (image + 1) * tokens;
}

PairRange pairsOf(const MoeLayerDescriptor& layer, const RoutingRecord& record, int64_t image, int64_t token) {
    const auto row = static_cast<size_t>(image * layer.tokensPerSample() + token);
    const size_t limit = std::min(record.expert.size(), record.gate.size());
    const size_t end = std::min<size_t>(record.rowPtr[row + 1], limit);
    return {std::min<size_t>(record.rowPtr[row], end), end};
}

/// The picture's grid: the first group of image tokens; nullptr where there is none. A layer with two would be
/// ambiguous.
const TokenGroup* imageGrid(const MoeLayerDescriptor& layer) {
    for (const TokenGroup& group : layer.tokenGroups) {
        if (group.kind != TokenKind::Image) continue;
        const bool grid = group.width > 0 && group.height > 0 && group.height * group.width == group.count;
        return grid ? &group : nullptr;
    }
    return nullptr;
}

/// Fills a map with value(token) for every token of one image.
template <class Value>
std::optional<TokenMap> mapTokens(const MoeLayerDescriptor& layer, const RoutingRecord& record, int64_t image,
                                  Value value) {
    if (!hasAssignments(layer, record, image)) return std::nullopt;
    TokenMap map;
    const std::vector<TokenPlace> places = tokenPlaces(layer);
    if (const TokenGroup* grid = imageGrid(layer)) {
        map.height = grid->height;
        map.width = grid->width;
        map.grid.assign(static_cast<size_t>(grid->count), -1);
    }
    for (size_t token = 0; token < places.size(); ++token) {
        const TokenPlace& place = places[token];
        const int32_t number = value(pairsOf(layer, record, image, static_cast<int64_t>(token)));
        if (place.row >= 0)
            map.grid[static_cast<size_t>(place.row * map.width + place.col)] = number;
        else
            map.outside.push_back({place.kind, place.numberInGroup, number});
    }
    return map;
}

}  // namespace

std::vector<TokenPlace> tokenPlaces(const MoeLayerDescriptor& layer) {
    std::vector<TokenPlace> places;
    places.reserve(static_cast<size_t>(std::max<int64_t>(layer.tokensPerSample(), 0)));
    const TokenGroup* grid = imageGrid(layer);
    for (const TokenGroup& group : layer.tokenGroups)
        for (int64_t i = 0; i < group.count; ++i)
            places.push_back(&group == grid ? TokenPlace{group.kind, i / group.width, i % group.width, i}
                                            : TokenPlace{group.kind, -1, -1, i});
    return places;
}

std::optional<TokenMap> dominantExpertMap(const MoeLayerDescriptor& layer, const RoutingRecord& record, int64_t image) {
    return mapTokens(layer, record, image, [&](PairRange range) {
        int32_t best = -1;
        float bestGate = 0;
        for (size_t i = range.begin; i < range.end; ++i)
            if (best < 0 || record.gate[i] > bestGate) {  // experts ascend, so the first of equals is the smaller index
                best = record.expert[i];
                bestGate = record.gate[i];
            }
        return best;
    });
}

std::optional<TokenMap> expertCountMap(const MoeLayerDescriptor& layer, const RoutingRecord& record, int64_t image) {
    return mapTokens(layer, record, image,
                     [](PairRange range) { return static_cast<int32_t>(range.end - range.begin); });
}

Matrix expertGateMap(const MoeLayerDescriptor& layer, const RoutingRecord& record, int64_t image, int expert) {
    if (!hasAssignments(layer, record, image)) return {};
    const TokenGroup* grid = imageGrid(layer);
    if (!grid) return {};
    Matrix map(grid->height, grid->width);
    const std::vector<TokenPlace> places = tokenPlaces(layer);
    for (size_t token = 0; token < places.size(); ++token) {
        if (places[token].row < 0) continue;
        const PairRange range = pairsOf(layer, record, image, static_cast<int64_t>(token));
        for (size_t i = range.begin; i < range.end; ++i)
            if (record.expert[i] == expert)
                map.at(places[token].row, places[token].col) = static_cast<double>(record.gate[i]);
    }
    return map;
}

std::vector<int64_t> expertsPerToken(const RoutingTrace& trace, int layerIdx, const LoadQuery& query,
                                     std::optional<TokenKind> kind) {
    if (layerIdx < 0 || static_cast<size_t>(layerIdx) >= trace.layers.size()) return {};
    const MoeLayerDescriptor& layer = trace.layers[static_cast<size_t>(layerIdx)];
    const std::vector<TokenPlace> places = tokenPlaces(layer);
    const NetworkPresence networks(trace);
    std::vector<int64_t> histogram;
    for (const auto& record : trace.records) {
        if (record->layer != layerIdx || record->evaluation < query.firstEvaluation ||
            record->evaluation >= query.endEvaluation)
            continue;
        if (query.branch == BranchChoice::Cond && record->branch != Branch::Cond) continue;
        if (query.branch == BranchChoice::Uncond && record->branch != Branch::Uncond) continue;
        for (int64_t image = 0; image < trace.images; ++image) {
            if ((query.image >= 0 && image != query.image) || !hasAssignments(layer, *record, image)) continue;
            if (!networks.ran(layer, record->evaluation, record->branch, image)) continue;
            histogram.resize(static_cast<size_t>(layer.experts) + 1);
            for (size_t token = 0; token < places.size(); ++token) {
                if (kind && places[token].kind != *kind) continue;
                const PairRange range = pairsOf(layer, *record, image, static_cast<int64_t>(token));
                ++histogram[std::min(range.end - range.begin, histogram.size() - 1)];
            }
        }
    }
    return histogram;
}

}  // namespace moescope
