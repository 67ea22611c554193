// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/workspaces/train_workspace.h"

#include <QDir>
#include <QFileDialog>
#include <QFileInfo>
#include <QLabel>
#include <QLocale>
#include <QMessageBox>
#include <QProgressBar>
#include <QPushButton>
#include <QSettings>
#include <QSplitter>
#include <QStandardPaths>
#include <QVBoxLayout>

#include "ui/icons.h"
#include "ui/session/paths.h"
#include "ui/session/run_words.h"
#include "ui/session/sentences.h"
#include "ui/widgets/elided_label.h"
#include "ui/widgets/recipe_editor.h"
#include "ui/widgets/sample_browser.h"
#include "ui/workspaces/train_charts.h"
#include "ui/workspaces/train_setup.h"

namespace moescope {
namespace {

namespace fs = std::filesystem;

QString stepText(int64_t step) {
    return QLocale().toString(static_cast<qlonglong>(step));
}

bool holdsRun(const fs::path& folder) {
    std::error_code code;
    return fs::exists(folder / "recipe.yaml", code);
}

}  // namespace

TrainWorkspace::TrainWorkspace(fs::path resources, QSettings& settings, QWidget* parent)
    : QWidget(parent),
      m_settings(settings),
      m_folderTask([this](const Result<TrainingFolder>& found) { takeFolder(found); }) {
    setObjectName(QStringLiteral("trainWorkspace"));
    m_setup = new TrainSetup(std::move(resources), this);
    m_columns = new QSplitter(Qt::Horizontal, this);
    m_columns->setChildrenCollapsible(false);
    m_columns->addWidget(m_setup);
    m_columns->addWidget(middle());
    m_columns->addWidget(right());
    m_columns->setStretchFactor(1, 1);
    const int em = fontMetrics().height();
    m_columns->setSizes({em * 17, em * 40, em * 14});
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, 0, 0, 0);
    column->addWidget(m_columns);
    connectSetup();
    connectSession();
    restore();
    showProgress();
    showButtons();
}

TrainWorkspace::~TrainWorkspace() = default;

QWidget* TrainWorkspace::middle() {
    auto* box = new QWidget(this);
    auto* column = new QVBoxLayout(box);
    column->setContentsMargins(0, 0, 0, 0);
    m_charts = new TrainCharts(box);
    column->addWidget(m_charts, 1);
    auto* row = new QHBoxLayout;
    const int gap = fontMetrics().height() / 4;
    row->setContentsMargins(gap, 0, gap, gap);
    m_progressText = new ElidedLabel(box);
    m_progressText->setObjectName(QStringLiteral("trainProgress"));
    m_progressBar = new QProgressBar(box);
    m_progressBar->setTextVisible(false);
    m_progressBar->setMaximumHeight(fontMetrics().height());
    m_progressBar->setMaximumWidth(fontMetrics().averageCharWidth() * 24);
    m_progressBar->setAccessibleName(tr("Progress of the training"));
    row->addWidget(m_progressText, 1);
    row->addWidget(m_progressBar);
    column->addLayout(row);
    return box;
}

QWidget* TrainWorkspace::right() {
    auto* box = new QWidget(this);
    auto* column = new QVBoxLayout(box);
    const int gap = fontMetrics().height() / 2;
    column->setContentsMargins(gap, gap, gap, gap);
    m_samples = new SampleBrowser(box);
    m_generate = new QPushButton(themedIcon(QStringLiteral("generate")), tr("&Generate from the current average"), box);
    m_generate->setObjectName(QStringLiteral("trainGenerate"));
    connect(m_generate, &QPushButton::clicked, this, &TrainWorkspace::generate);
    column->addWidget(m_samples, 1);
    column->addWidget(m_generate);
    return box;
}

void TrainWorkspace::connectSetup() {
    connect(m_setup, &TrainSetup::startRequested, this, &TrainWorkspace::start);
    connect(m_setup, &TrainSetup::pauseRequested, &m_session, &TrainingSession::pause);
    connect(m_setup, &TrainSetup::resumeRequested, &m_session, &TrainingSession::resume);
    connect(m_setup, &TrainSetup::stopRequested, &m_session, &TrainingSession::stop);
    connect(m_setup, &TrainSetup::saveRequested, &m_session, &TrainingSession::saveNow);
    connect(m_setup, &TrainSetup::openRunRequested, this, &TrainWorkspace::chooseRun);
    connect(m_setup, &TrainSetup::helpRequested, this, [this] { emit helpRequested(QStringLiteral("training")); });
    connect(m_setup, &TrainSetup::said, this, &TrainWorkspace::said);
    connect(m_setup, &TrainSetup::failed, this,
            [this](const EngineError& error) { emit failed(tr("The recipe was not read or written"), error); });
    connect(m_setup, &TrainSetup::folderChanged, this, [this](const QString& folder) {
        const bool shown = m_opened && m_opened->folder == pathOf(folder);
        if (!m_session.going() && !shown) look(folder);
    });
    connect(m_charts, &TrainCharts::said, this, &TrainWorkspace::said);
    connect(m_charts, &TrainCharts::failed, this,
            [this](const EngineError& error) { emit failed(tr("The chart was not written"), error); });
}

void TrainWorkspace::connectSession() {
    connect(&m_session, &TrainingSession::stateChanged, this, [this](TrainingState state) {
        m_setup->setState(state);
        showProgress();
        showButtons();
        emit progressed();
    });
    connect(&m_session, &TrainingSession::grew, this, [this] {
        m_charts->setRecord(m_session.record());
        showProgress();
        showButtons();
        emit progressed();
    });
    connect(&m_session, &TrainingSession::sampled, this,
            [this] { m_samples->setFiles(sampleFiles(m_session.folder()), false); });
    connect(&m_session, &TrainingSession::saved, this,
            [this](qint64 step) { emit said(tr("Saved the state after step %1.").arg(stepText(step))); });
    connect(&m_session, &TrainingSession::noted, this, &TrainWorkspace::said);
    connect(&m_session, &TrainingSession::snapshotReady, this, [this](const QString& file, qint64 step) {
        m_snapshotWanted = false;
        showButtons();
        emit generateRequested(file, step);
    });
    connect(&m_session, &TrainingSession::snapshotFailed, this, [this](const EngineError& error) {
        m_snapshotWanted = false;
        showButtons();
        emit failed(tr("The run was not saved"), error);
    });
    connect(&m_session, &TrainingSession::ended, this, [this](const train::RunSummary& summary) {
        m_snapshotWanted = false;
        m_ending = summary.finished ? tr("Finished after step %1, mean loss %2. The weights are in the run folder.")
                                          .arg(stepText(summary.step), QLocale().toString(summary.loss, 'g', 3))
                                    : tr("Stopped and kept after step %1, mean loss %2. It can go on from there.")
                                          .arg(stepText(summary.step), QLocale().toString(summary.loss, 'g', 3));
        emit said(m_ending);
        look(textOf(m_session.folder()));
        emit ended();
    });
    connect(&m_session, &TrainingSession::failed, this, [this](const EngineError& error) {
        m_snapshotWanted = false;
        m_ending = sentenceOf(error);
        look(textOf(m_session.folder()));
        emit failed(tr("The training broke off"), error);
        emit ended();
    });
}

void TrainWorkspace::restore() {
    m_settings.beginGroup(QStringLiteral("train"));
    const QString recipe = m_settings.value(QStringLiteral("recipe")).toString();
    if (!recipe.isEmpty())
        m_setup->setRecipe(recipe, pathOf(m_settings.value(QStringLiteral("recipePlace")).toString()));
    m_setup->setData(m_settings.value(QStringLiteral("data")).toString());
    m_setup->setThreads(m_settings.value(QStringLiteral("threads"), 0).toInt());
    const QString folder = m_settings.value(QStringLiteral("folder")).toString();
    m_setup->setFolder(folder);
    m_charts->setState(m_settings.value(QStringLiteral("charts")).toMap());
    m_columns->restoreState(m_settings.value(QStringLiteral("columns")).toByteArray());
    m_settings.endGroup();
    if (!folder.isEmpty() && holdsRun(pathOf(folder))) look(folder);
}

void TrainWorkspace::keep() {
    m_settings.beginGroup(QStringLiteral("train"));
    m_settings.setValue(QStringLiteral("recipe"), m_setup->recipeText());
    m_settings.setValue(QStringLiteral("recipePlace"), textOf(m_setup->recipePlace()));
    m_settings.setValue(QStringLiteral("data"), m_setup->data());
    m_settings.setValue(QStringLiteral("threads"), m_setup->threads());
    m_settings.setValue(QStringLiteral("folder"), m_setup->folder());
    m_settings.setValue(QStringLiteral("charts"), m_charts->state());
    m_settings.setValue(QStringLiteral("columns"), m_columns->saveState());
    m_settings.endGroup();
}

/// A place under the person's documents that holds no run yet.
fs::path TrainWorkspace::freeFolder(const std::string& recipeName) const {
    const fs::path parent =
        pathOf(QStandardPaths::writableLocation(QStandardPaths::DocumentsLocation)) / "MoEscope" / "training";
    fs::path folder = parent / recipeName;
    for (int number = 2; holdsRun(folder); ++number) folder = parent / (recipeName + "-" + std::to_string(number));
    return folder;
}

void TrainWorkspace::start() {
    if (m_session.going()) return;
    const RecipeCheck& check = m_setup->check();
    if (!check.recipe) {
        if (check.line > 0) m_setup->editor().goToLine(check.line);
        m_setup->point(check.line > 0 ? nullptr : &m_setup->editor(),
                       check.fault.isEmpty() ? tr("Choose a recipe first, or write one.")
                                             : tr("The recipe has a mistake; mend it and press Start again."));
        return;
    }
    if (m_setup->data().isEmpty() && check.recipe->data.paths.empty())
        return m_setup->point(m_setup->dataField(),
                              tr("Choose the folder of pictures to learn from, then press Start again."));
    auto recipe = m_setup->wholeRecipe();
    if (!recipe.ok()) return m_setup->point(m_setup->dataField(), sentenceOf(recipe.error()));
    if (m_setup->folder().isEmpty()) m_setup->setFolder(textOf(freeFolder(recipe->name)));
    const fs::path folder = fs::absolute(pathOf(m_setup->folder()));
    TrainingOrder order{recipe.value(), {}};
    order.options.folder = folder;
    order.options.recipeFolder = m_setup->recipePlace();
    order.options.threads = m_setup->threads();
    order.options.resume = holdsRun(folder);
    if (order.options.resume && !mayGoOn(recipe.value())) return;
    m_ending.clear();
    m_samples->setFiles(sampleFiles(folder), true);
    m_opened.reset();
    m_session.start(std::move(order));
}

/// Whether the run in the folder may go on with this recipe; asks where it is another one.
bool TrainWorkspace::mayGoOn(const train::Recipe& recipe) {
    const auto found = readTrainingFolder(fs::absolute(pathOf(m_setup->folder())));
    if (!found.ok()) {
        m_setup->point(m_setup->folderField(), sentenceOf(found.error()));
        return false;
    }
    if (found->savedStep >= recipe.training.steps) {
        m_setup->point(m_setup->folderField(), tr("The run in this folder is finished: it has done %1 of %2 steps. "
                                                  "Write more 'steps' into the recipe, or choose another run folder.")
                                                   .arg(stepText(found->savedStep), stepText(recipe.training.steps)));
        return false;
    }
    if (found->recipeText.toStdString() == recipe.text) return true;
    QMessageBox box(QMessageBox::Question, tr("Another recipe"),
                    tr("The run in this folder was begun with a recipe that differs from the one on the left. Go on "
                       "with the changed recipe?"),
                    QMessageBox::NoButton, this);
    box.setInformativeText(
        tr("Rates, batch, balance and number of steps may change along the way; the shape of the network may not. The "
           "earlier recipe is "
           "kept in the run folder as recipe.before.yaml."));
    QPushButton* go = box.addButton(tr("Go on with the changed recipe"), QMessageBox::AcceptRole);
    box.addButton(QMessageBox::Cancel);
    box.exec();
    return box.clickedButton() == go;
}

void TrainWorkspace::chooseRun() {
    const QString before = m_setup->folder().isEmpty()
                               ? QStandardPaths::writableLocation(QStandardPaths::DocumentsLocation)
                               : m_setup->folder();
    const QString folder = QFileDialog::getExistingDirectory(this, tr("Open the folder of a run"), before);
    if (!folder.isEmpty()) openRun(folder);
}

void TrainWorkspace::openRun(const QString& folder) {
    if (m_session.going()) {
        emit said(tr("A run is going; stop it before another one is opened."));
        return;
    }
    m_adoptRecipe = true;
    m_ending.clear();
    m_setup->setFolder(folder);
    look(folder);
}

void TrainWorkspace::look(const QString& folder) {
    if (folder.isEmpty() || (!m_adoptRecipe && !holdsRun(pathOf(folder)))) {  // a folder for a new run
        m_opened.reset();
        m_ending.clear();
        m_charts->setRecord(std::make_shared<const TrainingRecord>());
        m_samples->setFiles({}, true);
        showProgress();
        showButtons();
        return;
    }
    m_folderTask.submit([path = fs::absolute(pathOf(folder))] { return readTrainingFolder(path); });
}

void TrainWorkspace::takeFolder(const Result<TrainingFolder>& found) {
    const bool adopt = std::exchange(m_adoptRecipe, false);
    if (m_session.going()) return;
    if (!found.ok()) {
        emit failed(tr("The run could not be opened"), found.error());
        return;
    }
    const bool another = !m_opened || m_opened->folder != found->folder;
    m_opened = found.value();
    if (adopt || m_setup->recipeText().trimmed().isEmpty()) {
        m_setup->setData({});  // its recipe says where they are
        m_setup->setRecipe(m_opened->recipeText, m_opened->folder);
    }
    m_charts->setRecord(m_opened->record);
    m_samples->setFiles(m_opened->samples, another);
    showProgress();
    showButtons();
}

void TrainWorkspace::generate() {
    if (!m_generate->isEnabled()) {
        emit said(m_generate->toolTip());
    } else if (m_session.going()) {
        m_snapshotWanted = true;
        showButtons();
        m_session.snapshot();
    } else if (m_opened && !m_opened->weights.empty()) {
        emit generateRequested(textOf(m_opened->weights), m_opened->weightsStep);
    }
}

void TrainWorkspace::showButtons() {
    const bool begun = m_session.state() == TrainingState::Running || m_session.state() == TrainingState::Paused;
    const bool weights = m_session.going() ? begun && m_session.facts() : m_opened && !m_opened->weights.empty();
    m_generate->setEnabled(weights && !m_snapshotWanted);
    m_generate->setToolTip(
        weights ? tr("Opens the average of the weights (EMA) as a model in the Generate workspace. A run that is going "
                     "goes on; both are "
                     "slower meanwhile.")
                : tr("There are no weights yet: they come when a run has begun, and stay in its folder when it ends."));
    const bool can = !m_session.going() && m_opened;
    m_setup->setResumable(can ? m_opened->savedStep : -1, can && m_opened->finished());
}

QString TrainWorkspace::progressText() const {
    const auto& facts = m_session.facts();
    switch (m_session.state()) {
        case TrainingState::Idle:
            return {};
        case TrainingState::Preparing:
            return tr("Preparing: reading the pictures \u2026");
        default:
            break;
    }
    const train::RunProgress& progress = m_session.progress();
    const QString of = facts ? stepText(facts->steps) : QString();
    if (progress.facts.step == 0)
        return m_session.state() == TrainingState::Ending ? tr("Ending \u2026")
                                                          : tr("The first step is under way \u2026");
    QString text =
        tr("Step %1 of %2, loss %3, %4 pictures/s")
            .arg(stepText(progress.facts.step), of, QLocale().toString(progress.facts.loss, 'g', 3),
                 QLocale().toString(progress.picturesPerSecond, 'f', progress.picturesPerSecond < 10 ? 1 : 0));
    if (m_session.state() == TrainingState::Paused) return tr("Paused. %1").arg(text);
    if (m_session.state() == TrainingState::Ending) return tr("Saving \u2026 %1").arg(text);
    return tr("%1, %2 left").arg(text, durationText(progress.secondsLeft));
}

void TrainWorkspace::showProgress() {
    const bool going = m_session.going();
    m_progressBar->setVisible(going);
    if (going) {
        const auto& facts = m_session.facts();
        m_progressBar->setRange(0, facts ? static_cast<int>(facts->steps) : 0);
        m_progressBar->setValue(static_cast<int>(m_session.progress().facts.step));
        m_progressText->setText(progressText());
    } else if (!m_ending.isEmpty()) {
        m_progressText->setText(m_ending);
    } else if (m_opened) {
        const int64_t last = m_opened->record->lastStep();
        m_progressText->setText(m_opened->finished() ? tr("Finished: %1 steps.").arg(stepText(last))
                                                     : tr("Step %1 of %2; saved after step %3.")
                                                           .arg(stepText(last), stepText(m_opened->record->steps),
                                                                stepText(std::max<int64_t>(0, m_opened->savedStep))));
    } else {
        m_progressText->setText(
            tr("Choose a recipe and a folder of pictures on the left and press Start, or open an earlier run."));
    }
}

}  // namespace moescope
