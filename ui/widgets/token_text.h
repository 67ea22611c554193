// SPDX-License-Identifier: GPL-3.0-or-later
// What is said of a token, a layer and a branch on the canvas and by screen readers.
#pragma once

#include <QString>

#include "engine/trace/routing_trace.h"
#include "viz/aggregate/load.h"

namespace moescope {

/// "MoE layer 2 (block 5)", with the network's name where a run has several.
QString moeLayerText(const RoutingTrace& routing, int layer);

/// "row 5, column 9", counted from 1; "class token", "text token 3" without a place in the picture, with its piece of the prompt where that
/// is known; "the whole picture".
QString tokenPlaceText(const RoutingTrace& routing, int layer, Branch branch, int64_t image, int64_t token);

/// What the cell of a token outside the picture says: the piece of the prompt that stands there, "-" before one that goes on a word.
/// Empty for other tokens, empty places, and where pieces are not known.
QString tokenPieceText(const RoutingTrace& routing, int layer, Branch branch, int64_t image, int64_t token);

/// "expert 3 (0.61), expert 7 (0.39)", the largest weight first; where tokens have no fixed number of experts "taken by 3 experts: ...";
/// what becomes of a token that no expert took; "blended from cats (0.75), dogs (0.25)" of networks.
QString tokenExpertsText(const RoutingTrace& routing, const RoutingRecord& record, int64_t image, int64_t token);

/// Both, of the branch that is looked at: "row 5, column 9: expert 3 (0.61)". Empty without such a token.
QString tokenText(const RoutingTrace& routing, int evaluation, BranchChoice branch, int layer, int64_t image, int64_t token);

}  // namespace moescope
