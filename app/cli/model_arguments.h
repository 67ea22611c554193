// SPDX-License-Identifier: GPL-3.0-or-later
// The options that name a model and a device, shared by the commands.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/backend/plugin.h"
#include "engine/model/built_in_models.h"
#include "engine/model/checkpoint.h"
#include "engine/model/class_labels.h"

namespace moescope::cli {

class Console;

struct ModelArguments {
    std::string model{kDefaultBuiltIn};
    std::string weights;                // weight set
    std::string config;                 // file of settings
    std::vector<std::string> settings;  // name=value

    void addTo(CLI::App& command);
    /// Where the person named no model: the built-in one with this fingerprint, if there is one.
    void preferBuiltIn(const std::string& fingerprint);
    /// Headers only.
    Result<std::shared_ptr<const LoadableModel>> open() const;
    /// The same where only a checkpoint will do; an ensemble is refused with a sentence.
    Result<std::shared_ptr<const Checkpoint>> openCheckpoint() const;

private:
    Result<CheckpointOptions> options() const;

    CLI::Option* m_option = nullptr;  // --model
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
std::optional<ClassLabels> findLabels(const LoadableModel& model);

}  // namespace moescope::cli
