// SPDX-License-Identifier: GPL-3.0-or-later
// What all commands share: where results and errors go, exit statuses, and the way commands are added.
#pragma once

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "engine/core/error.h"

namespace moescope::cli {

enum ExitStatus { ExitOk = 0, ExitFailed = 1, ExitUsage = 2 };

/// Results on stdout, everything else on stderr.
class Console {
public:
    bool json = false;  // --json: results as one JSON value

    void result(std::string_view line) const;
    void resultJson(const nlohmann::ordered_json& value) const;
    void note(std::string_view sentence) const;
    /// One sentence on stderr. Wrong requests end with 2, everything else with 1.
    int fail(const EngineError& error) const;
    /// Text as it is on stderr, which may be closed or full.
    static void say(std::string_view text);
    /// The status to end with: a failure where results got lost on stdout. A reader that went away is no loss.
    int finish(int exitStatus) const;

private:
    mutable int m_lost = 0;  // errno of the last result that could not be written
};

/// Call first. Where stdin, stdout or stderr is closed, /dev/null takes its place, so that no file that is opened later
/// gets its number and what is printed; a reader of stdout that goes away does not end the process.
void openStandardStreams();

/// A subcommand with its options; the action's return value becomes the exit status. EngineExceptions are printed.
using Action = std::function<int()>;
CLI::App* addCommand(CLI::App& root, Console& console, int& exitStatus, const std::string& name, const std::string& description,
                     std::function<Action(CLI::App&)> define);

void addGenerateCommand(CLI::App& root, Console& console, int& exitStatus);
void addInfoCommand(CLI::App& root, Console& console, int& exitStatus);
void addLabelCommand(CLI::App& root, Console& console, int& exitStatus);
void addConvertCommand(CLI::App& root, Console& console, int& exitStatus);
void addExportCommand(CLI::App& root, Console& console, int& exitStatus);
void addVerifyCommand(CLI::App& root, Console& console, int& exitStatus);
void addBenchCommand(CLI::App& root, Console& console, int& exitStatus);
void addEnsembleCommand(CLI::App& root, Console& console, int& exitStatus);
void addTrainCommand(CLI::App& root, Console& console, int& exitStatus);
void addEvaluateCommand(CLI::App& root, Console& console, int& exitStatus);
void addDatasetCommand(CLI::App& root, Console& console, int& exitStatus);

}  // namespace moescope::cli
