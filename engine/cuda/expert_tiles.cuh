// SPDX-License-Identifier: Apache-2.0
// Products of all experts in one launch: how many rows each has is known only on the device, so blocks walk over the
// tiles of a list that the dispatch has laid out there.
#pragma once

#include "engine/cuda/device_math.cuh"
#include "engine/cuda/values.cuh"

namespace moescope::cuda {

/// out[s] = finish(x[gather[s]] W_e^T) for the slots s of every expert e. Slots are sorted by expert.
struct ExpertProduct {
    const void* x;             // fp32 or bf16 rows
    int64_t xStride;           // values; bf16: a multiple of 8, zeros behind `depth` up to the weights' stride
    const int32_t* gather;     // [slots] rows of x, or null: row = slot
    const int32_t* start;      // [experts + 1] first slot; null: one matrix for all of the `rows` slots
    const int32_t* tileStart;  // [experts + 1] first row tile; null likewise
    int64_t rows;
    const void* weights;  // see MsLinear
    int64_t weightStride, weightRows;
    const float* bias;  // [experts, weightRows] or null
    int32_t experts;
    int64_t depth;          // values of a row of x that count
    const float* rowScale;  // [slots] or null: the very last factor
    void* out;
    int64_t outStride, outColumns;  // columns to write: up to the padded outputs of the weights
    bool gated;
    MsActivation activation;  // of plain weights
};

/// One tile: rows [row, row + rows) of an expert's slots, weight rows from `column`.
struct ExpertTile {
    int32_t expert;
    int64_t slot;
    int rows;
    int64_t column;
};

/// First slot of an expert.
__device__ inline int64_t firstSlotOf(const ExpertProduct& p, int32_t expert) {
    return p.start ? p.start[expert] : expert * p.rows;
}

/// First row tile of an expert.
template <int kRows>
__device__ int64_t firstTileOf(const ExpertProduct& p, int32_t expert) {
    return p.tileStart ? p.tileStart[expert] : expert * ((p.rows + kRows - 1) / kRows);
}

/// Tile number `index` of blocks of kRows x kColumns; false behind the last. Tiles of an expert that share weights
/// follow each other.
template <int kRows, int kColumns>
__device__ bool expertTile(const ExpertProduct& p, int64_t index, ExpertTile& tile) {
    const int64_t columnTiles = (p.weightRows + kColumns - 1) / kColumns;
    if (index >= firstTileOf<kRows>(p, p.experts) * columnTiles) return false;
    int32_t low = 0, high = p.experts;  // the last expert whose tiles begin at or before this one
    while (high - low > 1) {
        const int32_t middle = (low + high) / 2;
        if (firstTileOf<kRows>(p, middle) * columnTiles <= index)
            low = middle;
        else
            high = middle;
    }
    const int64_t firstTile = firstTileOf<kRows>(p, low), rowTiles = firstTileOf<kRows>(p, low + 1) - firstTile;
    const int64_t inside = index - firstTile * columnTiles, firstSlot = firstSlotOf(p, low);
    const int64_t first = inside % rowTiles * kRows, count = firstSlotOf(p, low + 1) - firstSlot;
    tile.expert = low;
    tile.slot = firstSlot + first;
    tile.rows = static_cast<int>(min(int64_t{kRows}, count - first));
    tile.column = inside / rowTiles * kColumns;
    return true;
}

/// Output column of a weight row; of gated weights the unit of a gate row.
__device__ inline int64_t outputOf(const ExpertProduct& p, int64_t weightRow) {
    return p.gated ? weightRow / 16 * 8 + weightRow % 8 : weightRow;
}

/// The value of an output from its sum, or from the sums of its gate and up.
__device__ inline float finishedValue(const ExpertProduct& p, const ExpertTile& tile, int64_t slot, int64_t weightRow,
                                      float sum, float up) {
    if (p.bias) {
        const float* bias = p.bias + tile.expert * p.weightRows + weightRow;
        sum += bias[0];
        if (p.gated) up += bias[8];
    }
    const float value = p.gated ? silu(sum) * up : activated(sum, p.activation);
    return p.rowScale ? value * p.rowScale[slot] : value;
}

/// Writes what two neighbouring sums (an even weight row and the next) become; `up`: those of the ups, of gated
/// weights.
template <class Out>
__device__ __forceinline__ void storePair(const ExpertProduct& p, const ExpertTile& tile, int64_t slot,
                                          int64_t weightRow, float2 sum, float2 up) {
    const int64_t column = outputOf(p, weightRow);
    if (weightRow >= p.weightRows || column >= p.outColumns) return;
    Out* out = static_cast<Out*>(p.out) + slot * p.outStride + column;
    const float first = finishedValue(p, tile, slot, weightRow, sum.x, up.x);
    const float second = finishedValue(p, tile, slot, weightRow + 1, sum.y, up.y);
    if (column + 1 < p.outColumns && p.outStride % 2 == 0) {
        storeTwo(out, first, second);
        return;
    }
    storeAs(out, first);
    if (column + 1 < p.outColumns) storeAs(out + 1, second);
}

}  // namespace moescope::cuda
