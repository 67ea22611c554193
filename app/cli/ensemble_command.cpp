// SPDX-License-Identifier: GPL-3.0-or-later
// `moescope-cli ensemble`: makes and changes mixtures of whole networks.
#include <algorithm>
#include <filesystem>

#include "app/cli/console.h"
#include "app/cli/ensemble_fit_command.h"
#include "app/cli/ensemble_words.h"
#include "app/cli/model_arguments.h"
#include "app/resource_paths.h"
#include "engine/core/name_list.h"
#include "engine/ensemble/router_rows.h"

namespace moescope::cli {
namespace fs = std::filesystem;

namespace {

struct EnsembleArguments {
    std::string file, name, description, words;
    std::vector<std::string> experts;  // NAME=CHECKPOINT
    std::string expert;                // of add: NAME=CHECKPOINT; of remove: NAME
    std::vector<std::string> weightSets;  // NAME=SET
    std::optional<int64_t> topK;
    double weight = 1, bias = 0;
    bool eachBranch = false, force = false;
};

[[noreturn]] void refuse(std::string sentence) { throw EngineException(ErrorCode::InvalidArgument, std::move(sentence)); }

std::pair<std::string, std::string> pairOf(const std::string& text, const char* expected) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == text.size()) refuse(fmt::format("expected {}, found '{}'", expected, text));
    return {text.substr(0, equals), text.substr(equals + 1)};
}

/// As the ensemble file names a checkpoint: relative to its own folder.
EnsembleExpert expertOf(const std::string& text, const fs::path& ensemble) {
    const auto [name, place] = pairOf(text, "NAME=CHECKPOINT");
    const fs::path checkpoint = modelPlace(place).orThrow();
    std::error_code code;
    const fs::path folder = fs::weakly_canonical(fs::absolute(ensemble).parent_path(), code);
    EnsembleExpert expert;
    expert.name = name;
    expert.file = fs::weakly_canonical(fs::absolute(checkpoint), code).lexically_relative(folder);
    return expert;
}

void checkEnding(const std::string& file) {
    if (!file.ends_with(ensembleEnding)) refuse(fmt::format("an ensemble file is named *{}, found '{}'", ensembleEnding, file));
}

size_t indexOf(const EnsembleFile& file, const std::string& name) {
    std::vector<std::string> names;
    for (const EnsembleExpert& expert : file.experts) names.push_back(expert.name);
    const auto found = std::ranges::find(names, name);
    if (found == names.end()) {
        const std::string near = nearestName(name, names);
        refuse(fmt::format("the ensemble has no expert '{}'; {}", name,
                           near.empty() ? fmt::format("it has {}", quotedList(names, "and")) : fmt::format("did you mean '{}'?", near)));
    }
    return static_cast<size_t>(found - names.begin());
}

void show(const Console& console, const Ensemble& ensemble) {
    if (console.json)
        console.resultJson(ensembleJson(ensemble));
    else
        ensembleText(console, ensemble);
}

/// Opens what would be written, so that nothing is written that does not open.
void keep(const Console& console, const EnsembleFile& file, const fs::path& path) {
    const auto ensemble = Ensemble::make(file, path).orThrow();
    ensemble->runnable().orThrow();
    writeEnsembleFile(file, path).orThrow();
    show(console, *ensemble);
}

int create(const Console& console, const EnsembleArguments& a) {
    checkEnding(a.file);
    std::error_code code;
    if (!a.force && fs::exists(a.file, code)) refuse(fmt::format("'{}' is there already; choose another name, or replace it with --force", a.file));
    EnsembleFile file;
    file.name = a.name;
    file.description = a.description;
    for (const std::string& expert : a.experts) file.experts.push_back(expertOf(expert, a.file));
    for (const std::string& text : a.weightSets) {
        const auto [name, set] = pairOf(text, "NAME=SET");
        file.experts[indexOf(file, name)].weightSet = set;
    }
    file.router = {{"kind", "rules"}};  // all alike, until rules are written or a router is fitted
    file.topK = a.topK.value_or(static_cast<int64_t>(file.experts.size()));
    file.eachBranch = a.eachBranch;
    keep(console, parseEnsemble(nlohmann::json(toJson(file)), fs::path(a.file).filename().string()).orThrow(), a.file);
    console.note("all experts weigh the same; write rules into the file, or learn a router with 'moescope-cli ensemble fit'");
    return ExitOk;
}

int add(const Console& console, const EnsembleArguments& a) {
    EnsembleFile file = readEnsembleFile(a.file).orThrow();
    EnsembleExpert expert = expertOf(a.expert, a.file);
    for (const EnsembleExpert& other : file.experts)
        if (other.name == expert.name) refuse(fmt::format("the ensemble has an expert '{}' already; give the new one another name", expert.name));
    expert.weight = static_cast<float>(a.weight);
    if (!a.weightSets.empty()) expert.weightSet = a.weightSets.front();
    Ensemble::make(file, a.file).orThrow();  // the new one alone is to blame from here on
    EnsembleFile probe = file;
    probe.experts.push_back(expert);
    probe.router = {{"kind", "rules"}};
    Ensemble::make(probe, a.file).orThrow()->runnable().orThrow();
    file.router = routerWith(file, a.file, expert.name, a.words, static_cast<float>(a.bias)).orThrow();
    file.experts.push_back(std::move(expert));
    if (a.topK) file.topK = *a.topK;
    keep(console, file, a.file);
    if (file.router.value("kind", "") == "learned")
        console.note(fmt::format("the router gives the new expert the logit {} for every picture; fit it with 'moescope-cli ensemble fit --keep-rows'", a.bias));
    return ExitOk;
}

int removeExpert(const Console& console, const EnsembleArguments& a) {
    EnsembleFile file = readEnsembleFile(a.file).orThrow();
    const size_t index = indexOf(file, a.expert);
    if (file.experts.size() == 1) refuse(fmt::format("'{}' is the only expert; an ensemble needs at least one", a.expert));
    file.router = routerWithout(file, a.file, index).orThrow();
    file.experts.erase(file.experts.begin() + static_cast<std::ptrdiff_t>(index));
    const auto count = static_cast<int64_t>(file.experts.size());
    if (file.topK > count) {
        console.note(fmt::format("top_k was {} and is {} now, as many as there are experts", file.topK, count));
        file.topK = count;
    }
    keep(console, file, a.file);
    return ExitOk;
}

using Work = int (*)(const Console&, const EnsembleArguments&);

void hang(CLI::App& ensemble, Console& console, int& exitStatus, const char* name, const char* description, Work work,
          void (*define)(CLI::App&, EnsembleArguments&)) {
    addCommand(ensemble, console, exitStatus, name, description, [&console, work, define](CLI::App& command) {
        auto arguments = std::make_shared<EnsembleArguments>();
        command.add_option("file", arguments->file, "Ensemble file (*.moe.json)")->required();
        define(command, *arguments);
        return [arguments, &console, work] { return work(console, *arguments); };
    });
}

}  // namespace

void addEnsembleCommand(CLI::App& root, Console& console, int& exitStatus) {
    CLI::App* ensemble = root.add_subcommand("ensemble", "Make and change mixtures of whole networks");
    ensemble->require_subcommand(1);
    hang(*ensemble, console, exitStatus, "create", "Write an ensemble file of checkpoints; all weigh the same at first", create,
         [](CLI::App& command, EnsembleArguments& a) {
             command.add_option("experts", a.experts, "NAME=CHECKPOINT of each expert; 'embedded-emoji' and the like are built-in models")->required();
             command.add_option("--top-k", a.topK, "How many experts run for a picture; default: all");
             command.add_option("--weights", a.weightSets, "NAME=SET: set of weights of an expert's checkpoint")->allow_extra_args(false);
             command.add_option("--name", a.name, "For people; default: the file's name");
             command.add_option("--description", a.description, "For people");
             command.add_flag("--each-branch", a.eachBranch, "Guidance: the branch without prompt asks the router itself");
             command.add_flag("--force", a.force, "Replace a file that is there already");
         });
    hang(*ensemble, console, exitStatus, "add", "Add an expert; the others and their part of the router stay bit for bit", add,
         [](CLI::App& command, EnsembleArguments& a) {
             command.add_option("expert", a.expert, "NAME=CHECKPOINT; 'embedded-emoji' and the like are built-in models")->required();
             command.add_option("--weights", a.weightSets, "Set of weights of its checkpoint")->expected(1);
             command.add_option("--weight", a.weight, "Its share is multiplied with this")->capture_default_str();
             command.add_option("--words", a.words, "What it is for, where the router compares prompts with texts");
             command.add_option("--router-bias", a.bias, "Its logit in a learned router until it is fitted")->capture_default_str();
             command.add_option("--top-k", a.topK, "How many experts run for a picture from now on");
         });
    hang(*ensemble, console, exitStatus, "remove", "Take an expert out; its checkpoint stays where it is", removeExpert,
         [](CLI::App& command, EnsembleArguments& a) { command.add_option("expert", a.expert, "Its name")->required(); });
    hang(
        *ensemble, console, exitStatus, "info", "Say what an ensemble is, without loading it",
        [](const Console& out, const EnsembleArguments& a) {
            show(out, *Ensemble::open(modelPlace(a.file).orThrow()).orThrow());
            return static_cast<int>(ExitOk);
        },
        [](CLI::App&, EnsembleArguments&) {});
    addEnsembleFit(*ensemble, console, exitStatus);
}

}  // namespace moescope::cli
