// SPDX-License-Identifier: Apache-2.0
#include "engine/verify/stored_routing.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace moescope::verify {
namespace {

/// Takes the piece up to the next dot off the front of `rest`.
std::string_view nextPiece(std::string_view& rest) {
    const size_t dot = rest.find('.');
    const std::string_view piece = rest.substr(0, dot);
    rest = dot == std::string_view::npos ? std::string_view() : rest.substr(dot + 1);
    return piece;
}

bool readNumber(std::string_view text, int& number) {
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
    return code == std::errc() && end == text.data() + text.size() && number >= 0;
}

}  // namespace

bool parseRoutingKey(const std::string& key, RoutingKey& parsed) {
    std::string_view rest = key;
    const std::string_view branch = nextPiece(rest);
    if (branch != branchName(Branch::Cond) && branch != branchName(Branch::Uncond)) return false;
    parsed.branch = branch == branchName(Branch::Cond) ? Branch::Cond : Branch::Uncond;
    if (!readNumber(nextPiece(rest), parsed.evaluation) || nextPiece(rest) != "moe") return false;
    if (!readNumber(nextPiece(rest), parsed.block)) return false;
    parsed.part = std::string(rest);
    return parsed.part == "token" || parsed.part == "expert" || parsed.part == "weight";
}

StoredRouting readStoredRouting(const GoldenFile& file, const ModelDescription& description, int64_t images) {
    StoredRouting stored;
    for (const auto& [key, tensor] : file.tensors.tensors) {
        RoutingKey place;
        if (!parseRoutingKey(key, place) || place.part != "expert") continue;
        const auto layer = std::find_if(description.moeLayers.begin(), description.moeLayers.end(),
                                        [&](const MoeLayerDescriptor& l) { return l.block == place.block; });
        if (layer == description.moeLayers.end()) continue;  // reported as a key that the engine does not have
        const std::string tokenKey = key.substr(0, key.size() - std::string_view("expert").size()) + "token";
        std::vector<int64_t> experts = file.integerInput(key), tokens = file.integerInput(tokenKey);
        const int64_t count = images * layer->tokensPerSample(), topK = layer->topK;
        bool whole = tokens.size() == experts.size();
        ExpertLists lists;
        for (size_t pair = 0; whole && pair < tokens.size(); ++pair) {
            const int64_t before = pair ? tokens[pair - 1] : -1;
            whole = tokens[pair] >= 0 && tokens[pair] < count && experts[pair] >= 0 && experts[pair] < layer->experts &&
                    (tokens[pair] > before || (tokens[pair] == before && experts[pair] > experts[pair - 1]));
            while (whole && lists.tokens() < tokens[pair]) lists.start.push_back(static_cast<int64_t>(pair));
        }
        while (lists.tokens() < count) lists.start.push_back(static_cast<int64_t>(tokens.size()));
        for (int64_t token = 0; whole && topK && token < count; ++token)
            whole = lists.start[static_cast<size_t>(token) + 1] - lists.start[static_cast<size_t>(token)] == topK;
        if (!whole)
            throw EngineException(
                ErrorCode::Format,
                fmt::format("'{}' of '{}' should name {} experts of 0 to {} for each of {} tokens, ascending", key,
                            file.name, topK ? fmt::format("{}", topK) : "the", layer->experts - 1, count));
        lists.expert = std::move(experts);
        stored.add(place.evaluation, place.branch, place.block, std::move(lists));
    }
    return stored;
}

}  // namespace moescope::verify
