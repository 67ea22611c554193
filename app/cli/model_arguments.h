// SPDX-License-Identifier: GPL-3.0-or-later
// The options that name a model and a device, shared by the commands.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/backend/plugin.h"
#include "engine/model/checkpoint.h"
#include "engine/model/class_labels.h"

namespace moescope::cli {

class Console;

inline constexpr const char* kEmbeddedModel = "embedded";

struct ModelArguments {
    std::string model = kEmbeddedModel;
    std::string weights;                // weight set
    std::string config;                 // file of settings
    std::vector<std::string> settings;  // name=value

    void addTo(CLI::App& command);
    /// Headers only.
    Result<std::shared_ptr<const Checkpoint>> open() const;
};

struct DeviceArguments {
    std::string device = "auto";
    std::string isa = "auto";
    std::string dtype = "f32";
    int threads = 0;

    void addTo(CLI::App& command, bool withDtype);
    BackendOptions options() const;
    /// For a model of `needed` bytes; remarks on what was taken instead of a GPU. Throws EngineException.
    std::unique_ptr<Backend> makeBackend(const Console& console, int64_t needed = 0) const;
    MsDType storage() const { return dtype == "bf16" ? MS_BF16 : MS_F32; }
};

/// Names of a model's classes, with the program's own data as the last place to look.
std::optional<ClassLabels> findLabels(const Checkpoint& checkpoint);

}  // namespace moescope::cli
