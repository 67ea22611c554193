// SPDX-License-Identifier: GPL-3.0-or-later
// `moescope-cli generate`: prompts in; pictures, sessions and routing reports out.
#include <filesystem>
#include <vector>

#include "app/cli/console.h"
#include "app/cli/generate_settings.h"
#include "app/cli/interrupt.h"
#include "app/cli/output_files.h"
#include "app/cli/progress_bar.h"
#include "engine/core/system_memory.h"
#include "engine/io/session_file.h"
#include "engine/model/autoencoder_kl.h"
#include "engine/model/companion_files.h"
#include "viz/export/routing_report.h"

namespace moescope::cli {
namespace fs = std::filesystem;

namespace {

/// "cat.png" -> "cat-3.png" for the third of several.
fs::path numbered(const std::string& name, int number, int of) {
    const fs::path path(name);
    if (of == 1) return path;
    const int digits = static_cast<int>(std::to_string(of).size());
    return path.parent_path() / fmt::format("{}-{:0{}}{}", path.stem().string(), number, digits, path.extension().string());
}

/// Shows progress and remembers how far the run came.
class Follower : public GenerationObserver {
public:
    Follower(std::string title, bool show) : m_bar(std::move(title), show) {}
    void evaluationCompleted(int done, int total, const EvaluationRecord&, int64_t) override {
        m_bar.update(done, total, fmt::format("evaluation {} of {}", done, total));
    }
    ProgressBar& bar() { return m_bar; }

private:
    ProgressBar m_bar;
};

class GenerateAction {
public:
    GenerateAction(std::shared_ptr<GenerateArguments> arguments, Console& console) : m_args(*arguments), m_console(console) {}

    int run() {
        const auto repeated = readRepeated(m_args);
        const auto checkpoint = openModel(repeated);
        const auto labels = findLabels(*checkpoint);
        const std::vector<PlannedRun> runs = planRuns(m_args, repeated, *checkpoint, labels);
        checkOutputs();
        if (repeated && !repeated->modelHash.empty() && repeated->modelHash != checkpoint->fingerprint())
            m_console.note(fmt::format("note: the picture was made with '{}' ({}), this model is '{}' ({}); the result will differ",
                                       repeated->modelName, repeated->modelHash, checkpoint->name(), checkpoint->fingerprint()));
        const auto backend = m_args.device.makeBackend(m_console, checkpoint->memoryNeeded(m_args.device.storage()));
        const auto denoiser = loadModel(*checkpoint, *backend);
        const auto vae = loadVae(*checkpoint, *backend);
        int images = 0;
        for (const PlannedRun& run : runs) images += static_cast<int>(run.request.classes.size());

        nlohmann::ordered_json results = nlohmann::ordered_json::array();
        int status = ExitOk, first = 0;
        for (size_t i = 0; i < runs.size() && status == ExitOk; ++i) {
            const int prompts = static_cast<int>(runs.size());
            status = makeOne(runs[i], static_cast<int>(i) + 1, prompts, *denoiser, vae.get(), first, images, results);
            first += static_cast<int>(runs[i].request.classes.size());
        }
        if (m_console.json) m_console.resultJson(results.size() == 1 ? results.front() : results);
        return status;
    }

private:
    std::shared_ptr<const LoadableModel> openModel(const std::optional<GenerationParameters>& repeated) {
        if (repeated) m_args.model.preferBuiltIn(repeated->modelHash);
        auto checkpoint = m_args.model.open().orThrow();
        if (repeated && m_args.model.weights.empty() && !repeated->weightSet.empty() &&
            repeated->weightSet != checkpoint->weightSet())
            for (const WeightSet& set : checkpoint->weightSets())
                if (set.name == repeated->weightSet) {
                    m_args.model.weights = set.name;
                    return m_args.model.open().orThrow();
                }
        if (checkpoint->weightSets().size() > 1 && !m_console.json)
            m_console.note(fmt::format("weights: {}", checkpoint->weightSetReason()));
        for (const std::string& note : checkpoint->notes()) m_console.note("note: " + note);
        return checkpoint;
    }

    /// Folders that do not exist are found before the work, not after it.
    void checkOutputs() const {
        for (const std::string& name : {m_args.output, m_args.session, m_args.report}) {
            const fs::path folder = fs::path(name).parent_path();
            std::error_code code;
            if (!name.empty() && !folder.empty() && !fs::is_directory(folder, code))
                throw EngineException(ErrorCode::InvalidArgument,
                                      fmt::format("the folder '{}' for '{}' does not exist; make it first", folder.string(),
                                                  fs::path(name).filename().string()));
        }
    }

    std::unique_ptr<Denoiser> loadModel(const LoadableModel& checkpoint, Backend& backend) const {
        ProgressBar bar("loading", !m_console.json);
        LoadOptions options;
        options.storage = m_args.device.storage();
        options.stop = interruptToken();
        options.progress = [&](int64_t done, int64_t total) {
            bar.update(static_cast<double>(done), static_cast<double>(total), bytesText(done));
        };
        return checkpoint.load(backend, options).orThrow();
    }

    std::unique_ptr<AutoencoderKl> loadVae(const LoadableModel& checkpoint, Backend& backend) const {
        if (checkpoint.description().space == PictureSpace::Pixels) return nullptr;
        const fs::path path = findVae(checkpoint, m_args.vae);
        if (path.empty()) {
            m_console.note("note: " + vaeAdvice());
            return nullptr;
        }
        AutoencoderLoadOptions options;
        options.encoder = false;
        options.storage = m_args.device.storage();
        return AutoencoderKl::load(backend, path, options).orThrow();
    }

    int makeOne(const PlannedRun& plan, int number, int prompts, const Denoiser& denoiser, AutoencoderKl* vae, int firstImage,
                int allImages, nlohmann::ordered_json& results) {
        if (!m_console.json) {
            m_console.result(fmt::format("{}{}", prompts > 1 ? fmt::format("\"{}\" -> ", plan.request.parameters.prompt) : "",
                                         plan.classSentence));
            m_console.result(fmt::format("seed {}", plan.request.seed));
            if (!plan.poolSentence.empty()) m_console.result(plan.poolSentence);
        }
        Follower follower("generating", !m_console.json);
        const GenerationResult result = generate(denoiser, vae, plan.request, &follower, interruptToken()).orThrow();
        follower.bar().clear();
        const RunRecord& record = *result.record;

        nlohmann::ordered_json entry = {{"class", record.parameters.classId ? nlohmann::ordered_json(*record.parameters.classId) : nlohmann::ordered_json()},
                                        {"className", record.parameters.className},
                                        {"why", plan.classSentence},
                                        {"seed", plan.request.seed},
                                        {"pool", record.parameters.pool},
                                        {"seconds", result.statistics.seconds},
                                        {"captureSeconds", result.statistics.captureAssignmentSeconds},
                                        {"pictures", nlohmann::ordered_json::array()}};
        int status = ExitOk;
        const auto keep = [&](const Status& written, const char* kind, const fs::path& path) {
            if (!written.ok()) {
                status = m_console.fail(written.error());
                return;
            }
            if (!m_console.json) m_console.result(fmt::format("{} {}", kind, path.string()));
        };
        for (size_t image = 0; image < record.pictures.size(); ++image) {
            const fs::path path = numbered(m_args.output, firstImage + static_cast<int>(image) + 1, allImages);
            keep(writeRunPicture(path, record, static_cast<int64_t>(image), !m_args.noMetadata), "picture", path);
            entry["pictures"].push_back(path.string());
        }
        if (!m_args.session.empty() && !record.evaluations.empty()) {
            const fs::path path = numbered(m_args.session, number, prompts);
            keep(saveSession(record, path), "session", path);
            entry["session"] = path.string();
        }
        if (!m_args.report.empty() && !record.evaluations.empty()) {
            const fs::path path = numbered(m_args.report, number, prompts);
            keep(writeTextFile(path, routingReport(record)), "report", path);
            entry["report"] = path.string();
        }
        for (const NetworkUse& network : result.statistics.networks) {
            entry["networks"].push_back({{"name", network.name}, {"pictures", network.samples}, {"seconds", network.seconds}, {"loads", network.loads},
                                         {"evictions", network.evictions}, {"bytes", network.bytes}});
            if (!m_console.json)
                m_console.note(network.samples ? fmt::format("expert '{}': {} pictures computed in {}, {} in memory{}", network.name, network.samples,
                                                             durationText(network.seconds), bytesText(static_cast<int64_t>(network.bytes)),
                                                             network.loads > 1 ? fmt::format(", loaded {} times", network.loads) : "")
                                               : fmt::format("expert '{}': not chosen", network.name));
        }
        results.push_back(std::move(entry));
        if (result.stopped) return m_console.fail(stoppedSentence(*result.stopped, record));
        if (!m_console.json && status == ExitOk) m_console.note(fmt::format("finished in {}", durationText(result.statistics.seconds)));
        return status;
    }

    static EngineError stoppedSentence(const EngineError& why, const RunRecord& record) {
        if (why.code != ErrorCode::Cancelled) return why;
        const size_t kept = record.pictures.size();
        return {ErrorCode::Cancelled, kept ? fmt::format("cancelled; {} finished picture{} kept", kept, kept == 1 ? "" : "s")
                                           : std::string("cancelled before a picture was finished")};
    }

    GenerateArguments& m_args;
    Console& m_console;
};

}  // namespace

void addGenerateCommand(CLI::App& root, Console& console, int& exitStatus) {
    addCommand(root, console, exitStatus, "generate", "Make pictures from a prompt or a class and record the routing", [&console](CLI::App& command) {
        auto arguments = std::make_shared<GenerateArguments>();
        arguments->addTo(command);
        return [arguments, &console] { return GenerateAction(arguments, console).run(); };
    });
}

}  // namespace moescope::cli
