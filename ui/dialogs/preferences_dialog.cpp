// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/dialogs/preferences_dialog.h"

#include <QCheckBox>
#include <QComboBox>
#include <QDesktopServices>
#include <QDir>
#include <QDoubleSpinBox>
#include <QFileDialog>
#include <QFormLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QLocale>
#include <QPushButton>
#include <QSpinBox>
#include <QThread>
#include <QToolButton>
#include <QUrl>
#include <QVBoxLayout>
#include <algorithm>
#include <cmath>

#include "ui/icons.h"

namespace moescope {
namespace {

constexpr double kGigabyte = 1024.0 * 1024.0 * 1024.0;

template <class T>
void choose(QComboBox* box, T value) {
    box->setCurrentIndex(box->findData(static_cast<int>(value)));
}

template <class T>
T chosen(const QComboBox* box) {
    return static_cast<T>(box->currentData().toInt());
}

QLabel* heading(const QString& text) {
    auto* label = new QLabel(text);
    QFont bold = label->font();
    bold.setBold(true);
    label->setFont(bold);
    return label;
}

}  // namespace

PreferencesDialog::PreferencesDialog(PreferenceStore& store, const PreferenceSurroundings& surroundings, QWidget* parent)
    : QDialog(parent), m_store(store) {
    setWindowTitle(tr("Preferences"));
    build(surroundings);
    setHistoryBytes(surroundings.historyBytes);
    fill(store.now());
    connect(&store, &PreferenceStore::changed, this, [this](const Preferences& now) { fill(now); });
}

void PreferencesDialog::build(const PreferenceSurroundings& surroundings) {
    const int line = fontMetrics().height();
    auto* form = new QFormLayout;
    form->setHorizontalSpacing(line);
    form->setFieldGrowthPolicy(QFormLayout::AllNonFixedFieldsGrow);
    const auto section = [&](const QString& text) {
        auto* label = heading(text);
        if (form->rowCount() > 0) label->setContentsMargins(0, line / 2, 0, 0);
        form->addRow(label);
    };
    const auto row = [&](const QString& title, QWidget* field, QWidget* control, const QString& name, const QString& toolTip) {
        auto* label = new QLabel(title);
        label->setBuddy(control);
        label->setToolTip(toolTip);
        control->setToolTip(toolTip);
        control->setObjectName(name);
        control->setAccessibleName(QString(title).remove(QLatin1Char('&')));
        form->addRow(label, field);
    };
    const auto box = [this](std::initializer_list<std::pair<QString, int>> entries) {
        auto* made = new QComboBox;
        for (const auto& [text, value] : entries) made->addItem(text, value);
        connect(made, &QComboBox::currentIndexChanged, this, &PreferencesDialog::take);
        return made;
    };

    section(tr("Window"));
    m_theme = box({{tr("as the system has it"), int(Theme::System)}, {tr("light"), int(Theme::Light)}, {tr("dark"), int(Theme::Dark)}});
    row(tr("&Theme"), m_theme, m_theme, QStringLiteral("theme"), tr("Colours of the whole window; changes at once"));
    // Languages are named in themselves, so that a person who chose the wrong one finds the way back.
    m_language = box({{tr("as the system has it"), int(Language::System)}, {QStringLiteral("English"), int(Language::English)},
                      {QStringLiteral("Deutsch"), int(Language::German)}});
    row(tr("&Language"), m_language, m_language, QStringLiteral("language"), tr("Language of the texts, from the next start on"));

    section(tr("Computing"));
    m_threads = new QSpinBox;
    m_threads->setRange(0, kMostThreads);
    m_threads->setSpecialValueText(tr("all cores (%1)").arg(QThread::idealThreadCount()));
    m_threads->setKeyboardTracking(false);
    connect(m_threads, &QSpinBox::valueChanged, this, &PreferencesDialog::take);
    row(tr("T&hreads"), m_threads, m_threads, QStringLiteral("threads"),
        tr("Threads that the engine works with, from the next start on; 0: one per core. The pictures do not depend on it."));
    m_storage = box({{tr("f32, exact"), int(MS_F32)}, {tr("bf16, half the memory"), int(MS_BF16)}});
    row(tr("Keep &weights as"), m_storage, m_storage, QStringLiteral("weights"),
        tr("How weights are kept in memory (dtype) for models opened from now on; arithmetic is f32 in both"));
    m_capture = box({{tr("numbers of tokens only"), int(CaptureLevel::Counts)}, {tr("who handled what"), int(CaptureLevel::Assignments)},
                     {tr("and router scores"), int(CaptureLevel::Scores)}, {tr("and strengths (norms)"), int(CaptureLevel::Norms)}});
    row(tr("&Record"), m_capture, m_capture, QStringLiteral("capture"),
        tr("What new settings record of the routing (capture level). The maps over the picture need “who handled what”."));

    section(tr("History"));
    m_quota = new QDoubleSpinBox;
    m_quota->setDecimals(1);
    m_quota->setRange(0.1, double(kLargestQuota) / kGigabyte);
    m_quota->setSuffix(tr(" GB", "unit after a number"));
    m_quota->setKeyboardTracking(false);
    connect(m_quota, &QDoubleSpinBox::valueChanged, this, &PreferencesDialog::take);
    row(tr("Keep at &most"), m_quota, m_quota, QStringLiteral("quota"),
        tr("When the runs in History take more, you are asked before the oldest are removed; runs with a star stay"));
    m_historyUse = new QLabel;
    m_historyUse->setWordWrap(true);
    auto* openFolder = new QToolButton;
    openFolder->setIcon(themedIcon(QStringLiteral("folder")));
    openFolder->setAutoRaise(true);
    openFolder->setToolTip(tr("Show the folder: %1").arg(QDir::toNativeSeparators(surroundings.historyFolder)));
    openFolder->setAccessibleName(tr("Show the History folder"));
    openFolder->setEnabled(!surroundings.historyFolder.isEmpty());
    connect(openFolder, &QToolButton::clicked, this,
            [folder = surroundings.historyFolder] { QDesktopServices::openUrl(QUrl::fromLocalFile(folder)); });
    auto* use = new QHBoxLayout;
    use->addWidget(m_historyUse, 1);
    use->addWidget(openFolder);
    form->addRow(tr("In use"), use);

    section(tr("Pictures"));
    m_folder = new QLineEdit;
    m_folder->setPlaceholderText(QDir::toNativeSeparators(defaultPictureFolder()));
    connect(m_folder, &QLineEdit::editingFinished, this, &PreferencesDialog::take);
    auto* browse = new QToolButton;
    browse->setIcon(themedIcon(QStringLiteral("open")));
    browse->setToolTip(tr("Choose the folder"));
    browse->setAccessibleName(tr("Choose the folder for pictures"));
    connect(browse, &QToolButton::clicked, this, &PreferencesDialog::choosePictureFolder);
    auto* folder = new QWidget;
    auto* folderLayout = new QHBoxLayout(folder);
    folderLayout->setContentsMargins(0, 0, 0, 0);
    folderLayout->addWidget(m_folder, 1);
    folderLayout->addWidget(browse);
    row(tr("&Save in"), folder, m_folder, QStringLiteral("pictureFolder"), tr("Folder that is offered when a picture is saved; empty: the one that stands there in grey"));
    m_carry = new QCheckBox(tr("Pictures &carry the settings that made them"));
    m_carry->setObjectName(QStringLiteral("carrySettings"));
    m_carry->setToolTip(tr("Saved PNG files hold prompt, seed and all settings (metadata), so that dropping one on the window restores them"));
    connect(m_carry, &QCheckBox::toggled, this, &PreferencesDialog::take);
    form->addRow(QString(), m_carry);

    m_restart = new QLabel;
    m_restart->setWordWrap(true);
    m_restart->setObjectName(QStringLiteral("restartNote"));
    m_defaults = new QPushButton(themedIcon(QStringLiteral("reset")), tr("Restore &Defaults"));
    m_defaults->setObjectName(QStringLiteral("restoreDefaults"));
    m_defaults->setToolTip(tr("Set everything on this page back to what it is after installation"));
    m_defaults->setAutoDefault(false);
    connect(m_defaults, &QPushButton::clicked, this, &PreferencesDialog::restoreDefaults);
    auto* close = new QPushButton(tr("Close"));
    close->setDefault(true);
    connect(close, &QPushButton::clicked, this, &QDialog::accept);
    auto* buttons = new QHBoxLayout;
    buttons->addWidget(m_defaults);
    buttons->addStretch();
    buttons->addWidget(close);

    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(line, line, line, line);
    layout->setSpacing(line);
    layout->addLayout(form);
    layout->addStretch();
    layout->addWidget(m_restart);
    layout->addLayout(buttons);
    setMinimumWidth(line * 30);
}

void PreferencesDialog::fill(const Preferences& preferences) {
    m_showing = true;
    choose(m_theme, preferences.theme);
    choose(m_language, preferences.language);
    m_threads->setValue(preferences.threads);
    choose(m_storage, preferences.storage);
    choose(m_capture, preferences.capture);
    m_quota->setValue(double(preferences.historyQuota) / kGigabyte);
    m_folder->setText(QDir::toNativeSeparators(preferences.pictureFolder));
    m_carry->setChecked(preferences.picturesCarrySettings);
    m_showing = false;

    const Preferences& start = m_store.atStart();
    const bool wait = preferences.language != start.language || preferences.threads != start.threads;
    m_restart->setText(wait ? tr("Language and threads change when MoEscope is started next.") : QString());
    m_defaults->setEnabled(!(preferences == Preferences{}));
    setHistoryBytes(m_historyBytes);
}

Preferences PreferencesDialog::fields() const {
    Preferences read = m_store.now();
    read.theme = chosen<Theme>(m_theme);
    read.language = chosen<Language>(m_language);
    read.threads = m_threads->value();
    read.storage = chosen<MsDType>(m_storage);
    read.capture = chosen<CaptureLevel>(m_capture);
    // A quota that the field shows rounded is not changed by looking at it.
    const double shown = std::round(double(read.historyQuota) / kGigabyte * 10) / 10;
    if (std::abs(m_quota->value() - shown) > 0.01)
        read.historyQuota = std::clamp(static_cast<qint64>(m_quota->value() * kGigabyte), kSmallestQuota, kLargestQuota);
    const QString folder = QDir::fromNativeSeparators(m_folder->text().trimmed());
    read.pictureFolder = folder.isEmpty() ? QString() : QDir::cleanPath(folder);
    read.picturesCarrySettings = m_carry->isChecked();
    return read;
}

void PreferencesDialog::take() {
    if (!m_showing) m_store.set(fields());
}

void PreferencesDialog::restoreDefaults() { m_store.set(Preferences{}); }

void PreferencesDialog::setHistoryBytes(qint64 bytes) {
    m_historyBytes = bytes;
    const QLocale locale;
    m_historyUse->setText(tr("%1 of %2").arg(locale.formattedDataSize(bytes, 1, QLocale::DataSizeTraditionalFormat),
                                             locale.formattedDataSize(m_store.now().historyQuota, 1, QLocale::DataSizeTraditionalFormat)));
}

void PreferencesDialog::choosePictureFolder() {
    const QString folder = QFileDialog::getExistingDirectory(this, tr("Folder for pictures"), pictureFolderOf(m_store.now()));
    if (folder.isEmpty()) return;
    m_folder->setText(QDir::toNativeSeparators(folder));
    take();
}

}  // namespace moescope
