// SPDX-License-Identifier: GPL-3.0-or-later
// From a run to the contents of an overlay's page: the picture, the map, the words and the numbers.
#include <QCoreApplication>
#include <QStringList>
#include <algorithm>
#include <fmt/format.h>

#include "viz/aggregate/network_choice.h"
#include "viz/charts/routing_charts.h"
#include "viz/overlay/overlay_sheet.h"
#include "viz/overlay/state_picture.h"

namespace moescope {
namespace {

struct OverlayWords {
    Q_DECLARE_TR_FUNCTIONS(OverlaySheet)
};

struct Source {
    const MoeLayerDescriptor* layer = nullptr;
    const RoutingRecord* record = nullptr;
    const RoutingRecord* other = nullptr;  // the unconditional branch, for the difference
};

// For the shell, and English as everything there.
EngineError missing(std::string sentence) { return {ErrorCode::InvalidArgument, std::move(sentence)}; }

Result<Source> sourceOf(const RunRecord& run, const OverlayQuery& query) {
    if (run.routing.layers.empty()) return missing("the model of this run has no MoE layers: there are no experts to map");
    Source source;
    source.layer = &run.routing.layers[static_cast<size_t>(query.layer)];
    if (query.branch == BranchChoice::Both)
        return missing("a map shows one branch: choose cond or uncond, or difference to frame the tokens that differ");
    if (query.branch == BranchChoice::Difference && query.kind != OverlayKind::Dominant)
        return missing("the difference of the branches is shown on the map of main experts only: choose --map dominant");
    if (query.kind == OverlayKind::OneExpert && (query.expert < 0 || query.expert >= source.layer->experts))
        return missing(fmt::format("say whose weights to map: --expert 0 to {}", source.layer->experts - 1));
    const RoutingRecord* cond = run.routing.find(query.evaluation, Branch::Cond, query.layer);
    const RoutingRecord* uncond = run.routing.find(query.evaluation, Branch::Uncond, query.layer);
    source.record = query.branch == BranchChoice::Uncond ? uncond : cond;
    if (query.branch == BranchChoice::Difference) source.other = uncond;
    if (query.branch != BranchChoice::Cond && !uncond)
        return missing(fmt::format("the unconditional branch did not run at evaluation {}, or was not recorded: choose --branch cond or an evaluation "
                          "with guidance", query.evaluation + 1));
    if (!source.record) return missing(fmt::format("the routing of evaluation {} was not recorded", query.evaluation + 1));
    if (source.record->rowPtr.empty() || (source.other && source.other->rowPtr.empty()))
        return missing("this run kept only how many tokens each expert took, and not which: generate it again with --capture assignments");
    return source;
}

Result<OverlayMap> mapOf(const RunRecord& run, const OverlayQuery& query, const Source& source) {
    auto map = overlayOf(query.kind, *source.layer, *source.record, query.image, query.expert);
    if (!map) return missing(fmt::format("the routing of picture {} was not recorded at evaluation {}", query.image, query.evaluation + 1));
    const NetworkPresence networks(run.routing);
    if (!networks.ran(*source.layer, query.evaluation, source.record->branch, query.image))
        return missing(fmt::format("the network \"{}\" did not work on picture {} at evaluation {}: choose another evaluation, picture or layer",
                                   run.routing.networks[static_cast<size_t>(source.layer->network)], query.image, query.evaluation + 1));
    if (source.layer->policy == RoutingPolicy::NetworkMixture)
        return missing("networks are chosen for a whole picture, so there is no map of them: choose --view networks, or a layer of one of them");
    if (map->empty()) return missing("the tokens of this layer have no place in the picture: there is no map of them");
    if (query.kind == OverlayKind::OneExpert) {
        // One range for the whole run, so that a colour means the same weight at every evaluation.
        const RoutingRecord* first = run.routing.find(0, Branch::Cond, query.layer);
        const RoutingRecord& all = first && !first->gate.empty() ? *first : *source.record;
        map->high = weightRange(all);
        map->low = negativeWeightRange(all);
    }
    if (source.other) markDifferences(*map, *source.layer, *source.record, *source.other, query.image);
    return std::move(*map);
}

QString titleOf(const OverlayQuery& query, const QString& layer) {
    switch (query.kind) {
        case OverlayKind::OneExpert: return OverlayWords::tr("Weight of expert %1, %2").arg(QString::number(query.expert), layer);
        case OverlayKind::HowMany: return OverlayWords::tr("Experts per token, %1").arg(layer);
        default: return OverlayWords::tr("Main expert of each token, %1").arg(layer);
    }
}

QString captionOf(const RunRecord& run, const OverlayQuery& query) {
    GenerationParameters one = run.parameters;
    one.batchIndex = query.image;
    QString name = QString::fromStdString(one.prompt.empty() ? one.className : one.prompt);
    if (name.isEmpty() && query.image < static_cast<int64_t>(run.classIds.size()))
        name = OverlayWords::tr("class %1").arg(run.classIds[static_cast<size_t>(query.image)]);
    QStringList parts{name, OverlayWords::tr("seed %1").arg(one.imageSeed())};
    if (run.images > 1) parts << OverlayWords::tr("picture %1 of %2").arg(QString::number(query.image + 1), QString::number(run.images));
    const auto count = static_cast<int>(run.evaluations.size());
    parts << evaluationText(run.evaluations[static_cast<size_t>(query.evaluation)].info, count);
    parts << branchText(query.branch == BranchChoice::Difference ? BranchChoice::Cond : query.branch);
    parts.removeAll(QString());
    return parts.join(QStringLiteral(", "));
}

}  // namespace

Result<OverlaySheet> overlaySheetOf(const RunRecord& run, const OverlayQuery& query, double opacity) {
    const auto source = sourceOf(run, query);
    if (!source.ok()) return source.error();
    auto map = mapOf(run, query, source.value());
    if (!map.ok()) return map.error();
    OverlaySheet sheet;
    sheet.title = titleOf(query, layerTitle(run.routing, static_cast<size_t>(query.layer)));
    sheet.caption = captionOf(run, query);
    sheet.map = std::move(map.value());
    sheet.opacity = opacity;
    const MoeLayerDescriptor& layer = *source.value().layer;
    sheet.orMore = layer.topK == 0 && sheet.map.high < sheet.map.experts;
    const auto image = static_cast<size_t>(query.image);
    const StateLayout layout = stateLayout(run);
    const bool finished = image < run.pictures.size() && run.pictures[image].width > 0;
    if (query.finalPicture && finished)
        sheet.picture = imageOf(run.pictures[image]);
    else
        sheet.picture = previewImage(run.evaluations[static_cast<size_t>(query.evaluation)], layout, query.image);
    sheet.pictureSize = finished                     ? QSize(run.pictures[image].width, run.pictures[image].height)
                        : run.parameters.width > 0   ? QSize(run.parameters.width, run.parameters.height)
                        : !sheet.picture.isNull()    ? sheet.picture.size()
                                                     : QSize(static_cast<int>(sheet.map.width()), static_cast<int>(sheet.map.height()));
    return sheet;
}

Result<std::string> overlayCsv(const RunRecord& run, const OverlayQuery& query) {
    const auto source = sourceOf(run, query);
    if (!source.ok()) return source.error();
    auto made = mapOf(run, query, source.value());
    if (!made.ok()) return made.error();
    const OverlayMap& map = made.value();
    const auto& [layer, record, other] = source.value();
    const std::vector<TokenPlace> places = tokenPlaces(*layer);
    const auto otherMap = other ? dominantExpertMap(*layer, *other, query.image) : std::nullopt;

    std::string text = map.kind == OverlayKind::HowMany ? "token,kind,row,col,experts" : "token,kind,row,col,expert,gate";
    text += otherMap ? ",uncond_expert\n" : "\n";
    size_t outside = 0;
    for (size_t token = 0; token < places.size(); ++token) {
        const TokenPlace& place = places[token];
        const bool inside = place.row >= 0;
        const auto valueIn = [&](const TokenMap& values) {
            return inside ? values.grid[static_cast<size_t>(place.row * values.width + place.col)] : values.outside[outside].value;
        };
        const int value = valueIn(map.dominant);
        text += fmt::format("{},{},", token, tokenKindName(place.kind));
        text += inside ? fmt::format("{},{}", place.row, place.col) : ",";
        if (map.kind == OverlayKind::HowMany) {
            text += fmt::format(",{}", value);
        } else {
            const int expert = map.kind == OverlayKind::OneExpert ? query.expert : value;
            const size_t row = static_cast<size_t>(query.image) * places.size() + token;
            std::string weight;
            const size_t end = std::min<size_t>(record->rowPtr[row + 1], std::min(record->expert.size(), record->gate.size()));
            for (size_t pair = record->rowPtr[row]; pair < end; ++pair)
                if (record->expert[pair] == expert) weight = fmt::format("{}", record->gate[pair]);
            text += expert < 0 ? ",," : fmt::format(",{},{}", expert, weight);
        }
        if (otherMap) {
            const int there = valueIn(*otherMap);
            text += there < 0 ? "," : fmt::format(",{}", there);
        }
        text += '\n';
        outside += inside ? 0 : 1;
    }
    return text;
}

}  // namespace moescope
