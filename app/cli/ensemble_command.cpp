// SPDX-License-Identifier: GPL-3.0-or-later
// `moescope-cli ensemble`: makes and changes mixtures of whole networks.
#include "app/cli/console.h"
#include "app/cli/ensemble_fit_command.h"

namespace moescope::cli {

void addEnsembleCommand(CLI::App& root, Console& console, int& exitStatus) {
    CLI::App* ensemble = root.add_subcommand("ensemble", "Mixtures of whole networks");
    ensemble->require_subcommand(1);
    addEnsembleFit(*ensemble, console, exitStatus);
}

}  // namespace moescope::cli
