// SPDX-License-Identifier: GPL-3.0-or-later
// The U-Net cases of tests/golden/unet-hashed, with the weights that follow from their names written out.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "engine/backend/backend.h"
#include "engine/io/named_tensors.h"
#include "engine/model/checkpoint.h"
#include "tests/support/case_copy.h"

namespace moescope::test {

/// A diffusers folder with case.json and reference tensors in a temporary place.
class UnetFolder {
public:
    /// `name`: "text", "text-time", "classes", "early". The weights are stored as `stored` (F32, F16 or BF16).
    explicit UnetFolder(const std::string& name, DType stored = DType::F32);

    std::filesystem::path path() const { return m_copies / m_inside; }
    std::filesystem::path weights() const { return path() / "diffusion_pytorch_model.safetensors"; }
    void editConfig(const std::function<void(nlohmann::json&)>& change) const;
    void editWeights(const std::function<void(NamedTensors&)>& change) const;
    void write(const std::string& file, const std::string& text) const { m_copies.write(m_inside + "/" + file, text); }
    NamedTensors reference() const;

    std::shared_ptr<const Checkpoint> open() const { return Checkpoint::open(path()).orThrow(); }

private:
    CaseCopies m_copies;
    std::string m_inside;
};

}  // namespace moescope::test
