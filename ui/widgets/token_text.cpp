// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/widgets/token_text.h"

#include <QCoreApplication>
#include <QLocale>
#include <QStringList>
#include <algorithm>
#include <vector>

#include "viz/aggregate/token_map.h"

namespace moescope {
namespace {

struct Text {
    Q_DECLARE_TR_FUNCTIONS(TokenText)
};

}  // namespace

QString moeLayerText(const RoutingTrace& routing, int layer) {
    if (layer < 0 || layer >= static_cast<int>(routing.layers.size())) return {};
    const MoeLayerDescriptor& moe = routing.layers[static_cast<size_t>(layer)];
    const QString text = Text::tr("MoE layer %1 (block %2)").arg(moe.moeIndex).arg(moe.block);
    const auto network = static_cast<size_t>(moe.network);
    if (routing.networks.size() < 2 || network >= routing.networks.size()) return text;
    return Text::tr("%1, %2").arg(QString::fromStdString(routing.networks[network]), text);
}

QString tokenPlaceText(const MoeLayerDescriptor& layer, int64_t token) {
    const std::vector<TokenPlace> places = tokenPlaces(layer);
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
    }
    return same > 1 ? Text::tr("%1 %2").arg(name).arg(place.numberInGroup + 1) : name;
}

QString tokenExpertsText(const MoeLayerDescriptor& layer, const RoutingRecord& record, int64_t image, int64_t token) {
    const auto row = static_cast<size_t>(image * layer.tokensPerSample() + token);
    if (image < 0 || token < 0 || record.rowPtr.size() < row + 2) return {};
    const size_t end = std::min<size_t>(record.rowPtr[row + 1], std::min(record.expert.size(), record.gate.size()));
    std::vector<std::pair<float, int>> taken;  // minus the weight, so that the largest comes first and the smaller number of equals
    for (size_t pair = record.rowPtr[row]; pair < end; ++pair) taken.emplace_back(-record.gate[pair], record.expert[pair]);
    if (taken.empty()) return Text::tr("no expert took it");
    std::sort(taken.begin(), taken.end());
    constexpr size_t most = 4;
    QStringList texts;
    for (size_t i = 0; i < std::min(most, taken.size()); ++i)
        texts << Text::tr("expert %1 (%2)").arg(taken[i].second).arg(QLocale().toString(static_cast<double>(-taken[i].first), 'g', 3));
    if (taken.size() > most) texts << Text::tr("%1 more").arg(taken.size() - most);
    return texts.join(Text::tr(", "));
}

QString tokenText(const RoutingTrace& routing, int evaluation, BranchChoice branch, int layer, int64_t image, int64_t token) {
    if (layer < 0 || layer >= static_cast<int>(routing.layers.size())) return {};
    const MoeLayerDescriptor& moe = routing.layers[static_cast<size_t>(layer)];
    const QString place = tokenPlaceText(moe, token);
    if (place.isEmpty()) return {};
    const auto experts = [&](Branch which) {
        const RoutingRecord* record = routing.find(evaluation, which, layer);
        return record ? tokenExpertsText(moe, *record, image, token) : QString();
    };
    const QString cond = experts(Branch::Cond), uncond = experts(Branch::Uncond);
    const QString& one = branch == BranchChoice::Uncond ? uncond : cond;
    const bool both = branch == BranchChoice::Difference || branch == BranchChoice::Both;
    if (both && !cond.isEmpty() && !uncond.isEmpty())
        return Text::tr("%1: conditional %2; unconditional %3").arg(place, cond, uncond);
    return one.isEmpty() ? place : Text::tr("%1: %2").arg(place, one);
}

}  // namespace moescope
