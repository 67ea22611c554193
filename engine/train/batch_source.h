// SPDX-License-Identifier: Apache-2.0
// Where a trainer's batches come from: pictures or latents, prepared and scaled.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/core/error.h"
#include "engine/core/host_tensor.h"

namespace moescope::train {

struct SourceBatch {
    std::vector<float> pictures;        // [n, channels, side, side]
    std::vector<int32_t> labels;        // [n], -1: none
    std::vector<std::string> captions;  // [n], "" where there is none
};

/// One thread at a time. What batch number `number` holds follows from the source and the number alone.
class BatchSource {
public:
    virtual ~BatchSource() = default;
    /// Of one picture: [channels, side, side].
    virtual Shape pictureShape() const = 0;
    virtual int64_t batchSize() const = 0;
    virtual int64_t items() const = 0;
    /// Empty: no classes.
    virtual const std::vector<std::string>& classNames() const = 0;
    /// All captions, for a vocabulary; may be empty.
    virtual std::vector<std::string> captions() const = 0;
    virtual Result<SourceBatch> batch(int64_t number) = 0;
    /// Sentences on what was passed over so far.
    virtual std::vector<std::string> remarks() const { return {}; }
    /// Host memory that it keeps.
    virtual int64_t bytes() const { return 0; }
};

}  // namespace moescope::train
