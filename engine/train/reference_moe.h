// SPDX-License-Identifier: Apache-2.0
// The sparse layer of the reference training device.
#pragma once

#include "engine/train/training_device.h"

namespace moescope::train {

/// As TrainingDevice::moe; `roundWeights`: the experts' weight matrices are rounded to bf16, the router's are not.
void referenceMoe(const MoeShape& shape, const MoeParameters<const float>& weights, bool roundWeights,
                  const float* selectionBias, const float* x, const MoeSaved& saved, float* y);

/// As TrainingDevice::moeBackward.
RouterLossValues referenceMoeBackward(const MoeShape& shape, const MoeParameters<const float>& weights,
                                      bool roundWeights, const float* x, const MoeSaved& saved, const float* dy,
                                      const RouterLosses& losses, float lossScale, float* dx,
                                      const MoeParameters<float>& gradients);

}  // namespace moescope::train
