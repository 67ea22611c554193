// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/dialogs/about_dialog.h"

#include <QApplication>
#include <QClipboard>
#include <QEvent>
#include <QFile>
#include <QFontDatabase>
#include <QFormLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QListWidget>
#include <QPushButton>
#include <QSplitter>
#include <QSysInfo>
#include <QTabWidget>
#include <QTextBrowser>
#include <QVBoxLayout>
#include <utility>
#include <vector>

#include "ui/dialogs/help_drawings.h"
#include "ui/icons.h"

namespace moescope {
namespace {

struct Licence {
    QString title;
    const char* file;  // below :/licences
};

std::vector<Licence> licences() {
    return {{AboutDialog::tr("Which licence for what"), "LICENSE"},
            {AboutDialog::tr("Program: GPL, version 3 or later"), "GPL-3.0-or-later.txt"},
            {AboutDialog::tr("Engine: Apache, version 2.0"), "Apache-2.0.txt"},
            {AboutDialog::tr("Bundled data and code: notices"), "NOTICES.md"},
            {AboutDialog::tr("Emoji pictures: Open Font License 1.1"), "OFL-1.1.txt"},
            {AboutDialog::tr("Emoji names: Unicode"), "Unicode-DFS-2016.txt"},
            {AboutDialog::tr("Class names: BSD, torchvision"), "BSD-3-Clause-torchvision.txt"},
            {AboutDialog::tr("Class names: WordNet 3.0"), "WordNet-3.0.txt"},
            {AboutDialog::tr("JSON for Modern C++: MIT"), "MIT-nlohmann-json.txt"},
            {AboutDialog::tr("CLI11: BSD"), "BSD-3-Clause-CLI11.txt"},
            {AboutDialog::tr("fmt: MIT"), "MIT-fmt.txt"}};
}

QString licenceText(const char* file) {
    QFile in(QStringLiteral(":/licences/") + QString::fromLatin1(file));
    return in.open(QIODevice::ReadOnly) ? QString::fromUtf8(in.readAll()) : QString();
}

}  // namespace

AboutDialog::AboutDialog(const AboutFacts& facts, QWidget* parent) : QDialog(parent) {
    initHelpDrawings();
    setWindowTitle(tr("About MoEscope"));
    const int line = fontMetrics().height();
    resize(line * 44, line * 30);

    auto* tabs = new QTabWidget;
    tabs->addTab(buildAbout(facts), tr("&About"));
    tabs->addTab(buildLicences(), tr("&Licences"));

    auto* copy = new QPushButton(themedIcon(QStringLiteral("copy")), tr("&Copy"));
    copy->setObjectName(QStringLiteral("copyFacts"));
    copy->setToolTip(tr("Copy versions and device, for a report"));
    copy->setAutoDefault(false);
    auto* qt = new QPushButton(tr("About &Qt"));
    qt->setAutoDefault(false);
    auto* close = new QPushButton(tr("Close"));
    close->setDefault(true);
    auto* buttons = new QHBoxLayout;
    buttons->addWidget(copy);
    buttons->addWidget(qt);
    buttons->addStretch();
    buttons->addWidget(close);
    auto* layout = new QVBoxLayout(this);
    layout->addWidget(tabs);
    layout->addLayout(buttons);
    connect(copy, &QPushButton::clicked, this, [this] { QApplication::clipboard()->setText(m_facts); });
    connect(qt, &QPushButton::clicked, qApp, &QApplication::aboutQt);
    connect(close, &QPushButton::clicked, this, &QDialog::close);
    close->setFocus();
}

QWidget* AboutDialog::buildAbout(const AboutFacts& facts) {
    const int line = fontMetrics().height();
    std::vector<std::pair<QString, QString>> rows{{tr("Program"), QStringLiteral("MoEscope ") + facts.version},
                                                  {tr("Engine"), tr("%1, part of the program").arg(facts.version)},
                                                  {tr("Qt"), QString::fromLatin1(qVersion())},
                                                  {tr("QCustomPlot"), facts.qcustomplot},
                                                  {tr("Device"), facts.device},
                                                  {tr("Devices"), facts.devices.join(QLatin1Char('\n'))},
                                                  {tr("System"), QStringLiteral("%1, %2").arg(QSysInfo::prettyProductName(), QSysInfo::currentCpuArchitecture())}};
    auto* page = new QWidget;
    auto* layout = new QVBoxLayout(page);
    layout->setContentsMargins(line, line, line, line);
    layout->setSpacing(line);
    auto* name = new QLabel(QStringLiteral("MoEscope"));
    QFont large = name->font();
    large.setPointSizeF(large.pointSizeF() * 1.8);
    large.setBold(true);
    name->setFont(large);
    auto* purpose = new QLabel(tr("Makes pictures with sparse mixture-of-experts diffusion models and shows which expert worked on which "
                                  "part of them."));
    purpose->setWordWrap(true);
    layout->addWidget(name);
    layout->addWidget(purpose);
    auto* form = new QFormLayout;
    form->setHorizontalSpacing(line);
    for (const auto& [title, text] : rows) {
        if (text.isEmpty()) continue;
        auto* value = new QLabel(text);
        value->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
        value->setWordWrap(true);
        value->setAccessibleName(title + QStringLiteral(": ") + text);
        form->addRow(title, value);
        m_facts += title + QStringLiteral(": ") + text + QLatin1Char('\n');
    }
    layout->addLayout(form);
    auto* free = new QLabel(tr("Free software under the GNU General Public License, version 3 or later, without any warranty. The engine "
                               "may be used by itself under the Apache License, version 2.0. The page Licences has the texts, and those of "
                               "the bundled data."));
    free->setWordWrap(true);
    layout->addWidget(free);
    layout->addStretch();
    return page;
}

QWidget* AboutDialog::buildLicences() {
    m_licences = new QListWidget;
    m_licences->setAccessibleName(tr("Licences"));
    m_licences->setWordWrap(true);
    for (const Licence& licence : licences()) m_licences->addItem(licence.title);
    m_text = new QTextBrowser;
    m_text->setOpenExternalLinks(true);
    m_text->setAccessibleName(tr("Text of the licence"));
    auto* split = new QSplitter;
    split->addWidget(m_licences);
    split->addWidget(m_text);
    split->setStretchFactor(1, 1);
    const int line = fontMetrics().height();
    split->setSizes({line * 14, line * 30});
    connect(m_licences, &QListWidget::currentRowChanged, this, &AboutDialog::showLicence);
    m_licences->setCurrentRow(0);
    return split;
}

void AboutDialog::showLicence(int row) {
    const std::vector<Licence> all = licences();
    if (row < 0 || row >= static_cast<int>(all.size())) return;
    const char* file = all[size_t(row)].file;
    const QString text = licenceText(file);
    if (QString::fromLatin1(file).endsWith(QLatin1String(".md"))) {
        m_text->setFont(font());
        m_text->setMarkdown(text);
    } else {
        m_text->setFont(QFontDatabase::systemFont(QFontDatabase::FixedFont));
        m_text->setPlainText(text);
    }
}

void AboutDialog::changeEvent(QEvent* event) {
    QDialog::changeEvent(event);
    if (event->type() == QEvent::PaletteChange && m_licences) showLicence(m_licences->currentRow());
}

}  // namespace moescope
