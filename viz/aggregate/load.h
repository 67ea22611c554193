// SPDX-License-Identifier: GPL-3.0-or-later
// How much each expert received: per layer, per evaluation, or summed over a stretch of the run.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "engine/trace/routing_trace.h"
#include "viz/aggregate/matrix.h"

namespace moescope {

enum class LoadMeasure : uint8_t {
    Counts,    // unit: tokens received
    GateMass,  // unit: sum of the gate weights with which tokens were received
};

enum class BranchChoice : uint8_t {
    Cond,
    Uncond,
    Both,        // sum of the branches that were run
    Difference,  // cond - uncond, over the places where both were run
};

/// Which part of a trace is meant. The default: tokens received in the conditional branch, whole run, all images.
struct LoadQuery {
    LoadMeasure measure = LoadMeasure::Counts;
    BranchChoice branch = BranchChoice::Cond;
    int firstEvaluation = 0;
    int endEvaluation = std::numeric_limits<int>::max();  // one past the last
    int64_t image = -1;                                   // one image of the batch; -1: their sum

    static LoadQuery at(int evaluation) { return {.firstEvaluation = evaluation, .endEvaluation = evaluation + 1}; }
};

/// One past the largest evaluation that has a record; 0 for an empty trace.
int evaluationCount(const RoutingTrace& trace);

// Records may hold fewer images than the trace (a batch that is made group by group): a sum takes those that are there, one image
// that is not there yet has no data. Neither has an image that the layer's network did not work on (mixtures of networks).

/// The measure that tells something about the layers of a run: gate mass where every one of them is expert choice, whose counts are
/// the same for every expert by construction, else counts.
LoadMeasure usualMeasure(const RoutingTrace& trace);

/// [layers, largest E] load in the unit of `query.measure`, summed over the evaluations of the query. A row is a layer
/// of `trace.layers`; a cell has no data beyond the layer's experts and where the query selects no record of the layer.
Matrix loadByLayer(const RoutingTrace& trace, const LoadQuery& query);

/// [E] load of one layer, summed over the evaluations of the query; all `noData` where it selects no record.
std::vector<double> layerLoad(const RoutingTrace& trace, int layer, const LoadQuery& query);

/// [E, evaluations of the query] load of one layer; column 0 is `query.firstEvaluation`. An evaluation without a record
/// (branch not run, run cancelled) is a column without data.
Matrix loadOverEvaluations(const RoutingTrace& trace, int layer, const LoadQuery& query);

/// Each row divided by its sum: unit share of the layer's load, 0 .. 1. Rows whose sum is not positive lose their data.
/// Not meaningful for BranchChoice::Difference.
Matrix rowShares(const Matrix& load);

/// [E] share of a layer's load; `noData` where the sum is not positive.
std::vector<double> shares(const std::vector<double>& load);

}  // namespace moescope
