// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/widgets/prompt_completer.h"

#include <QSet>
#include <QStringListModel>

namespace moescope {
namespace {

constexpr int kOffered = 12;
constexpr qsizetype kShortestInside = 3;  // letters from which words inside an entry count

bool hasWordStarting(const QString& entry, const QString& piece) {
    for (qsizetype at = entry.indexOf(piece, 1, Qt::CaseInsensitive); at > 0; at = entry.indexOf(piece, at + 1, Qt::CaseInsensitive))
        if (!entry[at - 1].isLetterOrNumber()) return true;
    return false;
}

QStringList endingsOf(const QStringList& words, const QString& piece) {
    QStringList first, inside;
    for (const QString& word : words) {
        if (word.compare(piece, Qt::CaseInsensitive) == 0) continue;  // nothing is left to complete
        if (word.startsWith(piece, Qt::CaseInsensitive))
            first.append(word);
        else if (piece.size() >= kShortestInside && hasWordStarting(word, piece))
            inside.append(word);
        if (first.size() == kOffered) break;
    }
    return (first + inside).mid(0, kOffered);
}

}  // namespace

QStringList promptWords(const ClassLabels& labels) {
    QStringList words;
    QSet<QString> seen;
    const auto add = [&](const std::string& text) {
        const QString word = QString::fromStdString(text);
        const QString key = word.toLower();
        if (word.isEmpty() || seen.contains(key)) return;
        seen.insert(key);
        words.append(word);
    };
    for (const ClassLabel& label : labels.classes()) add(label.name);
    for (const ClassLabel& label : labels.classes())
        for (const std::string& keyword : label.keywords) add(keyword);
    return words;
}

PromptEndings promptEndings(const QStringList& words, const QString& typed) {
    constexpr int kMostWords = 6;  // names are short
    QVector<qsizetype> starts;     // of the last words, the last one first
    for (qsizetype at = typed.size(); at > 0 && starts.size() < kMostWords; --at)
        if (!typed[at - 1].isSpace() && (at == 1 || typed[at - 2].isSpace())) starts.append(at - 1);
    if (typed.isEmpty() || typed.back().isSpace()) return {};
    for (auto start = starts.crbegin(); start != starts.crend(); ++start)
        if (const QStringList endings = endingsOf(words, typed.mid(*start)); !endings.isEmpty()) return {typed.left(*start), endings};
    return {};
}

PromptCompleter::PromptCompleter(QObject* parent) : QCompleter(parent), m_model(new QStringListModel(this)) {
    setModel(m_model);
    setCompletionMode(QCompleter::UnfilteredPopupCompletion);
    setMaxVisibleItems(kOffered);
}

void PromptCompleter::follow(const QString& typed) {
    m_endings = promptEndings(m_words, typed);
    if (m_endings.endings != m_model->stringList()) m_model->setStringList(m_endings.endings);
}

QString PromptCompleter::pathFromIndex(const QModelIndex& index) const {
    return m_endings.kept + QCompleter::pathFromIndex(index);
}

}  // namespace moescope
