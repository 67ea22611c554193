// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/widgets/token_text.h"

#include <QCoreApplication>
#include <QLocale>
#include <QStringList>
#include <algorithm>
#include <vector>

#include "viz/aggregate/network_choice.h"
#include "viz/aggregate/prompt_words.h"
#include "viz/aggregate/token_map.h"
#include "viz/charts/routing_charts.h"

namespace moescope {
namespace {

struct Text {
    Q_DECLARE_TR_FUNCTIONS(TokenText)
};

}  // namespace

QString moeLayerText(const RoutingTrace& routing, int layer) {
    if (layer < 0 || layer >= static_cast<int>(routing.layers.size())) return {};
    return layerTitle(routing, static_cast<size_t>(layer));
}

QString tokenPieceText(const RoutingTrace& routing, int layer, Branch branch, int64_t image, int64_t token) {
    if (layer < 0 || layer >= static_cast<int>(routing.layers.size())) return {};
    const int64_t first = firstTextToken(routing.layers[static_cast<size_t>(layer)]), number = token - first;
    const auto pieces = routing.text.of(branch, image);
    if (first < 0 || number < 0 || number >= static_cast<int64_t>(pieces.size())) return {};
    return QString::fromStdString(pieceText(pieces[static_cast<size_t>(number)]));
}

QString tokenPlaceText(const RoutingTrace& routing, int layer, Branch branch, int64_t image, int64_t token) {
    if (layer < 0 || layer >= static_cast<int>(routing.layers.size())) return {};
    const std::vector<TokenPlace> places = tokenPlaces(routing.layers[static_cast<size_t>(layer)]);
    if (token < 0 || token >= static_cast<int64_t>(places.size())) return {};
    const TokenPlace& place = places[static_cast<size_t>(token)];
    if (place.row >= 0) return Text::tr("row %1, column %2").arg(place.row + 1).arg(place.col + 1);
    const auto same = std::count_if(places.begin(), places.end(), [&](const TokenPlace& other) {
        return other.kind == place.kind && other.row < 0;
    });
    QString name;
    switch (place.kind) {
        case TokenKind::ClassLabel: name = Text::tr("class token"); break;
        case TokenKind::Text: name = Text::tr("text token"); break;
        case TokenKind::Padding: name = Text::tr("padding token"); break;
        case TokenKind::Image: name = Text::tr("image token"); break;
        case TokenKind::Picture: name = Text::tr("the whole picture"); break;
    }
    if (same > 1) name = Text::tr("%1 %2").arg(name).arg(place.numberInGroup + 1);
    if (place.kind != TokenKind::Text || routing.text.prompts.empty()) return name;
    const QString piece = tokenPieceText(routing, layer, branch, image, token);
    return piece.isEmpty() ? Text::tr("empty place of the prompt (%1)").arg(name) : Text::tr("“%1” of the prompt (%2)").arg(piece, name);
}

QString tokenExpertsText(const RoutingTrace& routing, const RoutingRecord& record, int64_t image, int64_t token) {
    const MoeLayerDescriptor& layer = routing.layers[static_cast<size_t>(record.layer)];
    const auto row = static_cast<size_t>(image * layer.tokensPerSample() + token);
    if (image < 0 || token < 0 || record.rowPtr.size() < row + 2) return {};
    const size_t end = std::min<size_t>(record.rowPtr[row + 1], std::min(record.expert.size(), record.gate.size()));
    std::vector<std::pair<float, int>> taken;  // minus the weight, so that the largest comes first and the smaller number of equals
    for (size_t pair = record.rowPtr[row]; pair < end; ++pair) taken.emplace_back(-record.gate[pair], record.expert[pair]);
    const bool networks = layer.policy == RoutingPolicy::NetworkMixture;
    if (taken.empty()) {
        if (networks) return Text::tr("no network worked on it");
        return layer.sharedExpert ? Text::tr("no expert took it: only the shared expert worked on it")
                                  : Text::tr("no expert took it: it passes this layer unchanged");
    }
    std::sort(taken.begin(), taken.end());
    constexpr size_t most = 4;
    QStringList texts;
    for (size_t i = 0; i < std::min(most, taken.size()); ++i) {
        const auto expert = static_cast<size_t>(taken[i].second);
        const QString weight = QLocale().toString(static_cast<double>(-taken[i].first), 'g', 3);
        if (networks && expert < routing.networks.size())
            texts << Text::tr("%1 (%2)", "name of a network, its weight").arg(QString::fromStdString(routing.networks[expert]), weight);
        else if (static_cast<int64_t>(expert) == layer.unconditionalExpert)
            texts << Text::tr("expert %1 (%2, the one without condition)").arg(QString::number(expert), weight);
        else
            texts << Text::tr("expert %1 (%2)").arg(QString::number(expert), weight);
    }
    if (taken.size() > most) texts << Text::tr("%1 more").arg(taken.size() - most);
    const QString list = texts.join(Text::tr(", "));
    if (networks) return taken.size() > 1 ? Text::tr("blended from %1").arg(list) : Text::tr("made by %1").arg(list);
    if (layer.topK > 0 || taken.size() == 1) return list;
    return Text::tr("taken by %1 experts: %2").arg(QString::number(taken.size()), list);
}

QString tokenText(const RoutingTrace& routing, int evaluation, BranchChoice branch, int layer, int64_t image, int64_t token) {
    if (layer < 0 || layer >= static_cast<int>(routing.layers.size())) return {};
    const MoeLayerDescriptor& moe = routing.layers[static_cast<size_t>(layer)];
    const QString place = tokenPlaceText(routing, layer, branch == BranchChoice::Uncond ? Branch::Uncond : Branch::Cond, image, token);
    if (place.isEmpty()) return {};
    const NetworkPresence networks(routing);
    const auto experts = [&](Branch which) {
        const RoutingRecord* record = routing.find(evaluation, which, layer);
        if (!networks.ran(moe, evaluation, which, image)) {
            const auto network = static_cast<size_t>(moe.network);
            return Text::tr("the network “%1” did not work on this picture here")
                .arg(network < routing.networks.size() ? QString::fromStdString(routing.networks[network]) : QString::number(network));
        }
        return record ? tokenExpertsText(routing, *record, image, token) : QString();
    };
    const QString cond = experts(Branch::Cond), uncond = experts(Branch::Uncond);
    const QString& one = branch == BranchChoice::Uncond ? uncond : cond;
    const bool both = branch == BranchChoice::Difference || branch == BranchChoice::Both;
    if (both && !cond.isEmpty() && !uncond.isEmpty())
        return Text::tr("%1: conditional %2; unconditional %3").arg(place, cond, uncond);
    return one.isEmpty() ? place : Text::tr("%1: %2").arg(place, one);
}

}  // namespace moescope
