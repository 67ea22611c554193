// SPDX-License-Identifier: GPL-3.0-or-later
// The line on top: what to draw, what to lead away from, the seed, and the button that makes pictures.
#pragma once

#include <QTimer>
#include <QWidget>

#include "ui/session/generate_state.h"
#include "ui/session/latest_task.h"
#include "ui/session/prompt_history.h"

class QAction;
class QLabel;
class QLineEdit;
class QPushButton;
class QToolButton;

namespace moescope {

class PromptCompleter;
class SeedField;

/// Edits the words and the seed of a GenerateState, which outlives it. Knows no engine: an order is emitted.
class PromptBar : public QWidget {
    Q_OBJECT
public:
    explicit PromptBar(GenerateState& state, QWidget* parent = nullptr);
    ~PromptBar() override;

    /// For menus; their shortcuts work in the bar's window.
    QAction* generateAction() const { return m_generate; }
    QAction* generateFirstAction() const { return m_generateFirst; }
    QAction* cancelAction() const { return m_cancel; }
    QAction* promptAction() const { return m_focusPrompt; }
    QAction* pickClassAction() const { return m_pick; }

    const PromptHistory& history() const { return m_history; }
    void setHistory(PromptHistory history) { m_history = std::move(history); }

    /// Whether a run is going: then there is something to cancel.
    void setRunning(bool running);
    /// What the line under the prompt says, as plain text.
    QString sentence() const;
    /// Says something there until the person types.
    void say(const QString& sentence, bool wrong);

signals:
    /// A checked job; `first`: before all that wait.
    void ordered(const moescope::GenerationOrder& order, bool first);
    void cancelRequested();

protected:
    bool eventFilter(QObject* watched, QEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;

private:
    /// What the words mean, found on the pool.
    struct Answer {
        GenerateSettings asked;
        OpenModelPtr model;
        TakenClass taken;
        QString error, negative, negativeError;
    };

    void makeActions();
    void layOut();
    void generate(bool first);
    void pickClass();
    void takeWords(const QString& words);
    void takeNegative(const QString& words);
    void choose(int classId, const QString& name);
    void showSettings(const GenerateSettings& now);
    void showModel(const OpenModelPtr& model);
    void ask();
    static Answer answerTo(const GenerateSettings& asked, const OpenModelPtr& model);
    void showAnswer();

    GenerateState& m_state;
    PromptHistory m_history;
    Answer m_answer;
    QString m_said;
    bool m_saidWrong = false;
    bool m_showing = false;  // texts are set by the program, not by the person
    QTimer m_askSoon;
    LatestTask<Answer> m_asking;

    QLineEdit* m_prompt;
    QLineEdit* m_negative;
    QToolButton* m_list;
    SeedField* m_seed;
    QPushButton* m_button;
    QPushButton* m_cancelButton;
    QLabel* m_sentence;
    PromptCompleter* m_completer;
    QAction *m_generate, *m_generateFirst, *m_cancel, *m_focusPrompt, *m_pick;
};

}  // namespace moescope
