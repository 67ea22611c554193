// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/widgets/sample_browser.h"

#include <QImage>
#include <QLabel>
#include <QListWidget>
#include <QLocale>
#include <QPixmap>
#include <QResizeEvent>
#include <QScrollBar>
#include <QSignalBlocker>
#include <QSlider>
#include <QVBoxLayout>
#include <algorithm>

#include "ui/session/sentences.h"

namespace moescope {
namespace {

constexpr int kPixelArt = 96;    // pictures up to this size are shown with whole, sharp pixels
constexpr int kColumnLines = 5;  // width of a column in lines of text, at least

QImage imageOf(const Picture& picture) {
    return QImage(picture.rgb.data(), picture.width, picture.height, picture.width * 3, QImage::Format_RGB888).copy();
}

/// At most `side` device-independent pixels high.
QPixmap shown(const Picture& picture, int side, double ratio) {
    const QImage image = imageOf(picture);
    const int room = qRound(side * ratio);
    const bool sharp = std::max(picture.width, picture.height) <= kPixelArt;
    const int factor = std::max(1, room / std::max(1, std::max(picture.width, picture.height)));
    QPixmap pixmap =
        QPixmap::fromImage(sharp ? image.scaled(image.size() * factor, Qt::KeepAspectRatio, Qt::FastTransformation)
                                 : image.scaled(room, room, Qt::KeepAspectRatio, Qt::SmoothTransformation));
    pixmap.setDevicePixelRatio(ratio);
    return pixmap;
}

}  // namespace

SampleBrowser::SampleBrowser(QWidget* parent) : QWidget(parent), m_task([this](const Sheet& sheet) { take(sheet); }) {
    m_title = new QLabel(this);
    m_title->setObjectName(QStringLiteral("sampleTitle"));
    m_slider = new QSlider(Qt::Horizontal, this);
    m_slider->setObjectName(QStringLiteral("sampleStep"));
    m_slider->setAccessibleName(tr("Step of the samples"));
    m_slider->setToolTip(
        tr("Through the samples of the run. Noise and conditions are the same in all of them, so that only the "
           "training differs."));
    m_slider->setTickPosition(QSlider::TicksBelow);
    m_slider->setPageStep(1);
    m_list = new QListWidget(this);
    m_list->setObjectName(QStringLiteral("samples"));
    m_list->setAccessibleName(tr("Samples"));
    m_list->setViewMode(QListView::IconMode);
    m_list->setResizeMode(QListView::Adjust);
    m_list->setMovement(QListView::Static);
    m_list->setUniformItemSizes(true);
    m_list->setTextElideMode(Qt::ElideRight);
    m_list->setFrameShape(QFrame::NoFrame);
    m_empty = new QLabel(this);
    m_empty->setWordWrap(true);
    m_empty->setAlignment(Qt::AlignCenter);
    m_empty->setText(
        tr("Samples appear here while a run goes on: pictures from the same noise, so that they can be compared from "
           "step to step."));
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, 0, 0, 0);
    column->addWidget(m_title);
    column->addWidget(m_slider);
    column->addWidget(m_list, 1);
    column->addWidget(m_empty, 1);
    connect(m_slider, &QSlider::valueChanged, this, &SampleBrowser::load);
    setFiles({}, true);
}

int SampleBrowser::pictures() const {
    return m_list->count();
}

void SampleBrowser::setFiles(std::vector<SampleFile> files, bool folderChanged) {
    const bool atNewest = m_slider->value() == m_slider->maximum();
    const int before = m_slider->value();
    m_files = std::move(files);
    const bool any = !m_files.empty();
    for (QWidget* widget : std::initializer_list<QWidget*>{m_title, m_slider, m_list}) widget->setVisible(any);
    m_empty->setVisible(!any);
    if (!any) {
        m_shown = -1;
        m_pictures.clear();
        m_list->clear();
        return;
    }
    {
        const QSignalBlocker quiet(m_slider);
        m_slider->setRange(0, static_cast<int>(m_files.size()) - 1);
        m_slider->setTickInterval(std::max(1, m_slider->maximum() / 20));
        m_slider->setEnabled(m_files.size() > 1);
        m_slider->setValue(folderChanged || atNewest ? m_slider->maximum() : before);
    }
    load();
}

void SampleBrowser::load() {
    const auto index = static_cast<size_t>(m_slider->value());
    if (index >= m_files.size()) return;
    m_task.submit([file = m_files[index]] { return Sheet{file.step, readSampleSheet(file.file)}; });
}

void SampleBrowser::take(const Sheet& sheet) {
    if (m_files.empty()) return;
    m_shown = sheet.step;
    const QString step = QLocale().toString(static_cast<qlonglong>(sheet.step));
    if (!sheet.pictures.ok()) {
        m_pictures.clear();
        fill();
        m_title->setText(sentenceOf(sheet.pictures.error()));
        return;
    }
    m_title->setText(tr("Samples after step %1").arg(step));
    m_pictures = sheet.pictures.value();
    fill();
}

/// As many columns as have room for pictures of a readable size, and pictures as large as those columns.
void SampleBrowser::fill() {
    const int line = fontMetrics().height();
    const int room = width() - m_list->verticalScrollBar()->sizeHint().width() - line / 2;
    const int columns = std::max(2, room / (line * kColumnLines));
    const int cell = std::max(line * 2, room / columns);
    m_side = cell - line / 2;
    m_list->clear();
    m_list->setIconSize({m_side, m_side});
    m_list->setGridSize({cell, m_side + line * 3 / 2});
    for (const SamplePicture& each : m_pictures) {
        auto* item = new QListWidgetItem(QIcon(shown(each.picture, m_side, devicePixelRatioF())), each.title, m_list);
        item->setToolTip(each.title);
        item->setSizeHint(m_list->gridSize());
    }
}

void SampleBrowser::resizeEvent(QResizeEvent* event) {
    QWidget::resizeEvent(event);
    if (event->oldSize().width() != width()) fill();
}

}  // namespace moescope
