// SPDX-License-Identifier: GPL-3.0-or-later
// Reads every value of an opened source, as a caller would; shared by the fuzz targets.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <vector>

#include "engine/io/tensor_source.h"

namespace moescope::fuzz {

inline constexpr uint64_t kMostBytes = 4 << 20;   // of one tensor: views may repeat elements
inline constexpr uint64_t kMostTotal = 32 << 20;  // of one input

template <class Source>
void readEverything(const Result<std::shared_ptr<const Source>>& source) {
    if (!source.ok()) {
        if (source.error().code == ErrorCode::Internal || source.error().message.empty()) std::abort();
        return;
    }
    uint64_t total = 0;
    for (const TensorInfo& tensor : (*source)->tensors()) {
        const uint64_t size = static_cast<uint64_t>(tensor.elements()) * dtypeSize(tensor.dtype);
        if (size > kMostBytes || (total += size) > kMostTotal) continue;
        std::vector<std::byte> raw(size);
        std::vector<float> values(static_cast<size_t>(tensor.elements()));
        if ((*source)->readRaw(tensor, raw).ok() != (*source)->readFloat(tensor, values).ok()) std::abort();
        (*source)->releasePages(tensor);
    }
    // JSON that came in must go out again: texts are valid UTF-8.
    if ((*source)->metadata().dump().empty()) std::abort();
}

}  // namespace moescope::fuzz
