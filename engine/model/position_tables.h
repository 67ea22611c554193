// SPDX-License-Identifier: Apache-2.0
// Tables that tell a network where a token stands: sine-cosine embeddings and the angles of rotary embeddings.
#pragma once

#include <cstdint>

#include "engine/core/host_tensor.h"
#include "engine/model/model_description.h"

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

/// For one-dimensional rotation of adjacent pairs: token n turns pair i by n * 10000^(-2 i / headDim) (Su et al., 2021, equation 15).
RopeTables lineRope(int64_t headDim, int64_t tokens);

/// The tables of a configuration's rotation (Line or Grid) for its image tokens. Those by rows and columns fit both kinds of pairs.
RopeTables ropeTables(const TransformerConfig& config);

}  // namespace moescope
