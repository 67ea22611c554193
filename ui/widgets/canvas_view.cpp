// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/widgets/canvas_view.h"

#include <QClipboard>
#include <QGuiApplication>
#include <QHBoxLayout>
#include <QKeyEvent>
#include <QLabel>
#include <QPainter>
#include <QPushButton>
#include <QScrollArea>
#include <QScrollBar>
#include <QStackedWidget>
#include <QToolButton>
#include <QVBoxLayout>
#include <algorithm>
#include <cmath>

#include "ui/icons.h"
#include "ui/session/current_run.h"
#include "ui/widgets/elided_label.h"
#include "ui/widgets/overlay_legend.h"
#include "ui/widgets/picture_area.h"
#include "ui/widgets/preview_cache.h"
#include "viz/overlay/state_picture.h"

namespace moescope {

CanvasView::CanvasView(CurrentRun& current, SelectionModel& selection, QWidget* parent)
    : QWidget(parent), m_current(current), m_selection(selection), m_previews(std::make_shared<PreviewCache>()),
      m_task([this](CanvasFramePtr frame) { display(std::move(frame)); }) {
    setObjectName(QStringLiteral("canvas"));
    m_area = new PictureArea(this);
    m_area->setAccessibleName(tr("Picture"));
    m_legend = new OverlayLegend(this);
    m_legendScroll = new QScrollArea(this);
    m_legendScroll->setWidget(m_legend);
    m_legendScroll->setWidgetResizable(true);
    m_legendScroll->setFrameShape(QFrame::NoFrame);
    m_legendScroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    m_legendScroll->setFixedWidth(m_legend->sizeHint().width() + m_legendScroll->verticalScrollBar()->sizeHint().width());
    m_legendScroll->setFocusPolicy(Qt::NoFocus);
    m_legendScroll->hide();
    m_banner = new QLabel(this);
    m_banner->setWordWrap(true);
    m_banner->setTextInteractionFlags(Qt::TextSelectableByMouse);
    m_banner->setFrameShape(QFrame::StyledPanel);
    m_banner->setMargin(fontMetrics().height() / 3);
    m_banner->setAccessibleName(tr("How the run ended"));
    m_banner->hide();

    auto* picture = new QWidget(this);
    auto* beside = new QHBoxLayout(picture);
    beside->setContentsMargins(0, 0, 0, 0);
    beside->setSpacing(fontMetrics().height() / 2);
    beside->addWidget(m_area, 1);
    beside->addWidget(m_legendScroll);
    m_pages = new QStackedWidget(this);
    m_pages->addWidget(makeEmptyPage());
    m_pages->addWidget(picture);
    m_statusRow = makeStatusRow();
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(fontMetrics().height() / 4);
    column->addWidget(m_banner);
    column->addWidget(m_pages, 1);
    column->addWidget(m_statusRow);
    setFocusProxy(m_area);

    connect(&m_current, &CurrentRun::changed, this, [this] { refresh(); });
    connect(&m_selection, &SelectionModel::changed, this, &CanvasView::selectionChanged);
    connect(&m_selection, &SelectionModel::hoverChanged, m_area, &PictureArea::setHover);
    connect(m_area, &PictureArea::pictureClicked, this, &CanvasView::picked);
    connect(m_area, &PictureArea::pictureDoubleClicked, this, &CanvasView::toggleAll);
    connect(m_area, &PictureArea::tokenHovered, this, &CanvasView::pointed);
    connect(m_area, &PictureArea::zoomChanged, this, [this] {
        updateState();
        emit zoomChanged();
    });
    connect(m_legend, &OverlayLegend::expertClicked, &m_selection, &SelectionModel::setExpert);
    connect(m_legend, &OverlayLegend::expertHovered, this, [this](int expert) {
        m_hoverToken = -1;
        const Selection& now = m_selection.now();
        m_selection.setHover(expert < 0 ? Hover{} : Hover{now.evaluation, now.layer, expert, -1});
        updateReadout();
    });
    connect(m_legend, &OverlayLegend::outsideClicked, this, [this](qint64 token) { picked(m_selection.now().image, token); });
    connect(m_legend, &OverlayLegend::outsideHovered, this, [this](qint64 token) { pointed(m_selection.now().image, token); });
    m_area->setLook(m_settings.opacity, m_settings.grid);
    refresh();
}

CanvasView::~CanvasView() = default;

QWidget* CanvasView::makeEmptyPage() {
    auto* page = new QWidget(this);
    auto* words = new QLabel(tr("No picture yet.\nWrite what you would like to see and generate it, or open a saved run."), page);
    words->setAlignment(Qt::AlignCenter);
    words->setWordWrap(true);
    auto* generate = new QPushButton(themedIcon(QStringLiteral("generate")), tr("&Generate a picture"), page);
    generate->setObjectName(QStringLiteral("emptyGenerate"));
    generate->setToolTip(tr("Makes pictures with the settings of the Generate panel"));
    auto* open = new QPushButton(themedIcon(QStringLiteral("open")), tr("&Open a saved run..."), page);
    open->setObjectName(QStringLiteral("emptyOpen"));
    open->setToolTip(tr("Opens a session file (*.moescope)"));
    connect(generate, &QPushButton::clicked, this, &CanvasView::generateRequested);
    connect(open, &QPushButton::clicked, this, &CanvasView::openRequested);
    auto* buttons = new QHBoxLayout;
    buttons->addStretch();
    buttons->addWidget(generate);
    buttons->addWidget(open);
    buttons->addStretch();
    auto* column = new QVBoxLayout(page);
    column->addStretch();
    column->addWidget(words);
    column->addSpacing(fontMetrics().height());
    column->addLayout(buttons);
    column->addStretch();
    return page;
}

QWidget* CanvasView::makeStatusRow() {
    auto* row = new QWidget(this);
    auto* layout = new QHBoxLayout(row);
    layout->setContentsMargins(0, 0, 0, 0);
    m_readout = new ElidedLabel(row);
    m_readout->setObjectName(QStringLiteral("canvasReadout"));
    m_readout->setAccessibleName(tr("Token under the pointer"));
    m_state = new QLabel(row);
    m_state->setObjectName(QStringLiteral("canvasState"));
    m_state->setAccessibleName(tr("What is shown and how large"));
    layout->addWidget(m_readout, 1);
    layout->addWidget(m_state);
    const auto button = [&](const char* icon, const QString& name, const QString& tip) {
        auto* made = new QToolButton(row);
        made->setIcon(themedIcon(QString::fromLatin1(icon)));
        made->setAutoRaise(true);
        made->setAccessibleName(name);
        made->setToolTip(tip);
        layout->addWidget(made);
        return made;
    };
    m_allButton = new QToolButton(row);
    m_allButton->setAutoRaise(true);
    m_allButton->setCheckable(true);
    m_allButton->setText(tr("All"));
    m_allButton->setAccessibleName(tr("Show all pictures"));
    m_allButton->setToolTip(tr("Shows every picture of the batch side by side, or only the chosen one (Enter)"));
    layout->addWidget(m_allButton);
    connect(m_allButton, &QToolButton::clicked, this, &CanvasView::toggleAll);
    connect(button("zoom-fit", tr("Fit"), tr("As large as there is room; small pictures in whole factors (Ctrl+0)")), &QToolButton::clicked, this,
            &CanvasView::zoomFit);
    connect(button("zoom-one", tr("Original size"), tr("One pixel of the picture is one pixel of the screen (Z)")), &QToolButton::clicked,
            this, &CanvasView::zoomOne);
    return row;
}

const CanvasFramePtr& CanvasView::frame() const { return m_area->frame(); }

void CanvasView::setSettings(const CanvasSettings& settings) {
    if (settings == m_settings) return;
    const CanvasSettings before = std::exchange(m_settings, settings);
    m_settings.opacity = std::clamp(m_settings.opacity, 0.0, 1.0);
    m_area->setLook(m_settings.opacity, m_settings.grid);
    if (before.picture != m_settings.picture || before.overlay != m_settings.overlay || before.all != m_settings.all) refresh();
    emit settingsChanged(m_settings);
}

void CanvasView::refresh() {
    const RunViewPtr& run = m_current.view();
    m_pages->setCurrentIndex(run ? 1 : 0);
    m_statusRow->setVisible(run != nullptr);
    m_area->setSelection(m_selection.now());
    m_legend->setSelection(m_selection.now());
    if (!run) {
        display(nullptr);
        return;
    }
    m_area->setWaitingText(run->going() ? tr("Waiting for the first evaluation") : tr("Nothing was finished"));
    m_allButton->setVisible(run->images > 1);
    m_allButton->setChecked(m_settings.all);
    updateBanner();
    m_task.submit([run, selection = m_selection.now(), settings = m_settings, previews = m_previews] {
        return makeCanvasFrame(run, selection, settings, *previews);
    });
}

void CanvasView::display(CanvasFramePtr frame) {
    const RunViewPtr& run = m_current.view();
    if (frame && (!run || frame->run->id != run->id)) return;  // another run is shown by now
    m_area->setFrame(frame);
    m_legend->setFrame(frame);
    m_legendScroll->setVisible(frame && !m_legend->empty());
    if (!frame) m_banner->hide();
    m_area->setSelection(m_selection.now());
    updateWalking();
    updateState();
    updateReadout();
    emit frameShown();
}

void CanvasView::selectionChanged(const Selection& now, const Selection& before) {
    Selection marksOnly = before;
    marksOnly.token = now.token;
    if (m_settings.overlay != OverlayKind::OneExpert) marksOnly.expert = now.expert;
    marksOnly.measure = now.measure;
    if (m_settings.all) marksOnly.image = now.image;
    m_area->setSelection(now);
    m_legend->setSelection(now);
    if (now.token >= 0 && now.token != before.token) m_area->makeVisible(now.image, now.token);
    // What only moves the marks needs no new pictures, but the frame tells which picture is chosen.
    if (marksOnly == now && now.image == before.image) updateReadout();
    else refresh();
}

int CanvasView::dominantOf(int64_t image, int64_t token) const {
    const CanvasFramePtr& frame = m_area->frame();
    if (!frame || !frame->layer() || token < 0) return -1;
    const Branch branch = frame->selection.branch == BranchChoice::Uncond ? Branch::Uncond : Branch::Cond;
    const RoutingRecord* record = frame->run->routing->find(frame->selection.evaluation, branch, frame->selection.layer);
    const auto row = static_cast<size_t>(image * frame->layer()->tokensPerSample() + token);
    if (!record || record->rowPtr.size() < row + 2) return -1;
    const size_t end = std::min<size_t>(record->rowPtr[row + 1], std::min(record->expert.size(), record->gate.size()));
    int best = -1;
    float weight = 0;
    for (size_t pair = record->rowPtr[row]; pair < end; ++pair)
        if (best < 0 || record->gate[pair] > weight) {
            best = record->expert[pair];
            weight = record->gate[pair];
        }
    return best;
}

void CanvasView::picked(int64_t image, int64_t token) {
    m_area->setFocus(Qt::MouseFocusReason);
    Selection wanted = m_selection.now();
    wanted.image = image;
    if (token >= 0) {
        wanted.token = token;
        wanted.expert = dominantOf(image, token);
        // The weights of one expert are looked at: a token without any must not end that.
        if (wanted.expert < 0 || m_settings.overlay == OverlayKind::OneExpert) wanted.expert = m_selection.now().expert;
    }
    m_selection.set(wanted);
}

void CanvasView::pointed(int64_t image, int64_t token) {
    m_hoverImage = image;
    m_hoverToken = token;
    const Selection& now = m_selection.now();
    m_selection.setHover(token < 0 ? Hover{} : Hover{now.evaluation, now.layer, dominantOf(image, token), token});
    updateReadout();
}

void CanvasView::updateWalking() {
    const CanvasFramePtr& frame = m_area->frame();
    m_area->setTakesArrows(frame && (m_area->grid().rows > 0 || (m_settings.all && frame->pictures.size() > 1)));
}

bool CanvasView::walk(int dx, int dy) {
    const CanvasFramePtr& frame = m_area->frame();
    if (!frame) return false;
    const TokenGrid& grid = m_area->grid();
    const Selection now = m_selection.now();
    if (m_settings.all && frame->pictures.size() > 1) {
        const int64_t to = now.image + dx + dy * m_area->columns();
        if (to >= 0 && to < static_cast<int64_t>(frame->pictures.size())) m_selection.setImage(to);
        return true;
    }
    if (grid.rows <= 0) return false;
    const auto found = std::find(grid.tokens.begin(), grid.tokens.end(), now.token);
    if (found == grid.tokens.end()) {
        picked(now.image, grid.at(0, 0));
        return true;
    }
    const int64_t place = found - grid.tokens.begin();
    const int64_t row = std::clamp<int64_t>(place / grid.columns + dy, 0, grid.rows - 1);
    const int64_t column = std::clamp<int64_t>(place % grid.columns + dx, 0, grid.columns - 1);
    picked(now.image, grid.at(row, column));
    return true;
}

void CanvasView::keyPressEvent(QKeyEvent* event) {
    const auto modifiers = event->modifiers() & ~(Qt::KeypadModifier | Qt::ShiftModifier);
    bool taken = true;
    if (event->matches(QKeySequence::Copy)) copyPicture();
    else if (modifiers == Qt::ControlModifier && (event->key() == Qt::Key_Plus || event->key() == Qt::Key_Equal)) zoomIn();
    else if (modifiers == Qt::ControlModifier && event->key() == Qt::Key_Minus) zoomOut();
    else if (modifiers == Qt::ControlModifier && event->key() == Qt::Key_0) zoomFit();
    else if (modifiers != Qt::NoModifier) taken = false;
    else if (event->key() == Qt::Key_Z) zoomOne();
    else if (event->key() == Qt::Key_Return || event->key() == Qt::Key_Enter) toggleAll();
    else if (event->key() == Qt::Key_Left) taken = walk(-1, 0);
    else if (event->key() == Qt::Key_Right) taken = walk(1, 0);
    else if (event->key() == Qt::Key_Up) taken = walk(0, -1);
    else if (event->key() == Qt::Key_Down) taken = walk(0, 1);
    else taken = false;
    if (!taken) QWidget::keyPressEvent(event);
}

void CanvasView::zoomIn() { m_area->zoomStep(1); }
void CanvasView::zoomOut() { m_area->zoomStep(-1); }
void CanvasView::zoomFit() { m_area->zoomFit(); }
void CanvasView::zoomOne() { m_area->zoomOne(); }

void CanvasView::toggleAll() {
    const RunViewPtr& run = m_current.view();
    if (!run || run->images < 2) return;
    CanvasSettings wanted = m_settings;
    wanted.all = !wanted.all;
    setSettings(wanted);
    m_area->zoomFit();
}

QImage CanvasView::pictureImage(int factor, bool withOverlay) const {
    const CanvasFramePtr& frame = m_area->frame();
    const CanvasPicture* chosen = frame ? frame->chosen() : nullptr;
    if (!chosen || chosen->picture.isNull()) return {};
    const QSize size = frame->size * std::max(1, factor);
    const bool whole = size.width() % chosen->picture.width() == 0 && size.height() % chosen->picture.height() == 0;
    QImage image = chosen->picture.scaled(size, Qt::IgnoreAspectRatio, whole ? Qt::FastTransformation : Qt::SmoothTransformation)
                       .convertToFormat(QImage::Format_RGB32);
    if (!withOverlay || !chosen->overlay || chosen->overlay->empty()) return image;
    QPainter painter(&image);
    // Hatching keeps its size relative to the tokens.
    const double scale = std::max(1.0, size.width() / static_cast<double>(chosen->overlay->width()) / 24);
    painter.scale(scale, scale);
    paintOverlay(painter, QRectF(QPointF(), QSizeF(size) / scale), *chosen->overlay, m_settings.opacity, m_settings.grid);
    return image;
}

int CanvasView::shownFactor() const { return std::max(1, static_cast<int>(m_area->zoom())); }

void CanvasView::takeDecoded(RunId run, int evaluation, int64_t image, const Picture& picture) {
    m_previews->put(run, evaluation, image, imageOf(picture));
    refresh();
}

void CanvasView::copyPicture(int factor, bool withOverlay) {
    const QImage image = pictureImage(factor, withOverlay);
    if (!image.isNull()) QGuiApplication::clipboard()->setImage(image);
}

void CanvasView::changeEvent(QEvent* event) {
    QWidget::changeEvent(event);
    if (event->type() == QEvent::FontChange && m_legendScroll)
        m_legendScroll->setFixedWidth(m_legend->sizeHint().width() + m_legendScroll->verticalScrollBar()->sizeHint().width());
}

}  // namespace moescope
