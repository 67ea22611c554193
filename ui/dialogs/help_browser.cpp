// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/dialogs/help_browser.h"

#include <QDesktopServices>
#include <QFileInfo>
#include <QFontDatabase>
#include <QRegularExpression>
#include <QScrollBar>
#include <QTextBlock>
#include <QTextFrame>
#include <QTextList>
#include <QTextTable>
#include <algorithm>

#include "ui/dialogs/help_drawings.h"

namespace moescope {
namespace {

/// A line of text is easiest to read at about this many letters.
constexpr int kLettersPerLine = 84;

}  // namespace

QUrl helpUrl(const QString& id) {
    QUrl url;
    url.setScheme(QStringLiteral("help"));
    url.setPath(QLatin1Char('/') + id.section(QLatin1Char('#'), 0, 0) + QStringLiteral(".md"));
    if (id.contains(QLatin1Char('#'))) url.setFragment(id.section(QLatin1Char('#'), 1));
    return url;
}

HelpBrowser::HelpBrowser(const HelpPages& pages, QWidget* parent) : QTextBrowser(parent), m_pages(pages) {
    setOpenExternalLinks(true);
    setFrameShape(QFrame::NoFrame);
    setBackgroundRole(QPalette::Base);  // of the part beside the text, too
    setAutoFillBackground(true);
    setAccessibleName(tr("Help page"));
    setHorizontalScrollBarPolicy(Qt::ScrollBarAsNeeded);
}

QString HelpBrowser::pageId() const { return QFileInfo(source().path()).completeBaseName(); }

QVariant HelpBrowser::loadResource(int type, const QUrl& name) {
    if (type == QTextDocument::ImageResource) {
        const QImage image = helpDrawing(QFileInfo(name.path()).fileName(), palette(), fontMetrics().height(), devicePixelRatioF());
        return image.isNull() ? QVariant() : QVariant(image);
    }
    if (name.scheme() != QLatin1String("help") && !name.isRelative()) return {};
    const HelpPage* page = m_pages.page(QFileInfo(name.path()).completeBaseName());
    return page ? QVariant(m_pages.shownText(*page)) : QVariant();
}

void HelpBrowser::doSetSource(const QUrl& name, QTextDocument::ResourceType) {
    const QUrl target = source().resolved(name);
    if (target.scheme() != QLatin1String("help")) {
        QDesktopServices::openUrl(target);
        return;
    }
    if (!m_pages.page(QFileInfo(target.path()).completeBaseName())) return;
    QTextBrowser::doSetSource(target, QTextDocument::MarkdownResource);
    dress();
    mark(m_marked);
    if (target.hasFragment()) scrollToHeading(target.fragment());
}

void HelpBrowser::showAgain() {
    const int place = verticalScrollBar()->value();
    document()->clear();  // drawings are kept in the document and have the old colours
    reload();
    dress();
    mark(m_marked);
    verticalScrollBar()->setValue(place);
}

void HelpBrowser::dress() {
    const int line = fontMetrics().height();
    QTextDocument* page = document();
    page->setUndoRedoEnabled(false);
    page->setDocumentMargin(line);
    const QString fixed = QFontDatabase::systemFont(QFontDatabase::FixedFont).family();
    for (QTextBlock block = page->begin(); block.isValid(); block = block.next()) {
        QTextCursor cursor(block);
        QTextBlockFormat format = block.blockFormat();
        const bool inTable = cursor.currentTable() != nullptr;
        if (format.headingLevel() > 0) {
            format.setTopMargin(format.headingLevel() == 1 ? 0 : line * 1.1);
            format.setBottomMargin(line * 0.4);
        } else if (format.hasProperty(QTextFormat::BlockCodeFence) || format.hasProperty(QTextFormat::BlockCodeLanguage) ||
                   format.nonBreakableLines()) {
            format.setBackground(palette().color(QPalette::AlternateBase));
            format.setTopMargin(0);
            format.setBottomMargin(0);
        } else if (!inTable) {
            format.setTopMargin(0);
            const bool lastOfList = block.textList() && block.textList() != block.next().textList();
            format.setBottomMargin(block.textList() && !lastOfList ? line * 0.25 : line * 0.6);
            const bool drawing = block.text() == QString(QChar::ObjectReplacementCharacter);
            if (!drawing) format.setLineHeight(116, QTextBlockFormat::ProportionalHeight);
        }
        cursor.setBlockFormat(format);
        for (auto part = block.begin(); !part.atEnd(); ++part) {
            if (!part.fragment().charFormat().fontFixedPitch()) continue;
            QTextCursor code(page);
            code.setPosition(part.fragment().position());
            code.setPosition(part.fragment().position() + part.fragment().length(), QTextCursor::KeepAnchor);
            QTextCharFormat letters;
            letters.setFontFamilies({fixed});
            code.mergeCharFormat(letters);
        }
    }
    // A quarter of the way from the ground to the text: seen in light and in dark.
    const QColor ground = palette().color(QPalette::Base), text = palette().color(QPalette::Text);
    const auto quarter = [](int from, int to) { return from + (to - from) / 4; };
    const QColor lineColour(quarter(ground.red(), text.red()), quarter(ground.green(), text.green()), quarter(ground.blue(), text.blue()));
    for (QTextFrame* frame : page->rootFrame()->childFrames()) {
        auto* table = qobject_cast<QTextTable*>(frame);
        if (!table) continue;
        QTextTableFormat format = table->format();
        format.setBorderCollapse(true);
        format.setBorder(1);
        format.setBorderStyle(QTextFrameFormat::BorderStyle_Solid);
        format.setBorderBrush(lineColour);
        format.setCellPadding(line * 0.3);
        format.setCellSpacing(0);
        format.setBottomMargin(line * 0.8);
        table->setFormat(format);
    }
    QTextCursor cursor(page);
    cursor.movePosition(QTextCursor::Start);
    setTextCursor(cursor);
}

void HelpBrowser::scrollToHeading(const QString& anchor) {
    for (QTextBlock block = document()->begin(); block.isValid(); block = block.next()) {
        if (block.blockFormat().headingLevel() == 0 || anchorOf(block.text()) != anchor) continue;
        QTextCursor cursor(block);
        setTextCursor(cursor);
        verticalScrollBar()->setValue(verticalScrollBar()->value() + cursorRect(cursor).top() - fontMetrics().height() / 2);
        return;
    }
}

void HelpBrowser::mark(const QStringList& words) {
    m_marked = words;
    QList<ExtraSelection> marks;
    for (const QString& word : words) {
        const QRegularExpression place(QStringLiteral("\\b") + QRegularExpression::escape(word),
                                       QRegularExpression::CaseInsensitiveOption | QRegularExpression::UseUnicodePropertiesOption);
        for (QTextCursor found = document()->find(place); !found.isNull(); found = document()->find(place, found)) {
            ExtraSelection selection;
            selection.cursor = found;
            selection.format.setBackground(palette().color(QPalette::Highlight));
            selection.format.setForeground(palette().color(QPalette::HighlightedText));
            marks << selection;
        }
    }
    setExtraSelections(marks);
}

void HelpBrowser::resizeEvent(QResizeEvent* event) {
    // Long lines are hard to read: what is wider stays empty at the right.
    const int widest = fontMetrics().averageCharWidth() * kLettersPerLine + 2 * fontMetrics().height();
    const int free = width() - verticalScrollBar()->sizeHint().width() - widest;
    setViewportMargins(0, 0, std::max(0, free), 0);
    QTextBrowser::resizeEvent(event);
}

}  // namespace moescope
