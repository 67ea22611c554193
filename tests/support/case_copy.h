// SPDX-License-Identifier: GPL-3.0-or-later
// Copies of reference cases that a test may damage: their tensors, their weights, their case.json.
#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/io/named_tensors.h"

namespace moescope::test {

/// Copies folders of tests/golden side by side into a fresh temporary folder, which goes when this object does.
class CaseCopies {
public:
    explicit CaseCopies(const std::vector<std::string>& cases);
    ~CaseCopies();
    CaseCopies(const CaseCopies&) = delete;
    CaseCopies& operator=(const CaseCopies&) = delete;

    std::filesystem::path operator/(const std::string& inside) const { return m_root / inside; }

    /// Rewrites a file of tensors after `change`. A torch file becomes a safetensors file named `<file>.safetensors`,
    /// whose path is returned.
    std::filesystem::path edit(const std::string& file,
                               const std::function<void(moescope::NamedTensors&)>& change) const;
    void editJson(const std::string& file, const std::function<void(nlohmann::json&)>& change) const;
    void write(const std::string& file, const std::string& text) const;

private:
    std::filesystem::path m_root;
};

/// Element `index` of an fp32 or I64 tensor, in place.
float& floatAt(moescope::NamedTensors& tensors, const std::string& key, size_t index);
int64_t& integerAt(moescope::NamedTensors& tensors, const std::string& key, size_t index);

}  // namespace moescope::test
