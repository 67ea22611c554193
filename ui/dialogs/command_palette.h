// SPDX-License-Identifier: GPL-3.0-or-later
// One line that finds every command, class, expert and help page.
#pragma once

#include <QDialog>
#include <functional>
#include <vector>

#include "engine/trace/routing_trace.h"
#include "ui/menu_actions.h"
#include "ui/models/palette_model.h"

class QLabel;
class QLineEdit;
class QListView;

namespace moescope {

class ClassLabels;
struct HelpPage;

/// Opens over its parent; providers are asked each time, so that entries are those of the moment. Closes on Esc, on a choice, and
/// when another window becomes active. The chosen entry runs after it is closed.
class CommandPalette : public QDialog {
    Q_OBJECT
public:
    explicit CommandPalette(QWidget* parent = nullptr);

    /// In the order in which kinds stand while nothing is typed.
    void addProvider(PaletteProvider provider);
    void openWith(const QString& query = {});

protected:
    bool eventFilter(QObject* watched, QEvent* event) override;
    bool event(QEvent* event) override;

private:
    void search(const QString& query);
    void runCurrent();
    void say();
    void place();

    std::vector<PaletteProvider> m_providers;
    QLineEdit* m_line = nullptr;
    QListView* m_list = nullptr;
    QLabel* m_hint = nullptr;
    PaletteModel* m_model = nullptr;
    QStringList m_recent;
};

/// Commands; what is greyed in the menus is said to be so.
std::vector<PaletteEntry> commandEntries(const std::vector<MenuAction>& actions);
/// Classes by name, with number and keywords.
std::vector<PaletteEntry> classEntries(const ClassLabels& labels, const std::function<void(int classId)>& choose);
/// Classes of a model whose classes have no names here: "class 0" ...
std::vector<PaletteEntry> classEntries(int64_t classes, const std::function<void(int classId)>& choose);
/// Experts of all layers: "expert 5 of MoE layer 2 (block 5)".
std::vector<PaletteEntry> expertEntries(const RoutingTrace& routing, const std::function<void(int, int)>& choose);
std::vector<PaletteEntry> helpEntries(const std::vector<HelpPage>& pages, const std::function<void(const QString& id)>& show);

}  // namespace moescope
