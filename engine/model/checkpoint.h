// SPDX-License-Identifier: Apache-2.0
// A checkpoint opened by its headers: what it is, what it holds, what is missing, what it needs; and the way to load it.
#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/model/family.h"
#include "engine/model/loadable_model.h"

namespace moescope {

struct CheckpointOptions {
    std::string weightSet;                              // "" = preferred (averaged weights first)
    nlohmann::json settings = nlohmann::json::object(); // given by the person, beats everything in the files
};

class Checkpoint : public LoadableModel {
public:
    /// A file, or a folder in a published layout (training folder with config*.yaml and checkpoints/, folder with
    /// checkpoint-*.pth, safetensors with or without index). Reads headers only.
    static Result<std::shared_ptr<const Checkpoint>> open(const std::filesystem::path& path, const CheckpointOptions& options = {});

    /// The same from a source that is open already.
    static Result<std::shared_ptr<const Checkpoint>> fromSource(std::shared_ptr<const TensorSource> source,
                                                                const CheckpointOptions& options = {});

    const TensorSource& source() const { return *m_view.sharedSource(); }
    const WeightView& view() const { return m_view; }
    std::string format() const override { return source().format(); }
    std::vector<std::filesystem::path> files() const override { return source().files(); }
    std::string dtypes() const override;
    /// The name that the file gives itself, else the released size, else the file or folder name.
    std::string name() const override;
    /// Over names, shapes, types of the chosen weights and the values of 64 small tensors.
    std::string fingerprint() const override;
    int64_t memoryNeeded(MsDType storage) const override;
    Status runnable() const override;
    /// `moescope.labels` of the metadata, where that is JSON for as many classes as the model has (see ClassLabels::parse).
    std::shared_ptr<const ClassLabels> ownLabels() const override;
    Result<std::unique_ptr<Denoiser>> load(Backend& backend, const LoadOptions& options = {}) const override;

private:
    Checkpoint(WeightView view, const FamilyDefinition& family, ModelDescription description);
    void compareTensors();
    std::string metadataText(std::string_view key) const;  // "": there is none

    WeightView m_view;
    const FamilyDefinition& m_family;
};

/// The weights file inside a folder of a published layout, or the path itself.
Result<std::filesystem::path> resolveModelPath(const std::filesystem::path& path);

}  // namespace moescope
