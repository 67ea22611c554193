// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/dialogs/class_picker.h"

#include <QCoreApplication>
#include <QDialogButtonBox>
#include <QHeaderView>
#include <QKeyEvent>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QRandomGenerator>
#include <QTableView>
#include <QVBoxLayout>

#include "ui/icons.h"
#include "ui/models/class_list_model.h"

namespace moescope {

ClassPicker::ClassPicker(const OpenModelPtr& model, int chosen, QWidget* parent)
    : QDialog(parent),
      m_classes(new ClassListModel(this)),
      m_search(new QLineEdit(this)),
      m_table(new QTableView(this)),
      m_count(new QLabel(this)) {
    setWindowTitle(tr("Choose a class"));
    m_classes->setClasses(model->labels, model->description().config.classes);

    m_search->setPlaceholderText(model->labels ? tr("Search names, keywords and groups, or type a number") : tr("Type a class number"));
    m_search->setClearButtonEnabled(true);
    m_search->setAccessibleName(tr("Search classes"));
    m_search->addAction(themedIcon("search"), QLineEdit::LeadingPosition);
    m_search->installEventFilter(this);

    m_table->setModel(m_classes);
    m_table->setAccessibleName(tr("Classes"));
    m_table->setSelectionBehavior(QAbstractItemView::SelectRows);
    m_table->setSelectionMode(QAbstractItemView::SingleSelection);
    m_table->setEditTriggers(QAbstractItemView::NoEditTriggers);
    m_table->setTabKeyNavigation(false);
    m_table->setShowGrid(false);
    m_table->setWordWrap(false);
    m_table->verticalHeader()->hide();
    m_table->verticalHeader()->setDefaultSectionSize(fontMetrics().height() * 3 / 2);
    m_table->horizontalHeader()->setHighlightSections(false);
    m_table->horizontalHeader()->setStretchLastSection(true);
    m_table->horizontalHeader()->setDefaultAlignment(Qt::AlignLeft | Qt::AlignVCenter);
    const int letter = fontMetrics().averageCharWidth();
    m_table->setColumnWidth(ClassListModel::Number, letter * 8);
    if (model->labels) {
        m_table->setColumnWidth(ClassListModel::Name, letter * 32);
        m_table->setColumnWidth(ClassListModel::Group, letter * 16);
        bool groups = false;
        for (const ClassLabel& label : model->labels->classes()) groups = groups || !label.group.empty();
        m_table->setColumnHidden(ClassListModel::Group, !groups);
    }

    auto* buttons = new QDialogButtonBox(QDialogButtonBox::Ok | QDialogButtonBox::Cancel, this);
    m_choose = buttons->button(QDialogButtonBox::Ok);
    m_choose->setText(tr("Choose"));
    auto* random = buttons->addButton(tr("Random class"), QDialogButtonBox::ActionRole);
    random->setIcon(themedIcon("dice"));
    random->setObjectName("randomClass");
    random->setToolTip(tr("Marks a class by chance among those shown"));
    random->setAutoDefault(false);

    auto* layout = new QVBoxLayout(this);
    layout->addWidget(m_search);
    layout->addWidget(m_table, 1);
    layout->addWidget(m_count);
    layout->addWidget(buttons);
    resize(letter * 110, fontMetrics().height() * 30);

    connect(m_search, &QLineEdit::textChanged, this, &ClassPicker::search);
    connect(m_table, &QTableView::doubleClicked, this, &QDialog::accept);
    connect(m_table->selectionModel(), &QItemSelectionModel::selectionChanged, this, [this] { m_choose->setEnabled(chosenClass() >= 0); });
    connect(random, &QPushButton::clicked, this, &ClassPicker::chooseRandom);
    connect(buttons, &QDialogButtonBox::accepted, this, &QDialog::accept);
    connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
    m_choose->setEnabled(false);
    mark(m_classes->rowOf(chosen));
    tellCount();
    m_search->setFocus();
}

int ClassPicker::chosenClass() const {
    const QModelIndexList rows = m_table->selectionModel()->selectedRows();
    return rows.isEmpty() ? -1 : m_classes->classAt(rows.front().row());
}

QString ClassPicker::chosenName() const {
    const ClassLabel* label = m_classes->labels() ? m_classes->labels()->byIndex(chosenClass()) : nullptr;
    return label ? QString::fromStdString(label->name) : QString();
}

void ClassPicker::chooseRandom() {
    if (m_classes->rowCount() > 0) mark(QRandomGenerator::global()->bounded(m_classes->rowCount()));
}

void ClassPicker::search(const QString& query) {
    const int before = chosenClass();
    m_classes->setQuery(query);
    // While a person searches, Enter takes the best fit.
    mark(query.simplified().isEmpty() ? m_classes->rowOf(before) : m_classes->rowCount() > 0 ? 0 : -1);
    tellCount();
}

void ClassPicker::mark(int row) {
    if (row < 0) {
        m_table->clearSelection();
    } else {
        m_table->setCurrentIndex(m_classes->index(row, 0));
        m_table->scrollTo(m_classes->index(row, 0), QAbstractItemView::PositionAtCenter);
    }
    m_choose->setEnabled(chosenClass() >= 0);
}

void ClassPicker::tellCount() {
    const int shown = m_classes->rowCount();
    m_count->setText(shown == 0 ? tr("No class fits. Try another word, or part of one.")
                                : tr("%1 of %2 classes").arg(shown).arg(m_classes->classCount()));
}

bool ClassPicker::eventFilter(QObject* watched, QEvent* event) {
    // Up and down walk the list while the search line keeps the focus.
    if (watched == m_search && event->type() == QEvent::KeyPress) {
        const int key = static_cast<QKeyEvent*>(event)->key();
        if (key == Qt::Key_Up || key == Qt::Key_Down || key == Qt::Key_PageUp || key == Qt::Key_PageDown) {
            QCoreApplication::sendEvent(m_table, event);
            return true;
        }
    }
    return QDialog::eventFilter(watched, event);
}

}  // namespace moescope
