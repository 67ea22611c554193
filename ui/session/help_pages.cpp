// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/session/help_pages.h"

#include <QDir>
#include <QFile>
#include <QRegularExpression>
#include <QSet>
#include <QStringList>
#include <algorithm>

namespace moescope {
namespace {

QString readText(const QString& file) {
    QFile in(file);
    return in.open(QIODevice::ReadOnly) ? QString::fromUtf8(in.readAll()) : QString();
}

HelpPage pageOf(const QString& id, const QString& text) {
    HelpPage page{id, id, {}, text};
    static const QRegularExpression heading(QStringLiteral("^#\\s+(.+?)\\s*$"), QRegularExpression::MultilineOption);
    if (const auto match = heading.match(text); match.hasMatch()) {
        page.title = withoutMarks(match.captured(1));
        const QString rest = withoutMarks(text.mid(match.capturedEnd()).trimmed().section(QStringLiteral("\n\n"), 0, 0));
        static const QRegularExpression sentence(QStringLiteral("^.*?[.!?](?=\\s|$)"));
        const auto first = sentence.match(rest);
        page.summary = first.hasMatch() ? first.captured() : rest;
    }
    return page;
}

/// Lower case, accents off: the same length is not kept, so places are looked up by word.
QString folded(const QString& text) {
    QString plain;
    for (const QChar c : text.normalized(QString::NormalizationForm_KD).toLower())
        if (!c.isMark()) plain += c;
    return plain;
}

QStringList wordsOf(const QString& text) {
    static const QRegularExpression gaps(QStringLiteral("[^\\w]+"), QRegularExpression::UseUnicodePropertiesOption);
    return folded(text).split(gaps, Qt::SkipEmptyParts);
}

/// Times that a word of `words` begins with `typed`; equal ones count twice.
int hits(const QStringList& words, const QString& typed) {
    int count = 0;
    for (const QString& word : words)
        if (word.startsWith(typed)) count += word.size() == typed.size() ? 2 : 1;
    return count;
}

QString excerptOf(const QString& plain, const QString& typed) {
    const QRegularExpression place(QStringLiteral("\\b") + QRegularExpression::escape(typed),
                                   QRegularExpression::CaseInsensitiveOption | QRegularExpression::UseUnicodePropertiesOption);
    const auto match = place.match(plain);
    if (!match.hasMatch()) return plain.left(85);
    auto begin = std::max<qsizetype>(0, match.capturedStart() - 25), end = std::min(plain.size(), match.capturedStart() + 60);
    while (begin > 0 && !plain[begin - 1].isSpace()) --begin;
    while (end < plain.size() && !plain[end].isSpace()) ++end;
    return (begin > 0 ? QStringLiteral("… ") : QString()) + plain.mid(begin, end - begin).simplified() +
           (end < plain.size() ? QStringLiteral(" …") : QString());
}

}  // namespace

HelpPages::HelpPages(const std::filesystem::path& folder, const QString& language) {
    const QDir pages(QFile::decodeName(QByteArray::fromStdString(folder.native())));
    const QDir translated(language.isEmpty() ? QString() : pages.filePath(language.section(QLatin1Char('_'), 0, 0)));
    for (const QString& name : pages.entryList({QStringLiteral("*.md")}, QDir::Files, QDir::Name)) {
        const bool here = !language.isEmpty() && translated.exists(name);
        m_pages.push_back(pageOf(name.chopped(3), readText((here ? translated : pages).filePath(name))));
    }

    QStringList order{QStringLiteral("index")};
    if (const HelpPage* index = page(QStringLiteral("index"))) {
        static const QRegularExpression link(QStringLiteral("\\]\\(([\\w-]+)\\.md"));
        for (auto found = link.globalMatch(index->text); found.hasNext();) order << found.next().captured(1);
    }
    const auto rank = [&order](const HelpPage& page) {
        const auto place = order.indexOf(page.id);
        return place < 0 ? order.size() : place;
    };
    std::stable_sort(m_pages.begin(), m_pages.end(), [&rank](const HelpPage& a, const HelpPage& b) {
        return rank(a) != rank(b) ? rank(a) < rank(b) : a.title.localeAwareCompare(b.title) < 0;
    });
}

const HelpPage* HelpPages::page(const QString& id) const {
    for (const HelpPage& page : m_pages)
        if (page.id == id) return &page;
    return nullptr;
}

void HelpPages::setPart(const QString& name, std::function<QString()> make) { m_parts[name] = std::move(make); }

QString HelpPages::shownText(const HelpPage& page) const {
    QString text = page.text;
    for (const auto& [name, make] : m_parts) text.replace(QStringLiteral("<!-- %1 -->").arg(name), make());
    return text;
}

std::vector<HelpHit> HelpPages::search(const QString& query) const {
    const QStringList typed = wordsOf(query);
    if (typed.isEmpty()) return {};
    std::vector<std::pair<int, HelpHit>> found;
    for (const HelpPage& page : m_pages) {
        const QString text = shownText(page);
        QString headings;
        for (const QString& line : text.split(QLatin1Char('\n')))
            if (line.startsWith(QLatin1Char('#'))) headings += line + QLatin1Char(' ');
        const QString plain = withoutMarks(text.section(QLatin1Char('\n'), 1));
        const QStringList inTitle = wordsOf(page.title), inHeadings = wordsOf(headings), inText = wordsOf(plain);
        int score = 0;
        for (const QString& word : typed) {
            const int now = 40 * hits(inTitle, word) + 8 * hits(inHeadings, word) + std::min(hits(inText, word), 12);
            if (now == 0) {
                score = 0;
                break;
            }
            score += now;
        }
        if (score > 0) found.emplace_back(score, HelpHit{page.id, page.title, excerptOf(plain, typed.first())});
    }
    std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
    std::vector<HelpHit> result;
    for (auto& [score, hit] : found) result.push_back(std::move(hit));
    return result;
}

QString anchorOf(const QString& heading) {
    QString anchor;
    for (const QChar c : heading.trimmed().toLower()) {
        if (c.isLetterOrNumber() || c == QLatin1Char('-') || c == QLatin1Char('_')) anchor += c;
        if (c.isSpace()) anchor += QLatin1Char('-');
    }
    return anchor;
}

QString withoutMarks(const QString& markdown) {
    QString text = markdown;
    static const QRegularExpression comment(QStringLiteral("<!--.*?-->"), QRegularExpression::DotMatchesEverythingOption);
    static const QRegularExpression link(QStringLiteral("!?\\[([^\\]]*)\\]\\([^)]*\\)"));
    static const QRegularExpression lineMark(QStringLiteral("^\\s*(#+|[-*]|\\d+\\.|>|\\|[-|: ]+\\|$)\\s*"), QRegularExpression::MultilineOption);
    static const QRegularExpression mark(QStringLiteral("(\\*\\*|\\*|\\\\(?=[|*_\\[\\]<`]))"));
    text.remove(comment);
    text.replace(link, QStringLiteral("\\1"));
    text.remove(lineMark);
    text.replace(QStringLiteral("|"), QStringLiteral(" "));
    // What stands between backticks is code: a star there is a star.
    QStringList parts = text.split(QLatin1Char('`'));
    for (int i = 0; i < parts.size(); i += 2) parts[i].remove(mark);
    return parts.join(QString()).simplified();
}

}  // namespace moescope
