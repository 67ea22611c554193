// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/widgets/filmstrip_view.h"

#include <QHelpEvent>
#include <QKeyEvent>
#include <QMouseEvent>
#include <QToolTip>
#include <QWheelEvent>
#include <algorithm>
#include <cmath>

#include "ui/session/current_run.h"
#include "viz/overlay/filmstrip.h"
#include "viz/overlay/state_picture.h"

namespace moescope {

FilmstripView::FilmstripView(CurrentRun& current, SelectionModel& selection, QWidget* parent)
    : QAbstractSlider(parent), m_current(current), m_selection(selection), m_task([this](Thumbnails made) {
          if (made.run != m_shown.run || made.image != m_shown.image || made.side != m_shown.side) return;
          m_thumbnails.insert(made.pictures);
          update();
      }) {
    setOrientation(Qt::Horizontal);
    setFocusPolicy(Qt::StrongFocus);
    setMouseTracking(true);
    setPageStep(10);
    setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Preferred);
    setAccessibleName(tr("Timeline: evaluation that is shown"));
    connect(&m_current, &CurrentRun::changed, this, [this] { follow(); });
    connect(&m_selection, &SelectionModel::changed, this, [this] { follow(); });
    connect(&m_selection, &SelectionModel::hoverChanged, this, [this](const Hover& hover) {
        if (hover.evaluation == m_hovered) return;
        m_hovered = hover.evaluation;
        update();
    });
    connect(this, &QAbstractSlider::valueChanged, this, [this](int value) {
        if (!m_following && done() > 0) m_selection.setEvaluation(value);
    });
    follow();
}

FilmstripView::~FilmstripView() = default;

int FilmstripView::done() const { return m_current.view() ? static_cast<int>(m_current.view()->evaluations.size()) : 0; }

int FilmstripView::planned() const { return m_current.view() ? std::max(done(), m_current.view()->plannedEvaluations) : 0; }

void FilmstripView::follow() {
    m_following = true;
    setRange(0, std::max(0, done() - 1));
    setValue(std::max(0, m_selection.now().evaluation));
    setAccessibleDescription(done() > 0 ? caption(value()) : tr("No evaluations yet"));
    m_following = false;
    askForThumbnails();
    update();
}

FilmstripView::Bands FilmstripView::bands() const {
    const double line = fontMetrics().height(), gap = std::round(line / 4);
    const double width = this->width();
    const double labels = height() - line;
    const double ticks = labels - std::round(line / 2);
    const double guidance = ticks - std::round(line * 0.95);
    return {QRectF(0, gap, width, std::max(4.0, guidance - 2 * gap)), QRectF(0, guidance, width, ticks - guidance),
            QRectF(0, ticks, width, labels - ticks), QRectF(0, labels, width, line)};
}

QSize FilmstripView::sizeHint() const {
    const int line = fontMetrics().height();
    return {line * 40, line * 7};
}

QSize FilmstripView::minimumSizeHint() const {
    const int line = fontMetrics().height();
    return {line * 12, line * 5};
}

QRectF FilmstripView::slot(int evaluation) const {
    const double width = static_cast<double>(this->width()) / std::max(1, planned());
    return {evaluation * width, 0, width, static_cast<double>(height())};
}

int FilmstripView::evaluationAt(double x) const {
    if (x < 0 || x >= width() || done() == 0) return -1;
    const int evaluation = std::min(planned() - 1, static_cast<int>(x * planned() / width()));
    return evaluation < done() ? evaluation : -1;
}

std::vector<int> FilmstripView::shownFrames() const {
    std::vector<int> shown;
    const double gap = fontMetrics().height() / 4.0;
    double free = 0;
    for (int i = 0; i < planned(); ++i) {
        const QRectF frame = frameRect(i);
        if (frame.left() < free) continue;
        shown.push_back(i);
        free = frame.right() + gap;
    }
    return shown;
}

QRectF FilmstripView::frameRect(int evaluation) const {
    const RunViewPtr& run = m_current.view();
    const QRectF band = bands().pictures;
    QSizeF size(1, 1);
    if (run && run->previewHeight > 0 && run->previewWidth > 0) size = QSizeF(run->previewWidth, run->previewHeight);
    size.scale(band.size(), Qt::KeepAspectRatio);
    constexpr double border = 3;  // of the chosen one
    const double last = std::max(border, width() - size.width() - border);
    const double left = std::clamp(slot(evaluation).center().x() - size.width() / 2, border, last);
    return {std::round(left), std::round(band.top()), std::round(size.width()), std::round(size.height())};
}

void FilmstripView::askForThumbnails() {
    const RunViewPtr run = m_current.view();
    const Thumbnails wanted{run ? run->id : 0, m_selection.now().image,
                            static_cast<int>(std::lround(bands().pictures.height() * devicePixelRatioF())), {}};
    if (wanted.run != m_shown.run || wanted.image != m_shown.image || wanted.side != m_shown.side) {
        m_shown = wanted;
        m_thumbnails.clear();
    }
    if (!run) return;
    std::vector<int> missing;
    for (int i = 0; i < done(); ++i)
        if (!m_thumbnails.contains(i)) missing.push_back(i);
    if (missing.empty()) return;
    m_task.submit([run, wanted, missing = std::move(missing)] {
        Thumbnails made = wanted;
        const StateLayout layout = stateLayout(*run);
        for (const int i : missing) {
            const QImage preview = previewImage(*run->evaluations[static_cast<size_t>(i)], layout, wanted.image);
            if (preview.isNull()) continue;
            // Larger than the preview: pixels repeat; smaller: averaged.
            const bool grow = preview.height() < wanted.side;
            made.pictures.insert(i, grow ? preview : preview.scaledToHeight(std::max(1, wanted.side), Qt::SmoothTransformation));
        }
        return made;
    });
}

double FilmstripView::noiseAt(int evaluation) const {
    const RunView& run = *m_current.view();
    if (evaluation < done()) return static_cast<double>(run.evaluations[static_cast<size_t>(evaluation)]->info.noiseLevel);
    const auto& times = run.parameters.nfe;  // known for what is still to come where the run says so
    return times.size() == static_cast<size_t>(planned()) ? 1 - times[static_cast<size_t>(evaluation)] : -1;
}

QString FilmstripView::caption(int evaluation) const {
    if (evaluation < 0 || evaluation >= done()) return {};
    const EvaluationInfo& info = m_current.view()->evaluations[static_cast<size_t>(evaluation)]->info;
    const QString step = info.stage > 0 ? tr("step %1 (second evaluation)").arg(info.step + 1) : tr("step %1").arg(info.step + 1);
    const QString guidance = guidanceText(info);
    return tr("evaluation %1 of %2, %3, noise %4, %5")
        .arg(evaluation + 1)
        .arg(planned())
        .arg(step, noiseText(info), guidance.isEmpty() ? tr("no guidance") : guidance);
}

bool FilmstripView::event(QEvent* event) {
    if (event->type() == QEvent::ShortcutOverride) {  // these keys are the slider's, whatever the window does with them
        const auto* key = static_cast<QKeyEvent*>(event);
        switch (key->key()) {
            case Qt::Key_Left:
            case Qt::Key_Right:
            case Qt::Key_Home:
            case Qt::Key_End:
            case Qt::Key_Space:
                if ((key->modifiers() & ~Qt::KeypadModifier) != Qt::NoModifier) break;
                event->accept();
                return true;
            default: break;
        }
    }
    if (event->type() == QEvent::ToolTip) {
        const auto* help = static_cast<QHelpEvent*>(event);
        const QString text = caption(evaluationAt(help->pos().x()));
        if (text.isEmpty()) QToolTip::hideText();
        else QToolTip::showText(help->globalPos(), text, this);
        return true;
    }
    return QAbstractSlider::event(event);
}

void FilmstripView::keyPressEvent(QKeyEvent* event) {
    if (event->modifiers() & ~Qt::KeypadModifier) return QWidget::keyPressEvent(event);
    switch (event->key()) {
        case Qt::Key_Left: triggerAction(SliderSingleStepSub); break;
        case Qt::Key_Right: triggerAction(SliderSingleStepAdd); break;
        case Qt::Key_PageUp: triggerAction(SliderPageStepSub); break;
        case Qt::Key_PageDown: triggerAction(SliderPageStepAdd); break;
        case Qt::Key_Home: triggerAction(SliderToMinimum); break;
        case Qt::Key_End: triggerAction(SliderToMaximum); break;
        case Qt::Key_Space: emit playToggled(); break;
        default: QWidget::keyPressEvent(event);  // up and down choose layers elsewhere
    }
}

void FilmstripView::scrubTo(double x) {
    if (done() == 0 || width() <= 0) return;
    const auto place = static_cast<int>(std::floor(x * planned() / width()));
    setValue(std::clamp(place, 0, done() - 1));
}

void FilmstripView::mousePressEvent(QMouseEvent* event) {
    if (event->button() != Qt::LeftButton) return QWidget::mousePressEvent(event);
    setSliderDown(true);
    scrubTo(event->position().x());
}

void FilmstripView::mouseMoveEvent(QMouseEvent* event) {
    if (event->buttons() & Qt::LeftButton) scrubTo(event->position().x());
    pointAt(evaluationAt(event->position().x()));
}

void FilmstripView::mouseReleaseEvent(QMouseEvent* event) {
    if (event->button() == Qt::LeftButton) setSliderDown(false);
}

void FilmstripView::leaveEvent(QEvent*) { pointAt(-1); }

void FilmstripView::pointAt(int evaluation) {
    if (evaluation == m_hovered) return;
    Hover hover;
    hover.evaluation = evaluation;
    m_selection.setHover(hover);
}

void FilmstripView::wheelEvent(QWheelEvent* event) {
    const QPoint angle = event->angleDelta();
    m_wheel += std::abs(angle.x()) > std::abs(angle.y()) ? -angle.x() : angle.y();
    for (; m_wheel >= 120; m_wheel -= 120) triggerAction(SliderSingleStepAdd);
    for (; m_wheel <= -120; m_wheel += 120) triggerAction(SliderSingleStepSub);
    event->accept();
}

void FilmstripView::sliderChange(SliderChange change) {
    QAbstractSlider::sliderChange(change);
    update();
}

void FilmstripView::resizeEvent(QResizeEvent*) { askForThumbnails(); }

}  // namespace moescope
