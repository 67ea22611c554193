// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/models/palette_model.h"

#include <algorithm>
#include <utility>

namespace moescope {
namespace {

// Scores of one typed word; found in the text they count three times, in kind or detail once.
constexpr int kEqual = 30, kBeginning = 21, kInside = 9, kLetters = 3, kNeighbour = 6;
constexpr int kFewestLetters = 3;  // two letters in order fit almost anything

bool isNumber(const QString& word) {
    return std::all_of(word.begin(), word.end(), [](QChar c) { return c.isDigit(); });
}

bool lettersInOrder(const QString& letters, const QString& word) {
    int next = 0;
    for (const QChar c : word)
        if (next < letters.size() && c == letters[next]) ++next;
    return next == letters.size();
}

int fit(const QString& typed, const QString& word, bool typedNumber) {
    if (word.startsWith(typed)) return word.size() == typed.size() ? kEqual : kBeginning;
    if (typedNumber || typed.size() < 2) return 0;
    if (word.contains(typed)) return kInside;
    if (typed.size() >= kFewestLetters && word[0] == typed[0] && lettersInOrder(typed, word)) return kLetters;
    return 0;
}

}  // namespace

QStringList searchWords(const QString& text) {
    // Accents are taken off: "Glühbirne" is found by "gluhbirne".
    const QString plain = text.normalized(QString::NormalizationForm_KD).toLower();
    QStringList words;
    QString word;
    for (const QChar c : plain) {
        if (c.isMark()) continue;
        if (c.isLetterOrNumber()) {
            word += c;
        } else if (!word.isEmpty()) {
            words << std::exchange(word, {});
        }
    }
    if (!word.isEmpty()) words << word;
    return words;
}

int paletteScore(const QStringList& typed, const PaletteWords& words) {
    int total = 0, lastPlace = -1;
    for (const QString& word : typed) {
        const bool number = isNumber(word);
        int best = 0, place = -1;
        for (int i = 0; i < words.text.size(); ++i) {
            int score = fit(word, words.text[i], number);
            if (score == 0) continue;
            score *= 3;
            // The word after the last one found (at first: the first) is what a person most likely means.
            if (i == lastPlace + 1) score += kNeighbour;
            if (score > best) {
                best = score;
                place = i;
            }
        }
        if (best == 0)
            for (const QString& other : words.rest) best = std::max(best, fit(word, other, number));
        if (best == 0) return 0;
        total += best;
        if (place >= 0) lastPlace = place;
    }
    return total;
}

PaletteModel::PaletteModel(QObject* parent) : QAbstractListModel(parent) {}

void PaletteModel::setEntries(std::vector<PaletteEntry> entries, const QStringList& recent) {
    beginResetModel();
    m_entries = std::move(entries);
    m_recent = recent;
    m_query.clear();
    m_words.clear();
    m_words.reserve(m_entries.size());
    for (const PaletteEntry& entry : m_entries)
        m_words.push_back({searchWords(entry.text), searchWords(entry.kind + QLatin1Char(' ') + entry.detail)});
    filter();
    endResetModel();
}

void PaletteModel::setQuery(const QString& query) {
    const QStringList words = searchWords(query);
    if (words == m_query) return;
    beginResetModel();
    m_query = words;
    filter();
    endResetModel();
}

void PaletteModel::filter() {
    std::vector<std::pair<int, int>> fitting;  // score, entry
    fitting.reserve(m_entries.size());
    for (int i = 0; i < static_cast<int>(m_entries.size()); ++i) {
        int score = 0;
        if (m_query.isEmpty()) {
            const auto recent = m_recent.indexOf(m_entries[size_t(i)].text);
            score = recent >= 0 ? 1000 - static_cast<int>(recent) : 1;
        } else {
            score = paletteScore(m_query, m_words[size_t(i)]);
        }
        if (score > 0) fitting.emplace_back(score, i);
    }
    m_fitting = static_cast<int>(fitting.size());
    const auto shown = std::min<size_t>(fitting.size(), kMost);
    const auto better = [this](const std::pair<int, int>& a, const std::pair<int, int>& b) {
        if (a.first != b.first) return a.first > b.first;
        if (!m_query.isEmpty()) {
            // Of equals the shorter one: more of it was typed.
            const auto wordsA = m_words[size_t(a.second)].text.size(), wordsB = m_words[size_t(b.second)].text.size();
            if (wordsA != wordsB) return wordsA < wordsB;
        }
        return a.second < b.second;
    };
    std::partial_sort(fitting.begin(), fitting.begin() + static_cast<std::ptrdiff_t>(shown), fitting.end(), better);
    m_rows.clear();
    for (size_t i = 0; i < shown; ++i) m_rows.push_back(fitting[i].second);
}

int PaletteModel::rowCount(const QModelIndex& parent) const { return parent.isValid() ? 0 : static_cast<int>(m_rows.size()); }

QVariant PaletteModel::data(const QModelIndex& index, int role) const {
    if (!index.isValid() || index.row() >= rowCount()) return {};
    const PaletteEntry& shown = entry(index.row());
    switch (role) {
        case Qt::DisplayRole: return shown.text;
        case DetailRole: return shown.detail;
        case KindRole: return shown.kind;
        case KeysRole: return shown.keys;
        case EnabledRole: return shown.enabled;
        case Qt::ToolTipRole:
        case Qt::AccessibleTextRole: {
            QStringList parts{shown.text, shown.kind, shown.detail, shown.keys};
            if (!shown.enabled) parts << tr("not available now");
            parts.removeAll(QString());
            return parts.join(QStringLiteral(", "));
        }
        default: return {};
    }
}

}  // namespace moescope
