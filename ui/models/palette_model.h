// SPDX-License-Identifier: GPL-3.0-or-later
// What the command palette can find, and how well each entry fits the words that are typed.
#pragma once

#include <QAbstractListModel>
#include <QString>
#include <QStringList>
#include <functional>
#include <vector>

namespace moescope {

struct PaletteEntry {
    QString text;    // "Generate", "expert 5 of MoE layer 2 (block 5)"
    QString detail;  // where it is or what it is: a menu path, keywords of a class; searched too
    QString kind;    // for a person: "command", "class"; searched too
    std::function<void()> run;
    QString keys;    // shortcut, shown at the right
    bool enabled = true;
};

using PaletteProvider = std::function<std::vector<PaletteEntry>()>;

/// An entry's words, prepared once so that every key press is quick.
struct PaletteWords {
    QStringList text, rest;  // of the text; of kind and detail
};
QStringList searchWords(const QString& text);

/// How well an entry fits; 0 when one of the words fits nowhere. Every word counts: equal to a word above its beginning, above a
/// place inside, above letters in order; neighbours in the typed order above the same words apart; the text above kind and detail.
/// Numbers fit whole numbers and their beginnings only.
int paletteScore(const QStringList& typed, const PaletteWords& words);

/// Entries that fit, best first; with nothing typed, all in the order given. Limited to what a person may read.
class PaletteModel : public QAbstractListModel {
    Q_OBJECT
public:
    enum Role { DetailRole = Qt::UserRole, KindRole, KeysRole, EnabledRole };
    static constexpr int kMost = 200;

    explicit PaletteModel(QObject* parent = nullptr);

    /// Empties the query. `recent`: texts of entries that come first while nothing is typed, newest first.
    void setEntries(std::vector<PaletteEntry> entries, const QStringList& recent = {});
    void setQuery(const QString& query);

    const PaletteEntry& entry(int row) const { return m_entries[size_t(m_rows[size_t(row)])]; }
    /// All that fit, shown or not.
    int fitting() const { return m_fitting; }

    int rowCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role) const override;

private:
    void filter();

    std::vector<PaletteEntry> m_entries;
    std::vector<PaletteWords> m_words;
    std::vector<int> m_rows;  // indices of m_entries
    QStringList m_query, m_recent;
    int m_fitting = 0;
};

}  // namespace moescope
