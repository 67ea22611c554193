// SPDX-License-Identifier: GPL-3.0-or-later
// Fingerprints of models, computed once: they read small tensors all over the file.
#pragma once

#include <memory>
#include <string>

#include "engine/model/loadable_model.h"

namespace moescope {

/// checkpoint->fingerprint(), remembered as long as the checkpoint lives. Any thread; a second caller waits for the first.
std::string fingerprintOf(const std::shared_ptr<const LoadableModel>& checkpoint);

/// Computes it on the pool, so that the window does not wait for the disk later.
void prepareFingerprint(const std::shared_ptr<const LoadableModel>& checkpoint);

}  // namespace moescope
