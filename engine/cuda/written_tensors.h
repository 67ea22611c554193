// SPDX-License-Identifier: Apache-2.0
// What has to happen before an operation of the table runs: nothing pending is left (pending_add.h), and the bf16 twins
// of what it writes are forgotten (rounded_twins.h).
#pragma once

#include "engine/cuda/context.h"
#include "engine/cuda/ops.h"

namespace moescope::cuda {

/// Whether an operation writes no tensor but those that it takes as `MsTensor*` and those of an MsRouting. Not so
/// unless it is listed here.
template <auto Operation>
inline constexpr bool kNamesWhatItWrites = false;
template <>
inline constexpr bool kNamesWhatItWrites<tensorReshape> = true;
template <>
inline constexpr bool kNamesWhatItWrites<gatherRows> = true;
template <>
inline constexpr bool kNamesWhatItWrites<prependTokens> = true;
template <>
inline constexpr bool kNamesWhatItWrites<dropLeadTokens> = true;
template <>
inline constexpr bool kNamesWhatItWrites<linear> = true;
template <>
inline constexpr bool kNamesWhatItWrites<activate> = true;
template <>
inline constexpr bool kNamesWhatItWrites<add> = true;
template <>
inline constexpr bool kNamesWhatItWrites<modulatedNorm> = true;
template <>
inline constexpr bool kNamesWhatItWrites<gatedAdd> = true;
template <>
inline constexpr bool kNamesWhatItWrites<attention> = true;
template <>
inline constexpr bool kNamesWhatItWrites<moeLayer> = true;
template <>
inline constexpr bool kNamesWhatItWrites<torchNormals> = true;

template <class Argument>
void forgetWritten(MsContext&, const Argument&) {}
inline void forgetWritten(MsContext& context, MsTensor* const& written) {
    context.twins.forgetOf(written);
}
inline void forgetWritten(MsContext& context, const MsRouting* const& r) {
    if (!r) return;
    for (const MsTensor* written : {r->rowPtr, r->expert, r->gate, r->counts, r->mass, r->logits, r->scores, r->margin,
                                    r->inputNorm, r->routedNorm, r->sharedNorm, r->capacityLogits})
        context.twins.forgetOf(written);
}

/// Whether an operation does what is pending itself.
template <auto Operation>
inline constexpr bool kTakesPendingAdd = false;
template <>
inline constexpr bool kTakesPendingAdd<modulatedNorm> = true;

template <auto Operation, class... Arguments>
void settle(MsContext& context, const Arguments&... arguments) {
    if constexpr (!kTakesPendingAdd<Operation>) finishPendingAdd(context);
    if constexpr (kNamesWhatItWrites<Operation>)
        (forgetWritten(context, arguments), ...);
    else
        context.twins.forget();
}

}  // namespace moescope::cuda
