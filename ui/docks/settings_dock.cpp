// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/docks/settings_dock.h"

#include <QComboBox>
#include <QDoubleSpinBox>
#include <QEvent>
#include <QFileDialog>
#include <QFileInfo>
#include <QFormLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QToolButton>
#include <QVBoxLayout>
#include <algorithm>

#include "engine/core/system_memory.h"
#include "engine/sampling/diffusion_schedule.h"
#include "ui/icons.h"
#include "ui/session/sentences.h"
#include "ui/widgets/column_scroll.h"
#include "ui/widgets/icon_label.h"
#include "ui/widgets/interval_bar.h"

namespace moescope {
namespace {

constexpr int kMostSteps = 1000;  // more is taken from restored settings, but offers no better picture
const QString kNoiseFile = QStringLiteral("file");

QDoubleSpinBox* numberBox(QWidget* parent, double low, double high, double step, int decimals) {
    auto* box = new QDoubleSpinBox(parent);
    box->setRange(low, high);
    box->setSingleStep(step);
    box->setDecimals(decimals);
    box->setKeyboardTracking(false);
    return box;
}

/// Scrolling the panel must not change a number that the pointer passes over.
class WheelGuard : public QObject {
public:
    using QObject::QObject;
    bool eventFilter(QObject* watched, QEvent* event) override {
        if (event->type() != QEvent::Wheel || static_cast<QWidget*>(watched)->hasFocus()) return false;
        event->ignore();
        return true;
    }
};

QString samplerText(SamplerKind sampler) {
    switch (sampler) {
        case SamplerKind::Euler: return SettingsDock::tr("Euler");
        case SamplerKind::Heun: return SettingsDock::tr("Heun");
        case SamplerKind::Ddpm: return SettingsDock::tr("DDPM");
        case SamplerKind::Ddim: return SettingsDock::tr("DDIM");
    }
    return {};
}

/// Shows a value although it is beyond what the box offers: settings of a run are shown as they were.
template <class Box, class Value>
void fill(Box* box, Value value) {
    if (value > box->maximum()) box->setMaximum(value);
    if (value < box->minimum()) box->setMinimum(value);
    box->setValue(value);
}

}  // namespace

SettingsDock::SettingsDock(GenerateState& state, QWidget* parent) : QDockWidget(tr("Settings"), parent), m_state(state) {
    setObjectName("SettingsDock");
    makeFields();
    connect(&m_state, &GenerateState::changed, this, &SettingsDock::showSettings);
    connect(&m_state, &GenerateState::modelChanged, this, &SettingsDock::showSettings);
    showAdvanced(false);
    showSettings();
}

QLabel* SettingsDock::addRow(QFormLayout* form, const QString& title, QWidget* field, const QString& tip) {
    auto* label = new QLabel(title);
    label->setBuddy(field);
    label->setToolTip(tip);
    field->setToolTip(tip);
    if (field->accessibleName().isEmpty()) field->setAccessibleName(title);
    form->addRow(label, field);
    return label;
}

void SettingsDock::makeFields() {
    auto* content = new QWidget;
    auto* column = new QVBoxLayout(content);
    column->setContentsMargins(8, 8, 8, 8);
    column->setSpacing(8);
    auto* form = new QFormLayout;
    form->setFieldGrowthPolicy(QFormLayout::AllNonFixedFieldsGrow);
    form->setRowWrapPolicy(QFormLayout::DontWrapRows);
    column->addLayout(form);

    m_steps = new QSpinBox(content);
    m_steps->setObjectName("steps");
    m_steps->setRange(1, kMostSteps);
    m_steps->setKeyboardTracking(false);
    m_sampler = new QComboBox(content);
    m_sampler->setObjectName("sampler");
    m_evaluations = new QLabel(content);
    m_evaluations->setObjectName("evaluations");
    m_guidance = numberBox(content, -10, 20, 0.1, 2);
    m_guidance->setObjectName("guidance");
    m_low = numberBox(content, 0, 1, 0.05, 2);
    m_low->setObjectName("guidanceLow");
    m_low->setAccessibleName(tr("Guidance from"));
    m_high = numberBox(content, 0, 1, 0.05, 2);
    m_high->setObjectName("guidanceHigh");
    m_high->setAccessibleName(tr("Guidance to"));
    m_interval = new IntervalBar(content);
    m_interval->setObjectName("interval");
    m_interval->setAccessibleName(tr("Part of the run in which guidance acts"));
    m_pictures = new QSpinBox(content);
    m_pictures->setObjectName("pictures");
    m_pictures->setRange(1, 64);
    m_pictures->setKeyboardTracking(false);
    m_noiseScale = numberBox(content, 0, 10, 0.1, 2);
    m_noiseScale->setObjectName("noiseScale");

    const auto watch = [&](QLabel* label, auto same) { m_labels.append({label, same}); };
    using S = const GenerateSettings&;
    watch(addRow(form, tr("Steps"), m_steps, tr("Sampling steps from noise to picture (num_sampling_steps). More steps take longer and follow the "
                                               "model more closely.")),
          [](S a, S b) { return a.steps == b.steps; });
    watch(addRow(form, tr("Sampler"), m_sampler, tr("Flows: Heun evaluates the network twice per step and is more exact, Euler once. Discrete diffusions: "
                                                    "DDPM adds fresh noise in every step, DDIM as much as chosen. (Sampler, ODE solver.)")),
          [](S a, S b) { return a.sampler == b.sampler; });
    form->addRow(QString(), m_evaluations);
    m_respacing = new QLineEdit(content);
    m_respacing->setObjectName("respacing");
    m_respacing->setPlaceholderText(tr("evenly"));
    m_respacingLabel = addRow(form, tr("Timesteps"), m_respacing, tr("Which of the 1000 timesteps of training the run visits (timestep respacing): empty for as many "
                                                                     "as there are steps, evenly; 10,15,20 for counts of equal sections; ddim50 for a fixed stride."));
    watch(m_respacingLabel, [](S a, S b) { return a.respacing == b.respacing; });
    m_eta = numberBox(content, 0, 1, 0.1, 2);
    m_eta->setObjectName("eta");
    m_etaLabel = addRow(form, tr("Fresh noise"), m_eta, tr("Noise that each DDIM step adds (eta): 0 none, 1 as much as DDPM."));
    watch(m_etaLabel, [](S a, S b) { return a.eta == b.eta; });
    m_shift = numberBox(content, 0.01, 20, 0.5, 2);
    m_shift->setObjectName("shift");
    m_shiftLabel = addRow(form, tr("Shift"), m_shift, tr("Above 1 the run spends more of its steps where there is much noise (timestep shift); 1: none."));
    watch(m_shiftLabel, [](S a, S b) { return a.shift == b.shift; });
    watch(addRow(form, tr("Guidance"), m_guidance, tr("How strongly the class is followed (classifier-free guidance scale). 1: not at all beyond what "
                                                     "was learned.")),
          [](S a, S b) { return a.guidance == b.guidance; });
    auto* ends = new QWidget(content);
    auto* endsRow = new QHBoxLayout(ends);
    endsRow->setContentsMargins(0, 0, 0, 0);
    endsRow->addWidget(m_low, 1);
    endsRow->addWidget(new QLabel(tr("to"), ends));
    endsRow->addWidget(m_high, 1);
    ends->setFocusProxy(m_low);
    const QString intervalTip = tr("Part of the run in which guidance acts (CFG interval): 0 is the noise at the start, 1 the finished picture. "
                                   "Drag the ends of the bar or type the numbers.");
    watch(addRow(form, tr("from"), ends, intervalTip),
          [](S a, S b) { return a.guidanceLow == b.guidanceLow && a.guidanceHigh == b.guidanceHigh; });
    m_interval->setToolTip(intervalTip);
    form->addRow(QString(), m_interval);
    watch(addRow(form, tr("Pictures"), m_pictures, tr("How many pictures a job makes (batch size); each has its own seed, counted up from the first.")),
          [](S a, S b) { return a.pictures == b.pictures; });
    m_pool = new QComboBox(content);
    m_pool->setObjectName("pool");
    m_pool->addItem(tr("the whole batch"), static_cast<int>(RoutingPool::Batch));
    m_pool->addItem(tr("each picture"), static_cast<int>(RoutingPool::Picture));
    m_poolLabel = addRow(form, tr("Experts choose in"), m_pool, tr("Which tokens compete for an expert of this model: those of all pictures of a batch, as it was trained, "
                                                                 "or of each picture by itself (routing pool). The run records it."));
    watch(m_poolLabel, [](S a, S b) { return a.pool == b.pool; });
    m_poolNote = new QLabel(tr("Pictures of a batch influence each other: the same seed alone gives another picture."), content);
    m_poolNote->setObjectName("poolNote");
    m_poolNote->setWordWrap(true);
    form->addRow(m_poolNote);
    watch(addRow(form, tr("Noise strength"), m_noiseScale, tr("Strength of the noise at the start (noise scale).")),
          [](S a, S b) { return a.noiseScale == b.noiseScale; });

    m_disclosure = new QToolButton(content);
    m_disclosure->setObjectName("disclosure");
    m_disclosure->setText(tr("Advanced"));
    m_disclosure->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
    m_disclosure->setAutoRaise(true);
    m_disclosure->setCheckable(true);
    m_disclosure->setToolTip(tr("Random numbers, what is recorded of the routing, memory"));
    column->addWidget(m_disclosure);
    m_advanced = new QWidget(content);
    column->addWidget(m_advanced);
    makeAdvanced();

    m_warning = new QLabel(content);
    m_warning->setObjectName("warning");
    m_warning->setWordWrap(true);
    m_warning->setAccessibleName(tr("What is wrong with the settings"));
    m_warningIcon = new IconLabel(themedIcon("warning"), content);
    auto* warningRow = new QHBoxLayout;
    warningRow->addWidget(m_warningIcon, 0, Qt::AlignTop);
    warningRow->addWidget(m_warning, 1);
    column->addLayout(warningRow);
    m_defaults = new QPushButton(themedIcon("reset"), tr("Model's Own Settings"), content);
    m_defaults->setObjectName("defaults");
    m_defaults->setToolTip(tr("Back to what the model was published with; labels in bold differ from that. The prompt and the seed stay."));
    column->addWidget(m_defaults, 0, Qt::AlignLeft);
    column->addStretch(1);

    auto* guard = new WheelGuard(this);
    for (QWidget* field : content->findChildren<QWidget*>())
        if (qobject_cast<QAbstractSpinBox*>(field) || qobject_cast<QComboBox*>(field)) {
            field->setFocusPolicy(Qt::StrongFocus);
            field->installEventFilter(guard);
        }
    auto* scroll = new ColumnScroll(this);
    scroll->setWidget(content);
    setWidget(scroll);

    connect(m_steps, &QSpinBox::valueChanged, this, [this](int v) {
        edit([v](auto& s) {
            s.steps = v;
            s.respacing.clear();  // names its own number of steps
        });
    });
    connect(m_respacing, &QLineEdit::editingFinished, this, &SettingsDock::chooseRespacing);
    connect(m_eta, &QDoubleSpinBox::valueChanged, this, [this](double v) { edit([v](auto& s) { s.eta = v; }); });
    connect(m_shift, &QDoubleSpinBox::valueChanged, this, [this](double v) { edit([v](auto& s) { s.shift = v; }); });
    connect(m_pool, &QComboBox::activated, this,
            [this] { edit([this](auto& s) { s.pool = static_cast<RoutingPool>(m_pool->currentData().toInt()); }); });
    connect(m_pictures, &QSpinBox::valueChanged, this, [this](int v) { edit([v](auto& s) { s.pictures = v; }); });
    connect(m_sampler, &QComboBox::activated, this,
            [this] { edit([this](auto& s) { s.sampler = static_cast<SamplerKind>(m_sampler->currentData().toInt()); }); });
    connect(m_guidance, &QDoubleSpinBox::valueChanged, this, [this](double v) { edit([v](auto& s) { s.guidance = v; }); });
    connect(m_low, &QDoubleSpinBox::valueChanged, this, [this](double v) { edit([v](auto& s) { s.guidanceLow = v; }); });
    connect(m_high, &QDoubleSpinBox::valueChanged, this, [this](double v) { edit([v](auto& s) { s.guidanceHigh = v; }); });
    connect(m_noiseScale, &QDoubleSpinBox::valueChanged, this, [this](double v) { edit([v](auto& s) { s.noiseScale = v; }); });
    connect(m_interval, &IntervalBar::edited, this, [this](double low, double high) {
        edit([low, high](auto& s) {
            s.guidanceLow = low;
            s.guidanceHigh = high;
        });
    });
    connect(m_disclosure, &QToolButton::toggled, this, &SettingsDock::showAdvanced);
    connect(m_defaults, &QPushButton::clicked, this, [this] { m_state.restoreDefaults(); });
}

void SettingsDock::makeAdvanced() {
    auto* form = new QFormLayout(m_advanced);
    form->setContentsMargins(0, 0, 0, 0);
    form->setFieldGrowthPolicy(QFormLayout::AllNonFixedFieldsGrow);
    const auto combo = [this](const char* name) {
        auto* made = new QComboBox(m_advanced);
        made->setObjectName(QString::fromLatin1(name));
        made->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
        made->setMinimumContentsLength(14);
        return made;
    };
    m_rng = combo("rng");
    m_rng->addItem(tr("torch on the CPU"), "torch-cpu");
    m_rng->addItem(tr("torch on CUDA"), "torch-cuda");
    m_rng->addItem(tr("from a file..."), kNoiseFile);
    m_noiseBatch = combo("noiseBatch");
    m_noiseBatch->addItem(tr("each as if alone"), false);
    m_noiseBatch->addItem(tr("one draw for all"), true);
    m_capture = combo("capture");
    m_capture->addItem(tr("numbers of tokens only"), static_cast<int>(CaptureLevel::Counts));
    m_capture->addItem(tr("who handled what"), static_cast<int>(CaptureLevel::Assignments));
    m_capture->addItem(tr("and router scores"), static_cast<int>(CaptureLevel::Scores));
    m_capture->addItem(tr("and strengths (norms)"), static_cast<int>(CaptureLevel::Norms));
    m_tEps = numberBox(m_advanced, 0.001, 1, 0.01, 3);
    m_tEps->setObjectName("tEps");
    m_memory = new QLabel(m_advanced);
    m_memory->setObjectName("memory");
    m_memory->setWordWrap(true);

    using S = const GenerateSettings&;
    const auto watch = [&](QLabel* label, auto same) { m_labels.append({label, same}); };
    watch(addRow(form, tr("Random numbers"), m_rng, tr("Noise as torch.randn draws it (rng), so that runs compare with Python picture by picture. On the "
                                                    "CPU only the low 32 bits of a seed count.")),
          [](S a, S b) { return a.rng == b.rng && a.noiseFile == b.noiseFile; });
    watch(addRow(form, tr("Noise of a batch"), m_noiseBatch, tr("Each picture's noise from its own seed, so that it equals the picture made alone; or one draw "
                                                              "for the whole batch, as many scripts do.")),
          [](S a, S b) { return a.jointNoise == b.jointNoise; });
    watch(addRow(form, tr("Record"), m_capture, tr("What is kept of the routing (capture level). The maps over the picture need “who handled what”.")),
          [](S a, S b) { return a.capture == b.capture; });
    m_tEpsLabel = addRow(form, tr("Noise floor"), m_tEps, tr("t_eps: the smallest share of noise that a prediction of the clean picture is divided by."));
    watch(m_tEpsLabel, [](S a, S b) { return a.tEps == b.tEps; });
    auto* memoryTitle = new QLabel(tr("Memory"));
    memoryTitle->setToolTip(tr("What a run keeps besides the weights of the model"));
    form->addRow(memoryTitle, m_memory);

    connect(m_rng, &QComboBox::activated, this, &SettingsDock::chooseRng);
    connect(m_noiseBatch, &QComboBox::activated, this, [this] { edit([this](auto& s) { s.jointNoise = m_noiseBatch->currentData().toBool(); }); });
    connect(m_capture, &QComboBox::activated, this,
            [this] { edit([this](auto& s) { s.capture = static_cast<CaptureLevel>(m_capture->currentData().toInt()); }); });
    connect(m_tEps, &QDoubleSpinBox::valueChanged, this, [this](double v) {
        const double own = m_state.model() ? m_state.model()->description().defaults.tEps : 0;
        edit([v, own](auto& s) { s.tEps = v == own ? 0 : v; });
    });
}

bool SettingsDock::advancedShown() const { return m_disclosure->isChecked(); }

void SettingsDock::showAdvanced(bool shown) {
    const QSignalBlocker quiet(m_disclosure);
    m_disclosure->setChecked(shown);
    m_disclosure->setArrowType(shown ? Qt::DownArrow : Qt::RightArrow);
    m_advanced->setVisible(shown);
}

void SettingsDock::edit(const std::function<void(GenerateSettings&)>& change) {
    if (m_showing) return;
    GenerateSettings settings = m_state.now();
    change(settings);
    m_state.set(settings);
}

void SettingsDock::chooseRng(int index) {
    const QString rng = m_rng->itemData(index).toString();
    QString file;
    if (rng == kNoiseFile) {
        file = QFileDialog::getOpenFileName(this, tr("Noise to start from"), m_state.now().noiseFile, tr("Noise (*.npy *.safetensors)"));
        if (file.isEmpty()) return showSettings();
    }
    edit([&](GenerateSettings& s) {
        s.rng = rng;
        s.noiseFile = file;
    });
}

void SettingsDock::chooseRespacing() {
    const QString text = m_respacing->text().simplified();
    if (text == m_state.now().respacing) return;
    edit([&](GenerateSettings& s) {
        s.respacing = text;
        // What can not be read stays, and the warning below says why.
        if (const auto kept = keptTimesteps(text.toStdString(), s.steps); kept.ok()) s.steps = static_cast<int>(kept->size());
    });
}

void SettingsDock::showModelRows(const GenerateSettings& now) {
    const OpenModelPtr& model = m_state.model();
    std::vector<SamplerKind> samplers{SamplerKind::Heun, SamplerKind::Euler};
    if (model) samplers = model->description().samplers;
    // One that does not fit the model, from the settings of another, is shown as it is; the warning says that it does not fit.
    if (std::find(samplers.begin(), samplers.end(), now.sampler) == samplers.end()) samplers.push_back(now.sampler);
    bool same = m_sampler->count() == static_cast<int>(samplers.size());
    for (int i = 0; same && i < m_sampler->count(); ++i) same = m_sampler->itemData(i).toInt() == static_cast<int>(samplers[static_cast<size_t>(i)]);
    if (!same) {
        m_sampler->clear();
        for (const SamplerKind sampler : samplers) m_sampler->addItem(samplerText(sampler), static_cast<int>(sampler));
    }
    m_sampler->setCurrentIndex(m_sampler->findData(static_cast<int>(now.sampler)));

    const auto show = [](QLabel* label, QWidget* field, bool shown) {
        label->setVisible(shown);
        field->setVisible(shown);
    };
    const bool discrete = model && isDiscrete(model->description()), flow = model && !discrete;
    show(m_respacingLabel, m_respacing, discrete);
    show(m_etaLabel, m_eta, discrete && now.sampler == SamplerKind::Ddim);
    show(m_shiftLabel, m_shift, flow);
    const bool pools = model && model->description().routesOverBatch();
    show(m_poolLabel, m_pool, pools);
    m_poolNote->setVisible(pools && now.pool == RoutingPool::Batch && now.pictures > 1);
    m_respacing->setText(now.respacing);
    fill(m_eta, now.eta);
    fill(m_shift, now.shift);
    m_pool->setCurrentIndex(m_pool->findData(static_cast<int>(now.pool)));
}

void SettingsDock::showSettings() {
    m_showing = true;
    const GenerateSettings& now = m_state.now();
    const GenerateSettings own = m_state.defaults();
    const OpenModelPtr& model = m_state.model();
    fill(m_steps, now.steps);
    showModelRows(now);
    fill(m_guidance, now.guidance);
    m_low->setValue(now.guidanceLow);
    m_high->setValue(now.guidanceHigh);
    m_interval->setInterval(now.guidanceLow, now.guidanceHigh);
    fill(m_pictures, now.pictures);
    fill(m_noiseScale, now.noiseScale);
    if (m_rng->findData(now.rng) < 0) m_rng->addItem(now.rng, now.rng);  // a certain card, from a restored run
    const int rng = m_rng->findData(now.rng);
    m_rng->setItemText(m_rng->findData(kNoiseFile),
                       now.noiseFile.isEmpty() ? tr("from a file...") : tr("file %1").arg(QFileInfo(now.noiseFile).fileName()));
    m_rng->setCurrentIndex(rng);
    m_noiseBatch->setCurrentIndex(m_noiseBatch->findData(now.jointNoise));
    m_capture->setCurrentIndex(m_capture->findData(static_cast<int>(now.capture)));
    const bool clean = model && model->description().prediction == Prediction::CleanImage;
    m_tEps->setVisible(clean);
    m_tEpsLabel->setVisible(clean);
    if (clean) fill(m_tEps, now.tEps != 0 ? now.tEps : model->description().defaults.tEps);
    if (model) {
        const int evaluations = evaluationsOf(now, model->description());
        m_evaluations->setText(evaluations == 1 ? tr("1 evaluation per picture") : tr("%1 evaluations per picture").arg(evaluations));
    }
    m_evaluations->setVisible(model != nullptr);
    bool differs = false;
    for (const auto& [label, same] : m_labels) {
        const bool bold = model && !same(now, own);
        QFont font = label->font();
        font.setBold(bold);
        label->setFont(font);
        differs = differs || bold;
    }
    m_defaults->setEnabled(differs);
    showMemory();
    m_showing = false;
}

void SettingsDock::showMemory() {
    QString warning;
    m_memory->setText(tr("open a model first"));
    if (const OpenModelPtr& model = m_state.model()) {
        const auto request = requestOf(m_state.now(), model->description());
        if (!request.ok()) {
            warning = sentenceOf(request.error());
            m_memory->setText(QStringLiteral("–"));
        } else {
            const int64_t needed = runMemoryNeeded(model->description(), *request), available = availableMemory();
            m_memory->setText(tr("%1 for the run, %2 are free").arg(QString::fromStdString(bytesText(needed)), QString::fromStdString(bytesText(available))));
            if (needed > available)
                warning = tr("The run would keep %1 and %2 are free: make fewer pictures or steps, or record only numbers of tokens (Advanced).")
                              .arg(QString::fromStdString(bytesText(needed)), QString::fromStdString(bytesText(available)));
        }
    }
    m_warning->setText(warning);
    m_warning->setVisible(!warning.isEmpty());
    m_warningIcon->setVisible(!warning.isEmpty());
}

QString SettingsDock::warning() const { return m_warning->text(); }

}  // namespace moescope
