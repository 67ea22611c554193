// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/session/selection.h"

#include <algorithm>

#include "ui/session/run_view.h"

namespace moescope {

SelectionModel::SelectionModel(QObject* parent) : QObject(parent) {}

Selection SelectionModel::clamped(Selection wanted) const {
    wanted.evaluation = std::clamp(wanted.evaluation, m_limits.evaluations > 0 ? 0 : -1, m_limits.evaluations - 1);
    wanted.image = std::clamp<int64_t>(wanted.image, 0, std::max<int64_t>(0, m_limits.images - 1));
    const int layers = static_cast<int>(m_limits.experts.size());
    wanted.layer = std::clamp(wanted.layer, 0, std::max(0, layers - 1));
    const bool known = wanted.layer < layers;
    if (!known || wanted.expert < 0 || wanted.expert >= m_limits.experts[static_cast<size_t>(wanted.layer)]) wanted.expert = -1;
    if (!known || wanted.token < 0 || wanted.token >= m_limits.tokens[static_cast<size_t>(wanted.layer)]) wanted.token = -1;
    return wanted;
}

void SelectionModel::set(Selection wanted) {
    wanted = clamped(wanted);
    if (wanted == m_now) return;
    const Selection before = m_now;
    m_now = wanted;
    emit changed(m_now, before);
}

/// Everything as it is but one field.
template <class Field, class Value>
void SelectionModel::setField(Field Selection::*field, Value value) {
    Selection wanted = m_now;
    wanted.*field = value;
    set(wanted);
}

void SelectionModel::setEvaluation(int evaluation) { setField(&Selection::evaluation, evaluation); }
void SelectionModel::setImage(int64_t image) { setField(&Selection::image, image); }
void SelectionModel::setBranch(BranchChoice branch) { setField(&Selection::branch, branch); }
void SelectionModel::setMeasure(LoadMeasure measure) { setField(&Selection::measure, measure); }
void SelectionModel::setLayer(int layer) { setField(&Selection::layer, layer); }
void SelectionModel::setExpert(int expert) { setField(&Selection::expert, expert); }
void SelectionModel::setToken(int64_t token) { setField(&Selection::token, token); }

void SelectionModel::clear() {
    Selection wanted = m_now;
    wanted.expert = -1;
    wanted.token = -1;
    set(wanted);
}

void SelectionModel::setHover(Hover hover) {
    if (hover == m_hover) return;
    m_hover = hover;
    emit hoverChanged(m_hover);
}

void SelectionModel::fit(const RunView* run) {
    m_limits = {};
    if (run) {
        m_limits.evaluations = static_cast<int>(run->evaluations.size());
        m_limits.images = run->images;
        for (const MoeLayerDescriptor& layer : run->routing->layers) {
            m_limits.experts.push_back(layer.experts);
            m_limits.tokens.push_back(layer.tokensPerSample());
        }
    }
    set(m_now);
}

}  // namespace moescope
