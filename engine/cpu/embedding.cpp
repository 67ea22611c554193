// SPDX-License-Identifier: Apache-2.0
// Moving data into tokens and back: patches, time waves, table rows, tokens in front of others. Copies, in parallel by
// rows.
#include <cmath>
#include <cstring>

#include "engine/cpu/op_checks.h"
#include "engine/cpu/ops.h"

namespace moescope::cpu {
namespace {

void copyFloats(float* to, const float* from, int64_t count) {
    std::memcpy(to, from, static_cast<size_t>(count) * sizeof(float));
}

// The picture's side of a patch operation: [B, C, H, W] cut into gridH x gridW patches.
struct PatchGrid {
    int64_t batch, channels, height, width, patch, gridH, gridW;

    int64_t tokens() const { return batch * gridH * gridW; }
    int64_t tokenWidth() const { return channels * patch * patch; }
    bool fits() const { return patch > 0 && gridH * patch == height && gridW * patch == width; }
};

PatchGrid gridOf(const MsTensor& image, int64_t patch) {
    const int64_t height = image.dim(2), width = image.dim(3), side = std::max<int64_t>(patch, 1);
    return {image.dim(0), image.dim(1), height, width, patch, height / side, width / side};
}

}  // namespace

MsStatus patchify(MsContext* context, const MsTensor* image, int64_t patch, MsTensor* out) {
    MS_REQUIRE(context, isFloats(image, 4), "[patchify] expected an fp32 image [B, C, H, W], got {}", shapeOf(image));
    const PatchGrid g = gridOf(*image, patch);
    MS_REQUIRE(context, g.fits(), "[patchify] expected a height and width that are multiples of the patch {}, got {}",
               patch, shapeOf(image));
    MS_REQUIRE(context, hasShape(out, {g.tokens(), g.tokenWidth()}),
               "[patchify] expected an fp32 output [{}, {}], got {}", g.tokens(), g.tokenWidth(), shapeOf(out));
    const float* pixels = image->f32();
    float* tokens = out->f32();
    return context->forRows(g.tokens(), rowsPerTask(g.tokenWidth()), [&](int64_t begin, int64_t end, int) {
        for (int64_t token = begin; token < end; ++token) {
            const int64_t sample = token / (g.gridH * g.gridW), row = token / g.gridW % g.gridH,
                          column = token % g.gridW;
            float* to = tokens + token * g.tokenWidth();
            for (int64_t c = 0; c < g.channels; ++c)
                for (int64_t p = 0; p < patch; ++p, to += patch) {
                    const int64_t line = (sample * g.channels + c) * g.height + row * patch + p;
                    copyFloats(to, pixels + line * g.width + column * patch, patch);
                }
        }
    });
}

MsStatus unpatchify(MsContext* context, const MsTensor* tokens, int64_t patch, MsTensor* image) {
    MS_REQUIRE(context, isFloats(image, 4), "[unpatchify] expected an fp32 image [B, C, H, W], got {}", shapeOf(image));
    const PatchGrid g = gridOf(*image, patch);
    MS_REQUIRE(context, g.fits(), "[unpatchify] expected a height and width that are multiples of the patch {}, got {}",
               patch, shapeOf(image));
    MS_REQUIRE(context, hasShape(tokens, {g.tokens(), g.tokenWidth()}),
               "[unpatchify] expected fp32 tokens [{}, {}], got {}", g.tokens(), g.tokenWidth(), shapeOf(tokens));
    const float* from = tokens->f32();
    float* pixels = image->f32();
    return context->forRows(g.tokens(), rowsPerTask(g.tokenWidth()), [&](int64_t begin, int64_t end, int) {
        for (int64_t token = begin; token < end; ++token) {
            const int64_t sample = token / (g.gridH * g.gridW), row = token / g.gridW % g.gridH,
                          column = token % g.gridW;
            const float* values = from + token * g.tokenWidth();  // [p, q, c]
            for (int64_t c = 0; c < g.channels; ++c)
                for (int64_t p = 0; p < patch; ++p) {
                    const int64_t line = (sample * g.channels + c) * g.height + row * patch + p;
                    float* to = pixels + line * g.width + column * patch;
                    for (int64_t q = 0; q < patch; ++q) to[q] = values[(p * patch + q) * g.channels + c];
                }
        }
    });
}

MsStatus timestepWaves(MsContext* context, const MsTensor* t, float maxPeriod, MsTensor* out) {
    MS_REQUIRE(context, isFloats(t, 1), "[timestep_waves] expected fp32 times [B], got {}", shapeOf(t));
    MS_REQUIRE(context, isFloats(out, 2) && out->dim(0) == t->dim(0),
               "[timestep_waves] expected an fp32 output [{}, W], got {}", t->dim(0), shapeOf(out));
    MS_REQUIRE(context, maxPeriod > 0, "[timestep_waves] expected a positive longest period, got {}", maxPeriod);
    const int64_t width = out->dim(1), half = width / 2;
    // Rates and angles are rounded to fp32 step by step, as the networks were trained; only cosine and sine are taken
    // finer.
    const float exponent = half > 0 ? static_cast<float>(-std::log(static_cast<double>(maxPeriod)) / half) : 0.0f;
    const float* times = t->f32();
    float* waves = out->f32();
    return context->forRows(t->dim(0), rowsPerTask(width * 16), [&](int64_t begin, int64_t end, int) {
        for (int64_t i = 0; i < half; ++i) {
            const float rate = static_cast<float>(std::exp(static_cast<double>(static_cast<float>(i) * exponent)));
            for (int64_t row = begin; row < end; ++row) {
                const double angle = times[row] * rate;  // an fp32 product
                waves[row * width + i] = static_cast<float>(std::cos(angle));
                waves[row * width + half + i] = static_cast<float>(std::sin(angle));
            }
        }
        if (width % 2 == 1)
            for (int64_t row = begin; row < end; ++row) waves[row * width + width - 1] = 0.0f;
    });
}

MsStatus gatherRows(MsContext* context, const MsTensor* table, const MsTensor* index, MsTensor* out) {
    MS_REQUIRE(context, table && (table->dtype == MS_F32 || table->dtype == MS_I32) && table->shape.size() == 2,
               "[gather_rows] expected a table [N, D] of fp32 or int32, got {}", shapeOf(table));
    MS_REQUIRE(context, index && index->dtype == MS_I32 && index->shape.size() == 1,
               "[gather_rows] expected int32 indices [B], got {}", shapeOf(index));
    const int64_t rows = table->dim(0), width = table->dim(1), count = index->dim(0);
    MS_REQUIRE(context, out && out->dtype == table->dtype && out->shape == Shape({count, width}) && out != table,
               "[gather_rows] expected a separate output [{}, {}] of the table's type, got {}", count, width, shapeOf(out));
    const int32_t* wanted = index->i32();
    for (int64_t i = 0; i < count; ++i)
        MS_REQUIRE(context, wanted[i] >= 0 && wanted[i] < rows,
                   "[gather_rows] expected an index below {}, got {} at place {}", rows, wanted[i], i);
    return context->forRows(count, rowsPerTask(width), [&](int64_t begin, int64_t end, int) {
        for (int64_t i = begin; i < end; ++i)
            copyFloats(out->f32() + i * width, table->f32() + wanted[i] * width, width);
    });
}

MsStatus addRows(MsContext* context, MsTensor* x, const MsTensor* table) {
    MS_REQUIRE(context, isFloats(table, 2), "[add_rows] expected an fp32 table [n, D], got {}", shapeOf(table));
    const int64_t count = table->dim(0), width = table->dim(1);
    MS_REQUIRE(context, isFloats(x, 2) && x->dim(1) == width && count > 0 && x->dim(0) % count == 0,
               "[add_rows] expected fp32 rows [samples * {}, {}], got {}", count, width, shapeOf(x));
    return context->forRows(x->dim(0), rowsPerTask(width), [&](int64_t begin, int64_t end, int) {
        for (int64_t row = begin; row < end; ++row) {
            float* to = x->f32() + row * width;
            const float* from = table->f32() + row % count * width;
            for (int64_t i = 0; i < width; ++i) to[i] += from[i];
        }
    });
}

MsStatus prependTokens(MsContext* context, const MsTensor* x, const MsTensor* embedding, const MsTensor* position,
                       MsTensor* out) {
    MS_REQUIRE(context, isFloats(embedding, 2), "[prepend_tokens] expected fp32 embeddings [B, D], got {}",
               shapeOf(embedding));
    const int64_t samples = embedding->dim(0), width = embedding->dim(1);
    MS_REQUIRE(context, isFloats(position, 2) && position->dim(1) == width,
               "[prepend_tokens] expected fp32 positions [C, {}], got {}", width, shapeOf(position));
    MS_REQUIRE(context, isFloats(x, 2) && x->dim(1) == width && samples > 0 && x->dim(0) % samples == 0,
               "[prepend_tokens] expected fp32 tokens [{} * S, {}], got {}", samples, width, shapeOf(x));
    const int64_t lead = position->dim(0), own = x->dim(0) / samples, all = lead + own;
    MS_REQUIRE(context, hasShape(out, {samples * all, width}) && out != x,
               "[prepend_tokens] expected a separate fp32 output [{}, {}], got {}", samples * all, width, shapeOf(out));
    return context->forRows(samples * all, rowsPerTask(width), [&](int64_t begin, int64_t end, int) {
        for (int64_t row = begin; row < end; ++row) {
            const int64_t sample = row / all, token = row % all;
            float* to = out->f32() + row * width;
            if (token >= lead) {
                copyFloats(to, x->f32() + (sample * own + token - lead) * width, width);
                continue;
            }
            const float* a = embedding->f32() + sample * width;
            const float* b = position->f32() + token * width;
            for (int64_t i = 0; i < width; ++i) to[i] = a[i] + b[i];
        }
    });
}

MsStatus dropLeadTokens(MsContext* context, const MsTensor* x, int64_t samples, MsTensor* out) {
    MS_REQUIRE(context, isFloats(x, 2) && samples > 0 && x->dim(0) % samples == 0,
               "[drop_lead_tokens] expected fp32 tokens of {} samples, got {}", samples, shapeOf(x));
    const int64_t all = x->dim(0) / samples, width = x->dim(1);
    MS_REQUIRE(
        context,
        isFloats(out, 2) && out != x && out->dim(1) == width && out->dim(0) % samples == 0 && out->dim(0) <= x->dim(0),
        "[drop_lead_tokens] expected a separate fp32 output [{} * S, {}] with S at most {}, got {}", samples, width,
        all, shapeOf(out));
    const int64_t kept = out->dim(0) / samples;
    return context->forRows(out->dim(0), rowsPerTask(width), [&](int64_t begin, int64_t end, int) {
        for (int64_t row = begin; row < end; ++row)
            copyFloats(out->f32() + row * width, x->f32() + (row / kept * all + all - kept + row % kept) * width,
                       width);
    });
}

}  // namespace moescope::cpu
