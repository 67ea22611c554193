// SPDX-License-Identifier: Apache-2.0
// Tables that tell a network where a token stands: sine-cosine embeddings and the angles of rotary embeddings.
#pragma once

#include <cstdint>

#include "engine/core/host_tensor.h"

namespace moescope {

/// [grid * grid, width]: first half from the column, second from the row; in each, sines before cosines of
/// position * 10000^(-i / (width / 4)). `width` is a multiple of 4. Tokens are numbered row by row.
HostTensor sincosTable(int64_t width, int64_t grid);

/// Cosines and sines [grid * grid, headDim / 2] in the layout that MsAttentionDesc states.
struct RopeTables {
    HostTensor cos, sin;
};

/// For MS_ROPE_SPLIT_HALVES: a row is (angles of the token's row | of its column), headDim / 4 each, base 10000.
RopeTables splitHalvesRope(int64_t headDim, int64_t grid);

/// For MS_ROPE_ADJACENT_PAIRS: the angle of each channel pair, first half by the token's row, second by its column. The
/// same numbers as for split halves: the two kinds differ in which channels turn together.
RopeTables adjacentPairsRope(int64_t headDim, int64_t grid);

}  // namespace moescope
