// SPDX-License-Identifier: GPL-3.0-or-later
#include "viz/aggregate/prompt_words.h"

#include <algorithm>

namespace moescope {
namespace {

constexpr std::string_view kWordBegins = "\u2581";
constexpr std::string_view kUnknown = "<unk>";

std::string_view lettersOf(std::string_view piece) {
    if (piece.starts_with(kWordBegins)) piece.remove_prefix(kWordBegins.size());
    return piece == kUnknown ? std::string_view("?") : piece;
}

Branch branchOf(const LoadQuery& query) { return query.branch == BranchChoice::Uncond ? Branch::Uncond : Branch::Cond; }

/// Row of each text token: its word, the last row where its place is empty.
std::vector<size_t> rowsOfTokens(const std::vector<PromptWord>& words, int64_t tokens) {
    std::vector<size_t> rows(static_cast<size_t>(tokens), words.size());
    for (size_t word = 0; word < words.size(); ++word)
        for (int64_t i = words[word].first; i < std::min(tokens, words[word].first + words[word].pieces); ++i) rows[static_cast<size_t>(i)] = word;
    return rows;
}

}  // namespace

std::vector<PromptWord> wordsOf(std::span<const std::string> pieces) {
    std::vector<PromptWord> words;
    for (size_t i = 0; i < pieces.size(); ++i) {
        if (words.empty() || pieces[i].starts_with(kWordBegins)) words.push_back({{}, static_cast<int64_t>(i), 0});
        words.back().text += lettersOf(pieces[i]);
        ++words.back().pieces;
    }
    return words;
}

std::string pieceText(std::string_view piece) {
    const bool begins = piece.starts_with(kWordBegins) || piece == kUnknown;
    return (begins ? "" : "-") + std::string(lettersOf(piece));
}

int64_t firstTextToken(const MoeLayerDescriptor& layer) {
    int64_t first = 0;
    for (const TokenGroup& group : layer.tokenGroups) {
        if (group.kind == TokenKind::Text && group.count > 0) return first;
        first += group.count;
    }
    return -1;
}

std::vector<PromptWord> wordsOf(const RoutingTrace& trace, const LoadQuery& query) {
    return wordsOf(trace.text.of(branchOf(query), std::max<int64_t>(query.image, 0)));
}

bool sameWords(const RoutingTrace& trace, const LoadQuery& query) {
    return query.image >= 0 || branchOf(query) == Branch::Uncond ||
           std::ranges::all_of(trace.text.prompts, [&](const auto& prompt) { return prompt == trace.text.prompts.front(); });
}

int firstLayerWithWords(const RoutingTrace& trace) {
    if (trace.text.prompts.empty()) return 0;
    const auto found = std::ranges::find_if(trace.layers, [](const MoeLayerDescriptor& layer) { return firstTextToken(layer) >= 0; });
    return found == trace.layers.end() ? 0 : static_cast<int>(found - trace.layers.begin());
}

Matrix expertsOfWords(const RoutingTrace& trace, int layer, const LoadQuery& query) {
    if (layer < 0 || static_cast<size_t>(layer) >= trace.layers.size()) return {};
    const MoeLayerDescriptor& d = trace.layers[static_cast<size_t>(layer)];
    const int64_t first = firstTextToken(d);
    if (first < 0 || trace.text.prompts.empty()) return {};
    const int64_t places = std::ranges::find(d.tokenGroups, TokenKind::Text, &TokenGroup::kind)->count;
    const std::vector<PromptWord> words = wordsOf(trace, query);
    const std::vector<size_t> rows = rowsOfTokens(words, places);
    const auto experts = static_cast<size_t>(d.experts);
    std::vector<double> sums(words.size() + 1, 0), weights(sums.size() * experts, 0);
    const int64_t firstImage = std::max<int64_t>(query.image, 0), endImage = query.image < 0 ? trace.images : query.image + 1;
    for (int evaluation = std::max(query.firstEvaluation, 0); evaluation < std::min(query.endEvaluation, evaluationCount(trace)); ++evaluation) {
        const RoutingRecord* record = trace.find(evaluation, branchOf(query), layer);
        for (int64_t image = firstImage; record && image < endImage; ++image)
            for (size_t place = 0; place < rows.size(); ++place) {
                const auto token = static_cast<size_t>(image * d.tokensPerSample() + first) + place;
                if (token + 1 >= record->rowPtr.size()) continue;
                for (size_t pair = record->rowPtr[token]; pair < record->rowPtr[token + 1]; ++pair) {
                    weights[rows[place] * experts + record->expert[pair]] += static_cast<double>(record->gate[pair]);
                    sums[rows[place]] += static_cast<double>(record->gate[pair]);
                }
            }
    }
    Matrix shares(static_cast<int64_t>(sums.size()), d.experts);
    for (size_t cell = 0; cell < weights.size(); ++cell)
        if (const double sum = sums[cell / experts]; sum > 0) shares.values[cell] = weights[cell] / sum;
    return shares;
}

}  // namespace moescope
