// SPDX-License-Identifier: Apache-2.0
// A folder with a case.json and reference files: what is to be held against which weights.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/core/error.h"
#include "engine/io/named_tensors.h"

namespace moescope::verify {

/// One reference file with what case.json says about it.
struct GoldenFile {
    std::filesystem::path path;
    std::string name;                                 // inside the case: "forward.safetensors"
    std::string weights;                              // weight set; "" = the preferred one
    nlohmann::json entry = nlohmann::json::object();  // its entry in `goldens` or `runs`
    bool listed = true;                               // false: case.json does not name it
    nlohmann::json settings = nlohmann::json::object();  // how the model is to be opened, besides what the case says
    NamedTensors tensors;

    /// Path inside the case without extension: what its outputs are called in a dump.
    std::string stem() const;
    /// Whether queries and keys were rounded to fp16 in it.
    bool roundsQueries() const;
    const NamedTensor* find(std::string_view key) const;
    /// Inputs; throw EngineException naming file and key where they are missing, mis-shaped or of another type.
    HostTensor input(std::string_view key) const;
    /// The same for floating-point or whole numbers.
    HostTensor numbers(std::string_view key) const;
    std::vector<int64_t> integerInput(std::string_view key) const;
};

/// Const after opening.
class CaseFolder {
public:
    static Result<CaseFolder> open(const std::filesystem::path& folder);

    const std::filesystem::path& path() const { return m_path; }
    const nlohmann::json& contents() const { return m_json; }
    std::string name() const;
    /// As case.json has it; "" where it says nothing.
    std::string family() const;

    /// Families and kinds of cases that this program does not run: a sentence.
    Status runnable() const;
    /// The files that case.json lists in `goldens`, `runs` or `sampling` (the last without its forward passes, which count as
    /// listed), then those it does not name, without their tensors.
    std::vector<GoldenFile> goldenFiles() const;
    /// The checkpoint that case.json names, relative to the folder, else the diffusers file beside it.
    std::filesystem::path checkpoint() const;
    /// Shape and routing options for opening it: `config` of this case.json, else of the one beside the checkpoint.
    nlohmann::json checkpointSettings() const;

private:
    std::filesystem::path m_path;
    nlohmann::json m_json;
};

/// Reads all tensors of a reference file; throws EngineException.
void readTensors(GoldenFile& file);

}  // namespace moescope::verify
