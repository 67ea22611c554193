// SPDX-License-Identifier: Apache-2.0
// Dense layers for other operations: activations as a product takes them, and products with what follows them.
#pragma once

#include <cstdint>

#include "engine/cuda/context.h"

namespace moescope::cuda {

/// Rows as a product takes them: fp32 or bf16, `stride` values apart.
struct Operand {
    MsDType type = MS_F32;
    const void* data = nullptr;
    int64_t stride = 0;
};

/// x [rows, columns] for products with weights of `type`: itself, or rounded to bf16 in scratch `slot` (padded with
/// zeros to a multiple of kRowUnit columns).
Operand operandOf(MsContext& context, const float* x, int64_t rows, int64_t columns, MsDType type, Slot slot);

/// The same of a whole tensor: its twin where there is one, else rounded in Slot::Rounded, which is its twin then.
Operand operandOf(MsContext& context, const MsTensor* x, MsDType type);

/// Memory in `slot` for an operation that writes `tensor` and its twin at once: the kernel fills all of it (padding
/// too), and then the operation has it remembered. Empty in fp32 contexts and for no rows.
RoundedTwin roomForTwin(MsContext& context, const MsTensor* tensor, Slot slot);

/// out [rows, desc.out] = activation(x W^T + b), or silu(gate) * up of gated weights. `out` is fp32 with `outStride`
/// values a row, or, with `type` MS_BF16, bf16 with zeros behind the last column, at most weights.paddedOut() in all.
void denseLinear(MsContext& context, const Operand& x, int64_t rows, const MsLinear& weights, MsActivation activation,
                 MsDType type, void* out, int64_t outStride);

}  // namespace moescope::cuda
