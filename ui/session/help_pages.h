// SPDX-License-Identifier: GPL-3.0-or-later
// The help pages as values: read from a folder of Markdown files, searched by words.
#pragma once

#include <QString>
#include <QVector>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <vector>

namespace moescope {

struct HelpPage {
    QString id;       // the file's stem: "make-a-picture"
    QString title;    // its first heading
    QString summary;  // its first sentence
    QString text;     // Markdown
};

struct HelpHit {
    QString id, title;
    QString excerpt;  // where it was found, some words around
};

/// Reads once; const after that but for parts that are made at run time.
class HelpPages {
public:
    /// `folder` with *.md; a page that is also in `folder`/<language> is taken from there. Pages stand in the order in which
    /// index.md links them, others after them by title.
    explicit HelpPages(const std::filesystem::path& folder, const QString& language = {});

    const std::vector<HelpPage>& pages() const { return m_pages; }
    const HelpPage* page(const QString& id) const;
    /// The text as it is shown: the line "<!-- NAME -->" replaced by what was set for NAME.
    QString shownText(const HelpPage& page) const;
    void setPart(const QString& name, std::function<QString()> make);

    /// Pages in which every word of the query occurs (or begins a word), best first.
    std::vector<HelpHit> search(const QString& query) const;

private:
    std::vector<HelpPage> m_pages;
    std::map<QString, std::function<QString()>> m_parts;
};

/// How a heading is named in a link: "How to read it" -> "how-to-read-it".
QString anchorOf(const QString& heading);
/// Markdown without its marks, for excerpts and search.
QString withoutMarks(const QString& markdown);

}  // namespace moescope
