// SPDX-License-Identifier: Apache-2.0
// What networks over pictures do to rows beside products and norms: waves of given frequencies, a row added to a whole sample, columns
// joined.
#include <cmath>
#include <cstring>

#include "engine/cpu/op_checks.h"
#include "engine/cpu/ops.h"

namespace moescope::cpu {

MsStatus waves(MsContext* context, const MsTensor* t, const MsTensor* frequencies, int32_t sinFirst, MsTensor* out) {
    MS_REQUIRE(context, isFloats(t, 1), "[waves] expected fp32 times [N], got {}", shapeOf(t));
    MS_REQUIRE(context, isFloats(frequencies, 1), "[waves] expected fp32 frequencies [F], got {}",
               shapeOf(frequencies));
    const int64_t count = frequencies->dim(0);
    MS_REQUIRE(context, hasShape(out, {t->dim(0), 2 * count}), "[waves] expected an fp32 output [{}, {}], got {}",
               t->dim(0), 2 * count, shapeOf(out));
    return context->forRows(t->dim(0), rowsPerTask(count * 32), [&](int64_t begin, int64_t end, int) {
        for (int64_t row = begin; row < end; ++row) {
            float* to = out->f32() + row * 2 * count;
            float* cosines = to + (sinFirst ? count : 0);
            float* sines = to + (sinFirst ? 0 : count);
            for (int64_t i = 0; i < count; ++i) {
                // The angle is rounded to fp32, as the networks were trained; cosine and sine are taken finer.
                const double angle = t->f32()[row] * frequencies->f32()[i];
                cosines[i] = static_cast<float>(std::cos(angle));
                sines[i] = static_cast<float>(std::sin(angle));
            }
        }
    });
}

MsStatus addPerSample(MsContext* context, MsTensor* x, const MsTensor* rows) {
    MS_REQUIRE(context, isFloats(rows, 2) && rows->dim(0) > 0,
               "[add_per_sample] expected fp32 rows [samples, D], got {}", shapeOf(rows));
    const int64_t samples = rows->dim(0), width = rows->dim(1);
    MS_REQUIRE(context, isFloats(x) && x != rows && x->lastDim() == width && x->rows() % samples == 0,
               "[add_per_sample] expected fp32 rows [{} * n, {}], got {}", samples, width, shapeOf(x));
    const int64_t perSample = x->rows() / samples;
    return context->forRows(x->rows(), rowsPerTask(width), [&](int64_t begin, int64_t end, int) {
        for (int64_t row = begin; row < end; ++row) {
            float* to = x->f32() + row * width;
            const float* from = rows->f32() + row / perSample * width;
            for (int64_t i = 0; i < width; ++i) to[i] += from[i];
        }
    });
}

MsStatus concatColumns(MsContext* context, const MsTensor* a, const MsTensor* b, MsTensor* out) {
    MS_REQUIRE(context, isFloats(a) && isFloats(b) && a->rows() == b->rows(),
               "[concat_columns] expected fp32 tensors of equally many rows, got {} and {}", shapeOf(a), shapeOf(b));
    const int64_t rows = a->rows(), left = a->lastDim(), right = b->lastDim();
    MS_REQUIRE(context, isFloats(out) && out != a && out != b && out->rows() == rows && out->lastDim() == left + right,
               "[concat_columns] expected a separate fp32 output [{}, {}], got {}", rows, left + right, shapeOf(out));
    return context->forRows(rows, rowsPerTask(left + right), [&](int64_t begin, int64_t end, int) {
        for (int64_t row = begin; row < end; ++row) {
            float* to = out->f32() + row * (left + right);
            std::memcpy(to, a->f32() + row * left, static_cast<size_t>(left) * sizeof(float));
            std::memcpy(to + left, b->f32() + row * right, static_cast<size_t>(right) * sizeof(float));
        }
    });
}

}  // namespace moescope::cpu
