// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/session/prompt_history.h"

namespace moescope {

PromptHistory::PromptHistory(const QStringList& prompts) {
    for (const QString& prompt : prompts) add(prompt);
}

void PromptHistory::add(const QString& prompt) {
    const QString kept = prompt.simplified();
    if (!kept.isEmpty() && (m_prompts.isEmpty() || m_prompts.back() != kept)) m_prompts.append(kept);
    if (m_prompts.size() > kKept) m_prompts.remove(0, m_prompts.size() - kKept);
    m_draft.clear();
    leave();
}

QString PromptHistory::older(const QString& shown) {
    if (m_place == m_prompts.size()) m_draft = shown;
    // What was just made is not a step back for somebody who still sees it.
    if (m_place == m_prompts.size() && m_place > 1 && m_prompts.back() == shown.simplified()) --m_place;
    if (m_place > 0) --m_place;
    return m_prompts.isEmpty() ? shown : m_prompts[m_place];
}

QString PromptHistory::newer(const QString& shown) {
    if (m_place == m_prompts.size()) return shown;
    ++m_place;
    return m_place == m_prompts.size() ? m_draft : m_prompts[m_place];
}

}  // namespace moescope
