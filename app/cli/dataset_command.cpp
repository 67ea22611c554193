// SPDX-License-Identifier: GPL-3.0-or-later
// `moescope-cli dataset`: makes data sets to learn from, and says what is in one.
#include "app/cli/dataset_command.h"

#include "app/cli/interrupt.h"
#include "app/cli/progress_bar.h"
#include "engine/data/emoji_choice.h"
#include "engine/data/emoji_set.h"
#include "engine/data/scene_set.h"

namespace moescope::cli {

void TargetArguments::define(CLI::App& command) {
    command.add_option("-o,--output", folder, "Folder to write; it appears when it is complete")->required();
    command.add_flag("--tar", tar, "Write tar shards (webdataset) instead of single files");
    command.add_option("--per-shard", perShard, "Pictures of a shard")
        ->capture_default_str()
        ->check(CLI::Range(int64_t{1}, int64_t{1'000'000}));
    command.add_flag("--force", force, "Replace a data set that is there already");
}

SetTarget TargetArguments::target() const {
    return {folder, tar ? SetLayout::Tar : SetLayout::Folder, force, perShard};
}

void sayWritten(const Console& console, const TargetArguments& arguments, const SetSummary& summary) {
    if (console.json) {
        console.resultJson({{"folder", arguments.folder},
                            {"layout", arguments.tar ? "tar" : "folder"},
                            {"pictures", summary.pictures},
                            {"classes", summary.classes},
                            {"captions", summary.captions},
                            {"prompts", summary.prompts}});
        return;
    }
    const std::string classes = summary.classes > 0 ? fmt::format(" of {} classes", summary.classes) : "";
    console.result(fmt::format("wrote {}: {} pictures{} with {} captions, and {} prompts that training does not see",
                               arguments.folder, summary.pictures, classes, summary.captions, summary.prompts));
}

namespace {

SetProgress progressOn(ProgressBar& bar) {
    return [&bar](int64_t done, int64_t total) {
        bar.update(static_cast<double>(done), static_cast<double>(total),
                   fmt::format("{} of {} pictures", done, total));
        return !interruptToken().stop_requested();
    };
}

template <class Request>
int write(const Console& console, const TargetArguments& arguments, Request request,
          Result<SetSummary> (*work)(const Request&, const SetProgress&)) {
    request.target = arguments.target();
    ProgressBar bar("drawing");
    const SetSummary summary = work(request, progressOn(bar)).orThrow();
    bar.clear();
    sayWritten(console, arguments, summary);
    return ExitOk;
}

void addEmoji(CLI::App& dataset, Console& console, int& exitStatus) {
    addCommand(
        dataset, console, exitStatus, "emoji", "Draw the emoji of a font, each a class with names and phrasings",
        [&console](CLI::App& command) {
            struct Arguments {
                TargetArguments target;
                EmojiSetRequest request;
                std::string font = emojiFontFile, names = emojiNamesFile;
            };
            auto a = std::make_shared<Arguments>();
            a->target.define(command);
            command.add_option("--font", a->font, "Font with coloured bitmaps (package fonts-noto-color-emoji)")
                ->capture_default_str();
            command.add_option("--annotations", a->names, "Names of emoji from CLDR (package unicode-cldr-core)")
                ->capture_default_str();
            command.add_option("--size", a->request.side, "Side of the pictures")->capture_default_str();
            command
                .add_option("--views", a->request.views,
                            "Pictures of each emoji, slightly moved and scaled; the first is plain")
                ->capture_default_str();
            command.add_option("--background", a->request.background, "white, black, grey, ... or RRGGBB")
                ->capture_default_str();
            command
                .add_option("--groups", a->request.groups,
                            "Only these: " + fmt::format("{}", fmt::join(emojiGroups(), ", ")))
                ->delimiter(',');
            command.add_option("--count", a->request.count,
                               "How many emoji, at most 512; default: 256, or all of the groups");
            command.add_option("--captions", a->request.captions, "Captions of each picture")->capture_default_str();
            command.add_option("--seed", a->request.seed, "Chooses the views")->capture_default_str();
            return [a, &console] {
                a->request.font = a->font;
                a->request.names = a->names;
                return write(console, a->target, a->request, writeEmojiSet);
            };
        });
}

void addScenes(CLI::App& dataset, Console& console, int& exitStatus) {
    addCommand(
        dataset, console, exitStatus, "scenes", "Draw scenes of one to three coloured shapes with exact captions",
        [&console](CLI::App& command) {
            struct Arguments {
                TargetArguments target;
                SceneSetRequest request;
            };
            auto a = std::make_shared<Arguments>();
            a->target.define(command);
            command.add_option("--count", a->request.count, "Pictures")->capture_default_str();
            command.add_option("--size", a->request.side, "Side of the pictures")->capture_default_str();
            command.add_option("--captions", a->request.captions, "Captions of each picture, at most")
                ->capture_default_str();
            command
                .add_option("--prompts", a->request.prompts,
                            "Prompts for scoring, of each kind: objects, pairs and counts that training never shows")
                ->capture_default_str();
            command.add_option("--seed", a->request.seed, "Chooses the scenes, and what is kept out of training")
                ->capture_default_str();
            return [a, &console] { return write(console, a->target, a->request, writeSceneSet); };
        });
}

}  // namespace

void addDatasetCommand(CLI::App& root, Console& console, int& exitStatus) {
    CLI::App* dataset = root.add_subcommand("dataset", "Make data sets to learn from, and say what is in one");
    dataset->require_subcommand(1);
    addEmoji(*dataset, console, exitStatus);
    addScenes(*dataset, console, exitStatus);
    addDatasetFolder(*dataset, console, exitStatus);
}

}  // namespace moescope::cli
