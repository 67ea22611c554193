// SPDX-License-Identifier: Apache-2.0
// A checkpoint opened by its headers: what it is, what it holds, what is missing, what it needs; and the way to load it.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/model/denoiser.h"
#include "engine/model/family.h"

namespace moescope {

struct CheckpointOptions {
    std::string weightSet;                              // "" = preferred (averaged weights first)
    nlohmann::json settings = nlohmann::json::object(); // given by the person, beats everything in the files
};

struct MisshapedTensor {
    std::string name;
    Shape expected, found;
};

struct LoadOptions {
    MsDType storage = MS_F32;
    std::stop_token stop;
    LoadProgress progress;
    int64_t available = -1;  // bytes that loading may take; negative: as many as the system has to give
};

class Checkpoint {
public:
    /// A file, or a folder in a published layout (training folder with config*.yaml and checkpoints/, folder with
    /// checkpoint-*.pth, safetensors with or without index). Reads headers only.
    static Result<std::shared_ptr<const Checkpoint>> open(const std::filesystem::path& path, const CheckpointOptions& options = {});

    /// The same from a source that is open already.
    static Result<std::shared_ptr<const Checkpoint>> fromSource(std::shared_ptr<const TensorSource> source,
                                                                const CheckpointOptions& options = {});

    const ModelDescription& description() const { return m_description; }
    const TensorSource& source() const { return *m_view.sharedSource(); }
    const WeightView& view() const { return m_view; }
    const std::vector<WeightSet>& weightSets() const { return m_sets; }
    /// Why this set of weights was taken, as a sentence.
    const std::string& weightSetReason() const { return m_setReason; }
    const std::vector<std::string>& missing() const { return m_missing; }
    const std::vector<MisshapedTensor>& misshaped() const { return m_misshaped; }
    const std::vector<std::string>& unused() const { return m_unused; }
    const std::vector<std::string>& notes() const { return m_notes; }
    /// Element types of the chosen weights, most frequent first: "F32", "F32, BF16".
    std::string dtypes() const;
    /// Short name for a person and for files: the released size, else the file or folder name. Never a path.
    std::string name() const;
    /// 16 hexadecimal digits over names, shapes, types of the chosen weights and the values of 64 small tensors.
    std::string fingerprint() const;
    /// Bytes a loaded model takes, without the run.
    int64_t memoryNeeded(MsDType storage) const;
    /// Whether it can run: nothing missing or mis-shaped, all settings known and consistent.
    Status runnable() const;

    /// Packs the weights for a device; refused before reading when memory does not suffice.
    Result<std::unique_ptr<Denoiser>> load(Backend& backend, const LoadOptions& options = {}) const;

private:
    Checkpoint(WeightView view, const FamilyDefinition& family, ModelDescription description);
    void compareTensors();

    WeightView m_view;
    const FamilyDefinition& m_family;
    ModelDescription m_description;
    std::vector<WeightSet> m_sets;
    std::string m_setReason;
    std::vector<std::string> m_missing, m_unused, m_notes;
    std::vector<MisshapedTensor> m_misshaped;
};

/// The weights file inside a folder of a published layout, or the path itself.
Result<std::filesystem::path> resolveModelPath(const std::filesystem::path& path);

}  // namespace moescope
