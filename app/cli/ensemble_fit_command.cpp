// SPDX-License-Identifier: GPL-3.0-or-later
// `moescope-cli ensemble fit`: learns a router from labelled prompts or from a folder of pictures per expert.
#include "app/cli/ensemble_fit_command.h"

#include <cmath>
#include <filesystem>

#include "app/cli/interrupt.h"
#include "app/cli/model_arguments.h"
#include "app/cli/progress_bar.h"
#include "engine/core/name_list.h"
#include "engine/ensemble/fitted_router_file.h"
#include "engine/model/autoencoder_kl.h"
#include "engine/model/companion_files.h"

namespace moescope::cli {
namespace fs = std::filesystem;

namespace {

struct FitArguments {
    std::string file, prompts, vae;
    std::vector<std::string> pictures;  // EXPERT=FOLDER
    bool keepRows = false;
    int64_t width = 2048, grid = 4;
    RouterFitOptions options;
    DeviceArguments device;
};

/// The folder of each expert, in the experts' order.
std::vector<std::string> foldersOf(const std::vector<std::string>& pairs, const std::vector<std::string>& names) {
    std::vector<std::string> folders(names.size());
    for (const std::string& pair : pairs) {
        const size_t equals = pair.find('=');
        const std::string name = pair.substr(0, equals);
        const auto found = std::ranges::find(names, name);
        if (equals == std::string::npos || found == names.end())
            throw EngineException(ErrorCode::InvalidArgument,
                                  fmt::format("--pictures expects EXPERT=FOLDER with one of {}, found '{}'", quotedList(names), pair));
        folders[static_cast<size_t>(found - names.begin())] = pair.substr(equals + 1);
    }
    for (size_t expert = 0; expert < names.size(); ++expert)
        if (folders[expert].empty())
            throw EngineException(ErrorCode::InvalidArgument,
                                  fmt::format("the expert '{0}' has no folder of pictures; add '{0}=FOLDER' to --pictures", names[expert]));
    return folders;
}

/// Pictures as the experts draw them: pixels, or latents of the given VAE.
class PictureReader {
public:
    PictureReader(const Console& console, const FitArguments& arguments) {
        const auto ensemble = openExperts(arguments.file).orThrow();
        const ModelDescription& model = ensemble->description();
        m_side = model.config.inputSide();
        if (model.space == PictureSpace::Pixels) return;
        const fs::path vae = findVae(*ensemble, arguments.vae);
        if (vae.empty())
            throw EngineException(ErrorCode::NotFound, "the experts draw latents, into which pictures have to be encoded, and no VAE was found; give it with --vae, or "
                                                       "put it into a folder 'vae' beside the ensemble or its first expert");
        m_backend = arguments.device.makeBackend(console);
        m_vae = AutoencoderKl::load(*m_backend, vae, {.decoder = false}).orThrow();
        m_side *= m_vae->config().reduction();
    }

    std::vector<LabelledPicture> read(const std::vector<std::string>& folders, ProgressBar& bar) const {
        std::vector<LabelledPicture> all;
        for (size_t expert = 0; expert < folders.size(); ++expert) {
            bar.update(static_cast<double>(expert), static_cast<double>(folders.size()), folders[expert]);
            for (HostTensor& picture : readPictures(folders[expert], m_side).orThrow()) {
                if (interruptToken().stop_requested()) throw EngineException(ErrorCode::Cancelled, "stopped; nothing was changed");
                if (m_vae) picture = scaleLatent(m_vae->config(), m_vae->encode(picture).mean);
                all.push_back({std::move(picture), static_cast<int64_t>(expert)});
            }
        }
        return all;
    }

private:
    int64_t m_side = 0;
    std::unique_ptr<Backend> m_backend;
    std::unique_ptr<AutoencoderKl> m_vae;
};

FittedRouter fitFrom(const Console& console, const FitArguments& arguments, const std::vector<std::string>& names, bool quiet) {
    const RouterFitOptions& options = arguments.options;
    if (!arguments.prompts.empty()) {
        const auto prompts = readLabelledPrompts(arguments.prompts, names).orThrow();
        if (!arguments.keepRows) return fitPromptRouter(prompts, names, {arguments.width, options.seed}, options).orThrow();
        const KnownRouter known = readKnownRouter(arguments.file).orThrow();
        return fitAddedRows(known.weights, known.sight, prompts, names, options).orThrow();
    }
    const auto folders = foldersOf(arguments.pictures, names);
    const PictureReader reader(console, arguments);
    ProgressBar bar("reading pictures", !quiet);
    const auto pictures = reader.read(folders, bar);
    bar.clear();
    return fitPictureRouter(pictures, names, arguments.grid, options).orThrow();
}

std::string percent(double share) {
    return fmt::format("{:.1f} %", 100 * share);
}

void sayReport(const Console& console, const RouterFitReport& report, const std::vector<std::string>& names, const std::string& file) {
    console.result(fmt::format("wrote {} and its name into the ensemble file; fitted on {} examples, {} of them right", file, report.examples,
                               percent(report.accuracy)));
    if (report.heldOut > 0)
        console.result(fmt::format("accuracy on {} held-out examples: {} (always the most frequent expert: {}), from a fit that never saw them",
                                   report.heldOut, percent(report.heldOutAccuracy), percent(report.likeliest)));
    else
        console.result("nothing was held out, so that the accuracy on new examples is not known");
    if (!report.converged)
        console.note(fmt::format("note: the fit ended after {} iterations before it stood still; a larger --l2 helps", report.iterations));
    console.result(fmt::format("{}, by row; chosen expert by column:", report.heldOut > 0 ? "held-out examples of an expert" : "examples of an expert"));
    size_t width = 6;
    for (const std::string& name : names) width = std::max(width, name.size());
    std::string line = std::string(width, ' ');
    for (const std::string& name : names) line += fmt::format("  {:>{}}", name, width);
    console.result(line);
    for (size_t expert = 0; expert < names.size(); ++expert) {
        line = fmt::format("{:<{}}", names[expert], width);
        for (const int64_t count : report.confusion[expert]) line += fmt::format("  {:>{}}", count, width);
        console.result(line);
    }
}

nlohmann::ordered_json toJson(const RouterFitReport& report, const std::vector<std::string>& names, const std::string& file) {
    nlohmann::ordered_json json{{"router", file},
                                {"experts", names},
                                {"examples", report.examples},
                                {"accuracy", report.accuracy},
                                {"held_out", report.heldOut},
                                {"confusion", report.confusion},
                                {"iterations", report.iterations},
                                {"converged", report.converged}};
    if (report.heldOut > 0) {
        json["held_out_accuracy"] = report.heldOutAccuracy;
        json["held_out_accuracy_of_the_most_frequent_expert"] = report.likeliest;
    }
    return json;
}

int fit(const Console& console, FitArguments arguments) {
    if (arguments.prompts.empty() == arguments.pictures.empty())
        throw EngineException(ErrorCode::InvalidArgument, "give either --prompts FILE or --pictures EXPERT=FOLDER for every expert");
    if (arguments.keepRows && arguments.prompts.empty())
        throw EngineException(ErrorCode::InvalidArgument, "--keep-rows adds rows from prompts; give --prompts FILE, or fit the whole router again");
    arguments.options.stop = interruptToken();
    const std::vector<std::string> names = ensembleExpertNames(arguments.file).orThrow();
    const FittedRouter router = fitFrom(console, arguments, names, console.json);
    const std::string file = writeFittedRouter(arguments.file, router).orThrow();
    if (console.json)
        console.resultJson(toJson(router.report, names, file));
    else
        sayReport(console, router.report, names, file);
    return ExitOk;
}

}  // namespace

void addEnsembleFit(CLI::App& ensemble, Console& console, int& exitStatus) {
    addCommand(ensemble, console, exitStatus, "fit", "Learn the router of an ensemble from examples; the experts stay as they are",
               [&console](CLI::App& command) {
                   auto arguments = std::make_shared<FitArguments>();
                   command.add_option("file", arguments->file, "Ensemble file (*.moe.json), whose router is replaced")->required();
                   command.add_option("--prompts", arguments->prompts,
                                      "Text file with lines 'prompt <tab> expert', or JSON lines with \"prompt\" and \"expert\"");
                   command.add_option("--pictures", arguments->pictures, "EXPERT=FOLDER of pictures (PNG, JPEG, WebP; or tar shards), one for every expert; after the ensemble file");
                   command.add_option("--holdout", arguments->options.holdout, "Share of the examples that is kept apart to measure the accuracy")
                       ->capture_default_str();
                   command.add_option("-s,--seed", arguments->options.seed, "Of the split, the hashing and the noise")->capture_default_str();
                   command.add_option("--l2", arguments->options.l2, "Penalty on large weights")->capture_default_str();
                   command.add_option("--width", arguments->width, "Numbers that a prompt is turned into")->capture_default_str();
                   command.add_option("--grid", arguments->grid, "Cells per side over which pictures are pooled")->capture_default_str();
                   command.add_flag("--keep-rows", arguments->keepRows,
                                    "Add rows for experts that the router does not have yet; the others stay bit for bit (with --prompts)");
                   command.add_option("--vae", arguments->vae, "VAE of latent experts, to encode pictures with: diffusers folder or file");
                   arguments->device.addTo(command, false);
                   return [arguments, &console] { return fit(console, *arguments); };
               });
}

}  // namespace moescope::cli
