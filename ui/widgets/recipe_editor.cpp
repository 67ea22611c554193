// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/widgets/recipe_editor.h"

#include <QFontDatabase>
#include <QHelpEvent>
#include <QPaintEvent>
#include <QPainter>
#include <QTextBlock>
#include <QToolTip>

namespace moescope {
namespace {

/// Readable under the text in light and dark: the palette's base with some red.
QColor wrongColour(const QPalette& palette) {
    const QColor base = palette.color(QPalette::Base);
    const bool dark = base.lightness() < 128;
    return dark ? QColor(qMin(255, base.red() + 70), base.green(), base.blue()) : QColor(255, 214, 210);
}

}  // namespace

class RecipeEditor::Numbers : public QWidget {
public:
    explicit Numbers(RecipeEditor& editor) : QWidget(&editor), m_editor(editor) {}

protected:
    void paintEvent(QPaintEvent* event) override { m_editor.paintNumbers(event); }
    bool event(QEvent* event) override {
        if (event->type() == QEvent::ToolTip && !m_editor.m_sentence.isEmpty()) {
            auto* help = static_cast<QHelpEvent*>(event);
            QToolTip::showText(help->globalPos(),
                               m_editor.lineAt(help->pos().y()) == m_editor.m_marked ? m_editor.m_sentence : QString(),
                               this);
            return true;
        }
        return QWidget::event(event);
    }

private:
    RecipeEditor& m_editor;
};

RecipeEditor::RecipeEditor(QWidget* parent) : QPlainTextEdit(parent), m_numbers(new Numbers(*this)) {
    setFont(QFontDatabase::systemFont(QFontDatabase::FixedFont));
    setLineWrapMode(NoWrap);
    setTabChangesFocus(true);  // YAML has no tabs, and the keyboard must get out
    connect(this, &QPlainTextEdit::blockCountChanged, this, &RecipeEditor::layOut);
    connect(this, &QPlainTextEdit::updateRequest, this, [this](const QRect&, int) { m_numbers->update(); });
    layOut();
}

void RecipeEditor::layOut() {
    const int digits = static_cast<int>(QString::number(std::max(10, blockCount())).size());
    const int width = fontMetrics().horizontalAdvance(QLatin1Char('9')) * (digits + 1) + fontMetrics().height() / 2;
    setViewportMargins(width, 0, 0, 0);
    const QRect inside = contentsRect();
    m_numbers->setGeometry(inside.left(), inside.top(), width, inside.height());
    m_numbers->update();
}

void RecipeEditor::resizeEvent(QResizeEvent* event) {
    QPlainTextEdit::resizeEvent(event);
    layOut();
}

void RecipeEditor::changeEvent(QEvent* event) {
    QPlainTextEdit::changeEvent(event);
    if (event->type() == QEvent::PaletteChange) showMark();
    if (event->type() == QEvent::FontChange && m_numbers) layOut();
}

bool RecipeEditor::event(QEvent* event) {
    if (event->type() == QEvent::ToolTip && m_marked > 0) {
        auto* help = static_cast<QHelpEvent*>(event);
        const QTextCursor there = cursorForPosition(viewport()->mapFrom(this, help->pos()));
        QToolTip::showText(help->globalPos(), there.blockNumber() + 1 == m_marked ? m_sentence : QString(), this);
        return true;
    }
    return QPlainTextEdit::event(event);
}

void RecipeEditor::markLine(int line, const QString& sentence) {
    m_marked = line;
    m_sentence = sentence;
    showMark();
    m_numbers->update();
}

void RecipeEditor::showMark() {
    QList<QTextEdit::ExtraSelection> marks;
    if (const QTextBlock block = document()->findBlockByNumber(m_marked - 1); m_marked > 0 && block.isValid()) {
        QTextEdit::ExtraSelection mark;
        mark.format.setBackground(wrongColour(palette()));
        mark.format.setProperty(QTextFormat::FullWidthSelection, true);
        mark.cursor = QTextCursor(block);
        marks << mark;
    }
    setExtraSelections(marks);
}

void RecipeEditor::goToLine(int line) {
    const QTextBlock block = document()->findBlockByNumber(line - 1);
    if (!block.isValid()) return;
    setTextCursor(QTextCursor(block));
    ensureCursorVisible();
    setFocus();
}

int RecipeEditor::lineAt(int y) const {
    return cursorForPosition({0, y}).blockNumber() + 1;
}

void RecipeEditor::paintNumbers(QPaintEvent* event) {
    QPainter painter(m_numbers);
    painter.fillRect(event->rect(), palette().color(QPalette::AlternateBase));
    painter.setFont(font());
    const int right = m_numbers->width() - fontMetrics().height() / 4;
    for (QTextBlock block = firstVisibleBlock(); block.isValid(); block = block.next()) {
        const QRectF place = blockBoundingGeometry(block).translated(contentOffset());
        if (place.top() > event->rect().bottom()) break;
        const bool wrong = block.blockNumber() + 1 == m_marked;
        const QRectF row(0, place.top(), m_numbers->width(), place.height());
        if (wrong) painter.fillRect(row, wrongColour(palette()));
        painter.setPen(palette().color(wrong ? QPalette::Text : QPalette::PlaceholderText));
        painter.drawText(QRectF(0, place.top(), right, fontMetrics().height()), Qt::AlignRight | Qt::AlignVCenter,
                         QString::number(block.blockNumber() + 1));
    }
}

}  // namespace moescope
