// SPDX-License-Identifier: GPL-3.0-or-later
// The reference tensors under tests/golden as double matrices and plain vectors.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/io/named_tensors.h"
#include "engine/reference/matrix.h"

namespace moescope::test {

/// One file; a missing file or key fails with its name (throws EngineException).
class GoldenTensors {
public:
    /// `path` below tests/golden, for example "attention-rope/router.safetensors".
    explicit GoldenTensors(const std::string& path);

    bool contains(const std::string& key) const { return m_tensors.contains(key); }
    HostTensor tensor(const std::string& key) const { return m_tensors.asFloat(key).orThrow(); }
    std::vector<float> floats(const std::string& key) const { return tensor(key).data; }
    std::vector<double> doubles(const std::string& key) const;
    std::vector<int64_t> integers(const std::string& key) const { return m_tensors.asInt64(key).orThrow(); }
    /// All axes but the last as rows.
    reference::Matrix<double> matrix(const std::string& key) const;
    /// The first axis as rows: a convolution's weights [out, in, k, k] as [out, in k k].
    reference::Matrix<double> flatMatrix(const std::string& key) const;

private:
    NamedTensors m_tensors;
};

}  // namespace moescope::test
