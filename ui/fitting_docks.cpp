// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/fitting_docks.h"

#include <QDockWidget>

namespace moescope {

FittingDocks::FittingDocks(CurrentRun& current, QObject* parent) : QObject(parent), m_current(current) {
    connect(&m_current, &CurrentRun::changed, this, &FittingDocks::follow);
}

void FittingDocks::add(const ChartKind& kind, QDockWidget* dock) {
    if (!kind.concerns) return;
    m_docks.push_back({&kind, dock});
}

bool FittingDocks::concerned(const ChartKind& kind) const {
    return m_current.view() && kind.concerns(*m_current.view()->routing);
}

void FittingDocks::apply() {
    for (Fitted& fitted : m_docks) {
        fitted.concerned = concerned(*fitted.kind);
        fitted.dock->setVisible(fitted.concerned);
    }
}

void FittingDocks::hold(bool held) {
    m_held = held;
    follow();
}

void FittingDocks::follow() {
    if (m_held) return;
    for (Fitted& fitted : m_docks) {
        const bool now = concerned(*fitted.kind);
        if (now == fitted.concerned) continue;
        fitted.concerned = now;
        fitted.dock->setVisible(now);
    }
}

}  // namespace moescope
