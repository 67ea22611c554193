// SPDX-License-Identifier: Apache-2.0
// Something that can be opened by its headers and loaded as a denoiser: a checkpoint, or an ensemble of them.
#pragma once

#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/model/class_labels.h"
#include "engine/model/denoiser.h"
#include "engine/model/weight_loader.h"

namespace moescope {

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

/// Const after opening and safe to read from several threads.
class LoadableModel {
public:
    virtual ~LoadableModel() = default;

    const ModelDescription& description() const { return m_description; }
    /// Short name for a person and for files. Never a path.
    virtual std::string name() const = 0;
    /// 16 hexadecimal digits that tell models apart; reads small parts of all its files.
    virtual std::string fingerprint() const = 0;
    /// "safetensors (2 files)"
    virtual std::string format() const = 0;
    /// Element types of the chosen weights, most frequent first: "F32", "F32, BF16".
    virtual std::string dtypes() const = 0;
    /// All files behind it, the opened one first.
    virtual std::vector<std::filesystem::path> files() const = 0;
    /// Bytes that have to be free for loading it, without the run.
    virtual int64_t memoryNeeded(MsDType storage) const = 0;
    /// Whether it can run: nothing missing or mis-shaped, all settings known and consistent.
    virtual Status runnable() const = 0;
    /// Refused before reading when memory does not suffice.
    virtual Result<std::unique_ptr<Denoiser>> load(Backend& backend, const LoadOptions& options = {}) const = 0;

    /// Names of its classes that it brings itself; null: see findLabels.
    virtual std::shared_ptr<const ClassLabels> ownLabels() const { return nullptr; }
    /// Where class names and a VAE may lie, nearest first.
    virtual std::vector<std::filesystem::path> companionFolders() const;

    /// Sets of weights to choose from and the chosen one; none for an ensemble, whose file says it for each expert.
    const std::vector<WeightSet>& weightSets() const { return m_sets; }
    const std::string& weightSet() const { return m_setName; }
    /// Why this set of weights was taken, as a sentence.
    const std::string& weightSetReason() const { return m_setReason; }
    const std::vector<std::string>& missing() const { return m_missing; }
    const std::vector<MisshapedTensor>& misshaped() const { return m_misshaped; }
    const std::vector<std::string>& unused() const { return m_unused; }
    const std::vector<std::string>& notes() const { return m_notes; }

protected:
    ModelDescription m_description;
    std::vector<WeightSet> m_sets;
    std::string m_setName, m_setReason;
    std::vector<std::string> m_missing, m_unused, m_notes;
    std::vector<MisshapedTensor> m_misshaped;
};

}  // namespace moescope
