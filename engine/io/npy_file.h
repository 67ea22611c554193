// SPDX-License-Identifier: Apache-2.0
// Reads numpy's .npy files of floating-point numbers.
#pragma once

#include <filesystem>

#include "engine/core/error.h"
#include "engine/core/host_tensor.h"

namespace moescope {

/// Format versions 1 and 2, little-endian float32 or float64 (rounded to fp32), C order. The file must end with its
/// data.
Result<HostTensor> readNpy(const std::filesystem::path& path);

}  // namespace moescope
