// SPDX-License-Identifier: GPL-3.0-or-later
// What a run folder holds, for looking at a run that was ended and for going on with it.
#pragma once

#include <QString>
#include <filesystem>
#include <memory>
#include <vector>

#include "engine/io/png_file.h"
#include "viz/aggregate/training_record.h"

namespace moescope {

/// A sheet of pictures from fixed noise and conditions.
struct SampleFile {
    int64_t step = 0;
    std::filesystem::path file;
};

struct TrainingFolder {
    std::filesystem::path folder;
    QString recipeText;
    std::shared_ptr<const TrainingRecord> record;  // empty when no step was done
    std::vector<SampleFile> samples;               // by step
    int64_t savedStep = -1;                        // of the newest state, from which it goes on; -1: none
    std::filesystem::path weights;                 // the newest in a published layout; empty: none
    int64_t weightsStep = 0;

    bool finished() const { return record->steps > 0 && savedStep >= record->steps; }
};

/// NotFound: no recipe.yaml there. May take long where a run has many steps: for the pool.
Result<TrainingFolder> readTrainingFolder(const std::filesystem::path& folder);
std::vector<SampleFile> sampleFiles(const std::filesystem::path& folder);

/// One picture of a sheet and what it was to show.
struct SamplePicture {
    Picture picture;
    QString title;
};
/// The pictures that the sheet was put together from.
Result<std::vector<SamplePicture>> readSampleSheet(const std::filesystem::path& file);

}  // namespace moescope
