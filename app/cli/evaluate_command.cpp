// SPDX-License-Identifier: GPL-3.0-or-later
// `moescope-cli evaluate`: how often a model draws what the prompts of a data set ask for.
#include <fmt/ranges.h>

#include <algorithm>

#include "app/cli/console.h"
#include "app/cli/interrupt.h"
#include "app/cli/model_arguments.h"
#include "app/cli/progress_bar.h"
#include "engine/evaluate/prompt_scores.h"
#include "engine/io/png_file.h"
#include "engine/train/run_files.h"

namespace moescope::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kSheetColumns = 8;
constexpr size_t kMissesShown = 5;  // of each kind

struct EvaluateArguments {
    ModelArguments model;
    DeviceArguments device;
    ScoreRequest request;
    std::string sheet;
    std::optional<int> steps;
    std::optional<double> cfgScale;
    std::optional<std::string> sampler;

    void addTo(CLI::App& command) {
        model.addTo(command);
        command
            .add_option("--data", request.set,
                        "Data set that the model learned, as 'dataset' writes it: its evaluation.jsonl has the prompts")
            ->required();
        command
            .add_option("--kinds", request.kinds,
                        "Kinds of prompts, such as name,phrasing (sets of emoji) or single,pair,count (scenes); "
                        "default: all of the set")
            ->delimiter(',');
        command.add_option("--limit", request.limit, "Prompts of each kind at most, spread over all; 0: all")
            ->check(CLI::NonNegativeNumber)
            ->capture_default_str();
        command.add_option("-s,--seed", request.seed, "Seed of the first picture; picture i uses seed + i")
            ->capture_default_str();
        command.add_option("--steps", steps, "Sampling steps");
        command.add_option("--sampling-method", sampler, "Sampler: euler or heun")
            ->check(CLI::IsMember({"euler", "heun"}));
        command.add_option("--cfg-scale", cfgScale, "Guidance scale; 1: no guidance");
        command.add_option("--sheet", sheet, "PNG to write: all pictures side by side, in the order of the prompts");
        device.addTo(command, true);
    }
};

std::string percent(int64_t part, int64_t all) {
    return fmt::format("{:.1f} %", all ? 100.0 * static_cast<double>(part) / static_cast<double>(all) : 0.0);
}

Json toJson(const KindScore& score) {
    Json json = {{"prompts", score.prompts}, {"right", score.right}, {"share", score.share()}};
    if (score.scenes)
        json["holds"] = {{"count", score.count},         {"shapes", score.shapes},
                         {"colours", score.colours},     {"objects", score.objects},
                         {"relations", score.relations}, {"withRelations", score.withRelations}};
    return json;
}

void print(const Console& console, const PromptScores& scores) {
    for (const KindScore& score : scores.kinds) {
        std::string line = fmt::format("{:<10} {} of {} right ({})", score.kind, score.right, score.prompts,
                                       percent(score.right, score.prompts));
        const auto held = [&score](int64_t part) { return percent(part, score.prompts); };
        if (score.scenes)
            line += fmt::format("; count {}, shapes {}, colours {}, both together {}", held(score.count),
                                held(score.shapes), held(score.colours), held(score.objects));
        if (score.withRelations) line += fmt::format(", relations {}", percent(score.relations, score.withRelations));
        console.result(line);
        size_t shown = 0;
        for (const ScoredPrompt& prompt : scores.prompts)
            if (prompt.prompt.kind == score.kind && !prompt.right && shown++ < kMissesShown)
                console.result(fmt::format("           missed: \"{}\" -> {}", prompt.prompt.caption, prompt.found));
    }
}

int evaluate(const Console& console, EvaluateArguments& a) {
    const auto model = a.model.open().orThrow();
    model->runnable().orThrow();
    ScoreRequest& request = a.request;
    request.sampler = model->description().defaults;
    if (a.steps) request.sampler.steps = *a.steps;
    if (a.cfgScale) request.sampler.cfgScale = *a.cfgScale;
    if (a.sampler) request.sampler.sampler = *samplerFromName(*a.sampler);
    const auto backend = a.device.makeBackend(console, model->memoryNeeded(a.device.storage()));
    LoadOptions options;
    options.storage = a.device.storage();
    options.stop = interruptToken();
    const auto denoiser = model->load(*backend, options).orThrow();
    const auto labels = findLabels(*model);

    ProgressBar bar("evaluating", !console.json);
    const PromptScores scores = scorePrompts(
                                    *denoiser, labels ? &*labels : nullptr, request,
                                    [&](int64_t done, int64_t total) {
                                        bar.update(static_cast<double>(done), static_cast<double>(total),
                                                   fmt::format("prompt {} of {}", done, total));
                                    },
                                    interruptToken())
                                    .orThrow();
    bar.clear();
    if (!a.sheet.empty()) {
        std::vector<Picture> pictures;
        for (const ScoredPrompt& prompt : scores.prompts) pictures.push_back(prompt.picture);
        writePng(a.sheet, train::contactSheet(pictures, kSheetColumns), std::vector<PngText>()).orThrow();
    }
    if (!console.json) {
        print(console, scores);
        if (!a.sheet.empty()) console.result(fmt::format("pictures {}", a.sheet));
        return ExitOk;
    }
    Json json = {{"model", model->name()},
                 {"seed", request.seed},
                 {"sampler", samplerName(request.sampler.sampler)},
                 {"steps", request.sampler.steps},
                 {"cfgScale", request.sampler.cfgScale},
                 {"kinds", Json::object()},
                 {"prompts", Json::array()}};
    for (const KindScore& score : scores.kinds) json["kinds"][score.kind] = toJson(score);
    for (const ScoredPrompt& prompt : scores.prompts)
        json["prompts"].push_back({{"kind", prompt.prompt.kind},
                                   {"caption", prompt.prompt.caption},
                                   {"right", prompt.right},
                                   {"found", prompt.found}});
    console.resultJson(json);
    return ExitOk;
}

}  // namespace

void addEvaluateCommand(CLI::App& root, Console& console, int& exitStatus) {
    addCommand(root, console, exitStatus, "evaluate", "Score a model on the prompts that a data set keeps for it",
               [&console](CLI::App& command) {
                   auto arguments = std::make_shared<EvaluateArguments>();
                   arguments->addTo(command);
                   return [arguments, &console] { return evaluate(console, *arguments); };
               });
}

}  // namespace moescope::cli
