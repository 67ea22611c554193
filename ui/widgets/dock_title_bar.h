// SPDX-License-Identifier: GPL-3.0-or-later
// A dock's title bar that also carries the dock's own controls, so that every panel spends one row on both.
#pragma once

#include <QWidget>

class QDockWidget;
class QHBoxLayout;
class QLabel;
class QToolButton;

namespace moescope {

class DockTitleBar : public QWidget {
    Q_OBJECT
public:
    /// `controls` may be null; it becomes a child.
    DockTitleBar(QDockWidget* dock, QWidget* controls);

    /// The name stands on the tab while docks share a place, and here otherwise.
    void refresh();

private:
    QDockWidget* m_dock;
    QLabel* m_title;
    QToolButton* m_float;
};

}  // namespace moescope
