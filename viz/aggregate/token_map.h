// SPDX-License-Identifier: GPL-3.0-or-later
// What happened to each token: its experts, drawn on the picture's grid, and how many it had.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "engine/trace/routing_trace.h"
#include "viz/aggregate/load.h"

namespace moescope {

/// Where a token of a sample is.
struct TokenPlace {
    TokenKind kind = TokenKind::Image;
    int64_t row = -1, col = -1;  // on the grid of image tokens; -1 for tokens that have no place in the picture
    int64_t numberInGroup = 0;   // within its token group
};

/// [tokensPerSample] places of the tokens of one sample, in their order.
std::vector<TokenPlace> tokenPlaces(const MoeLayerDescriptor& layer);

/// One number per token of one image. Tokens without a place in the picture (class, text) are kept apart from the grid.
struct TokenMap {
    int64_t height = 0, width = 0;
    std::vector<int32_t> grid;  // [height, width] the first group of image tokens

    struct Outside {
        TokenKind kind;
        int64_t numberInGroup;
        int32_t value;
    };
    std::vector<Outside> outside;  // in token order
};

/// Dominant expert of each token: the one with the largest gate, the smaller index on a tie; -1 where no expert took
/// the token. Nothing when the record has no assignments or no such image.
std::optional<TokenMap> dominantExpertMap(const MoeLayerDescriptor& layer, const RoutingRecord& record, int64_t image);

/// Number of routed experts of each token, 0 .. E. Nothing when the record has no assignments or no such image.
std::optional<TokenMap> expertCountMap(const MoeLayerDescriptor& layer, const RoutingRecord& record, int64_t image);

/// [height, width] the gate weight with which one expert took each token of the picture; no data where it did not. No
/// rows when the record has no assignments, no such image or no grid.
Matrix expertGateMap(const MoeLayerDescriptor& layer, const RoutingRecord& record, int64_t image, int expert);

/// [E + 1] number of tokens that had 0, 1, ... E routed experts, over the records of the query (Cond, Uncond or Both)
/// and all its images (of a mixture of networks those that the layer's network worked on); `kind` restricts it to one kind of token.
/// Empty when no selected record has assignments.
std::vector<int64_t> expertsPerToken(const RoutingTrace& trace, int layer, const LoadQuery& query,
                                     std::optional<TokenKind> kind = {});

}  // namespace moescope
