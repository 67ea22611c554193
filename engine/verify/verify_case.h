// SPDX-License-Identifier: Apache-2.0
// Holds the engine against a folder of reference tensors made by published code.
#pragma once

#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>

#include "engine/backend/backend.h"
#include "engine/verify/case_report.h"

namespace moescope {

struct VerifyOptions {
    /// Where every computed output goes as "<path inside the case without extension>/<key>"; empty: nowhere.
    std::filesystem::path dump;
    std::stop_token stop;
    /// How weights are kept. MS_BF16: single passes only (steps of samplers and of training are left out, which is noted), judged
    /// as comparison.h says.
    MsDType storage = MS_F32;
    /// Told the name of each reference file before it is run; may be empty.
    std::function<void(const std::string& file)> progress;
};

/// Everything is read from the folder's case.json and tensors; nothing is tied to sizes. The error is a sentence: no
/// case, damaged files, a family that this program does not run (Unsupported). A case that merely does not hold is no
/// error: see CaseReport::passed.
Result<CaseReport> verifyCase(const std::filesystem::path& folder, Backend& backend, const VerifyOptions& options = {});

}  // namespace moescope
