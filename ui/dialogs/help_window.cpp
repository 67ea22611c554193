// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/dialogs/help_window.h"

#include <QAction>
#include <QEvent>
#include <QFileInfo>
#include <QKeySequence>
#include <QLabel>
#include <QLineEdit>
#include <QListWidget>
#include <QSplitter>
#include <QToolBar>
#include <QVBoxLayout>

#include "ui/dialogs/help_browser.h"
#include "ui/icons.h"
#include "ui/models/palette_model.h"

namespace moescope {
namespace {

constexpr int kIdRole = Qt::UserRole;

}  // namespace

HelpWindow::HelpWindow(const std::filesystem::path& folder, const QString& language, QWidget* parent)
    : QWidget(parent, Qt::Window), m_pages(folder, language) {
    setWindowTitle(tr("Help"));
    setWindowIcon(themedIcon(QStringLiteral("help")));
    const int line = fontMetrics().height();
    resize(line * 56, line * 40);

    m_browser = new HelpBrowser(m_pages);
    auto* bar = new QToolBar;
    bar->setIconSize(QSize(line * 5 / 4, line * 5 / 4));
    const auto action = [&](const QString& text, const QString& icon, const QList<QKeySequence>& keys, auto slot) {
        auto* made = new QAction(icon.isEmpty() ? QIcon() : themedIcon(icon), text, this);
        made->setShortcuts(keys);
        made->setToolTip(QStringLiteral("%1 (%2)").arg(text, keys.first().toString(QKeySequence::NativeText)));
        connect(made, &QAction::triggered, this, slot);
        addAction(made);
        return made;
    };
    m_back = action(tr("Back"), QStringLiteral("back"), {QKeySequence(Qt::ALT | Qt::Key_Left), QKeySequence(Qt::Key_Back)},
                    [this] { m_browser->backward(); });
    m_forward = action(tr("Forward"), QStringLiteral("forward"), {QKeySequence(Qt::ALT | Qt::Key_Right), QKeySequence(Qt::Key_Forward)},
                       [this] { m_browser->forward(); });
    auto* home = action(tr("First page"), QStringLiteral("list"), {QKeySequence(Qt::ALT | Qt::Key_Home)},
                        [this] { open(QStringLiteral("index")); });
    action(tr("Search"), {}, {QKeySequence(QKeySequence::Find), QKeySequence(Qt::CTRL | Qt::Key_K)}, [this] {
        m_search->setFocus(Qt::ShortcutFocusReason);
        m_search->selectAll();
    });
    action(tr("Larger text"), {}, {QKeySequence(QKeySequence::ZoomIn), QKeySequence(Qt::CTRL | Qt::Key_Equal)}, [this] { m_browser->zoomIn(); });
    action(tr("Smaller text"), {}, {QKeySequence(QKeySequence::ZoomOut)}, [this] { m_browser->zoomOut(); });
    action(tr("Close"), {}, {QKeySequence(Qt::Key_Escape), QKeySequence(QKeySequence::Close)}, [this] {
        if (m_search->hasFocus() && !m_search->text().isEmpty())
            m_search->clear();
        else
            close();
    });
    bar->addAction(m_back);
    bar->addAction(m_forward);
    bar->addAction(home);
    m_back->setEnabled(false);
    m_forward->setEnabled(false);

    auto* split = new QSplitter;
    split->addWidget(buildSide());
    split->addWidget(m_browser);
    split->setStretchFactor(1, 1);
    split->setCollapsible(1, false);
    split->setSizes({line * 16, line * 40});
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    layout->addWidget(bar);
    layout->addWidget(split, 1);

    connect(m_browser, &QTextBrowser::backwardAvailable, m_back, &QAction::setEnabled);
    connect(m_browser, &QTextBrowser::forwardAvailable, m_forward, &QAction::setEnabled);
    connect(m_browser, &QTextBrowser::sourceChanged, this, &HelpWindow::pageShown);
    fillContents();
    open(QStringLiteral("index"));
    m_browser->clearHistory();
}

QWidget* HelpWindow::buildSide() {
    m_search = new QLineEdit;
    m_search->setPlaceholderText(tr("Search the help"));
    m_search->setAccessibleName(m_search->placeholderText());
    m_search->setToolTip(tr("Pages in which all these words occur (Ctrl+F)"));
    m_search->setClearButtonEnabled(true);
    m_search->addAction(themedIcon(QStringLiteral("search")), QLineEdit::LeadingPosition);
    m_list = new QListWidget;
    m_list->setAccessibleName(tr("Contents"));
    m_list->setWordWrap(true);
    m_list->setSpacing(fontMetrics().height() / 8);
    m_list->setTextElideMode(Qt::ElideNone);
    m_list->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);

    auto* side = new QWidget;
    auto* layout = new QVBoxLayout(side);
    const int gap = fontMetrics().height() / 2;
    layout->setContentsMargins(gap, gap, gap, gap);
    layout->addWidget(m_search);
    layout->addWidget(m_list);
    connect(m_search, &QLineEdit::textChanged, this, &HelpWindow::search);
    connect(m_search, &QLineEdit::returnPressed, this, [this] {
        if (m_list->count() && !m_list->item(0)->data(kIdRole).toString().isEmpty()) m_list->setCurrentRow(0);
        m_browser->setFocus();
    });
    // Walking the list with the arrows turns the pages.
    connect(m_list, &QListWidget::currentItemChanged, this, [this](QListWidgetItem* item) {
        if (item && item->data(kIdRole).toString() != currentPage()) open(item->data(kIdRole).toString());
    });
    connect(m_list, &QListWidget::itemActivated, this, [this] { m_browser->setFocus(); });
    return side;
}

void HelpWindow::fillContents() {
    const QSignalBlocker quiet(m_list);
    m_list->clear();
    for (const HelpPage& page : m_pages.pages()) {
        auto* item = new QListWidgetItem(page.title, m_list);
        item->setData(kIdRole, page.id);
        item->setToolTip(page.summary);
        if (page.id == currentPage()) m_list->setCurrentItem(item);
    }
}

void HelpWindow::search(const QString& query) {
    if (searchWords(query).isEmpty()) {
        m_browser->mark({});
        m_list->setAccessibleName(tr("Contents"));
        fillContents();
        return;
    }
    const QSignalBlocker quiet(m_list);
    m_list->clear();
    m_list->setAccessibleName(tr("Pages found"));
    for (const HelpHit& hit : m_pages.search(query)) {
        auto* item = new QListWidgetItem(hit.title + QLatin1Char('\n') + hit.excerpt, m_list);
        item->setData(kIdRole, hit.id);
    }
    if (m_list->count() == 0) {
        auto* none = new QListWidgetItem(tr("No page has all these words. Try fewer, or other ones; the glossary has the words of the papers."), m_list);
        none->setFlags(Qt::NoItemFlags);
    }
    m_browser->mark(searchWords(query));
}

void HelpWindow::open(const QString& id) {
    if (id.isEmpty()) return;
    m_browser->setSource(helpUrl(m_pages.page(id.section(QLatin1Char('#'), 0, 0)) ? id : QStringLiteral("index")));
}

void HelpWindow::showPage(const QString& id) {
    open(id);
    show();
    raise();
    activateWindow();
    m_browser->setFocus();
}

QString HelpWindow::currentPage() const { return m_browser->pageId(); }

void HelpWindow::setPart(const QString& name, std::function<QString()> make) {
    m_pages.setPart(name, std::move(make));
    m_browser->showAgain();
}

void HelpWindow::pageShown(const QUrl& source) {
    // While it is told, the browser still names the page before as its source.
    const HelpPage* page = m_pages.page(QFileInfo(source.path()).completeBaseName());
    if (!page) return;
    setWindowTitle(page->id != QLatin1String("index") ? tr("%1 - Help").arg(page->title) : tr("Help"));
    const QSignalBlocker quiet(m_list);
    m_list->setCurrentItem(nullptr);
    for (int row = 0; row < m_list->count(); ++row)
        if (m_list->item(row)->data(kIdRole).toString() == page->id) m_list->setCurrentRow(row);
}

void HelpWindow::changeEvent(QEvent* event) {
    QWidget::changeEvent(event);
    if (event->type() == QEvent::PaletteChange && m_browser) m_browser->showAgain();
}

}  // namespace moescope
