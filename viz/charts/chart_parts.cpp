// SPDX-License-Identifier: GPL-3.0-or-later
#include "viz/charts/chart_parts.h"

#include <algorithm>

#include "viz/aggregate/network_choice.h"

namespace moescope {
namespace {

/// "0.48": three digits are enough to tell evaluations apart.
QString timeText(float value) {
    return numberText(static_cast<double>(value));
}

const EvaluationInfo* infoOf(const ChartInput& input, int evaluation) {
    for (const EvaluationInfo& info : input.evaluations)
        if (info.index == evaluation) return &info;
    return nullptr;
}

/// Whether a record of the branches is there; -1 takes every evaluation or layer.
bool anyRecord(const ChartInput& input, int evaluation, int layer) {
    const RoutingTrace& trace = *input.routing;
    const NetworkPresence networks(trace);
    const auto found = [&](Branch branch, int e) {
        return std::any_of(trace.records.begin(), trace.records.end(), [&](const auto& record) {
            return record->branch == branch && (e < 0 || record->evaluation == e) && (layer < 0 || record->layer == layer) &&
                   (layer < 0 || networks.ran(trace.layers[static_cast<size_t>(layer)], record->evaluation, branch, input.image));
        });
    };
    const bool cond = found(Branch::Cond, evaluation), uncond = found(Branch::Uncond, evaluation);
    switch (input.branch) {
        case BranchChoice::Cond: return cond;
        case BranchChoice::Uncond: return uncond;
        case BranchChoice::Both: return cond || uncond;
        case BranchChoice::Difference: return cond && uncond;
    }
    return false;
}

}  // namespace

QString layerName(const MoeLayerDescriptor& layer) {
    if (layer.policy == RoutingPolicy::NetworkMixture) return RoutingCharts::tr("choice of networks");
    return RoutingCharts::tr("MoE layer %1 (block %2)").arg(QString::number(layer.moeIndex), QString::number(layer.block));
}

QString layerTitle(const RoutingTrace& trace, size_t layer) {
    const MoeLayerDescriptor& d = trace.layers[layer];
    const auto network = static_cast<size_t>(d.network);
    if (trace.networks.size() < 2 || network >= trace.networks.size() || d.policy == RoutingPolicy::NetworkMixture) return layerName(d);
    return RoutingCharts::tr("%1, %2", "name of a network, MoE layer").arg(QString::fromStdString(trace.networks[network]), layerName(d));
}

QString branchText(BranchChoice branch) {
    switch (branch) {
        case BranchChoice::Cond: return RoutingCharts::tr("conditional");
        case BranchChoice::Uncond: return RoutingCharts::tr("unconditional");
        case BranchChoice::Both: return RoutingCharts::tr("both branches");
        case BranchChoice::Difference: return RoutingCharts::tr("conditional minus unconditional");
    }
    return {};
}

QString evaluationText(const EvaluationInfo& info, int planned) {
    return RoutingCharts::tr("evaluation %1 of %2, t = %3")
        .arg(QString::number(info.index + 1), QString::number(std::max(planned, info.index + 1)), timeText(info.timestep));
}

int evaluationColumns(const ChartInput& input) {
    const int known = std::max(static_cast<int>(input.evaluations.size()), input.routing ? evaluationCount(*input.routing) : 0);
    return std::max(input.plannedEvaluations, known);
}

int evaluationsReached(const ChartInput& input) {
    return input.going ? static_cast<int>(input.evaluations.size()) : -1;
}

LoadQuery queryOf(const ChartInput& input) {
    return {.measure = input.measure, .branch = input.branch, .image = input.image};
}

LoadQuery queryAtNow(const ChartInput& input) {
    LoadQuery query = queryOf(input);
    query.firstEvaluation = input.evaluation;
    query.endEvaluation = input.evaluation + 1;
    return query;
}

QString partOfRun(const ChartInput& input, bool oneEvaluation) {
    QStringList parts;
    if (oneEvaluation) {
        const int planned = evaluationColumns(input);
        if (const EvaluationInfo* info = infoOf(input, input.evaluation))
            parts << evaluationText(*info, planned);
        else
            parts << RoutingCharts::tr("evaluation %1 of %2").arg(QString::number(input.evaluation + 1), QString::number(planned));
    }
    parts << branchText(input.branch);
    const int64_t images = input.routing->images;
    if (images > 1)
        parts << (input.image < 0 ? RoutingCharts::tr("all %1 pictures together").arg(images)
                                  : RoutingCharts::tr("picture %1 of %2").arg(QString::number(input.image + 1), QString::number(images)));
    return parts.join(QStringLiteral(", "));
}

QString reasonForNothing(const ChartInput& input, ChartScope scope) {
    const RoutingTrace* trace = input.routing.get();
    const bool started = trace && (!input.evaluations.empty() || !trace->records.empty());
    if (!started && input.going) return RoutingCharts::tr("Waiting for the first evaluation of the run.");
    if (!started) return RoutingCharts::tr("Nothing to show yet: generate a picture or open a session.");
    if (trace->layers.empty())
        return RoutingCharts::tr("This model has no MoE layers, so there is no routing to show. Open a mixture-of-experts model to see some.");
    if (scope.oneLayer && (input.layer < 0 || static_cast<size_t>(input.layer) >= trace->layers.size()))
        return RoutingCharts::tr("This run has %1 MoE layers and no number %2: choose another layer.")
            .arg(QString::number(trace->layers.size()), QString::number(input.layer));
    if (input.image >= trace->images)
        return RoutingCharts::tr("This run has %1 pictures and no number %2: choose another picture.")
            .arg(QString::number(trace->images), QString::number(input.image + 1));
    if (scope.oneEvaluation && input.evaluation < 0)
        return RoutingCharts::tr("No evaluation is chosen: choose one on the timeline.");
    const int evaluation = scope.oneEvaluation ? input.evaluation : -1;
    const int layer = scope.oneLayer ? input.layer : -1;
    if (anyRecord(input, evaluation, layer)) return {};
    ChartInput other = input;
    other.branch = BranchChoice::Both;
    const bool nothing = !anyRecord(other, evaluation, layer);
    if (nothing && layer >= 0 && !missingText(*trace, layer).isEmpty()) {
        const auto network = static_cast<size_t>(trace->layers[static_cast<size_t>(layer)].network);
        const QString name = network < trace->networks.size() ? QString::fromStdString(trace->networks[network]) : QString::number(network);
        return RoutingCharts::tr("The network “%1” did not work here: choose another evaluation or picture, or a layer of a network that "
                                 "did.").arg(name);
    }
    if (nothing) return RoutingCharts::tr("No routing was recorded for this part of the run: choose another evaluation or layer.");
    if (input.branch == BranchChoice::Cond)
        return RoutingCharts::tr("The conditional branch was not recorded here: choose the unconditional branch.");
    if (scope.oneEvaluation)
        return RoutingCharts::tr("The unconditional branch did not run at evaluation %1, as guidance was off there: choose the conditional "
                                 "branch or another evaluation.")
            .arg(input.evaluation + 1);
    return RoutingCharts::tr("The unconditional branch did not run, as guidance was off: choose the conditional branch.");
}

std::vector<int> tokenLayers(const RoutingTrace& trace) {
    std::vector<int> layers;
    for (size_t layer = 0; layer < trace.layers.size(); ++layer)
        if (trace.layers[layer].policy != RoutingPolicy::NetworkMixture) layers.push_back(static_cast<int>(layer));
    return layers;
}

CategoryAxis layerAxis(const RoutingTrace& trace, const std::vector<int>& layers) {
    CategoryAxis axis{.title = RoutingCharts::tr("MoE layer")};
    for (const int number : layers) {
        const MoeLayerDescriptor& layer = trace.layers[static_cast<size_t>(number)];
        QString label = layer.policy == RoutingPolicy::NetworkMixture
                            ? layerName(layer)
                            : RoutingCharts::tr("%1 (block %2)", "number of a MoE layer and of its block")
                                  .arg(QString::number(layer.moeIndex), QString::number(layer.block));
        const auto network = static_cast<size_t>(layer.network);
        const bool named = trace.networks.size() > 1 && network < trace.networks.size() && layer.policy != RoutingPolicy::NetworkMixture;
        axis.groups << (named ? QString::fromStdString(trace.networks[network]) : label);
        if (named) label += QStringLiteral(", ") + axis.groups.back();
        axis.labels << label;
    }
    if (trace.networks.size() > 1)
        axis.groupTitle = RoutingCharts::tr("network and its MoE layers");
    else
        axis.groups.clear();
    return axis;
}

CategoryAxis expertAxis(const RoutingTrace& trace, int layer) {
    const MoeLayerDescriptor& d = trace.layers[static_cast<size_t>(layer)];
    if (d.policy != RoutingPolicy::NetworkMixture) return expertAxis(trace, std::vector<int>{layer}, d.experts);
    CategoryAxis axis{.title = RoutingCharts::tr("network")};
    for (int64_t network = 0; network < d.experts; ++network)
        axis.labels << (static_cast<size_t>(network) < trace.networks.size() ? QString::fromStdString(trace.networks[static_cast<size_t>(network)])
                                                                             : QString::number(network));
    return axis;
}

CategoryAxis expertAxis(const RoutingTrace& trace, const std::vector<int>& layers, int64_t experts) {
    CategoryAxis axis{.title = RoutingCharts::tr("expert")};
    for (int64_t expert = 0; expert < experts; ++expert) axis.labels << QString::number(expert);
    bool same = true;
    for (const int layer : layers) {
        const auto unconditional = static_cast<int>(trace.layers[static_cast<size_t>(layer)].unconditionalExpert);
        if (unconditional < 0) continue;
        same = same && (axis.marked < 0 || axis.marked == unconditional);
        axis.marked = unconditional;
    }
    if (!same) axis.marked = -1;
    if (axis.marked < 0) return axis;
    axis.markSign = QStringLiteral("*");
    axis.markName = RoutingCharts::tr("without condition");
    return axis;
}

CategoryAxis evaluationAxis(const ChartInput& input) {
    CategoryAxis axis{.title = RoutingCharts::tr("evaluation")};
    const int columns = evaluationColumns(input);
    for (int column = 0; column < columns; ++column) {
        axis.labels << QString::number(column + 1);
        const EvaluationInfo* info = infoOf(input, column);
        axis.details << (info ? RoutingCharts::tr("t = %1, noise level %2").arg(timeText(info->timestep), timeText(info->noiseLevel)) : QString());
    }
    return axis;
}

QString ofLayer(const QString& title, const ChartInput& input) {
    const bool known = input.routing && input.layer >= 0 && static_cast<size_t>(input.layer) < input.routing->layers.size();
    if (!known) return title;
    return RoutingCharts::tr("%1, %2", "title, MoE layer").arg(title, layerTitle(*input.routing, static_cast<size_t>(input.layer)));
}

ChartSpec framedChart(const ChartInput& input, const QString& title, ChartScope scope) {
    ChartSpec chart;
    chart.title = title;
    chart.emptyText = reasonForNothing(input, scope);
    if (chart.empty()) return chart;
    chart.subtitle = partOfRun(input, scope.oneEvaluation);
    return chart;
}

QString flatLoadNote(const ChartInput& input, int layer) {
    const RoutingTrace& trace = *input.routing;
    const bool flat = layer >= 0 ? trace.layers[static_cast<size_t>(layer)].policy == RoutingPolicy::ExpertChoice
                                 : usualMeasure(trace) == LoadMeasure::GateMass;
    if (!flat) return {};
    if (input.measure == LoadMeasure::Counts)
        return RoutingCharts::tr("Every expert takes the same number of tokens here, by construction: gate mass shows how they differ.");
    return RoutingCharts::tr("Gate mass, because here every expert takes the same number of tokens by construction.");
}

QString missingText(const RoutingTrace& trace, int layer) {
    const auto index = static_cast<size_t>(layer);
    if (networkLayer(trace) < 0 || index >= trace.layers.size() || trace.layers[index].policy == RoutingPolicy::NetworkMixture) return {};
    return RoutingCharts::tr("this network did not work there");
}

Quantity loadQuantity(LoadMeasure measure, bool networks) {
    if (networks && measure == LoadMeasure::Counts)
        return {RoutingCharts::tr("use"), RoutingCharts::tr("pictures"), RoutingCharts::tr("picture")};
    if (measure == LoadMeasure::Counts) return {RoutingCharts::tr("load"), RoutingCharts::tr("tokens"), RoutingCharts::tr("token")};
    return {RoutingCharts::tr("gate mass"), RoutingCharts::tr("summed gate weight"), {}};
}

}  // namespace moescope
