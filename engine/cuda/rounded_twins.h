// SPDX-License-Identifier: Apache-2.0
// bf16 twins of fp32 tensors in scratch memory: what one operation has written or read in bf16 is not rounded again by
// the next.
//
// The rule: a twin is forgotten before anything runs that may write its tensor's memory or its own.
// - Every entry of the table forgets all twins, unless `kNamesWhatItWrites` (written_tensors.h) says that it writes
//   nothing but tensors it was given to write; then those that overlap one of these.
// - Whoever takes a scratch slot's memory may write it (MsContext::scratchBytes): the slot's twin is forgotten.
// - Recordings begin and end without twins: a graph holds the rounding of all that it reads, and what was only
//   recorded has not been computed.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/cuda/tensor.h"

namespace moescope::cuda {

enum class Slot;

/// Rows [rows, columns] of fp32 at `source`, and the same rounded to bf16 with `stride` values a row, zeros behind the
/// columns. Empty (null) where there is none.
struct RoundedTwin {
    const float* source = nullptr;
    int64_t rows = 0, columns = 0;
    Slot slot{};
    uint16_t* values = nullptr;
    int64_t stride = 0;
};

class RoundedTwins {
public:
    /// The twin of exactly these rows, or null.
    const RoundedTwin* find(const float* source, int64_t rows, int64_t columns) const;
    /// From now on `twin` is what its source holds, and the only one of its slot. An empty one changes nothing.
    void remember(const RoundedTwin& twin);
    void forget() { m_twins.clear(); }
    void forgetIn(Slot slot);
    /// Those of memory that overlaps the tensor's; null: none.
    void forgetOf(const MsTensor* tensor);

private:
    std::vector<RoundedTwin> m_twins;
};

}  // namespace moescope::cuda
