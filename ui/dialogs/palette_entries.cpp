// SPDX-License-Identifier: GPL-3.0-or-later
// Entries of the command palette that come from the model, the run and the help pages.
#include "engine/model/class_labels.h"
#include "ui/dialogs/command_palette.h"
#include "ui/session/help_pages.h"
#include "viz/charts/routing_charts.h"

namespace moescope {

std::vector<PaletteEntry> classEntries(const ClassLabels& labels, const std::function<void(int)>& choose) {
    std::vector<PaletteEntry> entries;
    entries.reserve(labels.classes().size());
    for (const ClassLabel& label : labels.classes()) {
        QStringList about{CommandPalette::tr("number %1").arg(label.index)};
        for (const std::string& keyword : label.keywords)
            if (keyword != label.name) about << QString::fromStdString(keyword);
        entries.push_back({QString::fromStdString(label.name), about.join(QStringLiteral(", ")), CommandPalette::tr("class"),
                           [choose, index = label.index] { choose(index); }});
    }
    return entries;
}

std::vector<PaletteEntry> classEntries(int64_t classes, const std::function<void(int)>& choose) {
    std::vector<PaletteEntry> entries;
    for (int index = 0; index < classes; ++index)
        entries.push_back({CommandPalette::tr("class %1").arg(index), CommandPalette::tr("no name is known"),
                           CommandPalette::tr("class"), [choose, index] { choose(index); }});
    return entries;
}

std::vector<PaletteEntry> expertEntries(const RoutingTrace& routing, const std::function<void(int, int)>& choose) {
    std::vector<PaletteEntry> entries;
    for (size_t layer = 0; layer < routing.layers.size(); ++layer) {
        const MoeLayerDescriptor& about = routing.layers[layer];
        const bool networks = about.policy == RoutingPolicy::NetworkMixture;
        for (size_t expert = 0; expert < static_cast<size_t>(about.experts); ++expert) {
            const QString name = networks && expert < routing.networks.size()
                                     ? CommandPalette::tr("network “%1”").arg(QString::fromStdString(routing.networks[expert]))
                                     : CommandPalette::tr("expert %1 of %2").arg(QString::number(expert), layerTitle(routing, layer));
            entries.push_back({name, CommandPalette::tr("selects it in every view"), CommandPalette::tr("expert"),
                               [choose, layer, expert] { choose(static_cast<int>(layer), static_cast<int>(expert)); }});
        }
    }
    return entries;
}

std::vector<PaletteEntry> helpEntries(const std::vector<HelpPage>& pages, const std::function<void(const QString&)>& show) {
    std::vector<PaletteEntry> entries;
    for (const HelpPage& page : pages)
        entries.push_back({page.title, page.summary, CommandPalette::tr("help page"), [show, id = page.id] { show(id); }});
    return entries;
}

}  // namespace moescope
