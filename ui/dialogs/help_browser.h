// SPDX-License-Identifier: GPL-3.0-or-later
// Shows one help page: Markdown with the palette's colours, drawings at the screen's resolution, links between pages.
#pragma once

#include <QTextBrowser>

#include "ui/session/help_pages.h"

namespace moescope {

/// Sources are "help:/ID.md#anchor"; drawings are SVG files compiled in under :/help.
class HelpBrowser : public QTextBrowser {
    Q_OBJECT
public:
    explicit HelpBrowser(const HelpPages& pages, QWidget* parent = nullptr);

    QString pageId() const;
    /// Once more, in the colours and with the parts of this moment; the place on the page is kept.
    void showAgain();
    /// Marks every place where a word begins like one of these; none: takes the marks away.
    void mark(const QStringList& words);

    QVariant loadResource(int type, const QUrl& name) override;

protected:
    void doSetSource(const QUrl& name, QTextDocument::ResourceType type) override;
    void resizeEvent(QResizeEvent* event) override;

private:
    void dress();
    void scrollToHeading(const QString& anchor);

    const HelpPages& m_pages;
    QStringList m_marked;
};

/// The address of "ID" or "ID#anchor".
QUrl helpUrl(const QString& id);

}  // namespace moescope
