// SPDX-License-Identifier: Apache-2.0
// The table of kinds of reference files. A new kind is a new file that defines one GoldenKind and a line in
// verify_case.cpp.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "engine/model/denoiser.h"
#include "engine/verify/case_folder.h"
#include "engine/verify/case_report.h"
#include "engine/verify/routing_probe.h"

namespace moescope::verify {

/// What the kinds share while one case is run. One thread.
class CaseContext {
public:
    CaseContext(const CaseFolder& folder, Backend& backend, std::stop_token stop, MsDType storage)
        : m_folder(folder), m_backend(backend), m_stop(std::move(stop)), m_storage(storage) {}

    const CaseFolder& folder() const { return m_folder; }
    Backend& backend() const { return m_backend; }
    const std::stop_token& stop() const { return m_stop; }
    /// How weights are kept.
    MsDType storage() const { return m_storage; }
    /// The case's checkpoint with one of its weight sets; kept until another one is asked for. Throws EngineException.
    const Denoiser& denoiser(const std::string& weights, const nlohmann::json& settings = nlohmann::json::object());
    /// The set that `denoiser` took for the last call.
    const std::string& weightSet() const { return m_usedSet; }

    std::string family;  // of what was run, for the report

private:
    const CaseFolder& m_folder;
    Backend& m_backend;
    std::stop_token m_stop;
    MsDType m_storage;
    std::unique_ptr<Denoiser> m_denoiser;
    std::string m_loadedFor, m_usedSet;
};

struct ComputedFile;

/// A forward pass and the labels it is given, checked against the model.
struct ForwardInputs {
    HostTensor x, t;
    std::vector<int64_t> labels;
    bool trainingSelection = false;
    std::vector<RoutingProbe::Layer>* decisions = nullptr;  // where all MoE layers' decisions are left, if wanted
};

/// Runs it on the case's weights: output and every intermediate value that the file has a key for. Throws
/// EngineException.
ComputedFile runForward(CaseContext& context, const GoldenFile& file, const ForwardInputs& inputs);

/// What the engine computed for one reference file with one set of weights.
struct ComputedFile {
    std::string weights;   // for the report
    std::string dumpStem;  // in front of "/key"
    double limit = 0;
    NamedTensors outputs;
    RoutingReport routing;
    std::vector<std::string> problems, notes;
    std::vector<std::string> notChecked;  // keys of the reference that are set aside; a note says why
    /// Trajectories: all evaluations, and which of them each output is the first to depend on.
    std::vector<std::pair<EvaluationInfo, SmallestMargin>> evaluations;
    std::map<std::string, int, std::less<>> evaluationOf;
    /// Kinds whose keys have limits of their own; empty: compareTensor with `limit`.
    std::function<KeyReport(const std::string& key, const NamedTensor& reference, const NamedTensor* mine)> judge;
};

struct GoldenKind {
    std::string_view name;
    /// By the names of its inputs.
    bool (*recognise)(const std::set<std::string, std::less<>>& keys);
    /// Keys that are read and not compared; one that ends in a dot stands for all that begin so.
    std::vector<std::string_view> inputs;
    /// Throws EngineException. Computes (at least) every key of the file that the engine knows.
    std::vector<ComputedFile> (*run)(CaseContext& context, const GoldenFile& file);
    bool alsoUnlisted = false;  // runs files that case.json does not name, too: cases that are a model's own folder
    bool (*moreInputs)(const std::string& key) = nullptr;  // inputs that `inputs` can not list
    bool severalSteps = false;                             // rounding would grow from step to step
};

const GoldenKind& forwardKind();
const GoldenKind& trainForwardKind();
const GoldenKind& trainStepsKind();
const GoldenKind& trajectoryKind();
const GoldenKind& autoencoderKind();
const GoldenKind& mixtureForwardKind();
const GoldenKind& mixtureSampleKind();
const GoldenKind& unetKind();

}  // namespace moescope::verify
