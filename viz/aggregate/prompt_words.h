// SPDX-License-Identifier: GPL-3.0-or-later
// The words of a prompt and the experts that handle them, where a network reads prompts.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "viz/aggregate/load.h"
#include "viz/aggregate/matrix.h"

namespace moescope {

/// A word of a prompt and its text tokens, which are numbered from 0 within their group.
struct PromptWord {
    std::string text;
    int64_t first = 0, pieces = 0;
};

/// Words put together from their pieces, in the order of the prompt; the unknown piece reads as "?".
std::vector<PromptWord> wordsOf(std::span<const std::string> pieces);

/// A piece as a person reads it: "red" for the first of a word, "-ish" for one that goes on.
std::string pieceText(std::string_view piece);

/// The number of a layer's first text token within a sample; -1 where it has none.
int64_t firstTextToken(const MoeLayerDescriptor& layer);

/// The words of an image of the query (its number, or the first where it asks for all together), in one branch.
std::vector<PromptWord> wordsOf(const RoutingTrace& trace, const LoadQuery& query);

/// Whether all images of the query have the same words in that branch.
bool sameWords(const RoutingTrace& trace, const LoadQuery& query);

/// The first layer in which the words of the run's prompts are tokens; 0 where it reads none.
int firstLayerWithWords(const RoutingTrace& trace);

/// [words + 1, E] share of the gate weight of each word's tokens that went to each expert, over the evaluations, the branch (Cond or
/// Uncond) and the images of the query, which have the same words; rows sum to 1. The last row is that of the empty places. No data for
/// a word without a token in the layer, where no expert took one, and without assignments. `measure` has no meaning here.
Matrix expertsOfWords(const RoutingTrace& trace, int layer, const LoadQuery& query);

}  // namespace moescope
