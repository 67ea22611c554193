// SPDX-License-Identifier: Apache-2.0
// Dense products through cuBLASLt, with the chosen algorithms remembered, and a plain kernel for what it declines.
#pragma once

#include <cstdint>
#include <map>
#include <memory>

#include "engine/backend/backend_table.h"

struct MsContext;

namespace moescope::cuda {

/// out [rows, columns] = factor * x [rows, depth] times right (+ bias of every column). Row-major; strides in values.
struct Product {
    MsDType type = MS_F32;  // of x and right: MS_F32 (no TF32) or MS_BF16; sums, bias and out are fp32
    const void* x = nullptr;
    int64_t xStride = 0;
    const void* right = nullptr;
    int64_t rightStride = 0;
    bool rightByDepth = false;  // false: right is [columns, depth], as weights lie; true: [depth, columns]
    float* out = nullptr;
    int64_t outStride = 0;
    int64_t rows = 0, columns = 0, depth = 0;
    const float* bias = nullptr;
    float factor = 1.0f;
};

/// The products of a context. The same product gets the same algorithm and so the same bits.
class MatmulPlans {
public:
    MatmulPlans();
    ~MatmulPlans();
    void open();
    void run(MsContext& context, const Product& product);

private:
    struct Plan;
    struct Key;
    struct State;
    std::unique_ptr<State> m_state;

    const Plan& planFor(const Product& product);
};

}  // namespace moescope::cuda
