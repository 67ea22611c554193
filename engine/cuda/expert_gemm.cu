// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "engine/cuda/expert_gemm.h"
#include "engine/cuda/expert_gemm_bf16.cuh"
#include "engine/cuda/expert_gemm_f32.cuh"
#include "engine/cuda/expert_gemm_hopper.h"

namespace moescope::cuda {
namespace {

constexpr int64_t kManyRows = 128;  // of an expert on average: from here on large tiles pay
constexpr int64_t kBlocksPerProcessor = 2;

template <int kRows, class Out>
void launchBf16(MsContext& context, const ExpertProduct& product, int64_t blocks) {
    context.launch(expertProductBf16<kRows, Out>, dim3(static_cast<unsigned>(blocks)), dim3(Bf16Tile<kRows>::kThreads),
                   Bf16Tile<kRows>::kSharedBytes, product);
}

}  // namespace

ExpertProduct productWith(const MsLinear& weights) {
    ExpertProduct product{};
    product.weights = weights.values.data();
    product.weightStride = weights.stride;
    product.weightRows = weights.rows;
    product.bias = weights.biasData();
    product.experts = static_cast<int32_t>(weights.desc.count);
    product.depth = weights.desc.in;
    product.gated = weights.gated();
    return product;
}

int32_t expertTileRows(MsDType type, int64_t pairs, int64_t experts) {
    return type == MS_BF16 && pairs / experts >= kManyRows ? 128 : 64;
}

void expertProduct(MsContext& context, const ExpertProduct& product, MsDType type, MsDType outType, int32_t tileRows,
                   int64_t pairs) {
    // Every expert's last tile may be short, so this many tiles there are at most.
    const int64_t rowTiles = pairs / tileRows + std::min<int64_t>(product.experts, pairs);
    const int64_t columnTiles = (product.weightRows + F32Tile::kColumns - 1) / F32Tile::kColumns;
    const int64_t blocks = std::min(rowTiles * columnTiles, kBlocksPerProcessor * context.multiprocessors);
    if (blocks == 0) return;
    if (type == MS_BF16 && tileRows == kHopperRows && hasHopperProducts(context))
        return expertProductOnHopper(context, product, outType, rowTiles);
    if (type == MS_F32) {
        context.launch(outType == MS_BF16 ? expertProductF32<uint16_t> : expertProductF32<float>,
                       dim3(static_cast<unsigned>(blocks)), dim3(F32Tile::kThreads), 0, product);
        return;
    }
    if (tileRows == 128)
        outType == MS_BF16 ? launchBf16<128, uint16_t>(context, product, blocks)
                           : launchBf16<128, float>(context, product, blocks);
    else
        outType == MS_BF16 ? launchBf16<64, uint16_t>(context, product, blocks)
                           : launchBf16<64, float>(context, product, blocks);
}

}  // namespace moescope::cuda
