// SPDX-License-Identifier: GPL-3.0-or-later
// The prompts of before, walked with a key each way, as a value.
#pragma once

#include <QStringList>

namespace moescope {

class PromptHistory {
public:
    static constexpr int kKept = 200;

    /// Prompts, oldest first; what is too much or said twice in a row is left out.
    explicit PromptHistory(const QStringList& prompts = {});

    const QStringList& prompts() const { return m_prompts; }
    /// Remembers a prompt that was used and goes back to the end.
    void add(const QString& prompt);

    /// The prompt before or after the one that is shown. What stood there before the walk began is found again at the end.
    /// Stays at the ends.
    QString older(const QString& shown);
    QString newer(const QString& shown);
    /// The person typed: the next walk starts at the end.
    void leave() { m_place = m_prompts.size(); }

private:
    QStringList m_prompts;
    qsizetype m_place = 0;  // m_prompts.size(): at the end, where the draft is
    QString m_draft;
};

}  // namespace moescope
