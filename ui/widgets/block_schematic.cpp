// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/widgets/block_schematic.h"

#include <QAbstractButton>
#include <QEvent>
#include <QKeyEvent>
#include <QPainter>

namespace moescope {
namespace {

QRectF frameOf(const QWidget& box, double width) {
    return QRectF(box.rect()).adjusted(width / 2 + 1, width / 2 + 1, -width / 2 - 1, -width / 2 - 1);
}

double cornerOf(const QWidget& box) { return box.fontMetrics().height() / 5.0; }

/// A block without experts: its number.
class DenseBox : public QWidget {
public:
    DenseBox(int block, QWidget* parent) : QWidget(parent), m_block(block) {}

protected:
    void paintEvent(QPaintEvent*) override {
        QPainter painter(this);
        painter.setRenderHint(QPainter::Antialiasing);
        QColor line = palette().color(QPalette::WindowText);
        line.setAlphaF(0.35f);
        painter.setPen(QPen(line, 1));
        painter.drawRoundedRect(frameOf(*this, 1), cornerOf(*this), cornerOf(*this));
        line.setAlphaF(0.7f);
        painter.setPen(line);
        painter.drawText(rect(), Qt::AlignCenter, QString::number(m_block));
    }

private:
    int m_block;
};

/// A block with experts: its number, and how many there are.
class MoeBox : public QAbstractButton {
public:
    MoeBox(const MoeLayerDescriptor& layer, QWidget* parent) : QAbstractButton(parent), m_block(layer.block), m_experts(layer.experts) {
        setCheckable(true);
        setFocusPolicy(Qt::ClickFocus);
        setCursor(Qt::PointingHandCursor);
    }

protected:
    void paintEvent(QPaintEvent*) override {
        QPainter painter(this);
        painter.setRenderHint(QPainter::Antialiasing);
        const QColor mark = palette().color(QPalette::Highlight), text = palette().color(QPalette::WindowText);
        QColor fill = mark;
        fill.setAlphaF(isChecked() ? 0.45f : underMouse() ? 0.35f : 0.2f);
        const double width = isChecked() ? qMax(2.0, fontMetrics().height() / 7.0) : 1;
        painter.setPen(QPen(isChecked() ? text : mark, width));
        painter.setBrush(fill);
        painter.drawRoundedRect(frameOf(*this, width), cornerOf(*this), cornerOf(*this));
        painter.setPen(text);
        const QRect upper(0, height() / 8, this->width(), height() / 2 - height() / 8);
        const QRect lower(0, height() / 2, this->width(), height() / 2 - height() / 8);
        QFont bold = font();
        bold.setBold(true);
        painter.setFont(bold);
        painter.drawText(upper, Qt::AlignCenter, QString::number(m_block));
        painter.setFont(font());
        painter.drawText(lower, Qt::AlignCenter, QStringLiteral("×%1").arg(m_experts));
        if (hasFocus()) {
            QPen dots(text, 1, Qt::DotLine);
            painter.setPen(dots);
            painter.setBrush(Qt::NoBrush);
            const double inset = width + 2;
            painter.drawRoundedRect(frameOf(*this, width).adjusted(inset, inset, -inset, -inset), 1, 1);
        }
    }

    void enterEvent(QEnterEvent* event) override {
        QAbstractButton::enterEvent(event);
        update();
    }
    void leaveEvent(QEvent* event) override {
        QAbstractButton::leaveEvent(event);
        update();
    }
    void keyPressEvent(QKeyEvent* event) override {
        // Arrows are for the row of boxes, which knows its neighbours.
        const int key = event->key();
        if (key == Qt::Key_Left || key == Qt::Key_Right || key == Qt::Key_Up || key == Qt::Key_Down)
            event->ignore();
        else
            QAbstractButton::keyPressEvent(event);
    }

private:
    int m_block;
    int64_t m_experts;
};

}  // namespace

BlockSchematic::BlockSchematic(QWidget* parent) : QWidget(parent) {
    QSizePolicy policy(QSizePolicy::Preferred, QSizePolicy::Minimum);
    policy.setHeightForWidth(true);
    setSizePolicy(policy);
    setAccessibleName(tr("Blocks of the model"));
}

void BlockSchematic::clear() {
    qDeleteAll(m_boxes);
    m_boxes.clear();
    m_layers.clear();
    m_chosen = -1;
    updateGeometry();
}

void BlockSchematic::setModel(const ModelDescription& model) {
    const int before = m_chosen;
    clear();
    size_t next = 0;
    for (int block = 0; block < model.config.depth; ++block) {
        if (next < model.moeLayers.size() && model.moeLayers[next].block == block) {
            const MoeLayerDescriptor& layer = model.moeLayers[next];
            auto* box = new MoeBox(layer, this);
            const int index = static_cast<int>(next++);
            QString words = tr("MoE layer %1 (block %2): %3 experts").arg(layer.moeIndex).arg(block).arg(layer.experts);
            if (layer.topK > 0) words += tr(", each token goes to %1").arg(layer.topK);
            if (layer.capacity > 0) words += tr(", each takes %1 tokens").arg(layer.capacity);
            if (layer.policy == RoutingPolicy::BatchPool) words += tr(", each takes tokens of the whole batch");
            if (layer.unconditionalExpert >= 0) words += tr(", number %1 without condition").arg(layer.unconditionalExpert);
            if (layer.sharedExpert) words += tr(", and one shared expert");
            box->setAccessibleName(words);
            box->setToolTip(words);
            connect(box, &QAbstractButton::clicked, this, [this, index] {
                setChosen(index);
                emit layerChosen(index);
            });
            m_layers.append(box);
            m_boxes.append(box);
        } else {
            auto* box = new DenseBox(block, this);
            box->setToolTip(tr("Block %1: no experts (dense feed-forward)").arg(block));
            box->setAccessibleName(box->toolTip());
            m_boxes.append(box);
        }
        m_boxes.back()->show();
    }
    setAccessibleDescription(tr("%1 blocks, %2 of them with experts").arg(m_boxes.size()).arg(m_layers.size()));
    setChosen(before < m_layers.size() ? before : -1);
    if (m_chosen < 0 && !m_layers.isEmpty()) m_layers.front()->setFocusPolicy(Qt::StrongFocus);
    place();
    updateGeometry();
}

void BlockSchematic::setChosen(int layer) {
    if (layer < -1 || layer >= m_layers.size()) return;
    m_chosen = layer;
    for (int i = 0; i < m_layers.size(); ++i) {
        m_layers[i]->setChecked(i == layer);
        // One stop for the Tab key, however many layers there are.
        m_layers[i]->setFocusPolicy(i == std::max(0, layer) ? Qt::StrongFocus : Qt::ClickFocus);
    }
}

QSize BlockSchematic::boxSize() const {
    const QFontMetrics metrics = fontMetrics();
    return {metrics.horizontalAdvance(QStringLiteral("×000")) + metrics.height() / 2, metrics.lineSpacing() * 2 + metrics.height() / 2};
}

int BlockSchematic::perRow(int width) const { return std::max(1, width / boxSize().width()); }

int BlockSchematic::heightForWidth(int width) const {
    const int count = static_cast<int>(m_boxes.size()), columns = perRow(width);
    return (count + columns - 1) / columns * boxSize().height();
}

QSize BlockSchematic::sizeHint() const {
    const int columns = std::min<int>(8, std::max<int>(1, static_cast<int>(m_boxes.size())));
    return {columns * boxSize().width(), heightForWidth(columns * boxSize().width())};
}

QSize BlockSchematic::minimumSizeHint() const { return {boxSize().width() * 3, m_boxes.isEmpty() ? 0 : boxSize().height()}; }

void BlockSchematic::place() {
    const QSize box = boxSize();
    const int columns = perRow(width());
    for (int i = 0; i < m_boxes.size(); ++i)
        m_boxes[i]->setGeometry(i % columns * box.width(), i / columns * box.height(), box.width(), box.height());
    // Inside a scroll area the layout asks only for a minimum; the rows must not be cut.
    const int needed = heightForWidth(width());
    if (minimumHeight() != needed) setMinimumHeight(needed);
}

void BlockSchematic::resizeEvent(QResizeEvent* event) {
    QWidget::resizeEvent(event);
    place();
}

void BlockSchematic::changeEvent(QEvent* event) {
    QWidget::changeEvent(event);
    if (event->type() == QEvent::FontChange) place();
}

void BlockSchematic::keyPressEvent(QKeyEvent* event) {
    const int last = layerCount() - 1, now = std::max(0, m_chosen);
    int wanted = -1;
    switch (event->key()) {
        case Qt::Key_Left:
        case Qt::Key_Up: wanted = now - 1; break;
        case Qt::Key_Right:
        case Qt::Key_Down: wanted = now + 1; break;
        case Qt::Key_Home: wanted = 0; break;
        case Qt::Key_End: wanted = last; break;
        default: return QWidget::keyPressEvent(event);
    }
    if (last < 0) return;
    wanted = std::clamp(wanted, 0, last);
    setChosen(wanted);
    m_layers[wanted]->setFocus(Qt::OtherFocusReason);
    emit layerChosen(wanted);
}

}  // namespace moescope
