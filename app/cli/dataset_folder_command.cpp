// SPDX-License-Identifier: GPL-3.0-or-later
// `moescope-cli dataset folder`: what a folder of pictures or a set of shards holds.
#include "app/cli/dataset_command.h"
#include "app/cli/interrupt.h"
#include "app/cli/progress_bar.h"
#include "engine/data/set_statistics.h"
#include "engine/io/png_file.h"

namespace moescope::cli {
namespace {

constexpr size_t kListed = 10;  // classes, sizes and broken files shown as text; JSON has all

struct FolderArguments {
    std::string path, sheet;
    int64_t cells = 256, cell = 64;
    int threads = 0;
};

template <class Entries, class Line>
void list(const Console& console, const Entries& entries, Line line) {
    for (size_t i = 0; i < std::min(entries.size(), kListed); ++i) console.result("  " + line(i));
    if (entries.size() > kListed)
        console.result(fmt::format("  and {} more (--json lists all)", entries.size() - kListed));
}

void say(const Console& console, const FolderArguments& a, const PictureSet& set, const SetStatistics& s) {
    const std::vector<std::string>& classes = set.classNames();
    console.result(fmt::format("{}: {} pictures, {} of them broken", a.path, s.items, s.broken.size()));
    if (classes.empty()) {
        console.result("no classes");
    } else {
        console.result(fmt::format("{} classes, {} pictures without one:", classes.size(), s.unlabelled));
        list(console, classes, [&](size_t i) { return fmt::format("{}: {} pictures", classes[i], s.perClass[i]); });
    }
    console.result(fmt::format("{} captions, {} of them different, of {} words; {} pictures without one", s.captions,
                               s.differentCaptions, s.words, s.uncaptioned));
    console.result(fmt::format("{} sizes:", s.sizes.size()));
    list(console, s.sizes, [&](size_t i) {
        return fmt::format("{} x {}: {} pictures", s.sizes[i].width, s.sizes[i].height, s.sizes[i].pictures);
    });
    if (!s.broken.empty()) console.result("broken, and passed over in training:");
    list(console, s.broken, [&](size_t i) { return fmt::format("{}: {}", s.broken[i].key, s.broken[i].reason); });
}

nlohmann::ordered_json toJson(const FolderArguments& a, const PictureSet& set, const SetStatistics& s) {
    nlohmann::ordered_json json{{"path", a.path},
                                {"pictures", s.items},
                                {"unlabelled", s.unlabelled},
                                {"uncaptioned", s.uncaptioned},
                                {"captions", s.captions},
                                {"different_captions", s.differentCaptions},
                                {"words", s.words},
                                {"classes", nlohmann::ordered_json::array()},
                                {"sizes", nlohmann::ordered_json::array()},
                                {"broken", nlohmann::ordered_json::array()},
                                {"remarks", set.remarks()}};
    for (size_t i = 0; i < s.perClass.size(); ++i)
        json["classes"].push_back({{"name", set.classNames()[i]}, {"pictures", s.perClass[i]}});
    for (const PictureSizeCount& size : s.sizes)
        json["sizes"].push_back({{"width", size.width}, {"height", size.height}, {"pictures", size.pictures}});
    for (const BrokenPicture& broken : s.broken)
        json["broken"].push_back({{"file", broken.key}, {"reason", broken.reason}});
    if (!a.sheet.empty()) json["sheet"] = a.sheet;
    return json;
}

int look(const Console& console, const FolderArguments& a) {
    const auto set = openPictureSet(a.path).orThrow();
    for (const std::string& remark : set->remarks()) console.note("note: " + remark);
    ProgressBar bar("reading");
    const SetStatistics statistics = measureSet(*set, a.threads, [&](int64_t done, int64_t total) {
                                         bar.update(static_cast<double>(done), static_cast<double>(total),
                                                    fmt::format("{} of {} pictures", done, total));
                                         return !interruptToken().stop_requested();
                                     }).orThrow();
    bar.clear();
    if (!a.sheet.empty()) {
        Picture8 sheet = contactSheet(*set, a.cells, a.cell).orThrow();
        writePng(a.sheet, {static_cast<int>(sheet.width), static_cast<int>(sheet.height), std::move(sheet.rgb)})
            .orThrow();
    }
    if (console.json)
        console.resultJson(toJson(a, *set, statistics));
    else
        say(console, a, *set, statistics);
    return static_cast<int64_t>(statistics.broken.size()) == statistics.items ? ExitFailed : ExitOk;
}

}  // namespace

void addDatasetFolder(CLI::App& dataset, Console& console, int& exitStatus) {
    addCommand(dataset, console, exitStatus, "folder",
               "Say what a folder of pictures or a set of tar shards holds, broken files included",
               [&console](CLI::App& command) {
                   auto a = std::make_shared<FolderArguments>();
                   command.add_option("path", a->path, "Folder of pictures, folder of shards, or one shard (*.tar)")
                       ->required();
                   command.add_option("-o,--output", a->sheet, "Write a contact sheet as PNG");
                   command.add_option("--cells", a->cells, "Pictures of the contact sheet, at most")
                       ->capture_default_str()
                       ->check(CLI::Range(1, 10000));
                   command.add_option("--cell", a->cell, "Side of each of them in pixels")
                       ->capture_default_str()
                       ->check(CLI::Range(8, 512));
                   command.add_option("-t,--threads", a->threads, "Threads that decode; 0: one per core")
                       ->capture_default_str()
                       ->check(CLI::Range(0, 256));
                   return [a, &console] { return look(console, *a); };
               });
}

}  // namespace moescope::cli
