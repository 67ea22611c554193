// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "engine/cuda/context.h"
#include "engine/cuda/expert_gemm_hopper.cuh"
#include "engine/cuda/expert_gemm_hopper.h"

namespace moescope::cuda {
namespace {

template <int kColumns>
void launchHopper(MsContext& context, const ExpertProduct& product, MsDType outType, int64_t rowTiles) {
    using Tile = HopperTile<kColumns>;
    const int64_t columnTiles = (product.weightRows + kColumns - 1) / kColumns;
    const int64_t blocks = std::min<int64_t>(rowTiles * columnTiles, context.multiprocessors);
    context.launch(outType == MS_BF16 ? expertProductHopper<kColumns, uint16_t> : expertProductHopper<kColumns, float>,
                   dim3(static_cast<unsigned>(blocks)), dim3(Tile::kThreads), Tile::kSharedBytes, product);
}

}  // namespace

bool hasHopperProducts(const MsContext& context) {
    return context.capability == 90 && context.sharedLimit >= HopperTile<256>::kSharedBytes &&
           context.sharedLimit >= HopperTile<128>::kSharedBytes;
}

void expertProductOnHopper(MsContext& context, const ExpertProduct& product, MsDType outType, int64_t rowTiles) {
    // Wide tiles read less; a last one that is mostly empty would cost more than that.
    if (product.weightRows % 256 == 0 || product.weightRows > 1024)
        launchHopper<256>(context, product, outType, rowTiles);
    else
        launchHopper<128>(context, product, outType, rowTiles);
}

}  // namespace moescope::cuda
