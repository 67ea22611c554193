// SPDX-License-Identifier: GPL-3.0-or-later
// moescope-cli: the engine without a window.
#include "app/cli/console.h"
#include "app/cli/interrupt.h"

int main(int argc, char** argv) {
    using namespace moescope::cli;
    openStandardStreams();
    watchInterrupts();

    CLI::App root{"Runs sparse mixture-of-experts diffusion models and records what every expert does."};
    root.name("moescope-cli");
    root.set_version_flag("--version", "moescope-cli " MOESCOPE_VERSION);
    root.require_subcommand(1);
    root.get_formatter()->column_width(34);
    Console console;
    int exitStatus = ExitOk;
    addGenerateCommand(root, console, exitStatus);
    addInfoCommand(root, console, exitStatus);
    addLabelCommand(root, console, exitStatus);
    addVerifyCommand(root, console, exitStatus);
    addConvertCommand(root, console, exitStatus);
    addExportCommand(root, console, exitStatus);
    addBenchCommand(root, console, exitStatus);
    addEnsembleCommand(root, console, exitStatus);
    addTrainCommand(root, console, exitStatus);
    addEvaluateCommand(root, console, exitStatus);
    addDatasetCommand(root, console, exitStatus);
    try {
        root.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        if (e.get_exit_code() == 0) return root.exit(e);
        console.note(fmt::format("moescope-cli: {} (see moescope-cli {}--help)", e.what(),
                                 root.get_subcommands().empty() ? "" : root.get_subcommands().front()->get_name() + " "));
        return ExitUsage;
    }
    return console.finish(exitStatus);
}
