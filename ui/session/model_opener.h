// SPDX-License-Identifier: GPL-3.0-or-later
// Opens a model by its headers: what it is, the names of its classes, its VAE, and whether it can run here.
#pragma once

#include <cstdint>
#include <filesystem>

#include "engine/core/error.h"
#include "ui/session/open_model.h"

namespace moescope {

/// Reads files: call it on the pool. Refuses what could not be loaded afterwards: settings or tensors missing, too little memory.
/// `givenBack`: bytes of the model that goes when this one comes; `available`: bytes free now, negative: as the system says.
Result<OpenModelPtr> openModelHeaders(const ModelOrder& order, const std::filesystem::path& resources, int64_t givenBack = 0,
                                      int64_t available = -1);

}  // namespace moescope
