// SPDX-License-Identifier: Apache-2.0
#include "engine/verify/verify_case.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "engine/io/safetensors_writer.h"
#include "engine/io/tensor_source.h"
#include "engine/model/checkpoint.h"
#include "engine/verify/golden_kind.h"

namespace moescope {
namespace verify {
namespace {

const std::array<const GoldenKind*, 8> kKinds{&trainForwardKind(), &trainStepsKind(), &forwardKind(),        &trajectoryKind(),
                                              &autoencoderKind(),  &mixtureForwardKind(), &mixtureSampleKind(), &unetKind()};

// Queries and keys rounded to fp16: where fp32 noise moves one across the middle of two fp16 numbers, it moves on by a
// whole 2^-11 of itself, and outputs by 1e-5. Leaving the rounding out moves them by 6e-5 to 8e-5.
constexpr double kHalfQueriesLimit = 3e-5;

const GoldenKind* kindOf(const std::set<std::string, std::less<>>& keys) {
    for (const GoldenKind* kind : kKinds)
        if (kind->recognise(keys)) return kind;
    return nullptr;
}

const GoldenKind* kindOf(const NamedTensors& tensors) {
    std::set<std::string, std::less<>> keys;
    for (const auto& [key, tensor] : tensors.tensors) keys.insert(key);
    return kindOf(keys);
}

/// A file that case.json does not name: null where it is no reference file at all. Reads its header only.
const GoldenKind* kindOfUnlisted(const GoldenFile& file) {
    const auto source = openTensorSource(file.path);
    if (!source.ok()) return nullptr;
    std::set<std::string, std::less<>> keys;
    for (const TensorInfo& tensor : (*source)->tensors()) keys.insert(tensor.name);
    return kindOf(keys);
}

bool isInput(const GoldenKind& kind, const std::string& key) {
    if (kind.moreInputs && kind.moreInputs(key)) return true;
    return std::any_of(kind.inputs.begin(), kind.inputs.end(), [&](std::string_view input) {
        return input.ends_with('.') ? key.starts_with(input) : key == input;
    });
}

void findFirstBeyond(const ComputedFile& computed, FileReport& report) {
    const KeyReport* first = nullptr;
    int earliest = 0;
    for (const KeyReport& key : report.keys) {
        if (!key.compared || key.passed) continue;
        const auto place = computed.evaluationOf.find(key.key);
        if (place == computed.evaluationOf.end() || (first && place->second >= earliest)) continue;
        first = &key;
        earliest = place->second;
    }
    if (!first || earliest >= static_cast<int>(computed.evaluations.size())) return;
    const auto& [info, smallest] = computed.evaluations[static_cast<size_t>(earliest)];
    report.firstBeyond = EvaluationBeyondLimit{info, first->key, first->error, smallest};
}

FileReport judge(const GoldenKind& kind, const GoldenFile& file, const ComputedFile& computed, MsDType storage) {
    const bool rounded = storage == MS_BF16;
    FileReport report;
    report.file = file.name;
    report.weights = computed.weights;
    const bool otherChoices = rounded && computed.routing.differing > 0;
    report.limit = otherChoices ? kRoundedLimitBesideOtherChoices : rounded ? kRoundedLimit : computed.limit;
    report.differingShare = rounded ? kRoundedShare : 0;
    if (otherChoices)
        report.notes.push_back("choices are judged by the share of equal expert sets, what experts made of them by the blocks' outputs");
    report.problems = computed.problems;
    report.notes = computed.notes;
    report.routing = computed.routing;
    for (const auto& [key, tensor] : file.tensors.tensors) {
        if (isInput(kind, key)) continue;
        if (std::find(computed.notChecked.begin(), computed.notChecked.end(), key) != computed.notChecked.end() ||
            (otherChoices && followsChoices(key))) {
            ++report.notChecked;
            continue;
        }
        const auto mine = computed.outputs.tensors.find(key);
        const NamedTensor* found = mine == computed.outputs.tensors.end() ? nullptr : &mine->second;
        report.keys.push_back(rounded          ? compareRounded(key, tensor, found, report.limit)
                              : computed.judge ? computed.judge(key, tensor, found)
                                               : compareTensor(key, tensor, found, computed.limit));
        report.compared += report.keys.back().compared;
    }
    if (report.keys.empty()) report.problems.push_back("the reference holds inputs only, so nothing was compared");
    findFirstBeyond(computed, report);
    return report;
}

/// A reference file that nobody says how to run: all its outputs count as not compared.
FileReport reportUnlisted(const GoldenKind& kind, GoldenFile& file) {
    readTensors(file);
    ComputedFile nothing;
    nothing.problems.push_back(fmt::format("a {} that case.json does not name, so it was not run", kind.name));
    FileReport report = judge(kind, file, nothing, MS_F32);
    for (KeyReport& key : report.keys) key.problem.clear();
    return report;
}

Status writeDump(const std::filesystem::path& path, const NamedTensors& outputs) {
    std::vector<SafetensorsEntry> entries;
    for (const auto& [name, tensor] : outputs.tensors)
        entries.push_back(safetensorsEntry(name, tensor.dtype, tensor.shape, tensor.bytes));
    return writeSafetensors(path, entries, {{"moescope.content", "outputs of moescope-cli verify"}});
}

/// Outputs that the reference has a key for, under their names in the dump.
void collectDump(const GoldenKind& kind, const GoldenFile& file, ComputedFile& computed, NamedTensors& dump) {
    for (auto& [key, tensor] : computed.outputs.tensors)
        if (file.find(key) && !isInput(kind, key))
            dump.tensors.insert_or_assign(computed.dumpStem + "/" + key, std::move(tensor));
}

CaseReport run(const std::filesystem::path& path, Backend& backend, const VerifyOptions& options) {
    const CaseFolder folder = CaseFolder::open(path).orThrow();
    folder.runnable().orThrow();
    CaseContext context(folder, backend, options.stop, options.storage);
    context.family = folder.family();
    CaseReport report;
    NamedTensors dump;
    int leftOut = 0;
    for (GoldenFile& file : folder.goldenFiles()) {
        const GoldenKind* kind = file.listed ? nullptr : kindOfUnlisted(file);
        if (!file.listed && !kind) continue;
        if (options.stop.stop_requested()) throw EngineException(ErrorCode::Cancelled, "cancelled");
        const bool byName = kind == &autoencoderKind() || (folder.contents().contains("mixture") && kind);  // needs no entry
        if (!file.listed && !byName && !kind->alsoUnlisted) {
            report.files.push_back(reportUnlisted(*kind, file));
            continue;
        }
        if (options.progress) options.progress(file.name);
        readTensors(file);
        kind = kindOf(file.tensors);
        if (!kind)
            throw EngineException(
                ErrorCode::Unsupported,
                fmt::format("'{}' is no reference file that this version knows: expected the inputs x, t, y "
                            "(forward pass), x, t with context or labels (U-Net), noise, labels (trajectory), latent, image (autoencoder), x, t, prompt or "
                            "noise, prompt (mixture of networks)",
                            file.name));
        if (kind->severalSteps && options.storage == MS_BF16) {
            ++leftOut;
            continue;
        }
        for (ComputedFile& computed : kind->run(context, file)) {
            if (file.roundsQueries()) computed.limit = std::max(computed.limit, kHalfQueriesLimit);
            report.files.push_back(judge(*kind, file, computed, options.storage));
            if (!options.dump.empty()) collectDump(*kind, file, computed, dump);
        }
    }
    if (leftOut > 0)
        report.notes.push_back(fmt::format("{} file{} with steps of a sampler or of training left out: rounding to bf16 grows from step "
                                           "to step, so these are held in fp32 only",
                                           leftOut, leftOut == 1 ? "" : "s"));
    if (report.files.empty() && leftOut > 0)
        throw EngineException(ErrorCode::Unsupported, fmt::format("'{}' holds only steps of a sampler or of training, which are held in fp32; "
                                                                  "verify it with fp32 weights",
                                                                  folder.name()));
    if (report.files.empty()) {
        if (!folder.contents().contains("checkpoint"))
            context.denoiser("");  // says what the weights are, if nothing else
        throw EngineException(ErrorCode::Format,
                              fmt::format("the case.json of '{}' lists no reference file under `goldens` or "
                                          "`runs`, and there is none of an autoencoder beside it",
                                          folder.name()));
    }
    report.name = folder.name();
    report.family = context.family;
    report.device = backend.description();
    if (!options.dump.empty()) writeDump(options.dump, dump).orThrow();
    return report;
}

}  // namespace

const Denoiser& CaseContext::denoiser(const std::string& weights, const nlohmann::json& settings) {
    const std::string wanted = weights + "\n" + settings.dump();  // never equal to the empty name of "nothing loaded"
    if (m_denoiser && m_loadedFor == wanted) return *m_denoiser;
    m_denoiser.reset();  // two sets need not fit into memory
    CheckpointOptions options;
    options.weightSet = weights;
    options.settings = m_folder.checkpointSettings();
    options.settings.update(settings);
    const auto checkpoint = Checkpoint::open(m_folder.checkpoint(), options).orThrow();
    LoadOptions load;
    load.stop = m_stop;
    load.storage = m_storage;
    m_denoiser = checkpoint->load(m_backend, load).orThrow();
    m_usedSet = checkpoint->view().set().name;
    m_loadedFor = wanted;
    family = checkpoint->description().family;
    return *m_denoiser;
}

}  // namespace verify

Result<CaseReport> verifyCase(const std::filesystem::path& folder, Backend& backend, const VerifyOptions& options) {
    return guarded([&] { return verify::run(folder, backend, options); });
}

}  // namespace moescope
