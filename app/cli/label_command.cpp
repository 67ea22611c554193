// SPDX-License-Identifier: GPL-3.0-or-later
// `moescope-cli label`: lists the classes of a model, or finds those that words mean.
#include <fmt/ranges.h>

#include "app/cli/console.h"
#include "app/cli/model_arguments.h"

namespace moescope::cli {
namespace {

constexpr int kFound = 20;

int listLabels(const Console& console, const LoadableModel& checkpoint, const std::string& query, int limit) {
    if (checkpoint.description().conditioning == Conditioning::Prompt)
        throw EngineException(ErrorCode::NotFound, "this model has no classes: it reads the words of a prompt itself, so say with 'generate -p' "
                                                   "what to draw");
    const auto labels = findLabels(checkpoint);
    if (!labels)
        throw EngineException(ErrorCode::NotFound, fmt::format("the {} classes of this model have no names here; put a labels.json beside "
                                                               "the checkpoint (a JSON array of {{\"index\", \"name\", \"keywords\"}})",
                                                               checkpoint.description().config.classes));
    const auto found = labels->find(query);
    if (found.empty()) throw EngineException(ErrorCode::NotFound, fmt::format("no class has a name or keyword like '{}'", query));
    nlohmann::ordered_json all = nlohmann::ordered_json::array();
    for (size_t i = 0; i < found.size() && (limit == 0 || i < static_cast<size_t>(limit)); ++i) {
        const ClassLabel& label = *labels->byIndex(found[i].index);
        if (console.json)
            all.push_back({{"index", label.index}, {"name", label.name}, {"keywords", label.keywords}, {"group", label.group}});
        else
            console.result(fmt::format("{:>5}  {}{}", label.index, label.name,
                                       label.keywords.empty() ? "" : fmt::format("  ({})", fmt::join(label.keywords, ", "))));
    }
    if (console.json) console.resultJson(all);
    return ExitOk;
}

}  // namespace

void addLabelCommand(CLI::App& root, Console& console, int& exitStatus) {
    addCommand(root, console, exitStatus, "label", "List the classes of a model, or find those that words mean", [&console](CLI::App& command) {
        struct Arguments {
            ModelArguments model;
            std::string query;
            int limit = -1;
        };
        auto arguments = std::make_shared<Arguments>();
        arguments->model.addTo(command);
        command.add_option("query", arguments->query, "Words to look for; without them all classes are listed");
        command.add_option("--limit", arguments->limit, "Lines at most; 0: all")->check(CLI::Range(0, 1000000));
        return [arguments, &console] {
            const int limit = arguments->limit >= 0 ? arguments->limit : arguments->query.empty() ? 0 : kFound;
            return listLabels(console, *arguments->model.open().orThrow(), arguments->query, limit);
        };
    });
}

}  // namespace moescope::cli
