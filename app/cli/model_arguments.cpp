// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/cli/model_arguments.h"

#include <fmt/format.h>

#include "app/cli/console.h"
#include "app/resource_paths.h"
#include "engine/ensemble/ensemble_file.h"
#include "engine/ensemble/open_model.h"
#include "engine/model/companion_files.h"

namespace moescope::cli {
namespace fs = std::filesystem;

namespace {

/// "name=value" pairs as numbers, booleans or text.
Result<nlohmann::json> parseSettings(const std::vector<std::string>& pairs) {
    nlohmann::json object = nlohmann::json::object();
    for (const std::string& pair : pairs) {
        const size_t equals = pair.find('=');
        if (equals == std::string::npos || equals == 0)
            return EngineError{ErrorCode::InvalidArgument, fmt::format("--set expects NAME=VALUE, found '{}'", pair)};
        const std::string value = pair.substr(equals + 1);
        const nlohmann::json parsed = nlohmann::json::parse(value, nullptr, false);
        object[pair.substr(0, equals)] =
            parsed.is_primitive() && !parsed.is_discarded() ? parsed : nlohmann::json(value);
    }
    return object;
}

}  // namespace

void ModelArguments::addTo(CLI::App& command) {
    m_option =
        command
            .add_option("-m,--model", model,
                        "Checkpoint file or folder, ensemble (*.moe.json), or a built-in model: " + builtInNames())
            ->capture_default_str();
    command.add_option("--weights", weights,
                       "Set of weights to use (ema, model, model_ema1, ...); default: averaged weights");
    command.add_option("--config", config, "File of settings (YAML or JSON) that the tensors' shapes can not give");
    command
        .add_option("--set", settings,
                    "One such setting, NAME=VALUE (heads=12, in_context_start=4, top_k=2, ...); may be repeated")
        ->allow_extra_args(false);
}

void ModelArguments::preferBuiltIn(const std::string& fingerprint) {
    if (m_option->count() > 0) return;
    const auto resources = resourceFolder();
    if (!resources.ok()) return;
    if (const auto found = builtInWithFingerprint(fingerprint, *resources)) model = found->id;
}

Result<CheckpointOptions> ModelArguments::options() const {
    CheckpointOptions options;
    options.weightSet = weights;
    if (!config.empty()) {
        auto file = readConfigFile(config);
        if (!file.ok()) return file.error();
        options.settings = *file;
    }
    auto pairs = parseSettings(settings);
    if (!pairs.ok()) return pairs.error();
    options.settings.update(*pairs);
    return options;
}

Result<std::shared_ptr<const LoadableModel>> ModelArguments::open() const {
    const auto given = options();
    if (!given.ok()) return given.error();
    const auto place = modelPlace(model);
    return place.ok() ? openModel(*place, *given) : Result<std::shared_ptr<const LoadableModel>>(place.error());
}

Result<std::shared_ptr<const Checkpoint>> ModelArguments::openCheckpoint() const {
    const auto given = options();
    if (!given.ok()) return given.error();
    const auto place = modelPlace(model);
    if (!place.ok()) return place.error();
    if (isEnsembleFile(*place))
        return EngineError{
            ErrorCode::InvalidArgument,
            fmt::format("'{}' is an ensemble and has no weights of its own; name the checkpoint of one of its "
                        "experts",
                        place->filename().string())};
    return Checkpoint::open(*place, *given);
}

void DeviceArguments::addTo(CLI::App& command, bool withDtype) {
    command
        .add_option("--device", device,
                    "Device to run on; auto: the GPU if there is one and the model fits, else the CPU")
        ->check(CLI::IsMember({"auto", "cpu", "cuda"}))
        ->capture_default_str();
    command.add_option("-t,--threads", threads, "Threads of the CPU; 0: one per core. Any number gives the same bytes")
        ->check(CLI::Range(0, 1024))
        ->capture_default_str();
    command.add_option("--isa", isa, "Widest instructions of the CPU to use")
        ->check(CLI::IsMember({"auto", "avx512", "avx2", "sse4"}))
        ->capture_default_str();
    if (withDtype)
        command
            .add_option("--dtype", dtype,
                        "How weights are kept in memory; the CPU computes in fp32 with both, a GPU multiplies bf16 "
                        "weights as bf16 and adds up in fp32")
            ->check(CLI::IsMember({"f32", "bf16"}))
            ->capture_default_str();
}

BackendOptions DeviceArguments::options() const {
    return {threads, isa, storage()};
}

std::unique_ptr<Backend> DeviceArguments::makeBackend(const Console& console, int64_t needed) const {
    OpenedDevice opened =
        openDevice(deviceChoiceFromName(device).value_or(DeviceChoice::Auto), options(), needed).orThrow();
    if (!opened.note.empty()) console.note("note: " + opened.note);
    return std::move(opened.backend);
}

std::optional<ClassLabels> findLabels(const LoadableModel& model) {
    const auto resources = resourceFolder();
    return moescope::findLabels(model, resources.ok() ? *resources : fs::path());
}

}  // namespace moescope::cli
