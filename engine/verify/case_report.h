// SPDX-License-Identifier: Apache-2.0
// What came of holding the engine against one case: per file and key, with the routing, for a person and for machines.
#pragma once

#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "engine/trace/routing_trace.h"
#include "engine/verify/comparison.h"

namespace moescope {

/// The smallest distance between a choice and its alternative, and where it was.
struct SmallestMargin {
    double margin = std::numeric_limits<double>::infinity();  // infinite: no expert was ever refused, or there are none
    int evaluation = -1;                                      // -1: a single forward pass
    int block = -1;
    int64_t token = -1;   // numbered over all samples of the pass, conditional ones first; -1: see expert
    int64_t expert = -1;  // where an expert chooses, or a token is held against its threshold; else -1

    void include(const SmallestMargin& other) {
        if (other.margin < margin) *this = other;
    }
};

/// A token for which the engine chose other experts than the reference.
struct RoutingDifference {
    int evaluation = -1;
    Branch branch = Branch::Cond;
    int block = 0;
    int64_t token = 0;  // numbered over the samples of the branch
    std::vector<int64_t> expected, found;
    double margin = 0;  // the engine's own, of its choice
};

struct RoutingReport {
    int64_t sets = 0;  // expert sets held against stored ones
    int64_t differing = 0;
    bool replayed = false;  // a trajectory that differed was run again with the stored choices
    std::optional<RoutingDifference> first;
    /// Replay: every choice that the router would have made otherwise, with the gap by which it preferred its own.
    std::vector<SmallestMargin> overruled;
    SmallestMargin smallest;
};

/// The first evaluation of a trajectory that went beyond its limit.
struct EvaluationBeyondLimit {
    EvaluationInfo info;
    std::string key;
    double error = 0;
    SmallestMargin smallest;  // of the engine's choices in this evaluation
};

/// One reference file, held against one set of weights.
struct FileReport {
    std::string file;     // inside the case
    std::string weights;  // weight set, or the folder of weights inside the case ("old-names"), or ""
    double limit = 0;
    double differingShare = 0;            // of expert sets that may differ
    std::vector<verify::KeyReport> keys;  // output keys of the reference
    int64_t compared = 0;
    std::vector<std::string> problems;  // sentences about the file as a whole
    std::vector<std::string> notes;     // worth saying, no failure
    int64_t notChecked = 0;  // keys of the reference that this program has no counterpart of and does not count
    RoutingReport routing;
    std::optional<EvaluationBeyondLimit> firstBeyond;

    int64_t total() const { return static_cast<int64_t>(keys.size()); }
    bool passed() const;
    /// The floating-point key nearest to (or furthest beyond) its limit; null where there is none.
    const verify::KeyReport* worst() const;
};

struct CaseReport {
    std::string name;
    std::string family;
    std::string device;  // as the backend describes itself
    std::vector<FileReport> files;
    std::vector<std::string> notes;  // about the case as a whole

    int64_t compared() const;
    int64_t total() const;
    int64_t notChecked() const;
    bool passed() const;
};

/// Several lines, the last one the verdict.
std::string reportText(const CaseReport& report);
nlohmann::json reportJson(const CaseReport& report);

}  // namespace moescope
