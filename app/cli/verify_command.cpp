// SPDX-License-Identifier: GPL-3.0-or-later
// `moescope-cli verify`: the engine against folders of reference tensors.
#include <string>
#include <vector>

#include "app/cli/console.h"
#include "app/cli/interrupt.h"
#include "app/cli/model_arguments.h"
#include "engine/verify/verify_case.h"

namespace moescope::cli {
namespace {

struct VerifyArguments {
    std::vector<std::string> folders;
    std::string dump;
    DeviceArguments device;
};

int verify(const Console& console, const VerifyArguments& arguments) {
    if (!arguments.dump.empty() && arguments.folders.size() > 1)
        throw EngineException(ErrorCode::InvalidArgument,
                              fmt::format("--dump writes the outputs of one folder; {} were given, run verify once for each", arguments.folders.size()));
    const auto backend = arguments.device.makeBackend(console);
    VerifyOptions options;
    options.dump = arguments.dump;
    options.stop = interruptToken();
    options.storage = arguments.device.storage();
    nlohmann::ordered_json all = nlohmann::ordered_json::array();
    int failed = 0;
    for (const std::string& folder : arguments.folders) {
        const auto report = verifyCase(folder, *backend, options);
        if (!report.ok()) {
            ++failed;
            console.fail({report.error().code, fmt::format("{}: {}", folder, report.error().message)});
            if (console.json) all.push_back({{"case", folder}, {"passed", false}, {"error", report.error().message}});
            if (report.error().code == ErrorCode::Cancelled) break;
            continue;
        }
        if (!report->passed()) ++failed;
        if (console.json)
            all.push_back(nlohmann::ordered_json(reportJson(*report)));
        else
            console.result(reportText(*report));
    }
    if (console.json) console.resultJson(all);
    if (!console.json && arguments.folders.size() > 1)
        console.result(fmt::format("{} of {} cases passed", arguments.folders.size() - static_cast<size_t>(failed), arguments.folders.size()));
    return failed ? ExitFailed : ExitOk;
}

}  // namespace

void addVerifyCommand(CLI::App& root, Console& console, int& exitStatus) {
    addCommand(root, console, exitStatus, "verify", "Hold the engine against folders of reference tensors", [&console](CLI::App& command) {
        auto arguments = std::make_shared<VerifyArguments>();
        command.add_option("folders", arguments->folders, "Case folders: case.json with reference tensors")->required();
        command.add_option("--dump", arguments->dump, "Write every computed output of the folder to this .safetensors file");
        arguments->device.addTo(command, true);
        return [arguments, &console] { return verify(console, *arguments); };
    });
}

}  // namespace moescope::cli
