// SPDX-License-Identifier: Apache-2.0
// A finished (or cancelled) run with everything that was kept of it: what a session file stores and every view reads.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/core/host_tensor.h"
#include "engine/io/generation_parameters.h"
#include "engine/io/png_file.h"
#include "engine/trace/routing_trace.h"

namespace moescope {

/// How the kept latents are stored.
enum class LatentPrecision : uint8_t { F16, F32 };

/// One evaluation with its tensors [images, C, H, W] (fp16 bits or fp32 as `RunRecord::precision` says) and its preview.
struct EvaluationRecord {
    EvaluationInfo info;
    std::vector<std::byte> noisy;     // x_t: the network's input
    std::vector<std::byte> velocity;  // guided, to the data; clean estimate = x_t + max(noiseLevel, parameters.tEps) velocity
    std::vector<uint8_t> preview;     // [images, previewHeight, previewWidth, 3] of the clean estimate, made without weights
};

/// Immutable once finished; shared as std::shared_ptr<const RunRecord>.
struct RunRecord {
    GenerationParameters parameters;  // every setting; parameters.seed is image 0's
    std::vector<int> classIds;        // per image
    int64_t images = 0;
    Shape latentShape;                // [C, H, W]
    LatentPrecision precision = LatentPrecision::F16;
    int previewHeight = 0, previewWidth = 0;
    bool complete = false;            // false: cancelled after the evaluations that are here
    std::vector<EvaluationRecord> evaluations;
    HostTensor finalLatents;          // [images, C, H, W] after the last step; empty if cancelled
    std::vector<Picture> pictures;    // per image, if decoded
    RoutingTrace routing;
};

/// fp32 view of stored latents (element count from the shape).
std::vector<float> unpackLatents(const std::vector<std::byte>& stored, LatentPrecision precision);
std::vector<std::byte> packLatents(const std::vector<float>& values, LatentPrecision precision);

}  // namespace moescope
