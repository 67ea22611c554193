// SPDX-License-Identifier: GPL-3.0-or-later
#include "viz/export/routing_report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <optional>
#include <vector>

#include "viz/aggregate/balance.h"
#include "viz/aggregate/load.h"
#include "viz/aggregate/token_cover.h"

namespace moescope {
namespace {

constexpr int64_t mostExpertsInOneColumn = 16;

using Out = std::back_insert_iterator<std::string>;

/// What is reported of one layer; shares sum to 1.
struct LayerSummary {
    LoadMeasure measure = LoadMeasure::Counts;
    std::vector<double> share;  // [E] whole run
    Balance balance;
    std::vector<double> firstShare, lastShare;  // [E] first and last third
    double moved = noData;                      // distance between them
    double branchDistance = noData;             // cond against uncond, where both were run
    double leastTaken = noData, mostTaken = noData;      // tokens of an expert at an evaluation, in even shares
    double expertsPerToken = noData, unrouted = noData;  // means over the run
};

/// Means and extremes over the evaluations of the conditional branch.
void summariseCover(const RoutingTrace& trace, int layer, LayerSummary& summary) {
    double experts = 0, unrouted = 0, evaluations = 0;
    for (const TokenCover& cover : coverOverEvaluations(trace, layer, {})) {
        if (!hasData(cover.expertsPerToken)) continue;
        experts += cover.expertsPerToken;
        unrouted += cover.unrouted;  // no data stays no data
        ++evaluations;
    }
    if (evaluations > 0) {
        summary.expertsPerToken = experts / evaluations;
        summary.unrouted = unrouted / evaluations;
    }
    for (const double taken : capacityOverEvaluations(trace, layer, {}).values) {
        summary.leastTaken = std::fmin(summary.leastTaken, taken);  // fmin and fmax pass over what has no data
        summary.mostTaken = std::fmax(summary.mostTaken, taken);
    }
}

/// Evaluations [0, third) and [evaluations - third, evaluations); nothing for a run of one evaluation.
std::optional<int> thirdOf(int evaluations) {
    if (evaluations < 2) return std::nullopt;
    return std::max(1, evaluations / 3);
}

LayerSummary summarise(const RoutingTrace& trace, int layer) {
    LayerSummary summary;
    const RoutingPolicy policy = trace.layers[static_cast<size_t>(layer)].policy;
    if (policy == RoutingPolicy::ExpertChoice || policy == RoutingPolicy::NetworkMixture)
        summary.measure = LoadMeasure::GateMass;
    const auto shareOf = [&](LoadQuery query) {
        query.measure = summary.measure;
        return shares(layerLoad(trace, layer, query));
    };
    const int evaluations = evaluationCount(trace);
    const auto load = layerLoad(trace, layer, {.measure = summary.measure});
    summary.share = shares(load);
    summary.balance = balanceOf(load, trace.layers[static_cast<size_t>(layer)]);
    if (const auto third = thirdOf(evaluations)) {
        summary.firstShare = shareOf({.endEvaluation = *third});
        summary.lastShare = shareOf({.firstEvaluation = evaluations - *third});
        summary.moved = shareDistance(summary.firstShare, summary.lastShare);
    }
    summariseCover(trace, layer, summary);
    // Both sides over the evaluations in which the unconditional branch was run.
    int first = evaluations, end = 0;
    for (const auto& record : trace.records)
        if (record->branch == Branch::Uncond && record->layer == layer) {
            first = std::min(first, record->evaluation);
            end = std::max(end, record->evaluation + 1);
        }
    if (first < end)
        summary.branchDistance =
            shareDistance(shareOf({.firstEvaluation = first, .endEvaluation = end}),
                          shareOf({.branch = BranchChoice::Uncond, .firstEvaluation = first, .endEvaluation = end}));
    return summary;
}

/// A bar of eighths of a character: `full` is `width` characters.
std::string bar(double value, double full, int width) {
    static constexpr const char* eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    const int length = full > 0 ? static_cast<int>(std::lround(std::clamp(value / full, 0.0, 1.0) * width * 8)) : 0;
    std::string text;
    for (int i = 0; i < length / 8; ++i) text += "█";
    text += eighths[length % 8];
    const int used = (length + 7) / 8;
    return text + std::string(static_cast<size_t>(width - used), ' ');
}

std::string policySentence(const MoeLayerDescriptor& layer) {
    if (layer.policy == RoutingPolicy::NetworkMixture)
        return fmt::format("{} networks, each picture is blended from {}", layer.experts, layer.topK);
    std::string text = fmt::format("{} routed experts, ", layer.experts);
    switch (layer.policy) {
        case RoutingPolicy::TokenChoice:
            text += fmt::format("each token takes {}", layer.topK);
            break;
        case RoutingPolicy::ExpertChoice:
            text += fmt::format("each expert takes {} tokens", layer.capacity);
            break;
        case RoutingPolicy::BatchPool:
            text += "each takes the tokens of its pool that it wants most, as many as are predicted to be above its threshold";
            break;
        case RoutingPolicy::Prototype:
            text += layer.topK == 1 ? "each token takes the nearest prototype" : fmt::format("each token takes the {} nearest prototypes", layer.topK);
            break;
        case RoutingPolicy::NetworkMixture:
            break;
    }
    if (layer.unconditionalExpert >= 0)
        text += fmt::format("; expert {} is the one for tokens without condition", layer.unconditionalExpert);
    if (layer.sharedExpert) text += ", and a shared expert takes all";
    return text;
}

std::string layerTitle(const RoutingTrace& trace, const MoeLayerDescriptor& layer) {
    if (layer.policy == RoutingPolicy::NetworkMixture) return "Choice of networks";
    std::string text = fmt::format("Block {} (MoE layer {}", layer.block, layer.moeIndex);
    if (trace.networks.size() > 1)
        text += fmt::format(", network {}", trace.networks[static_cast<size_t>(layer.network)]);
    return text + ")";
}

void writeSettings(Out out, const RunRecord& run) {
    const GenerationParameters& p = run.parameters;
    fmt::format_to(out, "MoEscope routing report\n\n");
    fmt::format_to(out, "Model    {} ({}{}{})\n", fileNameOnly(p.modelName), p.family,
                   p.weightSet.empty() ? "" : ", weights " + p.weightSet,
                   p.modelHash.empty() ? "" : ", hash " + p.modelHash.substr(0, 16));
    if (!p.prompt.empty()) fmt::format_to(out, "Prompt   {}\n", p.prompt);
    if (!p.negativePrompt.empty()) fmt::format_to(out, "Negative {}\n", p.negativePrompt);
    if (!run.classIds.empty())
        fmt::format_to(out, "Class    {}{}\n", fmt::join(run.classIds, ", "),
                       p.className.empty() ? "" : " (" + p.className + ")");
    fmt::format_to(out, "Run      {} {} steps, {} evaluations, CFG {} for timesteps {} to {}, seed {}{}\n", p.steps,
                   p.sampler, run.evaluations.size(), p.cfgScale, p.cfgLow, p.cfgHigh, p.seed,
                   run.complete ? "" : "; cancelled before its end");
    fmt::format_to(out, "Pictures {} of {} x {}\n", run.images, p.width, p.height);
    if (!p.pool.empty())
        fmt::format_to(out, "Pool     {}\n",
                       p.pool == "batch" ? "the whole batch: pictures of a batch compete for experts and change each other"
                                         : "each picture by itself");
}

/// What is to be known of an expert beside its share.
std::string remarkOn(const RoutingTrace& trace, const MoeLayerDescriptor& layer, size_t expert) {
    if (layer.policy == RoutingPolicy::NetworkMixture) return expert < trace.networks.size() ? "  " + trace.networks[expert] : std::string();
    std::string remark;
    if (static_cast<int64_t>(expert) == layer.unconditionalExpert) remark += "  without condition";
    if (expert < layer.thresholds.size()) remark += fmt::format("  threshold {:.3f}", layer.thresholds[expert]);
    return remark;
}

void writeExperts(Out out, const RoutingTrace& trace, const MoeLayerDescriptor& layer, const LayerSummary& summary, double full) {
    const auto experts = static_cast<int64_t>(summary.share.size());
    bool remarks = false;
    for (size_t expert = 0; expert < summary.share.size(); ++expert) remarks |= !remarkOn(trace, layer, expert).empty();
    const int64_t columns = remarks || experts <= mostExpertsInOneColumn ? 1 : 4;
    const int width = columns == 1 ? 40 : 8;
    for (int64_t expert = 0; expert < experts; ++expert) {
        const auto index = static_cast<size_t>(expert);
        fmt::format_to(out, "  {:>3} {:5.1f} % {}{}", expert, 100 * summary.share[index], bar(summary.share[index], full, width),
                       remarkOn(trace, layer, index));
        if (expert % columns == columns - 1 || expert + 1 == experts) fmt::format_to(out, "\n");
    }
}

/// How tokens and experts matched where neither number is fixed.
void writeCover(Out out, const MoeLayerDescriptor& layer, const LayerSummary& summary) {
    if (layer.policy == RoutingPolicy::NetworkMixture || layer.topK > 0) return;
    if (hasData(summary.mostTaken) && layer.policy != RoutingPolicy::ExpertChoice)
        fmt::format_to(out, "  an expert took {:.2f} to {:.2f} times an even share of the tokens (N/E)\n", summary.leastTaken, summary.mostTaken);
    if (hasData(summary.expertsPerToken)) fmt::format_to(out, "  {:.2f} experts per token on average", summary.expertsPerToken);
    if (hasData(summary.unrouted))
        fmt::format_to(out, "; {:.1f} % of the tokens had none{}", 100 * summary.unrouted,
                       layer.sharedExpert ? " but the shared one" : " and passed unchanged");
    if (hasData(summary.expertsPerToken)) fmt::format_to(out, "\n");
}

/// "expert 3 (+4.1), 7 (+2.0)": the largest changes of one sign, at most three.
std::string largestChanges(const LayerSummary& summary, double sign) {
    std::vector<std::pair<double, size_t>> changes;
    for (size_t expert = 0; expert < summary.share.size(); ++expert)
        changes.emplace_back(sign * 100 * (summary.lastShare[expert] - summary.firstShare[expert]), expert);
    std::stable_sort(changes.begin(), changes.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
    std::vector<std::string> texts;
    for (const auto& [change, expert] : changes)
        if (texts.size() < 3 && change >= 0.05) texts.push_back(fmt::format("{} ({:+.1f})", expert, sign * change));
    return texts.empty() ? "none" : fmt::format("{}", fmt::join(texts, ", "));
}

void writeLayer(Out out, const RunRecord& run, int index, const LayerSummary& summary, double full) {
    const MoeLayerDescriptor& layer = run.routing.layers[static_cast<size_t>(index)];
    fmt::format_to(out, "\n{}: {}\n", layerTitle(run.routing, layer), policySentence(layer));
    if (!summary.balance.hasData()) {
        fmt::format_to(out, "  nothing was captured of this layer\n");
        return;
    }
    fmt::format_to(out, "  share of {}\n",
                   layer.policy == RoutingPolicy::NetworkMixture  ? "the weights in the blend"
                   : summary.measure == LoadMeasure::Counts ? "the tokens received"
                                                            : "the gate mass (counts are equal by construction)");
    writeExperts(out, run.routing, layer, summary, full);
    fmt::format_to(out, "  balance: entropy {:.3f}, busiest expert {:.2f} x the mean, {} of {} unused\n",
                   summary.balance.entropy, summary.balance.maxOverMean, summary.balance.unused, layer.experts - (layer.unconditionalExpert >= 0 ? 1 : 0));
    writeCover(out, layer, summary);
    if (hasData(summary.moved))
        fmt::format_to(out, "  first to last third: {:.1f} % of the load moved; up: {}; down: {}\n",
                       100 * summary.moved, largestChanges(summary, 1), largestChanges(summary, -1));
    if (hasData(summary.branchDistance))
        fmt::format_to(out, "  with against without the condition: {:.1f} % of the load differs\n",
                       100 * summary.branchDistance);
}

/// One sentence about the whole: which layer is least even and which changes most over the run.
void writeConclusion(Out out, const RunRecord& run, const std::vector<LayerSummary>& layers) {
    std::optional<size_t> uneven, moving;
    for (size_t i = 0; i < layers.size(); ++i) {
        if (layers[i].balance.hasData() && (!uneven || layers[i].balance.entropy < layers[*uneven].balance.entropy))
            uneven = i;
        if (hasData(layers[i].moved) && (!moving || layers[i].moved > layers[*moving].moved)) moving = i;
    }
    if (!uneven) return;
    const auto block = [&](size_t i) { return layerTitle(run.routing, run.routing.layers[i]); };
    fmt::format_to(out, "\nThe least even layer is {} (entropy {:.3f})", block(*uneven),
                   layers[*uneven].balance.entropy);
    if (moving)
        fmt::format_to(out, ", and the experts change most between noise and picture in {} ({:.1f} % of the load)",
                       block(*moving), 100 * layers[*moving].moved);
    fmt::format_to(out, ".\n");
}

}  // namespace

std::string routingReport(const RunRecord& run) {
    std::string text;
    const Out out = std::back_inserter(text);
    writeSettings(out, run);
    const RoutingTrace& trace = run.routing;
    if (trace.layers.empty()) {
        fmt::format_to(out, "\nThis model has no MoE layers: there is no routing to report.\n");
        return text;
    }
    std::vector<LayerSummary> layers;
    double full = 0;
    for (size_t i = 0; i < trace.layers.size(); ++i) {
        layers.push_back(summarise(trace, static_cast<int>(i)));
        for (double share : layers.back().share)
            if (hasData(share)) full = std::max(full, share);
    }
    const int evaluations = evaluationCount(trace);
    fmt::format_to(
        out, "Taken from the conditional branch (the prompt's), evaluations {}, all images and tokens of every kind.\n",
        evaluations < 2 ? "0" : fmt::format("0 to {} together", evaluations - 1));
    if (const auto third = thirdOf(evaluations); third && static_cast<size_t>(evaluations) <= run.evaluations.size()) {
        const auto noise = [&](int i) { return run.evaluations[static_cast<size_t>(i)].info.noiseLevel; };
        const int last = evaluations - *third;
        fmt::format_to(out,
                       "First third: evaluations 0 to {} (noise {:.2f} to {:.2f}); last third: {} to {} (noise {:.2f} "
                       "to {:.2f}).\n",
                       *third - 1, noise(0), noise(*third - 1), last, evaluations - 1, noise(last),
                       noise(evaluations - 1));
    }
    fmt::format_to(
        out,
        "How to read it: a share is the part of a layer's work that went to an expert (all bars have one scale, full = "
        "{:.1f} %);\nentropy is 1 when all experts share the work evenly and 0 when one does everything, and load that "
        "moves between\nthe thirds means that experts specialise in a stage of the run.\n",
        100 * full);
    for (size_t i = 0; i < layers.size(); ++i) writeLayer(out, run, static_cast<int>(i), layers[i], full);
    writeConclusion(out, run, layers);
    return text;
}

}  // namespace moescope
