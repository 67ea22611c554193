// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/widgets/prompt_bar.h"

#include <QAbstractItemView>
#include <QAccessible>
#include <QAction>
#include <QDragEnterEvent>
#include <QGridLayout>
#include <QKeyEvent>
#include <QLabel>
#include <QLineEdit>
#include <QMimeData>
#include <QPushButton>
#include <QToolButton>

#include "engine/model/built_in_models.h"
#include "ui/dialogs/class_picker.h"
#include "ui/icons.h"
#include "ui/session/built_in_words.h"
#include "ui/session/sentences.h"
#include "ui/widgets/prompt_completer.h"
#include "ui/widgets/seed_field.h"

namespace moescope {
namespace {

constexpr int kPauseBeforeAsking = 120;  // ms without a key
constexpr int kOthersOffered = 3;

QLabel* labelFor(const QString& text, QWidget* of) {
    auto* label = new QLabel(text, of->parentWidget());
    label->setBuddy(of);
    return label;
}

}  // namespace

PromptBar::PromptBar(GenerateState& state, QWidget* parent)
    : QWidget(parent),
      m_state(state),
      m_asking([this](Answer answer) {
          m_answer = std::move(answer);
          showAnswer();
      }),
      m_prompt(new QLineEdit(this)),
      m_negative(new QLineEdit(this)),
      m_list(new QToolButton(this)),
      m_seed(new SeedField(this)),
      m_button(new QPushButton(this)),
      m_cancelButton(new QPushButton(this)),
      m_sentence(new QLabel(this)),
      m_completer(new PromptCompleter(this)) {
    makeActions();
    layOut();
    m_askSoon.setSingleShot(true);
    m_askSoon.setInterval(kPauseBeforeAsking);
    connect(&m_askSoon, &QTimer::timeout, this, &PromptBar::ask);

    // A completion changes the text without `textEdited`; before it is asked for, what was typed is followed.
    connect(m_prompt, &QLineEdit::textEdited, m_completer, &PromptCompleter::follow);
    connect(m_prompt, &QLineEdit::textChanged, this, &PromptBar::takeWords);
    connect(m_prompt, &QLineEdit::returnPressed, m_generate, &QAction::trigger);
    connect(m_negative, &QLineEdit::textChanged, this, &PromptBar::takeNegative);
    connect(m_negative, &QLineEdit::returnPressed, m_generate, &QAction::trigger);
    connect(m_seed, &SeedField::edited, this, [this](quint64 seed, bool locked) {
        GenerateSettings settings = m_state.now();
        settings.seed = seed;
        settings.seedLocked = locked;
        m_state.set(settings);
    });
    connect(m_sentence, &QLabel::linkActivated, this, [this](const QString& link) {
        for (const OtherClass& other : m_answer.taken.others)
            if (QString::number(other.index) == link) return choose(other.index, other.name);
    });
    connect(&m_state, &GenerateState::changed, this, &PromptBar::showSettings);
    connect(&m_state, &GenerateState::modelChanged, this, &PromptBar::showModel);
    connect(&m_state, &GenerateState::refused, this, [this](const QString& sentence) { say(sentence, true); });
    showModel(m_state.model());
    showSettings(m_state.now());
    setRunning(false);
}

PromptBar::~PromptBar() = default;

void PromptBar::makeActions() {
    const auto action = [this](const QString& text, const char* icon, QList<QKeySequence> keys) {
        auto* made = new QAction(text, this);
        if (icon) made->setIcon(themedIcon(icon));
        made->setShortcuts(keys);
        addAction(made);
        return made;
    };
    m_generate = action(tr("&Generate"), "generate", {QKeySequence("Ctrl+Return"), QKeySequence("Ctrl+Enter")});
    m_generateFirst = action(tr("Generate &Before Waiting Jobs"), nullptr, {QKeySequence("Ctrl+Shift+Return"), QKeySequence("Ctrl+Shift+Enter")});
    m_cancel = action(tr("&Cancel Run"), "cancel", {});
    m_focusPrompt = action(tr("Go to &Prompt"), nullptr, {QKeySequence("Alt+A")});
    m_pick = action(tr("Choose C&lass..."), "list", {});
    connect(m_generate, &QAction::triggered, this, [this] { generate(false); });
    connect(m_generateFirst, &QAction::triggered, this, [this] { generate(true); });
    connect(m_cancel, &QAction::triggered, this, &PromptBar::cancelRequested);
    connect(m_pick, &QAction::triggered, this, &PromptBar::pickClass);
    connect(m_focusPrompt, &QAction::triggered, this, [this] {
        m_prompt->setFocus(Qt::ShortcutFocusReason);
        m_prompt->selectAll();
    });
}

void PromptBar::layOut() {
    m_prompt->setObjectName("prompt");
    m_prompt->setAccessibleName(tr("Prompt"));
    m_prompt->setClearButtonEnabled(true);
    m_prompt->setCompleter(m_completer);
    m_prompt->installEventFilter(this);
    m_completer->popup()->installEventFilter(this);

    m_list->setObjectName("pickClass");
    m_list->setIcon(themedIcon("list"));
    m_list->setAccessibleName(tr("Choose a class"));
    m_list->setToolTip(tr("Choose a class from the list of all"));
    connect(m_list, &QToolButton::clicked, m_pick, &QAction::trigger);

    m_negative->setObjectName("negative");
    m_negative->setAccessibleName(tr("Away from"));
    m_negative->installEventFilter(this);
    const int letter = fontMetrics().averageCharWidth();
    m_prompt->setMinimumWidth(letter * 24);
    m_negative->setMinimumWidth(letter * 12);
    m_negative->setMaximumWidth(letter * 22);

    m_button->setObjectName("generate");
    m_button->setText(tr("Generate"));
    m_button->setIcon(themedIcon("generate"));
    m_button->setToolTip(tr("Make the pictures (Ctrl+Enter); Ctrl+Shift+Enter puts the job before those that wait"));
    connect(m_button, &QPushButton::clicked, m_generate, &QAction::trigger);
    m_cancelButton->setObjectName("cancel");
    m_cancelButton->setText(tr("Cancel"));
    m_cancelButton->setIcon(themedIcon("cancel"));
    m_cancelButton->setToolTip(tr("Stop the run (Esc); pictures that are finished are kept"));
    QSizePolicy keepsPlace = m_cancelButton->sizePolicy();
    keepsPlace.setRetainSizeWhenHidden(true);  // the bar does not jump when a run starts
    m_cancelButton->setSizePolicy(keepsPlace);
    connect(m_cancelButton, &QPushButton::clicked, m_cancel, &QAction::trigger);

    m_sentence->setObjectName("sentence");
    m_sentence->setTextFormat(Qt::RichText);
    m_sentence->setTextInteractionFlags(Qt::LinksAccessibleByMouse | Qt::LinksAccessibleByKeyboard);
    m_sentence->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);

    auto* grid = new QGridLayout(this);
    grid->setContentsMargins(8, 8, 8, 4);
    grid->setHorizontalSpacing(8);
    grid->setVerticalSpacing(4);
    grid->addWidget(labelFor(tr("Prompt"), m_prompt), 0, 0);
    grid->addWidget(m_prompt, 0, 1);
    grid->addWidget(m_list, 0, 2);
    grid->addWidget(labelFor(tr("Away from"), m_negative), 0, 3);
    grid->addWidget(m_negative, 0, 4);
    grid->addWidget(labelFor(tr("Seed"), m_seed), 0, 5);
    grid->addWidget(m_seed, 0, 6);
    grid->addWidget(m_button, 0, 7);
    grid->addWidget(m_sentence, 1, 1, 1, 6);
    grid->addWidget(m_cancelButton, 1, 7);
    grid->setColumnStretch(1, 1);
    QWidget* const order[] = {m_prompt, m_list, m_negative, m_seed, m_button, m_cancelButton};
    for (size_t i = 1; i < std::size(order); ++i) setTabOrder(order[i - 1], order[i]);
    setSizePolicy(QSizePolicy::Preferred, QSizePolicy::Fixed);
}

void PromptBar::generate(bool first) {
    m_completer->popup()->hide();
    const auto order = m_state.nextOrder();
    if (!order.ok()) {
        if (m_state.now().prompt.simplified().isEmpty() && m_state.now().classId < 0) m_prompt->setFocus(Qt::OtherFocusReason);
        return;
    }
    m_history.add(m_state.now().prompt);
    if (m_cancelButton->isVisibleTo(this))
        say(first ? tr("Next in the queue: %1").arg(order->title) : tr("Added to the queue: %1").arg(order->title), false);
    emit ordered(*order, first);
}

void PromptBar::pickClass() {
    if (!m_state.model()) return say(tr("Open a model first: its classes are listed then."), true);
    const int current = m_state.now().classId >= 0 ? m_state.now().classId : m_answer.taken.index;
    ClassPicker picker(m_state.model(), current, window());
    if (picker.exec() == QDialog::Accepted && picker.chosenClass() >= 0) choose(picker.chosenClass(), picker.chosenName());
}

void PromptBar::choose(int classId, const QString& name) {
    // Inserted over the selection, so that undo brings the words back.
    m_prompt->selectAll();
    name.isEmpty() ? m_prompt->del() : m_prompt->insert(name);
    GenerateSettings settings = m_state.now();
    settings.prompt = name;
    settings.classId = classId;
    m_state.set(settings);
}

void PromptBar::takeWords(const QString& words) {
    if (m_showing) return;
    m_history.leave();
    m_said.clear();
    GenerateSettings settings = m_state.now();
    settings.prompt = words;
    settings.classId = -1;
    m_state.set(settings);
}

void PromptBar::takeNegative(const QString& words) {
    if (m_showing) return;
    m_said.clear();
    GenerateSettings settings = m_state.now();
    settings.negative = words;
    m_state.set(settings);
}

void PromptBar::showSettings(const GenerateSettings& now) {
    m_showing = true;
    if (m_prompt->text() != now.prompt) m_prompt->setText(now.prompt);
    if (m_negative->text() != now.negative) m_negative->setText(now.negative);
    m_showing = false;
    m_seed->setValues(now.seed, now.seedLocked);
    if (!m_said.isEmpty()) {  // it was about the settings of before
        m_said.clear();
        showAnswer();
    }
    const GenerateSettings& asked = m_answer.asked;
    if (asked.prompt != now.prompt || asked.classId != now.classId || asked.negative != now.negative) m_askSoon.start();
}

void PromptBar::showModel(const OpenModelPtr& model) {
    const bool names = model && model->labels && model->labels->size() > 0;
    const bool reads = model && model->description().conditioning == Conditioning::Prompt;
    m_pick->setEnabled(!reads);
    m_list->setEnabled(!reads);
    m_prompt->setToolTip(reads ? tr("What to draw, in words. This model reads them itself; Alt+Up and Alt+Down bring back earlier prompts.")
                               : tr("What to draw, in words. The class that fits them best is drawn (class-conditional model); Alt+Up and "
                                    "Alt+Down bring back earlier prompts."));
    m_negative->setPlaceholderText(reads ? tr("nothing") : tr("no class"));
    m_negative->setToolTip(reads ? tr("Negative prompt: words that guidance leads away from. Empty: no prompt, as in training.")
                                 : tr("Negative prompt: words or a number of the class that guidance leads away from. Empty: the null class, "
                                      "as in training."));
    m_sentence->setAccessibleName(reads ? tr("How the prompt is read") : tr("Class that is drawn"));
    m_completer->setWords(names ? promptWords(*model->labels) : QStringList());
    if (names) {
        const auto& classes = model->labels->classes();
        m_prompt->setPlaceholderText(tr("Say what to draw, for example: %1").arg(QString::fromStdString(classes[classes.size() / 2].name)));
    } else if (reads) {
        const auto builtIn = builtInModel(model->order.builtIn);
        const QString example = model->order.embedded() && builtIn.ok() ? builtInExample(builtIn->id) : QString();
        m_prompt->setPlaceholderText(example.isEmpty() ? tr("Say what to draw, in a few words") : tr("Say what to draw, for example: %1").arg(example));
    } else {
        m_prompt->setPlaceholderText(model ? tr("Type a class number from 0 to %1").arg(model->description().config.classes - 1)
                                           : tr("Open a model first"));
    }
    m_askSoon.start();
}

void PromptBar::ask() {
    m_asking.submit([asked = m_state.now(), model = m_state.model()] { return answerTo(asked, model); });
}

PromptBar::Answer PromptBar::answerTo(const GenerateSettings& asked, const OpenModelPtr& model) {
    Answer answer{asked, model, {}, {}, {}, {}};
    if (!model) return answer;
    if (asked.classId >= 0 || !asked.prompt.simplified().isEmpty()) {
        auto taken = classOf(asked, *model);
        if (taken.ok())
            answer.taken = std::move(*taken);
        else
            answer.error = sentenceOf(taken.error());
    }
    if (!asked.negative.simplified().isEmpty()) {
        GenerateSettings away;
        away.prompt = asked.negative;
        const auto taken = classOf(away, *model);
        if (!taken.ok())
            answer.negativeError = tr("Away from: %1").arg(sentenceOf(taken.error()));
        else if (model->description().conditioning == Conditioning::Prompt)
            answer.negative = tr("away from “%1”").arg(asked.negative.simplified());
        else
            answer.negative = taken->name.isEmpty() ? tr("away from class %1").arg(taken->index)
                                                    : tr("away from class %1 “%2”").arg(taken->index).arg(taken->name);
    }
    return answer;
}

void PromptBar::showAnswer() {
    const bool wrong = m_said.isEmpty() ? !m_answer.error.isEmpty() || !m_answer.negativeError.isEmpty() : m_saidWrong;
    QString text = !m_said.isEmpty()                  ? m_said
                   : !m_answer.error.isEmpty()         ? m_answer.error
                   : !m_answer.negativeError.isEmpty() ? m_answer.negativeError
                                                       : m_answer.taken.sentence;
    if (m_said.isEmpty() && !wrong && !m_answer.negative.isEmpty())
        text += text.isEmpty() ? m_answer.negative : QStringLiteral("; ") + m_answer.negative;
    QFont font = m_sentence->font();
    font.setBold(wrong);
    const QString shown = QFontMetrics(font).elidedText(text, Qt::ElideRight, m_sentence->width());
    QString html = wrong ? QStringLiteral("<b>%1</b>").arg(shown.toHtmlEscaped()) : shown.toHtmlEscaped();
    if (m_said.isEmpty() && !wrong && m_answer.asked.classId < 0) {
        int room = m_sentence->width() - m_sentence->fontMetrics().horizontalAdvance(shown);
        QStringList links;
        for (const OtherClass& other : m_answer.taken.others.mid(0, kOthersOffered)) {
            room -= m_sentence->fontMetrics().horizontalAdvance(tr("Or: ") + other.name + QStringLiteral(",   "));
            if (room > 0) links.append(QStringLiteral("<a href=\"%1\">%2</a>").arg(other.index).arg(other.name.toHtmlEscaped()));
        }
        if (!links.isEmpty()) html += QStringLiteral(" &nbsp;") + tr("Or: ") + links.join(QStringLiteral(", "));
    }
    m_sentence->setText(html);
    m_sentence->setProperty("plain", text);
    m_sentence->setToolTip(shown == text ? QString() : text.toHtmlEscaped());
    m_sentence->setAccessibleDescription(text);
}

void PromptBar::say(const QString& sentence, bool wrong) {
    m_said = sentence;
    m_saidWrong = wrong;
    showAnswer();
    if (!wrong) return;
    QAccessibleEvent alert(m_sentence, QAccessible::Alert);
    QAccessible::updateAccessibility(&alert);
}

QString PromptBar::sentence() const { return m_sentence->property("plain").toString(); }

void PromptBar::setRunning(bool running) {
    m_cancelButton->setVisible(running);
    m_cancel->setEnabled(running);
    if (!running && !m_said.isEmpty() && !m_saidWrong) {
        m_said.clear();
        showAnswer();
    }
}

bool PromptBar::eventFilter(QObject* watched, QEvent* event) {
    if (event->type() == QEvent::DragEnter && static_cast<QDragEnterEvent*>(event)->mimeData()->hasUrls()) {
        event->ignore();  // files are for the window, which opens them; words may be dropped here
        return true;
    }
    if (event->type() != QEvent::KeyPress) return QWidget::eventFilter(watched, event);
    auto* key = static_cast<QKeyEvent*>(event);
    const bool enter = key->key() == Qt::Key_Return || key->key() == Qt::Key_Enter;
    if (watched == m_completer->popup() && enter) {
        // The popup would only close: with nothing chosen in it, the person means the prompt.
        const bool control = key->modifiers() & Qt::ControlModifier;
        if (control || !m_completer->popup()->currentIndex().isValid()) {
            m_completer->popup()->hide();
            generate(control && (key->modifiers() & Qt::ShiftModifier));
            return true;
        }
    }
    const bool upOrDown = key->key() == Qt::Key_Up || key->key() == Qt::Key_Down;
    if ((watched == m_prompt || watched == m_completer->popup()) && upOrDown && (key->modifiers() & Qt::AltModifier)) {
        m_completer->popup()->hide();
        GenerateSettings settings = m_state.now();
        const QString before = settings.prompt;
        settings.prompt = key->key() == Qt::Key_Up ? m_history.older(before) : m_history.newer(before);
        m_said.clear();
        if (settings.prompt != before) {
            settings.classId = -1;
            m_state.set(settings);
        }
        return true;
    }
    return QWidget::eventFilter(watched, event);
}

void PromptBar::resizeEvent(QResizeEvent* event) {
    QWidget::resizeEvent(event);
    showAnswer();
}

}  // namespace moescope
