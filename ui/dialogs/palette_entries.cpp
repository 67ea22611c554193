// SPDX-License-Identifier: GPL-3.0-or-later
// Entries of the command palette that come from the model, the run and the help pages.
#include "engine/model/class_labels.h"
#include "ui/dialogs/command_palette.h"
#include "ui/session/help_pages.h"

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

std::vector<PaletteEntry> expertEntries(const std::vector<MoeLayerDescriptor>& layers,
                                        const std::function<void(int, int)>& choose) {
    std::vector<PaletteEntry> entries;
    for (int layer = 0; layer < static_cast<int>(layers.size()); ++layer) {
        const MoeLayerDescriptor& about = layers[size_t(layer)];
        for (int expert = 0; expert < about.experts; ++expert)
            entries.push_back({CommandPalette::tr("expert %1 of MoE layer %2 (block %3)").arg(expert).arg(about.moeIndex).arg(about.block),
                               CommandPalette::tr("selects it in every view"), CommandPalette::tr("expert"),
                               [choose, layer, expert] { choose(layer, expert); }});
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
