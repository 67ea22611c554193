// SPDX-License-Identifier: GPL-3.0-or-later
// Makes the parts of the desktop program and wires them together; no logic of its own.
#pragma once

#include <QStringList>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "engine/backend/device_choice.h"

namespace moescope {

/// What the command line of `moescope` says.
struct ApplicationOptions {
    QStringList files;        // models, sessions or pictures to open, in order
    QString model;            // checkpoint file or folder; empty: the one used last, at first the embedded one
    int threads = 0;
    std::string isa = "auto";
    std::optional<DeviceChoice> device;  // none: as the preferences say
    bool freshLayout = false; // windows as on the first start
};

/// Runs until the window is closed; the process's exit status.
int runApplication(int& argc, char** argv);

}  // namespace moescope
