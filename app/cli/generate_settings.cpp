// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/cli/generate_settings.h"

#include <charconv>
#include <cmath>
#include <fstream>
#include <random>
#include <tuple>

#include <fmt/format.h>

#include "engine/io/png_file.h"
#include "engine/model/class_choice.h"
#include "engine/model/prompt_words.h"
#include "engine/sampling/diffusion_schedule.h"

namespace moescope::cli {
namespace {

[[noreturn]] void refuse(std::string sentence) { throw EngineException(ErrorCode::InvalidArgument, std::move(sentence)); }

/// Whole text as a number, or nothing.
template <class T>
std::optional<T> numberFrom(std::string_view text) {
    T value{};
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (code != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

uint64_t randomSeed() {
    std::random_device device;
    return device() & 0xffffffffu;  // torch's CPU generator takes 32 bits
}

uint64_t parseSeed(const std::string& text) {
    if (text == "-1" || text == "random") return randomSeed();
    const auto seed = numberFrom<uint64_t>(text);
    if (!seed) refuse(fmt::format("the seed should be a whole number from 0 to 18446744073709551615, or -1 for a random one; found '{}'", text));
    return *seed;
}

std::pair<double, double> parseInterval(const std::string& text) {
    const size_t comma = text.find(',');
    const auto low = numberFrom<double>(std::string_view(text).substr(0, comma));
    const auto high = comma == std::string::npos ? std::nullopt : numberFrom<double>(std::string_view(text).substr(comma + 1));
    if (!low || !high) refuse(fmt::format("--cfg-interval expects two times LO,HI between 0 and 1, such as 0.1,1; found '{}'", text));
    return {*low, *high};
}

/// "1,3,5-7" -> 1 3 5 6 7; "all" or "" -> empty.
std::vector<int> parseList(const std::string& text, std::string_view option) {
    std::vector<int> numbers;
    if (text.empty() || text == "all") return numbers;
    std::string_view rest = text;
    while (true) {
        const size_t comma = rest.find(',');
        const std::string_view item = rest.substr(0, comma);
        const size_t dash = item.find('-', 1);
        const auto first = numberFrom<int>(item.substr(0, dash));
        const auto last = dash == std::string_view::npos ? first : numberFrom<int>(item.substr(dash + 1));
        if (!first || !last || *first < 0 || *last < *first || *last - *first > 100000)
            refuse(fmt::format("{} expects numbers and ranges such as 1,3,5-7; found '{}'", option, text));
        for (int64_t n = *first; n <= *last; ++n) numbers.push_back(static_cast<int>(n));
        if (comma == std::string_view::npos) return numbers;
        rest = rest.substr(comma + 1);
    }
}

std::vector<std::string> readPrompts(const std::string& path) {
    std::ifstream file(path);
    if (!file) throw EngineException(ErrorCode::NotFound, fmt::format("the prompt file '{}' can not be read", path));
    std::vector<std::string> prompts;
    for (std::string line; std::getline(file, line);) {
        if (prompts.empty() && line.starts_with("\xEF\xBB\xBF")) line.erase(0, 3);  // the mark some editors put first
        while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
        if (!line.empty()) prompts.push_back(line);
    }
    if (prompts.empty()) refuse(fmt::format("the prompt file '{}' has no line with a prompt", path));
    return prompts;
}

/// What a person should know about batch mates.
std::string poolSentence(const ModelDescription& d, const SamplerSettings& s, int batch) {
    if (!d.routesOverBatch()) return {};
    if (s.pool == RoutingPool::Picture)
        return "pool: each picture is routed by itself, so it is the same alone and in a batch (the published results route the batch together)";
    if (batch == 1)
        return "pool: the batch, here one picture; made together with others it would come out differently, because all pictures of a batch "
               "compete for the experts";
    return fmt::format("pool: the batch; the {} pictures compete for the experts, so each one depends on its batch mates (--pool picture "
                       "routes each by itself)", batch);
}

}  // namespace

void GenerateArguments::addTo(CLI::App& command) {
    model.addTo(command);
    command.add_option("-p,--prompt", prompt, "What to draw; models that know classes match its words to their names");
    command.add_option("--class", classText, "Class by number or name, instead of a prompt")->excludes("-p");
    command.add_option("-n,--negative-prompt", negativePrompt, "What guidance leads away from: a class, or words for models that read prompts; default: no condition");
    command.add_option("--prompt-file", promptFile, "One prompt per line, one run each")->excludes("-p")->excludes("--class");
    command.add_option("-s,--seed", seed, "Seed of the first picture; picture i uses seed + i; -1: random (default)");
    command.add_option("--steps", steps, "Sampling steps");
    command.add_option("--sampling-method", sampler, "Sampler: euler or heun for flows, ddpm or ddim for discrete diffusions")
        ->check(CLI::IsMember({"euler", "heun", "ddpm", "ddim"}));
    command.add_option("--shift", shift, "Flows: above 1 spends more steps at high noise; 1: none");
    command.add_option("--eta", eta, "ddim: noise added in each step, from 0 (none) to 1 (as much as ddpm)");
    command.add_option("--respacing", respacing,
                       "ddpm, ddim: which of the 1000 timesteps to visit: 250, 10,15,20 (counts of equal sections) or ddim50");
    command.add_option("--pool", pool, "Who competes for experts in models that route over the batch: all pictures of the batch (default) "
                                       "or each picture alone")
        ->check(CLI::IsMember({"batch", "picture"}));
    command.add_option("--cfg-scale", cfgScale, "Guidance scale; 1: no guidance");
    command.add_option("--cfg-interval", cfgInterval, "Times LO,HI between which guidance acts; noise is at 0, data at 1");
    command.add_option("--noise-scale", noiseScale, "Strength of the starting noise");
    command.add_option("-b,--batch-count", batch, "Number of pictures");
    command.add_option("--rng", rng, "Noise as torch draws it: torch-cpu, torch-cuda or torch-cuda:SMS,THREADS");
    command.add_option("--noise", noiseFile, "Start from this noise (.safetensors or .npy)");
    command.add_option("--noise-batch", noiseBatch, "per-image (picture i as if made alone) or joint (one draw for all)");
    command.add_option("-o,--output", output, "Picture to write; several pictures get numbers")->capture_default_str();
    command.add_option("--session", session, "Session file (*.moescope) to write: the whole run with its routing");
    command.add_option("--report", report, "Text file to write: how the experts were used");
    command.add_option("--capture", capture, "Routing to keep")
        ->check(CLI::IsMember({"counts", "assignments", "scores", "norms"}))
        ->capture_default_str();
    command.add_option("--capture-layers", captureLayers, "Blocks whose scores or norms are kept, such as 1,3-5; default: all");
    command.add_option("--capture-steps", captureSteps, "Steps whose scores or norms are kept; default: all");
    command.add_option("--latents", latents, "How the state of every evaluation is kept in the session")
        ->check(CLI::IsMember({"f16", "f32", "none"}))
        ->capture_default_str();
    command.add_option("--from", from, "Repeat the settings of this picture (PNG written by MoEscope); options beat them");
    command.add_option("--vae", vae, "VAE of a latent model: diffusers folder or file");
    command.add_flag("--no-metadata", noMetadata, "Write pictures without settings inside");
    networks.addTo(command);
    device.addTo(command, true);
}

std::optional<GenerationParameters> readRepeated(GenerateArguments& arguments) {
    if (arguments.from.empty()) return std::nullopt;
    const PngContents png = readPng(arguments.from).orThrow();
    const auto text = png.text(generationJsonKeyword);
    if (!text)
        throw EngineException(ErrorCode::Format, fmt::format("'{}' holds no settings of MoEscope (written with --no-metadata, or by "
                                                             "another program)", arguments.from));
    return fromJsonText(*text).orThrow();
}

std::vector<PlannedRun> planRuns(const GenerateArguments& a, const std::optional<GenerationParameters>& repeated,
                                 const LoadableModel& model, const std::optional<ClassLabels>& labels) {
    const ModelDescription& d = model.description();
    const ClassLabels* names = labels ? &*labels : nullptr;
    GenerationRequest base;
    base.sampler = d.defaults;
    SamplerSettings& s = base.sampler;
    if (repeated) {
        s.steps = repeated->steps;
        if (const auto known = samplerFromName(repeated->sampler)) s.sampler = *known;
        s.cfgScale = repeated->cfgScale;
        s.cfgLow = repeated->cfgLow;
        s.cfgHigh = repeated->cfgHigh;
        s.noiseScale = repeated->noiseScale;
        if (repeated->tEps > 0) s.tEps = repeated->tEps;
        s.shift = repeated->shift;
        s.eta = repeated->eta;
        s.respacing = repeated->respacing;
        if (const auto known = poolFromName(repeated->pool)) s.pool = *known;
    }
    if (a.steps) {
        s.steps = *a.steps;
        s.respacing.clear();
    }
    if (a.respacing) {
        s.respacing = *a.respacing;
        if (!a.steps) s.steps = static_cast<int>(keptTimesteps(s.respacing, s.steps).orThrow().size());
    }
    if (a.sampler) s.sampler = *samplerFromName(*a.sampler);
    if (a.cfgScale) s.cfgScale = *a.cfgScale;
    if (a.cfgInterval) std::tie(s.cfgLow, s.cfgHigh) = parseInterval(*a.cfgInterval);
    if (a.noiseScale) s.noiseScale = *a.noiseScale;
    if (a.shift) s.shift = *a.shift;
    if (a.eta) s.eta = *a.eta;
    if (a.pool) {
        if (!d.routesOverBatch())
            refuse(fmt::format("--pool is for models whose experts are shared out over the batch; with {} every picture is routed by itself, "
                               "so leave it out", d.family));
        s.pool = *poolFromName(*a.pool);
    }

    // Such a picture comes out the same only among its batch mates.
    const bool whole = repeated && (repeated->noiseBatch == "joint" || (d.routesOverBatch() && s.pool == RoutingPool::Batch));
    base.seed = a.seed ? parseSeed(*a.seed) : repeated ? (whole ? repeated->seed : repeated->imageSeed()) : randomSeed();
    const int batch = a.batch ? *a.batch : whole ? static_cast<int>(repeated->batch) : 1;
    if (batch < 1 || batch > 4096) refuse(fmt::format("the number of pictures should be 1 to 4096, found {}", batch));
    const std::string rng = !a.rng.empty() ? a.rng : repeated && repeated->rng != "file" ? repeated->rng : "";
    const std::string noiseBatch = !a.noiseBatch.empty() ? a.noiseBatch : repeated ? repeated->noiseBatch : "";
    if (repeated && repeated->rng == "file" && a.noiseFile.empty() && a.rng.empty())
        refuse(fmt::format("that picture started from the noise file '{}'; give it with --noise", repeated->noiseFile));
    base.noise = parseNoiseSpec(rng, noiseBatch, a.noiseFile).orThrow();

    for (CaptureLevel level : {CaptureLevel::Counts, CaptureLevel::Assignments, CaptureLevel::Scores, CaptureLevel::Norms})
        if (captureLevelName(level) == a.capture) base.capture.level = level;
    base.capture.blocks = parseList(a.captureLayers, "--capture-layers");
    base.capture.steps = parseList(a.captureSteps, "--capture-steps");
    base.keepLatents = a.latents != "none";
    base.networkEdits = a.networks.edits(d.networks, repeated ? repeated->networkEdits : NetworkEdits());
    base.precision = a.latents == "f32" ? LatentPrecision::F32 : LatentPrecision::F16;

    GenerationParameters& p = base.parameters;
    p.dtype = a.device.dtype;
    p.modelName = model.name();
    p.modelHash = model.fingerprint();
    p.weightSet = model.weightSet();
    if (!a.session.empty()) p.sessionFile = fileNameOnly(a.session);
    const std::string negative = !a.negativePrompt.empty() ? a.negativePrompt : repeated ? repeated->negativePrompt : "";
    p.negativePrompt = negative;
    if (!negative.empty() && d.config.classes > 0) {
        const ClassChoice chosen = (numberFrom<int64_t>(negative) ? classFromText(negative, d.config.classes, names)
                                                                  : classFromPrompt(negative, names))
                                       .orThrow();
        base.negativeClass = chosen.index;
    }

    const auto fromPrompt = [&](const std::string& prompt) {
        if (d.config.classes > 0) return classFromPrompt(prompt, names).orThrow();
        if (d.conditioning == Conditioning::Prompt) 
            return ClassChoice{0, "", promptSentence(d, prompt) + (negative.empty() ? "" : "; led away from: " + promptSentence(d, negative))};
        return ClassChoice{0, "", d.networks.empty() ? "the model takes no class and no words" : "no class; the words choose the experts"};
    };
    std::vector<PlannedRun> runs;
    const auto add = [&](const std::string& prompt, const ClassChoice& chosen) {
        PlannedRun run{base, chosen.sentence, poolSentence(d, base.sampler, batch)};
        run.request.classes.assign(static_cast<size_t>(batch), chosen.index);
        run.request.parameters.prompt = prompt;
        run.request.parameters.className = chosen.name;
        if (const Status valid = checkRequest(d, run.request); !valid.ok()) throw EngineException(valid.error());
        runs.push_back(std::move(run));
    };
    const bool reads = d.conditioning == Conditioning::Prompt;
    if (reads && !a.classText.empty()) refuse("this model reads the words of a prompt and has no classes; give -p TEXT instead of --class");
    if (!a.promptFile.empty()) {
        for (const std::string& prompt : readPrompts(a.promptFile)) add(prompt, fromPrompt(prompt));
    } else if (!a.classText.empty()) {
        add("", classFromText(a.classText, d.config.classes, names).orThrow());
    } else if (!a.prompt.empty()) {
        add(a.prompt, fromPrompt(a.prompt));
    } else if (reads && !repeated) {
        refuse("say what to draw: -p TEXT (for example -p \"a red heart\"; -p \" \" is no prompt), or --prompt-file FILE");
    } else if (d.config.classes == 0) {
        add(repeated ? repeated->prompt : "", fromPrompt(""));
    } else if (repeated && repeated->classId) {
        const ClassChoice same = classFromText(fmt::format("{}", *repeated->classId), d.config.classes, names).orThrow();
        add(repeated->prompt, {same.index, same.name, fmt::format("class {} '{}': as in the picture", same.index, same.name)});
    } else {
        refuse("say what to draw: -p TEXT (for example -p \"red heart\"), --class N or NAME, or --prompt-file FILE; the classes are listed "
               "by 'moescope-cli label'");
    }
    return runs;
}

}  // namespace moescope::cli
