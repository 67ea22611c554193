// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/widgets/dock_title_bar.h"

#include <QDockWidget>
#include <QHBoxLayout>
#include <QLabel>
#include <QMainWindow>
#include <QStyle>
#include <QToolButton>

namespace moescope {

DockTitleBar::DockTitleBar(QDockWidget* dock, QWidget* controls) : QWidget(dock), m_dock(dock) {
    m_title = new QLabel(dock->windowTitle(), this);
    QFont bold = font();
    bold.setBold(true);
    m_title->setFont(bold);
    const auto button = [this](QStyle::StandardPixmap icon, const QString& text) {
        auto* made = new QToolButton(this);
        made->setIcon(style()->standardIcon(icon));
        made->setAutoRaise(true);
        made->setFocusPolicy(Qt::NoFocus);  // the View menu does the same by keyboard
        made->setIconSize(QSize(1, 1) * (fontMetrics().height() * 4 / 5));
        made->setToolTip(text);
        made->setAccessibleName(text);
        return made;
    };
    m_float = button(QStyle::SP_TitleBarNormalButton, tr("Float or dock this panel"));
    auto* close = button(QStyle::SP_TitleBarCloseButton, tr("Close this panel (the View menu brings it back)"));
    connect(m_float, &QToolButton::clicked, this, [this] { m_dock->setFloating(!m_dock->isFloating()); });
    connect(close, &QToolButton::clicked, m_dock, &QDockWidget::close);

    auto* row = new QHBoxLayout(this);
    const int gap = fontMetrics().height() / 4;
    row->setContentsMargins(2 * gap, gap / 2, gap / 2, gap / 2);
    row->setSpacing(gap);
    row->addWidget(m_title);
    if (controls)
        row->addWidget(controls, 1);
    else
        row->addStretch(1);
    row->addWidget(m_float);
    row->addWidget(close);
    connect(dock, &QDockWidget::windowTitleChanged, m_title, &QLabel::setText);
    refresh();
}

void DockTitleBar::refresh() {
    const auto* window = qobject_cast<QMainWindow*>(m_dock->parentWidget());
    const bool shared = window && !m_dock->isFloating() && !window->tabifiedDockWidgets(m_dock).isEmpty();
    m_title->setVisible(!shared);
}

}  // namespace moescope
