// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/cli/console.h"

#include <cstdio>

namespace moescope::cli {

void Console::result(std::string_view line) const {
    fmt::print(stdout, "{}\n", line);
    std::fflush(stdout);
}

void Console::resultJson(const nlohmann::ordered_json& value) const {
    result(value.dump(1, ' ', false, nlohmann::json::error_handler_t::replace));
}

void Console::note(std::string_view sentence) const {
    fmt::print(stderr, "{}\n", sentence);
    std::fflush(stderr);
}

int Console::fail(const EngineError& error) const {
    note(fmt::format("moescope-cli: {}", error.message));
    return error.code == ErrorCode::InvalidArgument ? ExitUsage : ExitFailed;
}

CLI::App* addCommand(CLI::App& root, Console& console, int& exitStatus, const std::string& name, const std::string& description,
                     std::function<Action(CLI::App&)> define) {
    CLI::App* command = root.add_subcommand(name, description);
    command->add_flag("--json", console.json, "Print the result as JSON");
    Action action = define(*command);
    command->callback([action, &console, &exitStatus] {
        const auto status = guarded(action);
        exitStatus = status.ok() ? *status : console.fail(status.error());
    });
    return command;
}

}  // namespace moescope::cli
