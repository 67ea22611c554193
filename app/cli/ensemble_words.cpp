// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/cli/ensemble_words.h"

#include "engine/core/system_memory.h"

namespace moescope::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string_view predictionName(Prediction prediction) {
    switch (prediction) {
        case Prediction::Velocity: return "velocity";
        case Prediction::CleanImage: return "clean picture";
        case Prediction::Noise: return "noise";
    }
    return "unknown";
}

}  // namespace

Json ensembleJson(const Ensemble& e) {
    const ModelDescription& d = e.description();
    Json out = {{"name", e.name()}, {"family", d.family}, {"description", e.file().description}, {"format", e.format()}, {"hash", e.fingerprint()},
                {"parameters", {{"total", d.totalParameters()}}}, {"topK", e.file().topK}, {"eachBranch", e.file().eachBranch},
                {"router", e.file().router}, {"routerText", e.routerText()}};
    out["picture"] = {{"channels", d.config.inChannels}, {"side", d.config.inputSide()}, {"space", d.space == PictureSpace::Pixels ? "pixels" : "latents"}};
    out["classes"] = d.config.classes;
    out["experts"] = Json::array();
    for (size_t i = 0; i < e.experts().size(); ++i) {
        const Checkpoint& network = *e.experts()[i];
        const EnsembleExpert& expert = e.file().experts[i];
        const ModelDescription& own = network.description();
        out["experts"].push_back({{"name", expert.name}, {"file", expert.file.generic_string()}, {"model", network.name()}, {"family", own.family},
                                  {"parameters", own.totalParameters()}, {"weights", network.weightSet()}, {"condition", e.conditionOf(i)},
                                  {"predicts", predictionName(own.prediction)}, {"weight", expert.weight}, {"bias", expert.bias},
                                  {"moeLayers", own.moeLayers.size()}, {"memory", network.memoryNeeded(MS_F32)}});
    }
    out["memoryNeeded"] = {{"largest", {{"f32", e.memoryNeeded(MS_F32)}, {"bf16", e.memoryNeeded(MS_BF16)}}},
                           {"all", {{"f32", e.memoryOfAll(MS_F32)}, {"bf16", e.memoryOfAll(MS_BF16)}}},
                           {"available", availableMemory()}};
    out["notes"] = e.notes();
    const Status runnable = e.runnable();
    out["runs"] = runnable.ok();
    if (!runnable.ok()) out["why"] = runnable.error().message;
    return out;
}

void ensembleText(const Console& console, const Ensemble& e) {
    const ModelDescription& d = e.description();
    const auto line = [&](std::string_view what, const std::string& text) { console.result(fmt::format("{:<14}{}", what, text)); };
    line("ensemble", fmt::format("{}: {} networks, {} for each picture", e.name(), d.networks.size(), e.file().topK));
    if (!e.file().description.empty()) line("about", e.file().description);
    line("router", e.routerText() + (e.file().eachBranch ? ", asked for each branch" : ""));
    line("picture", fmt::format("{} x {} {}, {} channels", d.config.inputSide(), d.config.inputSide(),
                                d.space == PictureSpace::Pixels ? "pixels" : "latent pixels", d.config.inChannels));
    for (size_t i = 0; i < e.experts().size(); ++i) {
        const Checkpoint& network = *e.experts()[i];
        const EnsembleExpert& expert = e.file().experts[i];
        const ModelDescription& own = network.description();
        std::string text = fmt::format("{}: {} ({}), {:.2f} M parameters, is given {}, predicts the {}", expert.name, network.name(), own.family,
                                       static_cast<double>(own.totalParameters()) / 1e6, e.conditionOf(i), predictionName(own.prediction));
        if (!own.moeLayers.empty()) text += fmt::format(", {} MoE layers of its own", own.moeLayers.size());
        if (expert.weight != 1) text += fmt::format(", weight {}", expert.weight);
        if (expert.bias != 0) text += fmt::format(", bias {}", expert.bias);
        line(i ? "" : "experts", text);
    }
    if (d.config.classes) line("classes", fmt::format("{}, null class {}", d.config.classes, d.config.classes));
    line("hash", e.fingerprint());
    line("memory", fmt::format("{} for the largest expert, {} for all (f32); {} available", bytesText(e.memoryNeeded(MS_F32)),
                               bytesText(e.memoryOfAll(MS_F32)), bytesText(availableMemory())));
    for (const std::string& note : e.notes()) line("note", note);
    const Status runnable = e.runnable();
    line("runs", runnable.ok() ? "yes" : "no: " + runnable.error().message);
}

}  // namespace moescope::cli
