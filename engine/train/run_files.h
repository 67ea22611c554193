// SPDX-License-Identifier: Apache-2.0
// The files of a run folder, and the pictures that show how far a run has come.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "engine/io/png_file.h"
#include "engine/train/trainer.h"

namespace moescope::train {

/// Pictures of fixed noise and conditions.
struct SampleSheet {
    std::vector<Picture> pictures;
    std::vector<std::string> titles;
};

/// Made with the first average by the recipe's sampler; the same noise every time. Latent models without a decoder give linear previews.
/// `names`: of its classes or, where it reads prompts, what it may be asked for.
Result<SampleSheet> drawSamples(const Trainer& trainer, const std::vector<std::string>& names, int threads);
/// The pictures side by side, `columns` in a row, with thin grey lines between them.
Picture contactSheet(const std::vector<Picture>& pictures, int columns);

class RunFiles {
public:
    explicit RunFiles(std::filesystem::path folder) : m_folder(std::move(folder)) {}

    /// Makes the folder and writes recipe.yaml. InvalidArgument when there is a run in it already and this is not its resumption, or the
    /// recipe differs in what decides the numbers.
    Status create(const Recipe& recipe, bool resume) const;
    std::filesystem::path statePath(int64_t step) const;
    /// Removes all but the newest `keep` states.
    void dropOldStates(int64_t keep) const;
    Status writeSamples(int64_t step, const SampleSheet& sheet) const;
    /// The first average under checkpoints/, with labels.json beside it; returns the file.
    Result<std::filesystem::path> writeWeights(const Trainer& trainer, int64_t step, const std::vector<std::string>& classNames) const;

private:
    std::filesystem::path m_folder;
};

}  // namespace moescope::train
