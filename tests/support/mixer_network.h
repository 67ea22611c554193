// SPDX-License-Identifier: GPL-3.0-or-later
// A family that exists in tests only: small dense denoisers of patches, the experts of the reference case of mixtures of networks.
#pragma once

#include "engine/model/family.h"

namespace moescope::test {

/// Patches -> mixer blocks (token mixing, channel mixing, each modulated and gated) -> velocity. Takes a prompt embedding.
/// Settings beside the sizes: "predicts" ("velocity"; "clean", "noise"; "backwards": a velocity towards the noise, data at time 0, times
/// of 0 to 1000) says what its output is taken for; with "classes" N the index of the class is added to it.
const FamilyDefinition& mixerFamily();

/// Registers it once.
void registerMixerFamily();

}  // namespace moescope::test
