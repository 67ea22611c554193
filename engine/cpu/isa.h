// SPDX-License-Identifier: Apache-2.0
// Which vector instructions the CPU device uses.
#pragma once

#include <string>
#include <string_view>

#include "engine/core/error.h"

namespace moescope::cpu {

/// Limits Highway's run-time dispatch of this process to `wanted` ("auto", "avx512", "avx2", "sse4") and below. Returns
/// the level in use for a person ("AVX-512"). An unknown name, or a level this processor lacks, is an error sentence.
/// Takes effect for all contexts of the process: the last one created decides.
Result<std::string> selectIsa(std::string_view wanted);

}  // namespace moescope::cpu
