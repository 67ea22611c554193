// SPDX-License-Identifier: Apache-2.0
// Whether the sizes of a transformer fit each other: for models that are opened and for those that are to be trained.
#pragma once

#include "engine/core/error.h"
#include "engine/model/model_description.h"

namespace moescope {

/// Unsupported, in one sentence that names the setting.
Status checkTransformer(const TransformerConfig& config);

}  // namespace moescope
