// SPDX-License-Identifier: GPL-3.0-or-later
#include "viz/export/routing_json.h"

#include <span>

#include "engine/io/atomic_file.h"
#include "engine/io/session_format.h"
#include "viz/aggregate/balance.h"
#include "viz/aggregate/load.h"
#include "viz/export/routing_export.h"

namespace moescope {
namespace {

using Json = nlohmann::ordered_json;

/// [E] sums over the images of [images, E].
template <class Sum, class T>
std::vector<Sum> sumOverImages(const std::vector<T>& values, size_t experts) {
    std::vector<Sum> sums(experts);
    for (size_t i = 0; i < values.size(); ++i) sums[i % experts] += static_cast<Sum>(values[i]);
    return sums;
}

Json recordJson(const RoutingRecord& record, const RoutingTrace& trace) {
    const auto experts = static_cast<size_t>(trace.layers[static_cast<size_t>(record.layer)].experts);
    Json json{{"evaluation", record.evaluation}, {"branch", branchName(record.branch)}, {"layer", record.layer}};
    if (record.pool >= 0) json["pool"] = record.pool;
    json["counts"] = sumOverImages<int64_t>(record.counts, experts);
    json["mass"] = sumOverImages<double>(record.mass, experts);
    return json;
}

/// Load, gate mass and balance of every layer over the whole run; null where the branch was never run.
Json aggregateJson(const RoutingTrace& trace, BranchChoice branch) {
    Json layers = Json::array();
    for (size_t layer = 0; layer < trace.layers.size(); ++layer) {
        const auto load = layerLoad(trace, static_cast<int>(layer), {.branch = branch});
        const auto mass =
            layerLoad(trace, static_cast<int>(layer), {.measure = LoadMeasure::GateMass, .branch = branch});
        const Balance balance = balanceOf(load, trace.layers[layer]);
        if (load.empty() || !hasData(load[0])) {
            layers.push_back(nullptr);
            continue;
        }
        layers.push_back({{"load", load},
                          {"mass", mass},
                          {"entropy", balance.entropy},
                          {"max_over_mean", balance.maxOverMean},
                          {"unused", balance.unused}});
    }
    return layers;
}

}  // namespace

Json routingJson(const RunRecord& run, bool records) {
    Json layers = Json::array(), evaluations = Json::array();
    for (const MoeLayerDescriptor& layer : run.routing.layers) layers.push_back(Json(session::toJson(layer)));
    for (const EvaluationRecord& evaluation : run.evaluations)
        evaluations.push_back(Json(session::toJson(evaluation.info)));
    Json json{{"schema", "moescope.routing/v1"},
              {"writer", "MoEscope " MOESCOPE_VERSION},
              {"request", Json(toJson(run.parameters))},
              {"complete", run.complete},
              {"images", run.images},
              {"class_ids", run.classIds},
              {"networks", run.routing.networks},
              {"layers", std::move(layers)},
              {"evaluations", std::move(evaluations)},
              {"aggregates",
               {{"unit", {{"load", "tokens received, all images and evaluations"}, {"mass", "sum of gate weights"}}},
                {"cond", aggregateJson(run.routing, BranchChoice::Cond)},
                {"uncond", aggregateJson(run.routing, BranchChoice::Uncond)}}}};
    if (records) {
        Json list = Json::array();
        for (const auto& record : run.routing.records) list.push_back(recordJson(*record, run.routing));
        json["records"] = std::move(list);
    }
    return json;
}

Status exportRoutingJson(const RunRecord& run, const std::filesystem::path& path) {
    const auto written = guarded([&] {
        AtomicFile file = AtomicFile::create(path).orThrow();
        file.write(routingJson(run, true).dump(-1, ' ', false, Json::error_handler_t::replace) + "\n").orThrow();
        file.commit().orThrow();
        return true;
    });
    return written ? Status() : Status(written.error());
}

}  // namespace moescope
