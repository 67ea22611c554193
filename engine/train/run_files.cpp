// SPDX-License-Identifier: Apache-2.0
#include "engine/train/run_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "engine/io/atomic_file.h"
#include "engine/sampling/generator.h"
#include "engine/train/checkpoint_files.h"
#include "engine/train/training_run.h"
#include "engine/train/weight_snapshot.h"

namespace moescope::train {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kStatePrefix = "state-", kStateSuffix = ".safetensors";
constexpr uint64_t kSampleSeed = 20240;  // of the noise that all samples of all runs begin with
constexpr int kSheetColumns = 8;
constexpr uint8_t kLine = 200;

Status makeFolder(const fs::path& folder) {
    std::error_code code;
    fs::create_directories(folder, code);
    if (!code) return {};
    return {ErrorCode::Io, fmt::format("the folder '{}' could not be made ({}); choose another place with -o", folder.string(), code.message())};
}

Status writeText(const fs::path& file, const std::string& text) {
    auto created = AtomicFile::create(file);
    if (!created.ok()) return created.error();
    if (const Status written = created->write(std::string_view(text)); !written.ok()) return written;
    return created->commit();
}

std::string readText(const fs::path& file) {
    std::ifstream stream(file, std::ios::binary);
    std::ostringstream text;
    text << stream.rdbuf();
    return text.str();
}

}  // namespace

std::vector<std::pair<int64_t, fs::path>> savedStates(const fs::path& folder) {
    std::vector<std::pair<int64_t, fs::path>> states;
    std::error_code code;
    for (const auto& entry : fs::directory_iterator(folder, code)) {
        const std::string name = entry.path().filename().string();
        if (!name.starts_with(kStatePrefix) || !name.ends_with(kStateSuffix)) continue;
        int64_t step = -1;
        const char* end = name.data() + name.size() - kStateSuffix.size();
        if (const auto [last, error] = std::from_chars(name.data() + kStatePrefix.size(), end, step); error == std::errc() && last == end)
            states.emplace_back(step, entry.path());
    }
    std::sort(states.rbegin(), states.rend());
    return states;
}

Status RunFiles::create(const Recipe& recipe, bool resume) const {
    if (const Status made = makeFolder(m_folder); !made.ok()) return made;
    const fs::path file = m_folder / "recipe.yaml";
    std::error_code code;
    if (fs::exists(file, code)) {
        if (!resume)
            return {ErrorCode::InvalidArgument, fmt::format("'{}' holds a run already; go on with it by --resume, or choose another folder with -o",
                                                            m_folder.string())};
        if (readText(file) == recipe.text) return {};
        const fs::path kept = m_folder / "recipe.before.yaml";
        fs::copy_file(file, kept, fs::copy_options::overwrite_existing, code);
    }
    return writeText(file, recipe.text);
}

fs::path RunFiles::statePath(int64_t step) const { return m_folder / fmt::format("{}{:08}{}", kStatePrefix, step, kStateSuffix); }

void RunFiles::dropOldStates(int64_t keep) const {
    const auto states = savedStates(m_folder);
    std::error_code code;  // a state that can not be removed does no harm
    for (size_t i = static_cast<size_t>(keep); i < states.size(); ++i) fs::remove(states[i].second, code);
}

Picture contactSheet(const std::vector<Picture>& pictures, int columns) {
    Picture sheet;
    if (pictures.empty()) return sheet;
    const int across = std::min<int>(columns, static_cast<int>(pictures.size()));
    const int down = (static_cast<int>(pictures.size()) + across - 1) / across;
    const int w = pictures.front().width, h = pictures.front().height;
    sheet.width = across * (w + 1) + 1;
    sheet.height = down * (h + 1) + 1;
    sheet.rgb.assign(static_cast<size_t>(sheet.width) * static_cast<size_t>(sheet.height) * 3, kLine);
    for (int i = 0; i < static_cast<int>(pictures.size()); ++i) {
        const Picture& picture = pictures[static_cast<size_t>(i)];
        for (int y = 0; y < std::min(h, picture.height); ++y)
            std::copy_n(picture.rgb.begin() + static_cast<ptrdiff_t>(y) * picture.width * 3, std::min(w, picture.width) * 3,
                        sheet.rgb.begin() + (static_cast<ptrdiff_t>(i / across * (h + 1) + 1 + y) * sheet.width + i % across * (w + 1) + 1) * 3);
    }
    return sheet;
}

Status RunFiles::writeSamples(int64_t step, const SampleSheet& sheet) const {
    const fs::path folder = m_folder / "samples";
    if (const Status made = makeFolder(folder); !made.ok()) return made;
    std::string titles;
    for (const std::string& title : sheet.titles) titles += (titles.empty() ? "" : "\n") + title;
    return writePng(folder / fmt::format("{:08}.png", step), contactSheet(sheet.pictures, kSheetColumns), std::vector<PngText>{{"Description", titles}});
}

Result<SampleSheet> drawSamples(const Trainer& trainer, const std::vector<std::string>& names, int threads) {
    return guarded([&] {
        const SamplesRecipe& wanted = trainer.recipe().samples;
        const auto snapshot = openSnapshot(trainer.description(), trainer.layout(), trainer.weights(0)).orThrow();
        BackendOptions options;
        options.threads = threads;
        Backend backend(cpuBackendTable(), options);
        const auto denoiser = snapshot->load(backend).orThrow();
        GenerationRequest request;
        SampleSheet sheet;
        const int64_t classes = trainer.description().config.classes;
        const bool reads = trainer.description().conditioning == Conditioning::Prompt;
        const std::vector<std::string>& prompts = wanted.prompts.empty() ? names : wanted.prompts;
        for (int64_t i = 0; i < wanted.count && reads; ++i) {
            const auto count = static_cast<int64_t>(prompts.size());
            const int64_t place = wanted.prompts.empty() ? i * count / wanted.count : i % std::max<int64_t>(1, count);  // evenly over the names
            request.classes.push_back(0);
            request.prompts.push_back(count ? prompts[static_cast<size_t>(place)] : std::string());
            sheet.titles.push_back(request.prompts.back());
        }
        for (int64_t i = 0; i < wanted.count && !reads; ++i) {
            const auto label = static_cast<int>(i * classes / wanted.count % classes);  // evenly over the classes
            request.classes.push_back(label);
            sheet.titles.push_back(label < static_cast<int>(names.size()) ? names[static_cast<size_t>(label)] : fmt::format("class {}", label));
        }
        request.seed = kSampleSeed;
        request.sampler = snapshot->description().defaults;
        request.sampler.steps = static_cast<int>(wanted.samplingSteps);
        request.sampler.cfgScale = wanted.cfgScale;
        request.capture = {};
        request.keepLatents = false;
        const GenerationResult result = generate(*denoiser, nullptr, request, nullptr, {}).orThrow();
        if (result.stopped) throw EngineException(*result.stopped);
        sheet.pictures = result.record->pictures;
        return sheet;
    });
}

namespace {

/// In the published layout of the family: a .pth beside the safetensors file, or a training folder of .pt files.
void writePublishedBeside(const Trainer& trainer, int64_t step, const fs::path& folder) {
    const TrainingRecipe& t = trainer.recipe().training;
    std::vector<std::vector<float>> held;
    std::vector<std::span<const float>> averages;
    for (size_t i = 0; i < t.averages.size(); ++i) held.push_back(trainer.weights(static_cast<int>(i)));
    for (const std::vector<float>& each : held) averages.emplace_back(each);
    const std::vector<float> values = trainer.weights(-1);
    PublishedFacts facts;
    facts.step = step;
    facts.args = {{"batch_size", t.batch * t.accumulation}, {"lr", t.rate}, {"label_drop_prob", t.conditionDropout}, {"seed", t.seed},
                  {"P_mean", t.timeMean}, {"P_std", t.timeStd}};
    facts.optimizer = {{"lr", t.rate}, {"betas", {t.beta1, t.beta2}}, {"eps", t.eps}, {"weight_decay", t.weightDecay}};
    const bool file = trainer.description().config.bottleneck > 0;
    writePublished(file ? folder / fmt::format("{:08}.pth", step) : folder / "published", trainer.description(), trainer.layout(), values, averages, facts)
        .orThrow();
}

}  // namespace

Result<fs::path> RunFiles::writeWeights(const Trainer& trainer, int64_t step, const std::vector<std::string>& classNames) const {
    return guarded([&] {
        const fs::path folder = m_folder / "checkpoints";
        makeFolder(folder).orThrow();
        const fs::path file = folder / fmt::format("{:08}.safetensors", step);
        writeSnapshot(file, trainer.description(), trainer.layout(), trainer.weights(0), DType::F32, {{"moescope.step", std::to_string(step)}}).orThrow();
        if (trainer.description().conditioning == Conditioning::ClassLabel) writePublishedBeside(trainer, step, folder);
        if (!classNames.empty()) writeText(folder / "labels.json", nlohmann::json(classNames).dump(1)).orThrow();
        return file;
    });
}

}  // namespace moescope::train
