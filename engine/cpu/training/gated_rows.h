// SPDX-License-Identifier: Apache-2.0
// Row functions that several operations of training share. Each runs on the calling thread.
#pragma once

#include <cstdint>

namespace moescope::cpu {

/// y [rows, inner] = silu(x[:, :inner]) * x[:, inner:], x [rows, 2 inner].
void gateRows(int64_t rows, int64_t inner, const float* x, float* y);
/// dx [rows, 2 inner] (overwritten) from dy [rows, inner], which is first multiplied by scale [rows] where given.
void gateRowsBackward(int64_t rows, int64_t inner, const float* x, const float* dy, const float* scale, float* dx);

/// y += a
void addInto(int64_t count, const float* a, float* y);
/// y = a + b; y may be either.
void addTwo(int64_t count, const float* a, const float* b, float* y);

}  // namespace moescope::cpu
