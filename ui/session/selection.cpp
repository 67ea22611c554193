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

void SelectionModel::setEvaluation(int evaluation) {
    Selection wanted = m_now;
    wanted.evaluation = evaluation;
    set(wanted);
}

void SelectionModel::setImage(int64_t image) {
    Selection wanted = m_now;
    wanted.image = image;
    set(wanted);
}

void SelectionModel::setBranch(BranchChoice branch) {
    Selection wanted = m_now;
    wanted.branch = branch;
    set(wanted);
}

void SelectionModel::setMeasure(LoadMeasure measure) {
    Selection wanted = m_now;
    wanted.measure = measure;
    set(wanted);
}

void SelectionModel::setLayer(int layer) {
    Selection wanted = m_now;
    wanted.layer = layer;
    set(wanted);
}

void SelectionModel::setExpert(int expert) {
    Selection wanted = m_now;
    wanted.expert = expert;
    set(wanted);
}

void SelectionModel::setToken(int64_t token) {
    Selection wanted = m_now;
    wanted.token = token;
    set(wanted);
}

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
