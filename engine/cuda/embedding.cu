// SPDX-License-Identifier: Apache-2.0
// Patches, time waves, table rows, tokens in front of others.
#include <algorithm>
#include <cmath>

#include "engine/cuda/context.h"
#include "engine/cuda/embedding.cuh"
#include "engine/cuda/ops.h"

namespace moescope::cuda {
namespace {

PatchGrid checkedGrid(const char* op, const MsTensor* image, int64_t patch) {
    MS_CUDA_REQUIRE(isFloats(image, 4), "[", op, "] expected an fp32 image [B, C, H, W], got ", shapeOf(image));
    const int64_t height = image->dim(2), width = image->dim(3), side = std::max<int64_t>(patch, 1);
    const PatchGrid g{image->dim(0), image->dim(1), height, width, patch, height / side, width / side};
    MS_CUDA_REQUIRE(patch > 0 && g.gridH * patch == height && g.gridW * patch == width, "[", op,
                    "] expected a height and width that are multiples of the patch ", patch, ", got ", shapeOf(image));
    return g;
}

}  // namespace

void patchify(MsContext& context, const MsTensor* image, int64_t patch, MsTensor* out) {
    const PatchGrid g = checkedGrid("patchify", image, patch);
    MS_CUDA_REQUIRE(hasShape(out, {g.tokens(), g.tokenWidth()}), "[patchify] expected an fp32 output [", g.tokens(),
                    ", ", g.tokenWidth(), "], got ", shapeOf(out));
    context.launch(patchifyKernel, dim3(blocksFor(image->elements())), dim3(kThreads), 0, image->f32(), g, out->f32());
}

void unpatchify(MsContext& context, const MsTensor* tokens, int64_t patch, MsTensor* image) {
    const PatchGrid g = checkedGrid("unpatchify", image, patch);
    MS_CUDA_REQUIRE(hasShape(tokens, {g.tokens(), g.tokenWidth()}), "[unpatchify] expected fp32 tokens [", g.tokens(),
                    ", ", g.tokenWidth(), "], got ", shapeOf(tokens));
    context.launch(unpatchifyKernel, dim3(blocksFor(image->elements())), dim3(kThreads), 0, tokens->f32(), g,
                   image->f32());
}

void timestepWaves(MsContext& context, const MsTensor* t, float maxPeriod, MsTensor* out) {
    MS_CUDA_REQUIRE(isFloats(t, 1), "[timestep_waves] expected fp32 times [B], got ", shapeOf(t));
    MS_CUDA_REQUIRE(isFloats(out, 2) && out->dim(0) == t->dim(0), "[timestep_waves] expected an fp32 output [",
                    t->dim(0), ", W], got ", shapeOf(out));
    MS_CUDA_REQUIRE(maxPeriod > 0, "[timestep_waves] expected a positive longest period, got ", maxPeriod);
    const int64_t width = out->dim(1), half = width / 2;
    const float exponent =
        half > 0 ? static_cast<float>(-std::log(static_cast<double>(maxPeriod)) / static_cast<double>(half)) : 0.0f;
    context.launch(wavesKernel, dim3(blocksFor(out->elements())), dim3(kThreads), 0, t->f32(), t->dim(0), width,
                   exponent, out->f32());
}

void gatherRows(MsContext& context, const MsTensor* table, const MsTensor* index, MsTensor* out) {
    MS_CUDA_REQUIRE(table && (table->dtype == MS_F32 || table->dtype == MS_I32) && table->shape.size() == 2,
                    "[gather_rows] expected a table [N, D] of fp32 or int32, got ", shapeOf(table));
    MS_CUDA_REQUIRE(index && index->dtype == MS_I32 && index->shape.size() == 1,
                    "[gather_rows] expected int32 indices [B], got ", shapeOf(index));
    const int64_t rows = table->dim(0), width = table->dim(1), wanted = index->dim(0), count = wanted * width;
    const bool fits =
        out && out->dtype == table->dtype && out->shape.size() == 2 && out->dim(0) == wanted && out->dim(1) == width;
    MS_CUDA_REQUIRE(fits && out != table, "[gather_rows] expected a separate output [", wanted, ", ", width,
                    "] of the table's type, got ", shapeOf(out));
    const dim3 grid(blocksFor(count)), block(kThreads);
    if (table->dtype == MS_F32)
        context.launch(gatherRowsKernel<float>, grid, block, 0, table->f32(), rows, index->i32(), width, out->f32(),
                       count);
    else
        context.launch(gatherRowsKernel<int32_t>, grid, block, 0, table->i32(), rows, index->i32(), width, out->i32(),
                       count);
}

void addRows(MsContext& context, MsTensor* x, const MsTensor* table) {
    MS_CUDA_REQUIRE(isFloats(table, 2), "[add_rows] expected an fp32 table [n, D], got ", shapeOf(table));
    const int64_t rows = table->dim(0), width = table->dim(1), count = x->elements();
    MS_CUDA_REQUIRE(isFloats(x, 2) && x->dim(1) == width && rows > 0 && x->dim(0) % rows == 0,
                    "[add_rows] expected fp32 rows [samples * ", rows, ", ", width, "], got ", shapeOf(x));
    context.launch(addRowsKernel, dim3(blocksFor(count)), dim3(kThreads), 0, x->f32(), table->f32(), rows * width,
                   count);
}

void prependTokens(MsContext& context, const MsTensor* x, const MsTensor* embedding, const MsTensor* position,
                   MsTensor* out) {
    MS_CUDA_REQUIRE(isFloats(embedding, 2), "[prepend_tokens] expected fp32 embeddings [B, D], got ",
                    shapeOf(embedding));
    const int64_t samples = embedding->dim(0), width = embedding->dim(1);
    MS_CUDA_REQUIRE(isFloats(position, 2) && position->dim(1) == width, "[prepend_tokens] expected fp32 positions [C, ",
                    width, "], got ", shapeOf(position));
    MS_CUDA_REQUIRE(isFloats(x, 2) && x->dim(1) == width && samples > 0 && x->dim(0) % samples == 0,
                    "[prepend_tokens] expected fp32 tokens [", samples, " * S, ", width, "], got ", shapeOf(x));
    const int64_t lead = position->dim(0), own = x->dim(0) / samples, all = lead + own;
    MS_CUDA_REQUIRE(hasShape(out, {samples * all, width}) && out != x,
                    "[prepend_tokens] expected a separate fp32 output [", samples * all, ", ", width, "], got ",
                    shapeOf(out));
    const int64_t count = out->elements();
    context.launch(prependKernel, dim3(blocksFor(count)), dim3(kThreads), 0, x->f32(), embedding->f32(),
                   position->f32(), lead, own, width, out->f32(), count);
}

void dropLeadTokens(MsContext& context, const MsTensor* x, int64_t samples, MsTensor* out) {
    MS_CUDA_REQUIRE(isFloats(x, 2) && samples > 0 && x->dim(0) % samples == 0,
                    "[drop_lead_tokens] expected fp32 tokens of ", samples, " samples, got ", shapeOf(x));
    const int64_t all = x->dim(0) / samples, width = x->dim(1);
    MS_CUDA_REQUIRE(
        isFloats(out, 2) && out != x && out->dim(1) == width && out->dim(0) % samples == 0 && out->dim(0) <= x->dim(0),
        "[drop_lead_tokens] expected a separate fp32 output [", samples, " * S, ", width, "] with S at most ", all,
        ", got ", shapeOf(out));
    const int64_t count = out->elements();
    context.launch(dropLeadKernel, dim3(blocksFor(count)), dim3(kThreads), 0, x->f32(), all, out->dim(0) / samples,
                   width, out->f32(), count);
}

}  // namespace moescope::cuda
