// SPDX-License-Identifier: GPL-3.0-or-later
// `moescope-cli convert`: any readable checkpoint to safetensors.
#include "app/cli/console.h"
#include "app/cli/interrupt.h"
#include "app/cli/model_arguments.h"
#include "app/cli/progress_bar.h"
#include "engine/core/system_memory.h"
#include "engine/model/convert.h"

namespace moescope::cli {
namespace {

struct ConvertArguments {
    ModelArguments model;
    std::string output, dtype = "keep", name, notice;
    bool all = false;
};

std::optional<DType> wantedDtype(const std::string& name) {
    if (name == "f32") return DType::F32;
    if (name == "bf16") return DType::BF16;
    if (name == "f16") return DType::F16;
    return std::nullopt;
}

int convert(const Console& console, const ConvertArguments& arguments) {
    ProgressBar bar("converting", !console.json);
    ConvertOptions options{wantedDtype(arguments.dtype), arguments.name, arguments.notice, interruptToken(), [&](int64_t done, int64_t total) {
                               bar.update(static_cast<double>(done), static_cast<double>(total), bytesText(done));
                           }};
    const auto checkpoint = arguments.all ? Result<std::shared_ptr<const Checkpoint>>(ErrorCode::Unsupported, "")
                                          : arguments.model.openCheckpoint();
    std::string what;
    ConvertSummary summary;
    if (checkpoint.ok()) {
        what = fmt::format("weights {}", (*checkpoint)->weightSetReason());
        summary = convertCheckpoint(**checkpoint, arguments.output, options).orThrow();
    } else if (checkpoint.error().code == ErrorCode::Unsupported && arguments.model.weights.empty()) {
        const auto source = openTensorSource(resolveModelPath(arguments.model.model).orThrow()).orThrow();
        for (const std::string& note : source->notes()) console.note("note: " + note);
        what = arguments.all ? "all tensors" : "no model known here, so all tensors under their full names";
        summary = convertTensors(*source, arguments.output, options).orThrow();
    } else {
        throw EngineException(checkpoint.error());
    }
    bar.clear();
    if (console.json)
        console.resultJson(nlohmann::ordered_json{{"output", arguments.output}, {"tensors", summary.tensors}, {"bytes", summary.bytes}, {"what", what}});
    else
        console.result(fmt::format("wrote {}: {} tensors, {} ({})", arguments.output, summary.tensors, bytesText(summary.bytes), what));
    return ExitOk;
}

}  // namespace

void addConvertCommand(CLI::App& root, Console& console, int& exitStatus) {
    addCommand(root, console, exitStatus, "convert", "Write a checkpoint's weights as safetensors", [&console](CLI::App& command) {
        auto arguments = std::make_shared<ConvertArguments>();
        arguments->model.addTo(command);
        command.add_option("checkpoint", arguments->model.model, "Checkpoint file or folder (same as -m)");
        command.add_option("-o,--output", arguments->output, "File to write (.safetensors)")->required();
        command.add_option("--dtype", arguments->dtype, "Type of floating-point tensors")
            ->check(CLI::IsMember({"keep", "f32", "bf16", "f16"}))
            ->capture_default_str();
        command.add_option("--name", arguments->name, "What the model is called in the new file; default: its present name");
        command.add_option("--notice", arguments->notice, "Copyright and licence, kept in the new file; default: those of the old one");
        command.add_flag("--all", arguments->all, "Every tensor of the file under its full name, not only one set of weights");
        return [arguments, &console] { return convert(console, *arguments); };
    });
}

}  // namespace moescope::cli
