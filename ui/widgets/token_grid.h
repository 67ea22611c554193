// SPDX-License-Identifier: GPL-3.0-or-later
// Numbers of a layer's tokens: which lie on the picture's grid and which do not.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "viz/aggregate/token_map.h"

namespace moescope {

struct TokenGrid {
    int64_t rows = 0, columns = 0;
    std::vector<int64_t> tokens;   // [rows, columns] token numbers within a sample
    std::vector<int64_t> outside;  // those without a place, in their order

    int64_t at(int64_t row, int64_t column) const { return tokens[static_cast<size_t>(row * columns + column)]; }
};

inline TokenGrid tokenGridOf(const MoeLayerDescriptor& layer) {
    TokenGrid grid;
    const std::vector<TokenPlace> places = tokenPlaces(layer);
    for (size_t token = 0; token < places.size(); ++token) {
        if (places[token].row < 0) {
            grid.outside.push_back(static_cast<int64_t>(token));
            continue;
        }
        grid.rows = places[token].row + 1;  // row by row, so the last one counts
        grid.columns = std::max(grid.columns, places[token].col + 1);
        grid.tokens.push_back(static_cast<int64_t>(token));
    }
    return grid;
}

}  // namespace moescope
