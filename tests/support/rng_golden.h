// SPDX-License-Identifier: GPL-3.0-or-later
// Reads the reference random numbers in tests/golden/rng: an 8-byte length, a JSON header, raw little-endian values.
#pragma once

#include <cstdint>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace moescope::test {

class RngGolden {
public:
    /// `stem` is "cpu" or "cuda": the .json that describes the draws and the .safetensors that holds them.
    explicit RngGolden(const std::string& stem);

    template <class T>
    std::vector<T> raw(const std::string& key) const {
        const std::string bytes = bytesOf(key);
        std::vector<T> values(bytes.size() / sizeof(T));
        std::memcpy(values.data(), bytes.data(), bytes.size());
        return values;
    }

    /// F32, F16 and BF16 values as float.
    std::vector<float> floats(const std::string& key) const;
    size_t tensorCount() const { return m_header.size() - m_header.count("__metadata__"); }

    nlohmann::json description;

private:
    std::string bytesOf(const std::string& key) const;

    std::string m_bytes;
    uint64_t m_dataStart = 0;
    nlohmann::json m_header;
};

/// Seeds beyond 2^53 are written as strings.
uint64_t seedOf(const nlohmann::json& entry);

}  // namespace moescope::test
