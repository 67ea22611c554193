// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/docks/timeline_dock.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QToolButton>
#include <QVBoxLayout>

#include "ui/icons.h"
#include "ui/session/current_run.h"
#include "ui/widgets/elided_label.h"
#include "ui/widgets/filmstrip_view.h"

namespace moescope {

TimelineDock::TimelineDock(CurrentRun& current, SelectionModel& selection, QWidget* parent) : QWidget(parent), m_selection(selection) {
    setObjectName(QStringLiteral("timeline"));
    m_strip = new FilmstripView(current, selection, this);
    const auto button = [&](const char* icon, const QString& name, const QString& tip) {
        auto* made = new QToolButton(this);
        made->setAutoRaise(true);
        made->setIcon(themedIcon(QString::fromLatin1(icon)));
        made->setAccessibleName(name);
        made->setToolTip(tip);
        return made;
    };
    auto* first = button("first", tr("First evaluation"), tr("Shows the first evaluation: noise only (Home)"));
    m_play = button("play", tr("Play"), tr("Plays the evaluations from noise to picture (Space)"));
    auto* last = button("last", tr("Last evaluation"), tr("Shows the newest evaluation (End)"));
    m_play->setObjectName(QStringLiteral("play"));
    m_caption = new ElidedLabel(this);
    m_caption->setObjectName(QStringLiteral("timelineCaption"));
    m_caption->setAccessibleName(tr("Evaluation that is shown"));
    m_caption->setToolTip(tr("An evaluation is one pass of the network (NFE). Heun makes two in a step; noise is the share of noise in what "
                             "the network sees; guidance is the scale of classifier-free guidance (CFG)."));

    m_controls = new QWidget(this);
    auto* row = new QHBoxLayout(m_controls);
    row->setContentsMargins(0, 0, 0, 0);
    row->setSpacing(0);
    row->addWidget(first);
    row->addWidget(m_play);
    row->addWidget(last);
    row->addSpacing(fontMetrics().height() / 2);
    row->addWidget(m_caption, 1);
    auto* column = new QVBoxLayout(this);
    const int margin = fontMetrics().height() / 3;
    column->setContentsMargins(margin, 0, margin, margin / 2);
    column->setSpacing(0);
    column->addWidget(m_controls);
    column->addWidget(m_strip, 1);
    setFocusProxy(m_strip);

    connect(first, &QToolButton::clicked, this, &TimelineDock::toFirst);
    connect(last, &QToolButton::clicked, this, &TimelineDock::toLast);
    connect(m_play, &QToolButton::clicked, this, &TimelineDock::togglePlay);
    connect(m_strip, &FilmstripView::playToggled, this, &TimelineDock::togglePlay);
    connect(&current, &CurrentRun::changed, this, [this](const RunViewPtr&, bool sameRun) {
        if (!sameRun) setPlaying(false);
        updateCaption();
    });
    connect(&selection, &SelectionModel::changed, this, [this] { updateCaption(); });
    m_timer.setInterval(100);
    connect(&m_timer, &QTimer::timeout, this, &TimelineDock::advance);
    updateCaption();
}

void TimelineDock::setPlaying(bool playing) {
    if (playing == m_timer.isActive()) return;
    if (playing) m_timer.start();
    else m_timer.stop();
    m_play->setIcon(themedIcon(playing ? QStringLiteral("pause") : QStringLiteral("play")));
    m_play->setAccessibleName(playing ? tr("Pause") : tr("Play"));
    emit playingChanged(playing);
}

void TimelineDock::togglePlay() {
    if (playing()) return setPlaying(false);
    if (m_strip->done() < 2) return;
    if (m_selection.now().evaluation >= m_strip->done() - 1) m_selection.setEvaluation(0);
    setPlaying(true);
}

void TimelineDock::advance() {
    m_selection.setEvaluation(m_selection.now().evaluation + 1);
    if (m_selection.now().evaluation >= m_strip->done() - 1) setPlaying(false);
}

void TimelineDock::toFirst() { m_selection.setEvaluation(0); }
void TimelineDock::toLast() { m_selection.setEvaluation(m_strip->done() - 1); }
void TimelineDock::toPrevious() { m_selection.setEvaluation(m_selection.now().evaluation - 1); }
void TimelineDock::toNext() { m_selection.setEvaluation(m_selection.now().evaluation + 1); }

void TimelineDock::updateCaption() {
    const QString text = m_strip->caption(m_selection.now().evaluation);
    m_caption->setText(!text.isEmpty() ? text : m_strip->planned() > 0 ? tr("waiting for evaluation 1 of %1").arg(m_strip->planned()) : QString());
}

}  // namespace moescope
