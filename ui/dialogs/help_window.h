// SPDX-License-Identifier: GPL-3.0-or-later
// The help pages in a window of their own: contents, search, back and forward.
#pragma once

#include <QWidget>
#include <filesystem>
#include <functional>

#include "ui/session/help_pages.h"

class QAction;
class QLineEdit;
class QListWidget;
class QTextBrowser;

namespace moescope {

class HelpBrowser;

/// Not modal; stays open beside the main window.
class HelpWindow : public QWidget {
    Q_OBJECT
public:
    /// `folder`: the resource folder's help/. `language`: pages of help/<language>/ where there are some.
    explicit HelpWindow(const std::filesystem::path& folder, const QString& language = {}, QWidget* parent = nullptr);

    /// "balance", or "balance#unused-experts". Shows the window; an id that is not there shows the first page.
    void showPage(const QString& id = QStringLiteral("index"));
    QString currentPage() const;
    const HelpPages& pages() const { return m_pages; }

    /// Markdown that stands in for "<!-- NAME -->": tables that are made from the program as it is, such as its keys.
    void setPart(const QString& name, std::function<QString()> make);

protected:
    void changeEvent(QEvent* event) override;

private:
    QWidget* buildSide();
    void fillContents();
    void search(const QString& query);
    void open(const QString& id);
    void pageShown(const QUrl& source);

    HelpPages m_pages;
    HelpBrowser* m_browser = nullptr;
    QListWidget* m_list = nullptr;
    QLineEdit* m_search = nullptr;
    QAction *m_back = nullptr, *m_forward = nullptr;
};

}  // namespace moescope
