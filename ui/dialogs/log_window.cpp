// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/dialogs/log_window.h"

#include <QClipboard>
#include <QDir>
#include <QFileDialog>
#include <QFontDatabase>
#include <QGuiApplication>
#include <QHBoxLayout>
#include <QLabel>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QSaveFile>
#include <QScrollBar>
#include <QTimer>
#include <QVBoxLayout>

#include "ui/icons.h"

namespace moescope {

LogWindow::LogWindow(EventLog& log, QWidget* parent) : QDialog(parent), m_log(log) {
    setWindowTitle(tr("Log"));
    const int em = fontMetrics().horizontalAdvance(QLatin1Char('m'));
    resize(80 * em, 36 * em);

    auto* intro = new QLabel(tr("What the program did since it was started. Copy it into a report of a problem; your home folder is "
                                "written as ~, prompts and other names are not in it unless a message quotes them."));
    intro->setWordWrap(true);
    m_text = new QPlainTextEdit;
    m_text->setReadOnly(true);
    m_text->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
    m_text->setLineWrapMode(QPlainTextEdit::NoWrap);
    m_text->setFont(QFontDatabase::systemFont(QFontDatabase::FixedFont));
    m_text->setPlaceholderText(tr("Nothing has been said since the program was started or the log was cleared."));
    m_text->setAccessibleName(tr("Log"));

    const auto button = [this](const QString& text, const char* icon, const char* name, const QString& toolTip) {
        auto* made = new QPushButton(themedIcon(QString::fromLatin1(icon)), text);
        made->setObjectName(QString::fromLatin1(name));
        made->setToolTip(toolTip);
        made->setAutoDefault(false);
        return made;
    };
    m_copy = button(tr("&Copy"), "copy", "copyLog", tr("Copy the whole log, with the versions at its head"));
    m_save = button(tr("&Save…"), "save", "saveLog", tr("Write the log to a text file"));
    m_clear = button(tr("C&lear"), "delete", "clearLog", tr("Forget the lines so far"));
    auto* close = new QPushButton(tr("Close"));
    close->setDefault(true);
    connect(m_copy, &QPushButton::clicked, this, &LogWindow::copy);
    connect(m_save, &QPushButton::clicked, this, &LogWindow::save);
    connect(m_clear, &QPushButton::clicked, this, [this] { m_log.clear(); });
    connect(close, &QPushButton::clicked, this, &QDialog::close);

    auto* buttons = new QHBoxLayout;
    buttons->addWidget(m_copy);
    buttons->addWidget(m_save);
    buttons->addWidget(m_clear);
    buttons->addStretch();
    buttons->addWidget(close);
    auto* layout = new QVBoxLayout(this);
    layout->addWidget(intro);
    layout->addWidget(m_text);
    layout->addLayout(buttons);

    m_refresh = new QTimer(this);
    m_refresh->setSingleShot(true);
    m_refresh->setInterval(100);
    connect(m_refresh, &QTimer::timeout, this, &LogWindow::refresh);
    // The log may be written on any thread: then this arrives through the event loop.
    connect(&m_log, &EventLog::changed, this, [this] {
        if (isVisible() && !m_refresh->isActive()) m_refresh->start();
    });
}

void LogWindow::showEvent(QShowEvent* event) {
    QDialog::showEvent(event);
    refresh();
    m_text->verticalScrollBar()->setValue(m_text->verticalScrollBar()->maximum());
}

void LogWindow::refresh() {
    QScrollBar* bar = m_text->verticalScrollBar();
    const bool following = bar->value() >= bar->maximum();
    const int place = bar->value(), across = m_text->horizontalScrollBar()->value();
    m_text->setPlainText(m_log.size() ? m_log.text().trimmed() : QString());
    bar->setValue(following ? bar->maximum() : place);
    m_text->horizontalScrollBar()->setValue(across);
    for (QPushButton* button : {m_copy, m_save, m_clear}) button->setEnabled(m_log.size() > 0);
}

void LogWindow::copy() const { QGuiApplication::clipboard()->setText(m_log.text()); }

void LogWindow::save() {
    const QString file = QFileDialog::getSaveFileName(this, tr("Save log"), QDir::home().filePath(QStringLiteral("moescope-log.txt")),
                                                      tr("Text files (*.txt);;All files (*)"));
    if (!file.isEmpty()) saveTo(file);
}

bool LogWindow::saveTo(const QString& file) {
    QSaveFile out(file);
    if (out.open(QIODevice::WriteOnly) && out.write(m_log.text().toUtf8()) >= 0 && out.commit()) return true;
    emit failed({ErrorCode::Io, tr("The log could not be written to %1: %2. Choose another folder, or copy the log instead.")
                                    .arg(QDir::toNativeSeparators(file), out.errorString())
                                    .toStdString()});
    return false;
}

}  // namespace moescope
