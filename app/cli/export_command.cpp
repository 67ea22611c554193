// SPDX-License-Identifier: GPL-3.0-or-later
// `moescope-cli export`: parts of a session file for other programs.
#include "app/cli/console.h"
#include "app/cli/export_view.h"
#include "app/cli/output_files.h"
#include "engine/io/session_file.h"
#include "viz/export/routing_export.h"
#include "viz/export/routing_report.h"

namespace moescope::cli {
namespace {

struct ExportArguments {
    std::string session, data, report, picture;
    ViewOptions view;
};

int exportParts(const Console& console, const ExportArguments& a) {
    if (a.data.empty() && a.report.empty() && a.picture.empty() && a.view.view.empty())
        throw EngineException(ErrorCode::InvalidArgument, "say what to export: --data FILE.npz, .csv or .json, --report FILE.txt, --picture "
                                                          "FILE.png, or --view NAME -o FILE.png, .svg or .csv");
    const auto run = openSession(a.session).orThrow();
    nlohmann::ordered_json written = nlohmann::ordered_json::array();
    const auto done = [&](const Status& status, const std::string& path) {
        status.orThrow();
        written.push_back(path);
        if (!console.json) console.result("wrote " + path);
    };
    if (!a.data.empty()) done(exportRouting(*run, a.data), a.data);
    if (!a.report.empty()) done(writeTextFile(a.report, routingReport(*run)), a.report);
    if (!a.picture.empty()) {
        const int image = a.view.image.value_or(0);
        if (image < 0 || image >= static_cast<int>(run->pictures.size()))
            throw EngineException(ErrorCode::InvalidArgument, fmt::format("the session holds {} picture{}; there is no picture {}",
                                                                          run->pictures.size(), run->pictures.size() == 1 ? "" : "s", image));
        done(writeRunPicture(a.picture, *run, image, true), a.picture);
    }
    if (!a.view.view.empty()) {
        exportView(run, a.view);
        done({}, a.view.output);
    }
    if (console.json) console.resultJson(nlohmann::ordered_json{{"written", written}});
    return ExitOk;
}

}  // namespace

void addExportCommand(CLI::App& root, Console& console, int& exitStatus) {
    addCommand(root, console, exitStatus, "export", "Write the routing, the report, a picture or a view of a session", [&console](CLI::App& command) {
        auto arguments = std::make_shared<ExportArguments>();
        command.add_option("session", arguments->session, "Session file (*.moescope)")->required();
        command.add_option("--data", arguments->data, "Routing as .npz (numpy), .csv (one row per token and expert) or .json (sums)");
        command.add_option("--report", arguments->report, "Text report: how the experts were used");
        command.add_option("--picture", arguments->picture, "Picture as PNG with its settings");
        command.add_option("--image", arguments->view.image, "Which picture of the batch, from 0 (default: the first; for charts all together)");
        addViewOptions(command, arguments->view);
        return [arguments, &console] { return exportParts(console, *arguments); };
    });
}

}  // namespace moescope::cli
