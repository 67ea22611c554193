// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/dialogs/open_model_dialog.h"

#include <QComboBox>
#include <QDialogButtonBox>
#include <QFileDialog>
#include <QFormLayout>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QTreeWidget>
#include <QVBoxLayout>

#include "engine/core/system_memory.h"
#include "engine/model/built_in_models.h"
#include "ui/icons.h"
#include "ui/session/built_in_words.h"
#include "ui/session/paths.h"

namespace moescope {
namespace fs = std::filesystem;

namespace {

enum Column { Name, Family, Size, State, ColumnCount };  // State: whether it can run
constexpr int kPathRole = Qt::UserRole + 1;     // QString
constexpr int kBuiltInRole = Qt::UserRole + 2;  // bool
constexpr int kPauseBeforeInspecting = 200;     // ms without a key

}  // namespace

OpenModelDialog::OpenModelDialog(RecentModels recent, const ModelOrder& current, QWidget* parent, const fs::path& cache)
    : QDialog(parent), m_recent(std::move(recent)), m_current(current), m_inspecting([this](const FoundModel& model) { showInspected(model); }) {
    setWindowTitle(tr("Open a model"));
    layOut();
    m_inspectSoon.setSingleShot(true);
    m_inspectSoon.setInterval(kPauseBeforeInspecting);
    connect(&m_inspectSoon, &QTimer::timeout, this, [this] {
        m_inspecting.submit([path = pathOf(m_path->text().trimmed())] { return inspectModel(path); });
    });
    connect(&m_cacheScan, &ModelScan::found, this, [this](const FoundModel& model) { addFound(m_cacheGroup, model); });
    connect(&m_folderScan, &ModelScan::found, this, [this](const FoundModel& model) { addFound(m_folderGroup, model); });
    connect(&m_cacheScan, &ModelScan::finished, this, [this](bool stopped) { endScan(m_cacheGroup, m_cacheScan.folder(), stopped); });
    connect(&m_folderScan, &ModelScan::finished, this, [this](bool stopped) { endScan(m_folderGroup, m_folderScan.folder(), stopped); });

    QTreeWidgetItem* group = addGroup(tr("Built in"));
    const std::string_view asked = current.builtIn.empty() ? builtInModels().front().id : std::string_view(current.builtIn);
    QTreeWidgetItem* now = nullptr;
    for (const BuiltInModel& model : builtInModels()) {
        QTreeWidgetItem* item = addModel(group, builtInTitle(model.id), {});
        item->setData(Name, kBuiltInRole, QString::fromUtf8(model.id.data(), qsizetype(model.id.size())));
        item->setText(State, tr("can run"));
        if (model.id == asked) now = item;
    }
    m_recentGroup = addGroup(tr("Opened before"));
    fillRecent();
    m_cacheGroup = addGroup(tr("Hugging Face cache on this machine"));
    startScan(m_cacheScan, m_cacheGroup, cache);

    m_storage->setCurrentIndex(current.storage == MS_BF16 ? 1 : 0);
    if (current.embedded())
        m_tree->setCurrentItem(now);
    else
        m_path->setText(textOf(current.path));
    showWhatIsPossible();
}

OpenModelDialog::~OpenModelDialog() = default;

void OpenModelDialog::layOut() {
    m_tree = new QTreeWidget(this);
    m_tree->setObjectName("models");
    m_tree->setAccessibleName(tr("Models"));
    m_tree->setColumnCount(ColumnCount);
    m_tree->setHeaderLabels({tr("Model"), tr("Family"), tr("Size"), tr("State")});
    m_tree->setRootIsDecorated(false);
    m_tree->setUniformRowHeights(true);
    m_tree->setTextElideMode(Qt::ElideMiddle);
    m_tree->setSelectionMode(QAbstractItemView::SingleSelection);
    const int letter = fontMetrics().averageCharWidth();
    m_tree->setColumnWidth(Name, letter * 46);
    m_tree->setColumnWidth(Family, letter * 12);
    m_tree->setColumnWidth(Size, letter * 12);

    auto* search = new QPushButton(themedIcon("search"), tr("Search a Folder..."), this);
    search->setObjectName("searchFolder");
    search->setToolTip(tr("Looks for models in a folder and below it; reads headers only"));
    m_stop = new QPushButton(tr("Stop Searching"), this);
    m_stop->setObjectName("stopSearch");
    m_remove = new QPushButton(tr("Remove from List"), this);
    m_remove->setObjectName("removeRecent");
    m_remove->setToolTip(tr("Forgets this entry (Del); the file stays"));
    m_remove->setShortcut(QKeySequence::Delete);
    auto* listButtons = new QHBoxLayout;
    for (QPushButton* button : {search, m_stop, m_remove}) {
        button->setAutoDefault(false);
        listButtons->addWidget(button);
    }
    listButtons->addStretch(1);

    const auto rowOf = [this](QLineEdit* line, std::initializer_list<QPushButton*> buttons) {
        auto* row = new QWidget(this);
        auto* layout = new QHBoxLayout(row);
        layout->setContentsMargins(0, 0, 0, 0);
        layout->addWidget(line, 1);
        for (QPushButton* button : buttons) {
            button->setAutoDefault(false);
            layout->addWidget(button);
        }
        row->setFocusProxy(line);
        return row;
    };
    m_path = new QLineEdit(this);
    m_path->setObjectName("path");
    m_path->setAccessibleName(tr("File or folder"));
    m_path->setPlaceholderText(tr("a checkpoint (.safetensors, .pt, .pth), the folder it is in, or an ensemble (.moe.json)"));
    auto* file = new QPushButton(tr("File..."), this);
    auto* folder = new QPushButton(tr("Folder..."), this);
    m_vae = new QLineEdit(this);
    m_vae->setObjectName("vae");
    m_vae->setAccessibleName(tr("VAE"));
    m_vae->setToolTip(tr("Variational autoencoder that turns latents into pixels: a diffusers folder or a file"));
    m_vae->setPlaceholderText(tr("looked for beside the model and in the Hugging Face cache"));
    auto* vae = new QPushButton(tr("Choose..."), this);
    m_vaeRow = rowOf(m_vae, {vae});
    m_vaeTitle = new QLabel(tr("VA&E"), this);
    m_vaeTitle->setBuddy(m_vae);
    m_storage = new QComboBox(this);
    m_storage->setObjectName("storage");
    m_storage->setAccessibleName(tr("Keep weights as"));
    m_storage->addItem(tr("f32, exact"));
    m_storage->addItem(tr("bf16, half the memory"));
    m_storage->setToolTip(tr("How weights are kept in memory (dtype); arithmetic is fp32 in both"));
    m_details = new QLabel(this);
    m_details->setObjectName("details");
    m_details->setWordWrap(true);
    m_details->setTextFormat(Qt::PlainText);
    m_details->setTextInteractionFlags(Qt::TextSelectableByMouse);
    m_details->setMinimumHeight(fontMetrics().lineSpacing() * 3);
    m_details->setAlignment(Qt::AlignTop | Qt::AlignLeft);

    auto* form = new QFormLayout;
    form->setFieldGrowthPolicy(QFormLayout::AllNonFixedFieldsGrow);
    form->addRow(tr("File or &folder"), rowOf(m_path, {file, folder}));
    form->addRow(QString(), m_details);
    form->addRow(m_vaeTitle, m_vaeRow);
    form->addRow(tr("&Keep weights as"), m_storage);

    auto* buttons = new QDialogButtonBox(QDialogButtonBox::Open | QDialogButtonBox::Cancel, this);
    m_open = buttons->button(QDialogButtonBox::Open);
    m_open->setDefault(true);
    auto* layout = new QVBoxLayout(this);
    layout->addWidget(m_tree, 1);
    layout->addLayout(listButtons);
    layout->addLayout(form);
    layout->addWidget(buttons);
    resize(letter * 120, fontMetrics().height() * 34);

    connect(m_tree, &QTreeWidget::itemSelectionChanged, this, &OpenModelDialog::takeChosen);
    connect(m_tree, &QTreeWidget::itemDoubleClicked, this, [this](QTreeWidgetItem* item) {
        if (item->flags() & Qt::ItemIsSelectable) accept();
    });
    connect(search, &QPushButton::clicked, this, [this] {
        const QString chosen = QFileDialog::getExistingDirectory(this, tr("Folder to search"));
        if (!chosen.isEmpty()) searchFolder(pathOf(chosen));
    });
    connect(m_stop, &QPushButton::clicked, this, [this] {
        m_cacheScan.stop();
        m_folderScan.stop();
    });
    connect(m_remove, &QPushButton::clicked, this, &OpenModelDialog::removeChosen);
    connect(m_path, &QLineEdit::textChanged, this, &OpenModelDialog::takePath);
    connect(file, &QPushButton::clicked, this, [this] { browse(false); });
    connect(folder, &QPushButton::clicked, this, [this] { browse(true); });
    connect(vae, &QPushButton::clicked, this, &OpenModelDialog::chooseVae);
    connect(buttons, &QDialogButtonBox::accepted, this, &OpenModelDialog::accept);
    connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
}

QTreeWidgetItem* OpenModelDialog::addGroup(const QString& title) {
    auto* group = new QTreeWidgetItem(m_tree, {title});
    QFont bold = font();
    bold.setBold(true);
    group->setFont(Name, bold);
    group->setFlags(Qt::ItemIsEnabled);
    group->setFirstColumnSpanned(true);
    group->setExpanded(true);
    return group;
}

QTreeWidgetItem* OpenModelDialog::addModel(QTreeWidgetItem* group, const QString& name, const fs::path& path) {
    auto* item = new QTreeWidgetItem(group, {name});
    item->setData(Name, kPathRole, textOf(path));
    item->setTextAlignment(Size, Qt::AlignRight | Qt::AlignVCenter);
    return item;
}

void OpenModelDialog::fillRecent() {
    qDeleteAll(m_recentGroup->takeChildren());
    for (const RecentModel& model : m_recent.models()) {
        const QString where = textOf(model.order.path.parent_path());
        QTreeWidgetItem* item = addModel(m_recentGroup, tr("%1, in %2").arg(model.name, where), model.order.path);
        item->setToolTip(Name, textOf(model.order.path));
        if (!isThere(model)) {
            item->setText(State, tr("not there any more"));
            item->setToolTip(State, tr("There is nothing at %1 now").arg(textOf(model.order.path)));
        }
    }
    m_recentGroup->setHidden(m_recent.models().isEmpty());
}

void OpenModelDialog::addFound(QTreeWidgetItem* group, const FoundModel& model) {
    if (!group) return;
    auto* item = new QTreeWidgetItem({model.place.isEmpty() ? model.name : model.place});
    item->setData(Name, kPathRole, textOf(model.path));
    item->setTextAlignment(Size, Qt::AlignRight | Qt::AlignVCenter);
    item->setText(Family, model.family.isEmpty() ? tr("another") : model.family);
    item->setText(Size, QString::fromStdString(bytesText(model.bytes)));
    item->setText(State, model.runs ? tr("can run") : tr("no: %1").arg(model.why));
    item->setToolTip(Name, textOf(model.path));
    item->setToolTip(State, model.runs ? model.kind : model.why);
    if (!model.runs)
        for (int column = 0; column < ColumnCount; ++column) item->setForeground(column, palette().brush(QPalette::PlaceholderText));
    // Those that can run stand first.
    int place = 0;
    const auto runs = [](const QTreeWidgetItem* other) { return other->foreground(Name).style() == Qt::NoBrush; };
    while (place < group->childCount() && (group->child(place)->flags() & Qt::ItemIsSelectable) && (!model.runs || runs(group->child(place)))) ++place;
    group->insertChild(place, item);
}

void OpenModelDialog::startScan(ModelScan& scan, QTreeWidgetItem* group, const fs::path& folder) {
    auto* note = new QTreeWidgetItem(group, {tr("searching %1").arg(textOf(folder))});
    note->setFlags(Qt::ItemIsEnabled);
    note->setFirstColumnSpanned(true);
    group->setExpanded(true);
    scan.start(folder);
    showWhatIsPossible();
}

void OpenModelDialog::endScan(QTreeWidgetItem* group, const fs::path& folder, bool stopped) {
    if (!group) return;
    for (int i = group->childCount() - 1; i >= 0; --i) {
        QTreeWidgetItem* note = group->child(i);
        if (note->flags() & Qt::ItemIsSelectable) continue;
        if (!stopped && group->childCount() > 1)
            delete note;
        else
            note->setText(Name, stopped ? tr("stopped before all of %1 was searched").arg(textOf(folder)) : tr("no model found in %1").arg(textOf(folder)));
    }
    showWhatIsPossible();
}

void OpenModelDialog::searchFolder(const fs::path& folder) {
    delete std::exchange(m_folderGroup, nullptr);
    m_folderGroup = addGroup(tr("In %1").arg(textOf(folder)));
    startScan(m_folderScan, m_folderGroup, folder);
    m_tree->scrollToItem(m_folderGroup, QAbstractItemView::PositionAtTop);
}

void OpenModelDialog::takeChosen() {
    const QList<QTreeWidgetItem*> chosen = m_tree->selectedItems();
    if (!chosen.isEmpty()) {
        m_builtIn = chosen.front()->data(Name, kBuiltInRole).toString().toStdString();
        const QString path = chosen.front()->data(Name, kPathRole).toString();
        {
            const QSignalBlocker quiet(m_path);
            m_path->setText(path);
        }
        if (const auto before = m_recent.orderFor(pathOf(path)); before && m_builtIn.empty()) {
            m_storage->setCurrentIndex(before->storage == MS_BF16 ? 1 : 0);
            m_vae->setText(textOf(before->vae));
        }
        inspectSoon();
    }
    showWhatIsPossible();
}

void OpenModelDialog::takePath(const QString&) {
    m_builtIn.clear();
    const QSignalBlocker quiet(m_tree);
    m_tree->clearSelection();
    m_tree->setCurrentItem(nullptr);
    inspectSoon();
    showWhatIsPossible();
}

void OpenModelDialog::removeChosen() {
    const QList<QTreeWidgetItem*> chosen = m_tree->selectedItems();
    if (chosen.isEmpty() || chosen.front()->parent() != m_recentGroup) return;
    m_recent.remove(pathOf(chosen.front()->data(Name, kPathRole).toString()));
    fillRecent();
    m_path->clear();
}

void OpenModelDialog::inspectSoon() {
    m_inspected = {};
    m_details->setText(m_builtIn.empty() ? QString() : builtInAbout(m_builtIn));
    if (!m_builtIn.empty() || m_path->text().trimmed().isEmpty())
        m_inspectSoon.stop();
    else
        m_inspectSoon.start();
}

void OpenModelDialog::showInspected(const FoundModel& model) {
    if (!m_builtIn.empty() || model.path != pathOf(m_path->text().trimmed())) return;  // another one is chosen by now
    m_inspected = model;
    QString text;
    if (!model.family.isEmpty())
        text = tr("%1 (%2), %3, %4.").arg(model.name, model.family, model.kind, QString::fromStdString(bytesText(model.bytes)));
    if (!model.runs) text += (text.isEmpty() ? QString() : QStringLiteral(" ")) + model.why;
    m_details->setText(text);
    showWhatIsPossible();
}

void OpenModelDialog::browse(bool folder) {
    const QString start = m_path->text();
    const QString chosen = folder ? QFileDialog::getExistingDirectory(this, tr("Folder of a model"), start)
                                  : QFileDialog::getOpenFileName(this, tr("Checkpoint"), start,
                                                                 tr("Models (*.safetensors *.pt *.pth *.bin *.safetensors.index.json *.moe.json);;All files (*)"));
    if (!chosen.isEmpty()) m_path->setText(chosen);
}

void OpenModelDialog::chooseVae() {
    const QString chosen = QFileDialog::getExistingDirectory(this, tr("Folder of the VAE"), m_vae->text());
    if (!chosen.isEmpty()) m_vae->setText(chosen);
}

void OpenModelDialog::showWhatIsPossible() {
    const QList<QTreeWidgetItem*> chosen = m_tree->selectedItems();
    m_remove->setEnabled(!chosen.isEmpty() && chosen.front()->parent() == m_recentGroup);
    m_stop->setVisible(m_cacheScan.running() || m_folderScan.running());
    m_open->setEnabled(!m_builtIn.empty() || !m_path->text().trimmed().isEmpty());
    const bool latent = m_inspected.latent && m_builtIn.empty();
    m_vaeRow->setVisible(latent);
    m_vaeTitle->setVisible(latent);
}

ModelOrder OpenModelDialog::order() const {
    ModelOrder order;
    const fs::path path = m_builtIn.empty() ? pathOf(m_path->text().trimmed()) : fs::path();
    if (path == m_current.path && m_builtIn.empty())
        order = m_current;
    else if (const auto before = m_recent.orderFor(path))
        order = *before;
    order.path = path;
    order.builtIn = m_builtIn;
    order.storage = m_storage->currentIndex() == 1 ? MS_BF16 : MS_F32;
    if (m_inspected.latent) order.vae = pathOf(m_vae->text().trimmed());
    return order;
}

void OpenModelDialog::accept() {
    if (!m_open->isEnabled()) return;
    // What is known to be no model is not worth closing for; the reason stands in the dialog.
    if (m_builtIn.empty() && m_inspected.path == pathOf(m_path->text().trimmed()) && m_inspected.family.isEmpty()) {
        m_path->setFocus();
        m_path->selectAll();
        return;
    }
    QDialog::accept();
}

}  // namespace moescope
