// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/dialogs/error_box.h"

#include <algorithm>

#include <QClipboard>
#include <QFontDatabase>
#include <QGuiApplication>
#include <QHBoxLayout>
#include <QLabel>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QStyle>
#include <QVBoxLayout>

#include "ui/icons.h"
#include "ui/session/event_log.h"
#include "ui/session/sentences.h"

namespace moescope {
namespace {

constexpr int kLogLines = 40;

/// For the report, in the words of the source; never translated.
QString codeWord(ErrorCode code) {
    switch (code) {
        case ErrorCode::InvalidArgument: return QStringLiteral("invalid argument");
        case ErrorCode::NotFound: return QStringLiteral("not found");
        case ErrorCode::Io: return QStringLiteral("input/output");
        case ErrorCode::NoSpace: return QStringLiteral("no space");
        case ErrorCode::Format: return QStringLiteral("format");
        case ErrorCode::Unsupported: return QStringLiteral("unsupported");
        case ErrorCode::OutOfMemory: return QStringLiteral("out of memory");
        case ErrorCode::Numeric: return QStringLiteral("numeric");
        case ErrorCode::Cancelled: return QStringLiteral("cancelled");
        case ErrorCode::DeviceMemory: return QStringLiteral("out of device memory");
        case ErrorCode::DeviceLost: return QStringLiteral("device lost");
        case ErrorCode::Internal: break;
    }
    return QStringLiteral("internal");
}

QLabel* selectableLabel(const QString& text) {
    auto* label = new QLabel(text);
    label->setWordWrap(true);
    label->setTextFormat(Qt::PlainText);
    label->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
    label->setFocusPolicy(Qt::NoFocus);  // the buttons have it
    return label;
}

}  // namespace

QString errorAdvice(ErrorCode code) {
    switch (code) {
        case ErrorCode::NoSpace: return ErrorBox::tr("Make room on the disk, or save to another one, and try again.");
        case ErrorCode::OutOfMemory:
            return ErrorBox::tr("Closing other programs, fewer pictures at once, or weights kept as bf16 need less memory.");
        case ErrorCode::DeviceMemory:
            return ErrorBox::tr("Fewer pictures at once, or weights kept as bf16, need less memory of the GPU. The CPU works in the computer's own memory.");
        case ErrorCode::DeviceLost: return ErrorBox::tr("What was finished is kept. The model is loaded again if the GPU comes back.");
        case ErrorCode::Format: return ErrorBox::tr("The file may be damaged or not complete. If it was downloaded, compare its size or download it again.");
        case ErrorCode::Numeric: return ErrorBox::tr("Try the model's own settings, and weights kept as f32.");
        case ErrorCode::Internal: return ErrorBox::tr("This is a mistake of the program. Please report it with the details below.");
        default: return {};
    }
}

ErrorBox::ErrorBox(const QString& title, const EngineError& error, EventLog* log, std::vector<ErrorAction> actions, QWidget* parent)
    : QDialog(parent), m_title(title), m_error(error) {
    setWindowTitle(title);
    setAttribute(Qt::WA_DeleteOnClose);
    const QString said = sentenceOf(error), advice = errorAdvice(error.code);
    const QString sentence = said.isEmpty() ? tr("Something went wrong, and nothing says what.") : said;
    setAccessibleName(title);
    setAccessibleDescription(sentence + QLatin1Char(' ') + advice);

    m_details = withoutHome(title + QLatin1Char('\n') + QString::fromStdString(error.message)) + QStringLiteral("\n(") +
                codeWord(error.code) + QStringLiteral(")\n");
    if (log && log->size() > 0) m_details += QLatin1Char('\n') + log->text(kLogLines);

    const int line = fontMetrics().height();
    auto* icon = new QLabel;
    icon->setPixmap(style()->standardIcon(QStyle::SP_MessageBoxWarning, nullptr, this).pixmap(QSize(line * 2, line * 2), devicePixelRatioF()));
    icon->setAlignment(Qt::AlignTop);
    auto* heading = selectableLabel(title);
    QFont large = heading->font();
    large.setBold(true);
    heading->setFont(large);
    m_repeated = selectableLabel({});
    m_repeated->hide();
    auto* words = new QVBoxLayout;
    words->setSpacing(line / 2);
    words->addWidget(heading);
    words->addWidget(selectableLabel(sentence));
    if (!advice.isEmpty()) words->addWidget(selectableLabel(advice));
    words->addWidget(m_repeated);
    auto* upper = new QHBoxLayout;
    upper->setSpacing(line);
    upper->addWidget(icon);
    upper->addLayout(words, 1);

    m_toggle = new QPushButton(tr("&Details"));
    m_toggle->setObjectName(QStringLiteral("toggleDetails"));
    m_toggle->setCheckable(true);
    m_toggle->setAutoDefault(false);
    m_toggle->setToolTip(tr("What to put into a report: the message and the end of the log"));
    auto* copy = new QPushButton(themedIcon(QStringLiteral("copy")), tr("&Copy"));
    copy->setObjectName(QStringLiteral("copyDetails"));
    copy->setAutoDefault(false);
    copy->setToolTip(tr("Copy the details"));
    auto* close = new QPushButton(tr("Close"));
    close->setObjectName(QStringLiteral("closeBox"));
    auto* buttons = new QHBoxLayout;
    buttons->addWidget(m_toggle);
    buttons->addWidget(copy);
    buttons->addSpacing(line);
    buttons->addStretch();
    QPushButton* first = nullptr;
    for (ErrorAction& action : actions) {
        auto* button = new QPushButton(action.text);
        button->setAutoDefault(true);
        connect(button, &QPushButton::clicked, this, [this, run = std::move(action.run)] {
            accept();
            if (run) run();
        });
        buttons->addWidget(button);
        if (!first) first = button;
    }
    buttons->addWidget(close);
    (first ? first : close)->setDefault(true);
    (first ? first : close)->setFocus();

    m_text = new QPlainTextEdit(m_details);
    m_text->setReadOnly(true);
    m_text->setFont(QFontDatabase::systemFont(QFontDatabase::FixedFont));
    m_text->setLineWrapMode(QPlainTextEdit::NoWrap);
    m_text->setAccessibleName(tr("Details"));
    m_text->setMinimumHeight(line * 10);
    m_text->hide();

    auto* layout = new QVBoxLayout(this);
    layout->setSpacing(line);
    layout->setContentsMargins(line, line, line, line);
    layout->addLayout(upper);
    layout->addStretch();
    layout->addWidget(m_text, 1);
    layout->addLayout(buttons);

    connect(m_toggle, &QPushButton::toggled, this, &ErrorBox::setDetailsShown);
    connect(copy, &QPushButton::clicked, this, [this] { QGuiApplication::clipboard()->setText(m_details); });
    connect(close, &QPushButton::clicked, this, &QDialog::reject);
}

void ErrorBox::setDetailsShown(bool shown) {
    m_toggle->setChecked(shown);
    m_text->setVisible(shown);
    fit();
}

void ErrorBox::fit() {
    // Wrapped texts: the height follows from the width, which the buttons decide where their texts are long.
    layout()->activate();
    const int line = fontMetrics().height();
    const int wide = std::max(line * (m_text->isHidden() ? 30 : 44), layout()->totalMinimumSize().width());
    setMinimumSize(wide, layout()->totalHeightForWidth(wide));
    resize(minimumSize());
}

void ErrorBox::showEvent(QShowEvent* event) {
    QDialog::showEvent(event);
    fit();
}

bool ErrorBox::tells(const QString& title, const EngineError& error) const {
    return title == m_title && error.code == m_error.code && error.message == m_error.message;
}

void ErrorBox::again() {
    ++m_times;
    m_repeated->setText(tr("This has happened %n times now.", nullptr, m_times));
    m_repeated->show();
    fit();
    raise();
    activateWindow();
}

ErrorBox* showError(QWidget* parent, const QString& title, const EngineError& error, EventLog* log, std::vector<ErrorAction> actions) {
    QWidget* window = parent ? parent->window() : nullptr;
    if (window) {
        for (ErrorBox* open : window->findChildren<ErrorBox*>(QString(), Qt::FindDirectChildrenOnly)) {
            if (!open->isVisible() || !open->tells(title, error)) continue;
            open->again();
            return open;
        }
    }
    auto* box = new ErrorBox(title, error, log, std::move(actions), window);
    box->open();
    return box;
}

}  // namespace moescope
