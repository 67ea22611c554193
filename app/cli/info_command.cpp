// SPDX-License-Identifier: GPL-3.0-or-later
// `moescope-cli info`: what a checkpoint is, from its headers.
#include <algorithm>

#include "app/cli/console.h"
#include "app/cli/ensemble_words.h"
#include "app/cli/model_arguments.h"
#include "engine/core/system_memory.h"
#include "engine/model/family.h"
#include "engine/model/noise_schedule.h"

namespace moescope::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kNamesShown = 8;

std::string millions(int64_t parameters) { return fmt::format("{:.2f} M", static_cast<double>(parameters) / 1e6); }

Json namesJson(const std::vector<std::string>& names) { return Json(names); }

const char* tableName(PositionTable table) {
    return table == PositionTable::None ? "none" : table == PositionTable::Learned ? "learned" : "stored";
}

const char* rotaryName(Rotary rotary) { return rotary == Rotary::None ? "none" : rotary == Rotary::Line ? "1d" : "2d"; }

const char* affinityName(RouterRule rule) {
    return rule == RouterRule::SigmoidTokenChoice ? "sigmoid" : rule == RouterRule::Prototype ? "cosine" : "softmax";
}

const char* predictionName(Prediction prediction) {
    return prediction == Prediction::Velocity ? "velocity" : prediction == Prediction::CleanImage ? "clean picture" : "noise";
}

std::string headWords(const TransformerConfig& m) {
    if (m.heads == 0) return "heads not known";
    return m.keyHeads ? fmt::format("{} heads ({} of keys and values)", m.heads, m.keyHeads) : fmt::format("{} heads", m.heads);
}

/// Null where nothing says how many experts a token takes.
Json activeJson(const ModelDescription& d) {
    for (const char* setting : {"top_k", "capacity"})
        if (std::ranges::find(d.unknownSettings, setting) != d.unknownSettings.end()) return nullptr;
    return d.activeParameters();
}

std::string conditionName(Conditioning conditioning) {
    switch (conditioning) {
        case Conditioning::ClassLabel: return "class";
        case Conditioning::Text: return "text";
        case Conditioning::Prompt: return "prompt";
        case Conditioning::None: return "none";
    }
    return "none";
}

Json describeJson(const LoadableModel& c) {
    const ModelDescription& d = c.description();
    const TransformerConfig& m = d.config;
    Json out = {{"name", c.name()}, {"family", d.family}, {"size", d.sizeName}, {"format", c.format()}, {"hash", c.fingerprint()},
                {"parameters", {{"total", d.totalParameters()}, {"active", activeJson(d)}}}, {"dtype", c.dtypes()}};
    out["config"] = {{"width", m.width}, {"depth", m.depth}, {"heads", m.heads}, {"headWidth", m.headWidth}, {"patch", m.patch},
                     {"grid", m.grid}, {"inChannels", m.inChannels}, {"outChannels", m.outChannels}, {"classes", m.classes},
                     {"denseWidth", m.denseWidth}};
    if (d.network.empty()) {
        out["config"]["keyValueHeads"] = m.keyValueHeads();
        out["config"]["positionTable"] = tableName(m.positions);
        out["config"]["rotary"] = rotaryName(m.rotary);
    }
    if (m.bottleneck) out["config"]["bottleneck"] = m.bottleneck;
    if (m.contextTokens) {
        out["config"]["contextTokens"] = m.contextTokens;
        out["config"]["contextStart"] = m.contextStart;
    }
    if (!m.moeBlocks.empty())
        out["moe"] = {{"layers", m.moeBlocks.size()}, {"blocks", m.moeBlocks}, {"experts", m.moe.experts}, {"topK", m.moe.topK},
                      {"expertWidth", m.moe.expertWidth}, {"sharedWidth", m.moe.sharedWidth}, {"groups", m.moe.groups},
                      {"keptGroups", m.moe.keptGroups}, {"scale", m.moe.scale}, {"policy", policyName(policyOf(m.moe.rule))},
                      {"affinity", affinityName(m.moe.rule)}, {"capacity", byCapacity(m.moe.rule) ? Json(m.moe.capacity) : Json()}, {"routesOverBatch", d.routesOverBatch()}};
    if (!d.network.empty()) out["network"] = d.network;
    out["condition"] = conditionName(d.conditioning);
    if (d.prompt.vocabulary)
        out["prompt"] = {{"pieces", d.prompt.vocabulary}, {"places", m.contextTokens}, {"layers", d.prompt.layers}, {"inner", d.prompt.inner}};
    out["predicts"] = predictionName(d.prediction);
    if (d.noise) out["noiseSteps"] = d.noise->steps();
    if (!d.notAlone.empty()) out["notAlone"] = d.notAlone;
    const SamplingDefaults& s = d.defaults;
    out["defaults"] = {{"sampler", samplerName(s.sampler)}, {"steps", s.steps}, {"cfgScale", s.cfgScale},
                       {"cfgInterval", {s.cfgLow, s.cfgHigh}}, {"noiseScale", s.noiseScale}, {"tEps", s.tEps}};
    out["weightSets"] = Json::array();
    for (const WeightSet& set : c.weightSets()) out["weightSets"].push_back({{"name", set.name}, {"tensors", set.tensors}});
    out["chosenWeights"] = c.weightSet();
    out["memoryNeeded"] = {{"f32", c.memoryNeeded(MS_F32)}, {"bf16", c.memoryNeeded(MS_BF16)}, {"available", availableMemory()}};
    out["settings"] = Json::array();
    for (const SettingSource& setting : d.settings)
        out["settings"].push_back({{"name", setting.setting}, {"value", setting.value}, {"source", setting.source}});
    out["missingTensors"] = namesJson(c.missing());
    out["unusedTensors"] = namesJson(c.unused());
    out["misshapedTensors"] = Json::array();
    for (const MisshapedTensor& t : c.misshaped()) out["misshapedTensors"].push_back({{"name", t.name}, {"expected", t.expected}, {"found", t.found}});
    out["unknownSettings"] = d.unknownSettings;
    out["notes"] = c.notes();
    const Status runnable = c.runnable();
    out["runs"] = runnable.ok();
    if (!runnable.ok()) out["why"] = runnable.error().message;
    return out;
}

std::string sharedWords(const MoeConfig& moe) {
    if (moe.sharedWidth == 0) return ", no shared expert";
    return moe.sharedWidth == moe.expertWidth ? ", 1 shared expert" : fmt::format(", 1 shared expert of width {}", moe.sharedWidth);
}

/// Where tokens stand, in a few words.
std::string positionWords(const TransformerConfig& m) {
    const std::string table = m.positions == PositionTable::None     ? ""
                              : m.positions == PositionTable::Learned ? "a learned table"
                                                                      : "a table of sines and cosines";
    const std::string turn = m.rotary == Rotary::None   ? ""
                             : m.rotary == Rotary::Line ? "one-dimensional rotation"
                                                        : "rotation by row and column";
    if (table.empty() && turn.empty()) return "none";
    return table.empty() ? turn : turn.empty() ? table : table + " and " + turn;
}

/// How tokens and experts find each other, in a few words.
std::string routingWords(const ModelDescription& d) {
    const MoeConfig& moe = d.config.moe;
    const auto known = [&](const char* setting, double value) {
        return std::ranges::find(d.unknownSettings, setting) == d.unknownSettings.end() ? fmt::format("{}", value) : std::string("not known");
    };
    const auto perExpert = [&] { return d.moeLayers.empty() ? int64_t{0} : d.moeLayers.front().capacity; };
    switch (moe.rule) {
        case RouterRule::SoftmaxNormalised:
            return fmt::format("per token {} by softmax, gates sum to {}", known("top_k", static_cast<double>(moe.topK)),
                               known("routed_scaling_factor", moe.scale));
        case RouterRule::SigmoidTokenChoice:
            return fmt::format("per token {}, gates sum to {}", known("top_k", static_cast<double>(moe.topK)),
                               known("routed_scaling_factor", moe.scale));
        case RouterRule::SoftmaxTokenChoice:
            return fmt::format("per token {}, gates are softmax probabilities",
                               std::ranges::find(d.unknownSettings, "capacity") == d.unknownSettings.end()
                                   ? known("top_k", static_cast<double>(moe.topK))
                                   : std::string("not known"));
        case RouterRule::ExpertChoice:
            return fmt::format("each takes {} tokens of a picture (capacity {})", perExpert(), known("capacity", moe.capacity));
        case RouterRule::PoolThreshold: return "each takes as many tokens of the batch as its predicted capacity says";
        case RouterRule::Prototype:
            if (known("top_k", 0) == "not known") return "each token takes the nearest prototypes, how many is not known";
            return fmt::format("per token the {} nearest prototype{}", moe.topK, moe.topK == 1 ? "" : "s");
    }
    return {};
}

Json devicesJson(const std::vector<DeviceOffer>& all, const LoadableModel& c) {
    Json list = Json::array();
    for (const DeviceOffer& offer : all) {
        Json entry = {{"device", deviceChoiceName(offer.device)}, {"offered", offer.offered()}};
        if (!offer.offered()) entry["reason"] = offer.reason;
        if (offer.offered()) entry["description"] = offer.description;
        if (offer.memory) {
            entry["memory"] = {{"free", offer.memory->free}, {"total", offer.memory->total}};
            entry["fits"] = {{"f32", c.memoryNeeded(MS_F32) <= offer.memory->free}, {"bf16", c.memoryNeeded(MS_BF16) <= offer.memory->free}};
        }
        list.push_back(std::move(entry));
    }
    return list;
}

std::string deviceLine(const DeviceOffer& offer, const LoadableModel& c) {
    if (!offer.offered()) return offer.reason;
    if (!offer.memory) return fmt::format("CPU: {}", offer.description);
    const bool whole = c.memoryNeeded(MS_F32) <= offer.memory->free, half = c.memoryNeeded(MS_BF16) <= offer.memory->free;
    return fmt::format("CUDA: {}, {} of {} free: the model {}", offer.description, bytesText(offer.memory->free), bytesText(offer.memory->total),
                       whole ? "fits" : half ? "fits as bf16 only" : "does not fit");
}

void printNames(const Console& console, const char* title, const std::vector<std::string>& names) {
    if (names.empty()) return;
    console.result(fmt::format("{}: {}", title, names.size()));
    for (size_t i = 0; i < std::min(kNamesShown, names.size()); ++i) console.result("  " + names[i]);
    if (names.size() > kNamesShown) console.result(fmt::format("  and {} more (--json lists all)", names.size() - kNamesShown));
}

void describeText(const Console& console, const LoadableModel& c) {
    const ModelDescription& d = c.description();
    const TransformerConfig& m = d.config;
    const auto line = [&](const char* what, const std::string& text) { console.result(fmt::format("{:<14}{}", what, text)); };
    line("model", fmt::format("{} ({}{})", c.name(), d.family, d.space == PictureSpace::Pixels ? ", pixels" : ", Stable Diffusion latents"));
    const auto known = [&](const char* setting, const std::string& value) {
        return std::ranges::find(d.unknownSettings, setting) == d.unknownSettings.end() ? value : std::string("not known");
    };
    line("parameters", fmt::format("{} in total, {} active per token", millions(d.totalParameters()),
                                   known("capacity", known("top_k", millions(d.activeParameters())))));
    if (!d.network.empty())
        line("network", d.network);
    else
        line("network", fmt::format("{} blocks, width {}, {}, {} x {} image tokens in patches of {}{}", m.depth, m.width,
                                headWords(m), m.grid, m.grid, m.patch,
                                m.contextTokens ? fmt::format(", {} {} tokens from block {}", m.contextTokens, d.prompt.vocabulary ? "text" : "class",
                                                            known("in_context_start", fmt::format("{}", m.contextStart)))
                                              : ""));
    if (d.network.empty()) line("positions", positionWords(m));
    if (m.moeBlocks.empty())
        line("experts", "none (dense)");
    else
        line("experts", fmt::format("{} experts x {} layers, {}, width {}{}", m.moe.experts, m.moeBlocks.size(), routingWords(d), m.moe.expertWidth,
                                    sharedWords(m.moe)));
    if (d.conditioning == Conditioning::ClassLabel)
        line("classes", fmt::format("{}, null class {}", m.classes, m.classes));
    else
        line("condition", d.conditioning == Conditioning::Text ? fmt::format("encoded text of width {}", d.contextWidth)
                          : d.prompt.vocabulary ? fmt::format("a prompt of up to {} pieces from {}, read by {} layers of width {}", m.contextTokens,
                                                                d.prompt.vocabulary, d.prompt.layers, m.width)
                                                : conditionName(d.conditioning));
    line("predicts", predictionName(d.prediction));
    line("weights", c.weightSetReason());
    line("stored as", fmt::format("{}, {}", c.dtypes(), c.format()));
    line("hash", c.fingerprint());
    line("memory", fmt::format("{} as f32, {} as bf16; {} available", bytesText(c.memoryNeeded(MS_F32)), bytesText(c.memoryNeeded(MS_BF16)),
                               bytesText(availableMemory())));
    const SamplingDefaults& s = d.defaults;
    line("defaults", fmt::format("{}, {} steps, guidance {} between {} and {}, noise scale {}", samplerName(s.sampler), s.steps, s.cfgScale,
                                 s.cfgLow, s.cfgHigh, s.noiseScale));
    for (const SettingSource& setting : d.settings) line("setting", fmt::format("{} = {} ({})", setting.setting, setting.value, setting.source));
    printNames(console, "missing tensors", c.missing());
    printNames(console, "unused tensors", c.unused());
    for (const MisshapedTensor& t : c.misshaped())
        console.result(fmt::format("wrong shape: {} should be {}, found {}", t.name, shapeText(t.expected), shapeText(t.found)));
    for (const std::string& note : c.notes()) line("note", note);
    const Status runnable = c.runnable();
    line("runs", runnable.ok() ? "yes" : "no: " + runnable.error().message);
}

}  // namespace

void addInfoCommand(CLI::App& root, Console& console, int& exitStatus) {
    addCommand(root, console, exitStatus, "info", "Say what a checkpoint is and what it needs, without loading it", [&console](CLI::App& command) {
        auto model = std::make_shared<ModelArguments>();
        model->addTo(command);
        command.add_option("checkpoint", model->model, "Checkpoint file or folder (same as -m)");
        return [model, &console] {
            const auto checkpoint = model->open().orThrow();
            if (const auto ensemble = std::dynamic_pointer_cast<const Ensemble>(checkpoint)) {
                if (console.json)
                    console.resultJson(ensembleJson(*ensemble));
                else
                    ensembleText(console, *ensemble);
                return ExitOk;
            }
            const std::vector<DeviceOffer> offers = devices({});
            if (console.json) {
                Json described = describeJson(*checkpoint);
                described["devices"] = devicesJson(offers, *checkpoint);
                console.resultJson(described);
            } else {
                describeText(console, *checkpoint);
                for (const DeviceOffer& offer : offers) console.result(fmt::format("{:<14}{}", "device", deviceLine(offer, *checkpoint)));
            }
            return ExitOk;
        };
    });
}

}  // namespace moescope::cli
