// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/workspaces/train_setup.h"

#include <QComboBox>
#include <QFile>
#include <QFileDialog>
#include <QFileInfo>
#include <QFormLayout>
#include <QGridLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QLocale>
#include <QPushButton>
#include <QSpinBox>
#include <QToolButton>
#include <QVBoxLayout>
#include <thread>

#include "engine/io/atomic_file.h"
#include "ui/icons.h"
#include "ui/session/model_words.h"
#include "ui/session/paths.h"
#include "ui/session/preferences.h"
#include "ui/session/sentences.h"
#include "ui/widgets/recipe_editor.h"

namespace moescope {
namespace {

constexpr int kTypingPause = 150;    // milliseconds without a key after which the recipe is looked at
constexpr int kPlanningPause = 400;  // the same before the pictures are opened

QToolButton* toolButton(const QString& icon, const QString& text, QWidget* parent) {
    auto* button = new QToolButton(parent);
    button->setIcon(themedIcon(icon));
    button->setToolTip(text);
    button->setAccessibleName(text);
    return button;
}

QString gigabytes(int64_t bytes) {
    return QLocale().toString(static_cast<double>(bytes) / 1e9, 'f', bytes < 10'000'000'000 ? 2 : 0);
}

QString numberOf(int64_t number) {
    return QLocale().toString(static_cast<qlonglong>(number));
}

}  // namespace

TrainSetup::TrainSetup(std::filesystem::path resources, QWidget* parent)
    : QWidget(parent),
      m_resources(std::move(resources)),
      m_shipped(shippedRecipes(m_resources)),
      m_planTask([this](const Result<TrainingPlan>& plan) { takePlan(plan); }) {
    build();
    m_typing.setSingleShot(true);
    m_typing.setInterval(kTypingPause);
    m_planning.setSingleShot(true);
    m_planning.setInterval(kPlanningPause);
    connect(&m_typing, &QTimer::timeout, this, &TrainSetup::recheck);
    connect(&m_planning, &QTimer::timeout, this, &TrainSetup::plan);
    connect(m_editor, &QPlainTextEdit::textChanged, &m_typing, qOverload<>(&QTimer::start));
    connect(m_data, &QLineEdit::textChanged, &m_planning, qOverload<>(&QTimer::start));
    connect(m_threads, &QSpinBox::valueChanged, &m_planning, qOverload<>(&QTimer::start));
    connect(m_folder, &QLineEdit::editingFinished, this, [this] { emit folderChanged(folder()); });
    setState(TrainingState::Idle);
}

void TrainSetup::build() {
    m_editor = new RecipeEditor(this);
    m_editor->setObjectName(QStringLiteral("recipeText"));
    m_editor->setAccessibleName(tr("Recipe"));
    m_editor->setToolTip(
        tr("What is trained and how, in YAML. What is not written has its default; a mistake is shown at its line "
           "while you type."));
    m_editor->setPlaceholderText(tr("Choose a recipe above, or write one here."));
    m_fault = new QLabel(this);
    m_fault->setObjectName(QStringLiteral("recipeFault"));
    m_fault->setWordWrap(true);
    m_fault->setTextInteractionFlags(Qt::TextBrowserInteraction);
    m_fault->hide();
    connect(m_fault, &QLabel::linkActivated, this, [this] { m_editor->goToLine(m_check.line); });
    m_facts = new QLabel(this);
    m_facts->setObjectName(QStringLiteral("trainFacts"));
    m_facts->setWordWrap(true);
    m_facts->setTextInteractionFlags(Qt::TextSelectableByMouse);
    m_facts->setAccessibleName(tr("What the run will need"));
    auto* column = new QVBoxLayout(this);
    const int gap = fontMetrics().height() / 2;
    column->setContentsMargins(gap, gap, gap, gap);
    column->setSpacing(gap);
    column->addWidget(recipeRow());
    column->addWidget(m_editor, 1);
    column->addWidget(m_fault);
    column->addWidget(fields());
    column->addWidget(m_facts);
    column->addWidget(buttons());
}

QWidget* TrainSetup::recipeRow() {
    auto* row = new QWidget(this);
    auto* layout = new QHBoxLayout(row);
    layout->setContentsMargins(0, 0, 0, 0);
    m_recipes = new QComboBox(row);
    m_recipes->setObjectName(QStringLiteral("recipes"));
    m_recipes->setAccessibleName(tr("Recipes that come with the program"));
    m_recipes->setToolTip(
        tr("Recipes that come with the program. Choosing one puts its text below, where it can be changed."));
    m_recipes->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
    m_recipes->setMinimumContentsLength(8);
    m_recipes->setPlaceholderText(tr("Choose a recipe"));
    for (const ShippedRecipe& recipe : m_shipped) {
        m_recipes->addItem(recipe.name);
        m_recipes->setItemData(m_recipes->count() - 1, recipe.about, Qt::ToolTipRole);
    }
    m_recipes->setCurrentIndex(-1);
    connect(m_recipes, &QComboBox::activated, this, &TrainSetup::chooseShipped);
    auto* open = toolButton(QStringLiteral("open"), tr("Open a recipe from a file"), row);
    connect(open, &QToolButton::clicked, this, &TrainSetup::openRecipe);
    auto* save = toolButton(QStringLiteral("save"), tr("Save this recipe as a file"), row);
    connect(save, &QToolButton::clicked, this, &TrainSetup::saveRecipe);
    auto* help = toolButton(QStringLiteral("help"), tr("How training works"), row);
    help->setObjectName(QStringLiteral("trainHelp"));
    connect(help, &QToolButton::clicked, this, &TrainSetup::helpRequested);
    layout->addWidget(m_recipes, 1);
    for (QWidget* button : {open, save, help}) layout->addWidget(button);
    m_choosers.insert(m_choosers.end(), {m_recipes, open});
    return row;
}

QWidget* TrainSetup::fields() {
    auto* box = new QWidget(this);
    auto* form = new QFormLayout(box);
    form->setContentsMargins(0, 0, 0, 0);
    form->setFieldGrowthPolicy(QFormLayout::AllNonFixedFieldsGrow);
    const auto place = [&](const QString& name, const QString& label, const QString& tip, const QString& title,
                           auto chosen) {
        auto* row = new QWidget(box);
        auto* layout = new QHBoxLayout(row);
        layout->setContentsMargins(0, 0, 0, 0);
        auto* line = new QLineEdit(row);
        line->setObjectName(name);
        line->setToolTip(tip);
        line->setAccessibleName(label);
        auto* choose = toolButton(QStringLiteral("folder"), title, row);
        QObject::connect(choose, &QToolButton::clicked, this, [this, line, title, chosen] {
            const QString folder = chosenFolder(title, line->text());
            if (folder.isEmpty()) return;
            line->setText(folder);
            chosen(folder);
        });
        layout->addWidget(line, 1);
        layout->addWidget(choose);
        auto* buddy = new QLabel(label, box);
        buddy->setBuddy(line);
        form->addRow(buddy, row);
        m_choosers.push_back(choose);
        return line;
    };
    m_data = place(QStringLiteral("trainData"), tr("&Pictures"),
                   tr("Folder of pictures to learn from: one folder per class, or captions beside the pictures, or tar "
                      "shards. Empty: as the recipe says."),
                   tr("Folder of pictures"), [](const QString&) {});
    m_data->setPlaceholderText(tr("as the recipe says"));
    m_folder = place(QStringLiteral("trainFolder"), tr("&Run folder"),
                     tr("Where the run keeps its recipe, numbers, samples, states and weights. With an earlier run in "
                        "it, that run is shown and can go on."),
                     tr("Folder of the run"), [this](const QString& folder) { emit folderChanged(folder); });
    m_threads = new QSpinBox(box);
    m_threads->setObjectName(QStringLiteral("trainThreads"));
    m_threads->setRange(0, kMostThreads);
    m_threads->setSpecialValueText(tr("one per core (%1)").arg(std::max(1u, std::thread::hardware_concurrency())));
    m_threads->setToolTip(tr("Threads that the run computes with. Fewer leave more of the machine to other work."));
    auto* threads = new QLabel(tr("&Threads"), box);
    threads->setBuddy(m_threads);
    form->addRow(threads, m_threads);
    return box;
}

QWidget* TrainSetup::buttons() {
    auto* box = new QWidget(this);
    auto* grid = new QGridLayout(box);
    grid->setContentsMargins(0, 0, 0, 0);
    const auto button = [&](const QString& name, const QString& text, const QString& tip,
                            void (TrainSetup::*signal)()) {
        auto* made = new QPushButton(text, box);
        made->setObjectName(name);
        made->setToolTip(tip);
        QObject::connect(made, &QPushButton::clicked, this, signal);
        return made;
    };
    m_start = button(QStringLiteral("trainStart"), tr("&Start"), tr("Begin the run, or go on where it was ended"),
                     &TrainSetup::startRequested);
    m_start->setIcon(themedIcon(QStringLiteral("play")));
    m_pause = button(QStringLiteral("trainPause"), {}, {}, &TrainSetup::pauseRequested);
    m_pause->disconnect(this);
    connect(m_pause, &QPushButton::clicked, this, [this] {
        if (m_state == TrainingState::Paused)
            emit resumeRequested();
        else
            emit pauseRequested();
    });
    m_stop = button(QStringLiteral("trainStop"), tr("Stop and &keep"),
                    tr("Ends the run after the step in progress. Its state and weights are kept: it can go on later "
                       "exactly where it stopped."),
                    &TrainSetup::stopRequested);
    m_save = button(QStringLiteral("trainSave"), tr("Save &now"),
                    tr("Writes the state of the run, from which it can go on after anything that may happen"),
                    &TrainSetup::saveRequested);
    m_open = button(QStringLiteral("trainOpen"), tr("&Open a run\u2026"),
                    tr("Look at an earlier run, or go on with it"), &TrainSetup::openRunRequested);
    grid->addWidget(m_start, 0, 0);
    grid->addWidget(m_open, 0, 1);
    grid->addWidget(m_pause, 1, 0);
    grid->addWidget(m_save, 1, 1);
    grid->addWidget(m_stop, 2, 0, 1, 2);
    return box;
}

void TrainSetup::setState(TrainingState state) {
    m_state = state;
    const bool going = state != TrainingState::Idle;
    m_start->setVisible(!going);
    for (QPushButton* button : {m_pause, m_stop, m_save}) button->setVisible(going);
    const bool begun = state == TrainingState::Running || state == TrainingState::Paused;
    m_pause->setEnabled(begun);
    m_save->setEnabled(begun);
    m_stop->setEnabled(state != TrainingState::Ending);
    const bool paused = state == TrainingState::Paused;
    m_pause->setText(paused ? tr("&Resume") : tr("&Pause"));
    m_pause->setIcon(themedIcon(paused ? QStringLiteral("play") : QStringLiteral("pause")));
    m_pause->setToolTip(paused ? tr("Go on with the next step")
                               : tr("Wait after the step in progress; nothing is lost and the processor is free"));
    m_stop->setText(state == TrainingState::Ending ? tr("Saving \u2026") : tr("Stop and &keep"));
    m_editor->setReadOnly(going);
    for (QLineEdit* line : {m_data, m_folder}) line->setReadOnly(going);
    m_threads->setEnabled(!going);
    for (QWidget* chooser : m_choosers) chooser->setEnabled(!going);
    m_open->setVisible(!going);
}

void TrainSetup::setResumable(int64_t step, bool finished) {
    m_start->setText(step < 0   ? tr("&Start")
                     : finished ? tr("&Start")
                                : tr("&Go on after step %1").arg(numberOf(step)));
}

void TrainSetup::setRecipe(const QString& text, const std::filesystem::path& place) {
    m_place = place;
    m_recipes->setCurrentIndex(-1);
    for (size_t i = 0; i < m_shipped.size(); ++i)
        if (QFile file(textOf(m_shipped[i].file));
            file.open(QIODevice::ReadOnly) && QString::fromUtf8(file.readAll()) == text)
            m_recipes->setCurrentIndex(static_cast<int>(i));
    if (m_editor->toPlainText() != text) m_editor->setPlainText(text);
    recheck();
}

Result<train::Recipe> TrainSetup::wholeRecipe() const { return withData(*m_check.recipe, data(), m_place, m_resources); }

QString TrainSetup::recipeText() const {
    return m_editor->toPlainText();
}

const RecipeCheck& TrainSetup::check() {
    recheck();
    return m_check;
}

void TrainSetup::setData(const QString& folder) {
    m_data->setText(folder);
}
QString TrainSetup::data() const {
    return m_data->text().trimmed();
}
void TrainSetup::setFolder(const QString& folder) {
    m_folder->setText(folder);
}
QString TrainSetup::folder() const {
    return m_folder->text().trimmed();
}
void TrainSetup::setThreads(int threads) {
    m_threads->setValue(threads);
}
int TrainSetup::threads() const {
    return m_threads->value();
}
QWidget* TrainSetup::dataField() {
    return m_data;
}
QWidget* TrainSetup::folderField() {
    return m_folder;
}

void TrainSetup::chooseShipped(int index) {
    const ShippedRecipe& recipe = m_shipped[static_cast<size_t>(index)];
    QFile file(textOf(recipe.file));
    if (!file.open(QIODevice::ReadOnly)) return;
    setRecipe(QString::fromUtf8(file.readAll()), recipe.file.parent_path());
}

void TrainSetup::openRecipe() {
    const QString name = QFileDialog::getOpenFileName(this, tr("Open a recipe"), textOf(m_place),
                                                      tr("Recipes (*.yaml *.yml);;All files (*)"));
    if (name.isEmpty()) return;
    QFile file(name);
    if (!file.open(QIODevice::ReadOnly)) {
        emit failed(
            {ErrorCode::Io,
             tr("'%1' could not be read (%2); choose another file").arg(name, file.errorString()).toStdString()});
        return;
    }
    setRecipe(QString::fromUtf8(file.readAll()), pathOf(name).parent_path());
}

void TrainSetup::saveRecipe() {
    const QString name =
        QFileDialog::getSaveFileName(this, tr("Save the recipe"), textOf(m_place), tr("Recipes (*.yaml)"));
    if (name.isEmpty()) return;
    auto file = AtomicFile::create(pathOf(name));
    Status written = file.ok() ? file->write(m_editor->toPlainText().toStdString()) : Status(file.error());
    if (written.ok()) written = file->commit();
    if (!written.ok()) {
        emit failed(written.error());
        return;
    }
    emit said(tr("Wrote %1.").arg(QFileInfo(name).fileName()));
}

QString TrainSetup::chosenFolder(const QString& title, const QString& before) {
    return QFileDialog::getExistingDirectory(this, title, before);
}

void TrainSetup::recheck() {
    m_typing.stop();
    m_check = m_editor->toPlainText().trimmed().isEmpty() ? RecipeCheck{} : checkRecipe(m_editor->toPlainText());
    showFault();
    m_planning.start();
}

void TrainSetup::showFault() {
    m_editor->markLine(m_check.line, m_check.fault);
    m_fault->setVisible(!m_check.fault.isEmpty());
    if (m_check.fault.isEmpty()) return;
    const QString sentence = m_check.fault.toHtmlEscaped();
    m_fault->setText(m_check.line > 0
                         ? tr("<a href=\"line\">Line %1</a>: %2").arg(QString::number(m_check.line), sentence)
                         : sentence);
}

void TrainSetup::plan() {
    if (m_state != TrainingState::Idle) return;
    if (m_editor->toPlainText().trimmed().isEmpty()) {
        m_facts->setText(tr("Choose a recipe, a folder of pictures and a folder for the run, then press Start."));
        return;
    }
    if (!m_check.recipe) {
        m_facts->setText(tr("The recipe has a mistake; what the run needs is said when it is mended."));
        return;
    }
    if (data().isEmpty() && m_check.recipe->data.paths.empty()) {
        m_facts->setText(tr("Choose the folder of pictures to learn from."));
        return;
    }
    m_facts->setText(tr("Looking at the pictures \u2026"));
    m_planTask.submit(
        [whole = wholeRecipe(), place = m_place, threads = threads()]() -> Result<TrainingPlan> {
            if (!whole.ok()) return whole.error();
            train::RunOptions options;
            options.recipeFolder = place;
            options.threads = threads;
            return planTraining(whole.value(), options);
        });
}

void TrainSetup::takePlan(const Result<TrainingPlan>& plan) {
    if (m_state != TrainingState::Idle || !m_check.recipe) return;
    if (!plan.ok()) {
        m_facts->setText(sentenceOf(plan.error()));
        return;
    }
    const train::TrainingRecipe& training = m_check.recipe->training;
    QStringList lines;
    lines << tr("%1, %2 parameters, %3 of them at work for each token.")
                 .arg(plan->family, countText(plan->parameters), countText(plan->active));
    QString pictures = plan->classes > 0
                           ? tr("%1 pictures of %2 classes").arg(numberOf(plan->pictures), numberOf(plan->classes))
                           : tr("%1 pictures").arg(numberOf(plan->pictures));
    if (plan->heldOut > 0) pictures += tr(", %1 more kept aside").arg(numberOf(plan->heldOut));
    lines << pictures + QLatin1Char('.');
    lines << tr("%1 steps of %2 pictures.")
                 .arg(numberOf(training.steps), numberOf(training.batch * training.accumulation));
    lines
        << (plan->available > 0
                ? tr("Needs %1 GB of memory, %2 GB are free.").arg(gigabytes(plan->memory), gigabytes(plan->available))
                : tr("Needs %1 GB of memory.").arg(gigabytes(plan->memory)));
    m_facts->setText(lines.join(QLatin1Char('\n')));
}

void TrainSetup::point(QWidget* at, const QString& sentence) {
    m_planning.stop();
    m_facts->setText(sentence);
    if (at) at->setFocus(Qt::OtherFocusReason);
}

}  // namespace moescope
