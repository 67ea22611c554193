// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/session/training_folder.h"

#include <QCoreApplication>
#include <QStringList>
#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>

#include "engine/train/recipe.h"
#include "engine/train/training_run.h"
#include "ui/session/paths.h"

namespace moescope {
namespace {

namespace fs = std::filesystem;

struct Text {
    Q_DECLARE_TR_FUNCTIONS(TrainingFolder)
};

constexpr int kSheetColumns = 8;  // of a sheet, at most

/// Files called by a step ("00000500.png"), in its order.
std::vector<SampleFile> filesBySteps(const fs::path& folder, const std::string& ending) {
    std::vector<SampleFile> files;
    std::error_code code;
    for (const auto& entry : fs::directory_iterator(folder, code)) {
        const std::string stem = entry.path().stem().string();
        int64_t step = -1;
        const auto [last, error] = std::from_chars(stem.data(), stem.data() + stem.size(), step);
        if (entry.path().extension() == ending && error == std::errc() && last == stem.data() + stem.size())
            files.push_back({step, entry.path()});
    }
    std::sort(files.begin(), files.end(), [](const SampleFile& a, const SampleFile& b) { return a.step < b.step; });
    return files;
}

Picture cut(const Picture& sheet, int left, int top, int width, int height) {
    Picture part{width, height, std::vector<uint8_t>(static_cast<size_t>(width) * static_cast<size_t>(height) * 3)};
    for (int y = 0; y < height; ++y)
        std::copy_n(sheet.rgb.begin() + (static_cast<ptrdiff_t>(top + y) * sheet.width + left) * 3, width * 3,
                    part.rgb.begin() + static_cast<ptrdiff_t>(y) * width * 3);
    return part;
}

}  // namespace

std::vector<SampleFile> sampleFiles(const fs::path& folder) {
    return filesBySteps(folder / "samples", ".png");
}

Result<TrainingFolder> readTrainingFolder(const fs::path& folder) {
    std::ifstream stream(folder / "recipe.yaml", std::ios::binary);
    if (!stream)
        return EngineError{
            ErrorCode::NotFound,
            Text::tr(
                "expected the folder of a training run, found no recipe.yaml in '%1'; choose the folder that a run was "
                "trained into")
                .arg(textOf(folder))
                .toStdString()};
    std::ostringstream text;
    text << stream.rdbuf();
    TrainingFolder found;
    found.folder = folder;
    found.recipeText = QString::fromStdString(text.str());
    TrainingRecord record;
    if (auto lines = train::readMetrics(folder / "metrics.jsonl"); lines.ok()) record.lines = std::move(lines.value());
    if (const auto recipe = train::parseRecipe(text.str(), "recipe.yaml"); recipe.ok())
        record.steps = recipe->training.steps;
    found.record = std::make_shared<const TrainingRecord>(std::move(record));
    found.samples = sampleFiles(folder);
    if (const auto states = train::savedStates(folder); !states.empty()) found.savedStep = states.front().first;
    if (const auto weights = filesBySteps(folder / "checkpoints", ".safetensors"); !weights.empty()) {
        found.weights = weights.back().file;
        found.weightsStep = weights.back().step;
    }
    return found;
}

Result<std::vector<SamplePicture>> readSampleSheet(const fs::path& file) {
    const auto read = readPng(file);
    if (!read.ok()) return read.error();
    const Picture& sheet = read->picture;
    const QString described = QString::fromStdString(read->text("Description").value_or(std::string()));
    // Without titles the whole sheet is one picture: nothing says how many there are.
    if (described.isEmpty()) return std::vector<SamplePicture>{{sheet, {}}};
    const QStringList titles = described.split(QLatin1Char('\n'));
    const int count = static_cast<int>(titles.size()), columns = std::min(kSheetColumns, count),
              rows = (count + columns - 1) / columns;
    const int width = (sheet.width - 1) / columns - 1,
              height = (sheet.height - 1) / rows - 1;  // between lines of one pixel
    if (width < 1 || height < 1)
        return EngineError{ErrorCode::Format,
                           Text::tr("the sheet '%1' is too small for its %2 pictures; look at another step")
                               .arg(textOf(file.filename()), QString::number(count))
                               .toStdString()};
    std::vector<SamplePicture> pictures;
    for (int i = 0; i < count; ++i)
        pictures.push_back(
            {cut(sheet, i % columns * (width + 1) + 1, i / columns * (height + 1) + 1, width, height), titles[i]});
    return pictures;
}

}  // namespace moescope
