// SPDX-License-Identifier: GPL-3.0-or-later
// Completes the last words of a prompt from the names and keywords of a model's classes.
#pragma once

#include <QCompleter>
#include <QStringList>

#include "engine/model/class_labels.h"

class QStringListModel;

namespace moescope {

/// Ends of a prompt that are offered: `kept` stays in front of each.
struct PromptEndings {
    QString kept;
    QStringList endings;

    bool operator==(const PromptEndings&) const = default;
};

/// Names and keywords, each once, names first.
QStringList promptWords(const ClassLabels& labels);

/// What the end of `typed` may become: the longest run of its last words that begins some entry (or, from three letters on, a word
/// inside one). At most twelve, entries that begin with it first.
PromptEndings promptEndings(const QStringList& words, const QString& typed);

class PromptCompleter : public QCompleter {
    Q_OBJECT
public:
    explicit PromptCompleter(QObject* parent = nullptr);

    void setWords(QStringList words) { m_words = std::move(words); }
    /// To be called with what was typed before the popup is asked for.
    void follow(const QString& typed);

    QString pathFromIndex(const QModelIndex& index) const override;

private:
    QStringList m_words;
    PromptEndings m_endings;
    QStringListModel* m_model;
};

}  // namespace moescope
