// SPDX-License-Identifier: Apache-2.0
// An ensemble opened by its headers: its file, its experts' checkpoints, its router; and the way to load it.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "engine/ensemble/class_union.h"
#include "engine/ensemble/ensemble_file.h"
#include "engine/ensemble/expert_velocity.h"
#include "engine/ensemble/network_router.h"
#include "engine/model/checkpoint.h"

namespace moescope {

/// What an expert is told of the picture that it is to make.
struct ExpertConditions {
    int64_t classes = 0;  // 0: no class
    bool prompt = false, encodedText = false;
};

/// Who chooses the networks: data for words.
struct RouterFacts {
    enum class Kind : uint8_t { Learned, Prototypes, Rules };
    Kind kind = Kind::Rules;
    bool picture = false;  // learned ones: it sees the noisy picture, else the prompt ...
    bool time = false;     // ... and the time
};

class Ensemble final : public LoadableModel {
public:
    /// Reads headers only. The error is a sentence: a missing file, shapes or picture spaces that do not fit, an ensemble
    /// among its own experts, a noise predictor without its schedule, a router that does not fit.
    static Result<std::shared_ptr<const Ensemble>> open(const std::filesystem::path& path);
    /// The same without a file of its own; `path`: where one would lie, for what is relative to it.
    static Result<std::shared_ptr<const Ensemble>> make(EnsembleFile file, const std::filesystem::path& path);

    std::string name() const override;
    std::string fingerprint() const override;
    std::string format() const override;
    std::string dtypes() const override;
    std::vector<std::filesystem::path> files() const override;
    /// The largest expert has to fit; where not all fit, they take turns.
    int64_t memoryNeeded(MsDType storage) const override;
    Status runnable() const override;
    /// Experts are loaded when they are first chosen. `options.available`: bytes for all of them together.
    Result<std::unique_ptr<Denoiser>> load(Backend& backend, const LoadOptions& options = {}) const override;
    std::shared_ptr<const ClassLabels> ownLabels() const override { return m_classes.labels; }
    std::vector<std::filesystem::path> companionFolders() const override;

    const EnsembleFile& file() const { return m_file; }
    const NetworkRouter& router() const { return *m_router; }
    /// One per expert; experts of the same weights share theirs.
    const std::vector<std::shared_ptr<const Checkpoint>>& experts() const { return m_experts; }
    ExpertConditions conditionsOf(size_t expert) const;
    /// The same in English: "a class of 256", "the prompt", "nothing".
    std::string conditionOf(size_t expert) const;
    /// Bytes with all experts in memory.
    int64_t memoryOfAll(MsDType storage) const;
    RouterFacts routerFacts() const;
    /// The same in English: "a learned router over the prompt and the time".
    std::string routerText() const;

private:
    Ensemble(EnsembleFile file, std::filesystem::path path) : m_file(std::move(file)), m_path(std::move(path)) {}
    void openExperts();
    void checkPictures() const;
    void checkBatchWideRouting() const;
    int64_t promptWidth() const;
    void readSchedules();
    void describe();

    EnsembleFile m_file;
    std::filesystem::path m_path;
    std::vector<std::shared_ptr<const Checkpoint>> m_experts;
    std::vector<std::shared_ptr<const NoiseSchedule>> m_schedules;  // per expert; null but for noise predictors
    std::shared_ptr<const NetworkRouter> m_router;
    ClassUnion m_classes;
};

}  // namespace moescope
