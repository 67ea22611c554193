// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/session/current_run.h"

#include "viz/aggregate/prompt_words.h"

namespace moescope {

CurrentRun::CurrentRun(SelectionModel& selection, QObject* parent) : QObject(parent), m_selection(selection) {}

void CurrentRun::show(RunViewPtr view) {
    const bool same = m_view && view && m_view->id == view->id;
    const int last = m_view ? static_cast<int>(m_view->evaluations.size()) - 1 : -1;
    const bool follow = !same || m_selection.now().evaluation == last;
    m_view = std::move(view);
    m_selection.fit(m_view.get());
    if (m_view && !m_view->routing->layers.empty()) {
        const LoadMeasure usual = usualMeasure(*m_view->routing);
        if (usual != m_usual) m_selection.setMeasure(usual);
        m_usual = usual;
        const int layer = firstLayerWithWords(*m_view->routing);
        if (layer != m_usualLayer) m_selection.setLayer(layer);
        m_usualLayer = layer;
    }
    if (m_view && follow) m_selection.setEvaluation(static_cast<int>(m_view->evaluations.size()) - 1);
    emit changed(m_view, same);
}

void CurrentRun::update(const RunViewPtr& view) {
    if (m_view && view && m_view->id == view->id) show(view);
}

}  // namespace moescope
