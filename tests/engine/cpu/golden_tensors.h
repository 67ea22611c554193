// SPDX-License-Identifier: GPL-3.0-or-later
// Reference tensors of the routing tests, read from a safetensors file.
#pragma once

#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace moescope {

/// A whole safetensors file in memory; `values<T>` trusts the caller to know the element type.
class GoldenTensors {
public:
    explicit GoldenTensors(const std::string& name) {
        std::ifstream file(std::string(MOESCOPE_TEST_DATA) + "/golden/" + name, std::ios::binary);
        m_bytes.assign(std::istreambuf_iterator<char>(file), {});
        uint64_t length = 0;
        std::memcpy(&length, m_bytes.data(), sizeof length);
        m_header =
            nlohmann::json::parse(m_bytes.begin() + 8, m_bytes.begin() + 8 + static_cast<std::ptrdiff_t>(length));
        m_data = 8 + length;
    }

    template <class T>
    std::vector<T> values(const std::string& key) const {
        const auto& offsets = m_header.at(key).at("data_offsets");
        const size_t begin = offsets.at(0).get<size_t>(), end = offsets.at(1).get<size_t>();
        std::vector<T> out((end - begin) / sizeof(T));
        std::memcpy(out.data(), m_bytes.data() + m_data + begin, end - begin);
        return out;
    }

    /// F32, or BF16 widened.
    std::vector<float> floats(const std::string& key) const {
        if (m_header.at(key).at("dtype") != "BF16") return values<float>(key);
        std::vector<float> out;
        for (const uint16_t half : values<uint16_t>(key)) {
            const uint32_t bits = uint32_t{half} << 16;
            float value;
            std::memcpy(&value, &bits, sizeof value);
            out.push_back(value);
        }
        return out;
    }

private:
    std::vector<char> m_bytes;
    nlohmann::json m_header;
    size_t m_data = 0;
};

inline nlohmann::json goldenJson(const std::string& name) {
    std::ifstream file(std::string(MOESCOPE_TEST_DATA) + "/golden/" + name);
    return nlohmann::json::parse(file);
}

}  // namespace moescope
