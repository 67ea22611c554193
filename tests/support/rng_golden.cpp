// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/support/rng_golden.h"

#include <fstream>
#include <iterator>
#include <stdexcept>

#include "engine/core/dtype.h"
#include "tests/support/test_data.h"

namespace moescope::test {

RngGolden::RngGolden(const std::string& stem) {
    const std::string path = (goldenFolder() / "rng" / stem).string();
    std::ifstream json(path + ".json");
    if (!json) throw std::runtime_error("cannot open " + path + ".json");
    description = nlohmann::json::parse(json);
    std::ifstream file(path + ".safetensors", std::ios::binary);
    m_bytes.assign(std::istreambuf_iterator<char>(file), {});
    if (m_bytes.size() < 8) throw std::runtime_error("cannot read " + path + ".safetensors");
    uint64_t headerSize = 0;
    std::memcpy(&headerSize, m_bytes.data(), sizeof headerSize);
    m_dataStart = 8 + headerSize;
    m_header = nlohmann::json::parse(m_bytes.substr(8, headerSize));
}

std::string RngGolden::bytesOf(const std::string& key) const {
    const auto offsets = m_header.at(key).at("data_offsets").get<std::vector<uint64_t>>();
    return m_bytes.substr(m_dataStart + offsets[0], offsets[1] - offsets[0]);
}

std::vector<float> RngGolden::floats(const std::string& key) const {
    const DType type = dtypeFromName(m_header.at(key).at("dtype").get<std::string>()).value();
    const std::vector<std::byte> bytes = raw<std::byte>(key);
    std::vector<float> values(bytes.size() / dtypeSize(type));
    convertToFloat(type, bytes.data(), values);
    return values;
}

uint64_t seedOf(const nlohmann::json& entry) {
    const nlohmann::json& seed = entry.at("seed");
    return seed.is_string() ? std::stoull(seed.get<std::string>()) : seed.get<uint64_t>();
}

}  // namespace moescope::test
