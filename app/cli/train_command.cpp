// SPDX-License-Identifier: GPL-3.0-or-later
// `moescope-cli train`: trains a model by a recipe into a folder, with a bar or lines of JSON, and goes on where it was ended.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "app/cli/console.h"
#include "app/cli/interrupt.h"
#include "app/cli/progress_bar.h"
#include "app/resource_paths.h"
#include "engine/train/recipe_places.h"
#include "engine/train/run_start.h"
#include "engine/train/training_run.h"

namespace moescope::cli {
namespace fs = std::filesystem;
using namespace moescope::train;

namespace {

struct TrainArguments {
    std::string recipe, folder;
    std::vector<std::string> data, fields;
    int threads = 0;
    int64_t steps = 0;
    bool resume = false, listFields = false, listRecipes = false, dryRun = false;
};

/// The recipes that come with the program, by name.
std::vector<fs::path> shippedRecipes() {
    std::vector<fs::path> files;
    if (const auto folder = resource("recipes"); folder.ok())
        for (const auto& entry : fs::directory_iterator(*folder))
            if (entry.path().extension() == ".yaml") files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    return files;
}

fs::path recipeFile(const std::string& given) {
    std::error_code code;
    if (fs::is_regular_file(given, code)) return given;
    for (const fs::path& file : shippedRecipes())
        if (file.stem() == given) return file;
    return given;  // reading it tells what is missing
}

/// The recipe with what the command line changes; of a run that goes on, the one in its folder unless another is given.
Recipe recipeFor(const TrainArguments& arguments, fs::path& recipeFolder) {
    const fs::path file = arguments.recipe.empty() ? fs::path(arguments.folder) / "recipe.yaml" : recipeFile(arguments.recipe);
    Recipe recipe = readRecipe(file).orThrow();
    // One that came with the program has no folder of its own: its data are where the person is.
    recipeFolder = file == fs::path(arguments.recipe) || arguments.recipe.empty() ? file.parent_path() : fs::current_path();
    std::vector<std::string> fields = arguments.fields;
    if (!arguments.data.empty()) {
        nlohmann::json paths = nlohmann::json::array();
        for (const std::string& path : arguments.data) paths.push_back(fs::absolute(path).string());
        fields.push_back("data.path=" + paths.dump());
    }
    if (!fields.empty()) recipe = parseRecipe(withFields(recipe.text, fields).orThrow(), file.filename().string()).orThrow();
    const auto resources = resourceFolder();
    return withPlaces(recipe, recipeFolder, resources.ok() ? *resources : fs::path()).orThrow();
}

double gigabytes(int64_t bytes) { return static_cast<double>(bytes) / 1e9; }

class RunReporter final : public RunObserver {
public:
    RunReporter(const Console& console, RunControl& control) : m_console(console), m_control(control), m_bar("training", !console.json) {}

    void began(const RunFacts& facts) override {
        m_facts = facts;
        if (m_console.json) {
            line({{"event", "began"},
                                  {"model", facts.model},
                                  {"parameters", facts.totalParameters},
                                  {"active_parameters", facts.activeParameters},
                                  {"pictures", facts.pictures},
                                  {"held_out", facts.heldOut},
                                  {"classes", facts.classes},
                                  {"memory_bytes", facts.memory.total()},
                                  {"first_step", facts.firstStep},
                                  {"steps", facts.steps}});
            return;
        }
        m_console.result(fmt::format("{}; {} pictures{}{}", facts.model, facts.pictures,
                                     facts.classes > 0 ? fmt::format(" of {} classes", facts.classes) : "",
                                     facts.heldOut > 0 ? fmt::format(", {} kept aside", facts.heldOut) : ""));
        m_console.result(fmt::format("memory: {:.2f} GB ({:.2f} parameters, averages and moments, {:.2f} activations, {:.2f} pictures)",
                                     gigabytes(facts.memory.total()), gigabytes(facts.memory.parameters), gigabytes(facts.memory.activations),
                                     gigabytes(facts.memory.data)));
        if (facts.firstStep > 1) m_console.result(fmt::format("goes on after step {}", facts.firstStep - 1));
    }

    void stepped(const RunProgress& progress) override {
        if (interruptToken().stop_requested()) m_control.stop();
        const StepFacts& facts = progress.facts;
        const double imbalance = facts.routing.worstImbalance();
        if (m_console.json) {
            line({{"event", "step"},
                                  {"step", facts.step},
                                  {"loss", facts.loss},
                                  {"grad_norm", facts.gradientNorm},
                                  {"rate", facts.rate},
                                  {"imbalance", imbalance},
                                  {"pictures_per_second", progress.picturesPerSecond},
                                  {"seconds_left", progress.secondsLeft}});
            return;
        }
        m_bar.update(static_cast<double>(facts.step - m_facts.firstStep + 1), static_cast<double>(m_facts.steps - m_facts.firstStep + 1),
                     fmt::format("step {} of {}, loss {:.4f}, {:.1f} pictures/s, largest load {:+.0f} % over the mean", facts.step, m_facts.steps,
                                 facts.loss, progress.picturesPerSecond, 100 * imbalance));
    }

    void heldOut(int64_t step, const HeldOutFacts& facts) override {
        if (!m_console.json) return;
        line({{"event", "held_out"}, {"step", step}, {"loss", facts.loss}, {"imbalance", facts.routing.worstImbalance()}});
    }

    void saved(int64_t step, const fs::path& file) override {
        if (m_console.json) line({{"event", "saved"}, {"step", step}, {"file", file.string()}});
    }

    void noted(const std::string& sentence) override { m_console.note("note: " + sentence); }
    void clear() { m_bar.clear(); }

private:
    /// One event, one line.
    void line(const nlohmann::ordered_json& event) const { m_console.result(event.dump()); }

    const Console& m_console;
    RunControl& m_control;
    ProgressBar m_bar;
    RunFacts m_facts;
};

int describe(const Console& console, const Recipe& recipe, const RunOptions& options) {
    const RunData data = openRunData(recipe, options).orThrow();
    const ModelDescription description = describeRun(recipe, options.recipeFolder, *data.learned).orThrow();
    const Trainer trainer(makeCpuTrainingDevice(options.threads), recipe, description);
    const MemoryStatement memory = trainer.memory();
    const int64_t total = memory.total() + data.learned->bytes();
    if (console.json) {
        console.resultJson({{"parameters", description.totalParameters()},
                            {"active_parameters", description.activeParameters()},
                            {"pictures", data.learned->items()},
                            {"memory_bytes", total}});
        return ExitOk;
    }
    console.result(fmt::format("{}; {} pictures; needs {:.2f} GB of memory; {} steps of {} pictures", modelWords(description), data.learned->items(),
                               gigabytes(total), recipe.training.steps, recipe.training.batch * recipe.training.accumulation));
    return ExitOk;
}

int train(const Console& console, const TrainArguments& arguments) {
    if (arguments.listFields) {
        for (const std::string& line : recipeFields()) console.result(line);
        return ExitOk;
    }
    if (arguments.listRecipes) {
        for (const fs::path& file : shippedRecipes()) {
            std::ifstream stream(file);
            std::string first;
            std::getline(stream, first);
            console.result(fmt::format("{:<20} {}", file.stem().string(), first.starts_with("# ") ? first.substr(2) : ""));
        }
        return ExitOk;
    }
    if (arguments.recipe.empty() && !(arguments.resume && !arguments.folder.empty()))
        throw EngineException(ErrorCode::InvalidArgument, "train needs a recipe: a .yaml file or a name that --recipes lists; or --resume with -o FOLDER");
    RunOptions options;
    const Recipe recipe = recipeFor(arguments, options.recipeFolder);
    options.folder = arguments.folder.empty() ? fs::path(recipe.name) : fs::path(arguments.folder);
    options.threads = arguments.threads;
    options.resume = arguments.resume;
    options.stopAfter = arguments.steps;
    if (arguments.dryRun) return describe(console, recipe, options);

    RunControl control;
    RunReporter reporter(console, control);
    const RunSummary summary = runTraining(recipe, options, &reporter, control).orThrow();
    reporter.clear();
    if (console.json) {
        console.result(nlohmann::ordered_json({{"event", "ended"},
                            {"step", summary.step},
                            {"finished", summary.finished},
                            {"seconds", summary.seconds},
                            {"loss", summary.loss},
                            {"held_out_loss", summary.heldOut.loss},
                            {"held_out_imbalance", summary.heldOut.routing.worstImbalance()},
                            {"checkpoint", summary.checkpoint.string()}}).dump());
        return ExitOk;
    }
    console.result(fmt::format("{} step {} in {}, mean loss of the last steps {:.4f}", summary.finished ? "finished at" : "ended after", summary.step,
                               durationText(summary.seconds), summary.loss));
    if (!summary.heldOut.routing.layers().empty())
        console.result(fmt::format("on pictures kept aside: loss {:.4f}, largest load {:.1f} % over the mean", summary.heldOut.loss,
                                   100 * summary.heldOut.routing.worstImbalance()));
    console.result(fmt::format("weights: {}", summary.checkpoint.string()));
    if (!summary.finished) console.result(fmt::format("go on with: moescope-cli train --resume -o {}", options.folder.string()));
    return ExitOk;
}

}  // namespace

void addTrainCommand(CLI::App& root, Console& console, int& exitStatus) {
    addCommand(root, console, exitStatus, "train", "Train a model by a recipe; Ctrl-C saves and ends, --resume goes on exactly there",
               [&console](CLI::App& command) -> Action {
                   auto arguments = std::make_shared<TrainArguments>();
                   command.add_option("recipe", arguments->recipe, "A recipe (.yaml), or the name of one that --recipes lists");
                   command.add_option("-o,--output", arguments->folder, "Folder of the run (default: the recipe's name)");
                   command.add_option("--data", arguments->data, "Pictures to learn from, instead of the recipe's data.path; may be repeated")
                       ->allow_extra_args(false);
                   command.add_option("--set", arguments->fields, "section.field=value in place of what the recipe says; may be repeated")
                       ->allow_extra_args(false);
                   command.add_option("--steps", arguments->steps, "End this sitting after so many steps (0: the recipe's end)");
                   command.add_option("-t,--threads", arguments->threads, "Threads (0: one per core)");
                   command.add_flag("--resume", arguments->resume, "Go on from the newest state in the folder");
                   command.add_flag("--dry-run", arguments->dryRun, "Say size, data and memory and train nothing");
                   command.add_flag("--recipes", arguments->listRecipes, "List the recipes that come with the program");
                   command.add_flag("--fields", arguments->listFields, "List every field of a recipe and what it takes");
                   return [arguments, &console] { return train(console, *arguments); };
               });
}

}  // namespace moescope::cli
