// SPDX-License-Identifier: Apache-2.0
// A gated_add that waits for the norm that mostly follows it on the same tensor: both are one launch then, and the
// tensor is read once.
//
// The rule: every entry of the table first does what is pending (settle in written_tensors.h), but for modulated_norm,
// which takes it along or does the same. So nothing else can see, change or free what it reads and writes.
#pragma once

#include <cstdint>

struct MsContext;
struct MsTensor;

namespace moescope::cuda {

/// x += gate * y with the operands checked; null: nothing is pending.
struct PendingAdd {
    MsTensor* x = nullptr;
    const MsTensor *y = nullptr, *modulation = nullptr;
    int32_t chunk = 0;

    const float* gate() const;
    int64_t gateStride() const;
    int64_t rowsPerSample() const;
};

/// Does it now, if there is one.
void finishPendingAdd(MsContext& context);

}  // namespace moescope::cuda
