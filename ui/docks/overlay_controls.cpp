// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/docks/overlay_controls.h"

#include <QAbstractItemView>
#include <QCheckBox>
#include <QComboBox>
#include <QFormLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QSlider>
#include <QSpinBox>
#include <algorithm>
#include <cmath>
#include <map>

#include "ui/session/current_run.h"
#include "ui/widgets/canvas_view.h"
#include "ui/widgets/token_text.h"

namespace moescope {
namespace {

/// Items whose data are the values of an enum.
template <class Enum>
void addItem(QComboBox* box, const QString& text, Enum value, const QString& tip) {
    box->addItem(text, static_cast<int>(value));
    box->setItemData(box->count() - 1, tip, Qt::ToolTipRole);
}

template <class Enum>
void choose(QComboBox* box, Enum value) {
    box->setCurrentIndex(box->findData(static_cast<int>(value)));
}

/// The expert that leads most tokens of the chosen picture; 0 where nothing is known.
int busiestExpert(const CanvasFramePtr& frame) {
    const CanvasPicture* chosen = frame ? frame->chosen() : nullptr;
    if (!chosen || !chosen->overlay || chosen->overlay->kind != OverlayKind::Dominant) return 0;
    std::map<int, int> tokens;
    for (const int32_t expert : chosen->overlay->dominant.grid)
        if (expert >= 0) ++tokens[expert];
    const auto most = std::max_element(tokens.begin(), tokens.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
    return most == tokens.end() ? 0 : most->first;
}

}  // namespace

OverlayControls::OverlayControls(CurrentRun& current, SelectionModel& selection, CanvasView& canvas, QWidget* parent)
    : QWidget(parent), m_current(current), m_selection(selection), m_canvas(canvas) {
    setObjectName(QStringLiteral("overlayControls"));
    buildRows();
    connect(m_picture, &QComboBox::activated, this, [this] {
        CanvasSettings wanted = m_canvas.settings();
        wanted.picture = static_cast<PictureKind>(m_picture->currentData().toInt());
        m_canvas.setSettings(wanted);
    });
    connect(m_map, &QComboBox::activated, this, &OverlayControls::chooseMap);
    connect(m_layer, &QComboBox::activated, &m_selection, &SelectionModel::setLayer);
    connect(m_branch, &QComboBox::activated, this,
            [this] { m_selection.setBranch(static_cast<BranchChoice>(m_branch->currentData().toInt())); });
    connect(m_measure, &QComboBox::activated, this,
            [this] { m_selection.setMeasure(static_cast<LoadMeasure>(m_measure->currentData().toInt())); });
    connect(m_expert, &QSpinBox::valueChanged, this, [this](int expert) {
        if (!m_following) m_selection.setExpert(expert);
    });
    connect(m_opacity, &QSlider::valueChanged, this, [this](int percent) {
        if (m_following) return;
        CanvasSettings wanted = m_canvas.settings();
        wanted.opacity = percent / 100.0;
        m_canvas.setSettings(wanted);
    });
    connect(m_grid, &QCheckBox::toggled, this, [this](bool on) {
        CanvasSettings wanted = m_canvas.settings();
        wanted.grid = on;
        if (!m_following) m_canvas.setSettings(wanted);
    });
    connect(&m_canvas, &CanvasView::settingsChanged, this, [this] { follow(); });
    connect(&m_selection, &SelectionModel::changed, this, [this] { follow(); });
    connect(&m_current, &CurrentRun::changed, this, [this] {
        fillLayers();
        follow();
    });
    fillLayers();
    follow();
}

void OverlayControls::buildRows() {
    auto* form = new QFormLayout(this);
    const int gap = fontMetrics().height() / 3;
    form->setContentsMargins(2 * gap, gap, 2 * gap, gap);
    form->setVerticalSpacing(gap);
    form->setRowWrapPolicy(QFormLayout::DontWrapRows);
    form->setFieldGrowthPolicy(QFormLayout::AllNonFixedFieldsGrow);
    const auto row = [&](const QString& label, QWidget* field, const QString& name, const QString& tip) {
        field->setAccessibleName(name);
        field->setToolTip(tip);
        form->addRow(label, field);
        form->labelForField(field)->setToolTip(tip);
    };
    const auto box = [&](const char* name) {
        auto* made = new QComboBox(this);
        made->setObjectName(QString::fromLatin1(name));
        made->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
        made->setMinimumContentsLength(10);
        return made;
    };
    m_picture = box("pictureKind");
    addItem(m_picture, tr("clean estimate"), PictureKind::CleanEstimate, tr("The picture as the model guesses it at this evaluation (x0 prediction)"));
    addItem(m_picture, tr("noisy state"), PictureKind::NoisyState, tr("What the network sees at this evaluation (x_t)"));
    addItem(m_picture, tr("velocity"), PictureKind::Velocity, tr("Where the network wants to go (velocity prediction), grey is zero"));
    addItem(m_picture, tr("finished picture"), PictureKind::Final, tr("The result, whatever evaluation is chosen"));
    row(tr("&Picture"), m_picture, tr("Picture to show"), tr("Which state of the run the canvas shows"));

    m_map = box("mapKind");
    addItem(m_map, tr("main expert"), OverlayKind::Dominant, tr("The expert with the largest gate weight of each token"));
    addItem(m_map, tr("one expert's weight"), OverlayKind::OneExpert, tr("The gate weight with which the chosen expert took each token"));
    addItem(m_map, tr("number of experts"), OverlayKind::HowMany, tr("How many routed experts took each token"));
    addItem(m_map, tr("no map"), OverlayKind::None, tr("The picture alone"));
    row(tr("&Map"), m_map, tr("Expert map"), tr("What is drawn over the picture: which expert handled which token (routing)"));

    m_layer = box("layer");
    row(tr("&Layer"), m_layer, tr("MoE layer"), tr("Which mixture-of-experts layer is looked at, with its block in the network"));

    m_branch = box("branch");
    addItem(m_branch, tr("conditional"), BranchChoice::Cond, tr("Routing of the pass that is given the class"));
    addItem(m_branch, tr("unconditional"), BranchChoice::Uncond, tr("Routing of the pass without the class; run only where guidance needs it"));
    addItem(m_branch, tr("difference"), BranchChoice::Difference, tr("Frames the tokens whose main expert differs between the two"));
    addItem(m_branch, tr("both together"), BranchChoice::Both, tr("Charts add the two; the map shows the conditional one"));
    row(tr("&Branch"), m_branch, tr("Branch of guidance"), tr("Classifier-free guidance runs the network with and without the class"));

    m_measure = box("measure");
    addItem(m_measure, tr("tokens"), LoadMeasure::Counts, tr("How many tokens an expert received"));
    addItem(m_measure, tr("gate mass"), LoadMeasure::GateMass, tr("The sum of the gate weights with which an expert received its tokens"));
    row(tr("L&oad in"), m_measure, tr("Measure of load"), tr("What the charts count as the load of an expert"));

    m_expert = new QSpinBox(this);
    m_expert->setObjectName(QStringLiteral("expert"));
    m_expert->setSpecialValueText(tr("none"));
    m_expert->setRange(-1, -1);
    row(tr("&Expert"), m_expert, tr("Chosen expert"), tr("The expert that is outlined on the map and marked in the charts"));

    auto* opacity = new QWidget(this);
    auto* inner = new QHBoxLayout(opacity);
    inner->setContentsMargins(0, 0, 0, 0);
    m_opacity = new QSlider(Qt::Horizontal, opacity);
    m_opacity->setObjectName(QStringLiteral("opacity"));
    m_opacity->setRange(0, 100);
    m_opacity->setPageStep(10);
    m_opacity->setAccessibleName(tr("Opacity of the map in percent"));
    m_opacityText = new QLabel(opacity);
    m_opacityText->setMinimumWidth(fontMetrics().horizontalAdvance(tr("%1 %").arg(100)));
    m_opacityText->setAlignment(Qt::AlignRight | Qt::AlignVCenter);
    inner->addWidget(m_opacity, 1);
    inner->addWidget(m_opacityText);
    opacity->setFocusProxy(m_opacity);
    row(tr("&Opacity"), opacity, tr("Opacity"), tr("How much the map covers the picture"));

    m_grid = new QCheckBox(tr("&Token grid"), this);
    m_grid->setObjectName(QStringLiteral("grid"));
    m_grid->setAccessibleName(tr("Token grid"));
    m_grid->setToolTip(tr("Lines between tokens (patches), shown with a map from twice the picture's size on"));
    form->addRow(QString(), m_grid);
}

void OverlayControls::fillLayers() {
    const RunViewPtr& run = m_current.view();
    QStringList names;
    if (run)
        for (int layer = 0; layer < static_cast<int>(run->routing->layers.size()); ++layer) names << moeLayerText(*run->routing, layer);
    QStringList shown;
    for (int i = 0; i < m_layer->count(); ++i) shown << m_layer->itemText(i);
    if (names == shown) return;  // a growing run: an open list stays as it is
    m_layer->clear();
    m_layer->addItems(names);
    // Names of networks are long: the open list is as wide as they need, however narrow the panel is.
    m_layer->view()->setMinimumWidth(m_layer->view()->sizeHintForColumn(0) + 2 * fontMetrics().height());
}

void OverlayControls::follow() {
    m_following = true;
    const Selection& now = m_selection.now();
    const CanvasSettings& settings = m_canvas.settings();
    choose(m_picture, settings.picture);
    choose(m_map, settings.overlay);
    m_layer->setCurrentIndex(m_layer->count() > 0 ? now.layer : -1);
    choose(m_branch, now.branch);
    choose(m_measure, m_selection.now().measure);
    const RunViewPtr& run = m_current.view();
    const bool layer = run && now.layer < static_cast<int>(run->routing->layers.size());
    m_expert->setRange(-1, layer ? static_cast<int>(run->routing->layers[static_cast<size_t>(now.layer)].experts) - 1 : -1);
    m_expert->setValue(now.expert);
    for (QWidget* field : {static_cast<QWidget*>(m_layer), static_cast<QWidget*>(m_branch), static_cast<QWidget*>(m_expert)})
        field->setEnabled(layer);
    m_opacity->setValue(static_cast<int>(std::lround(settings.opacity * 100)));
    m_opacityText->setText(tr("%1 %").arg(m_opacity->value()));
    m_grid->setChecked(settings.grid);
    m_following = false;
}

void OverlayControls::chooseMap(int index) {
    CanvasSettings wanted = m_canvas.settings();
    wanted.overlay = static_cast<OverlayKind>(m_map->itemData(index).toInt());
    if (wanted.overlay == OverlayKind::OneExpert && m_selection.now().expert < 0) m_selection.setExpert(busiestExpert(m_canvas.frame()));
    m_canvas.setSettings(wanted);
}

QVariantMap OverlayControls::state() const {
    const CanvasSettings& settings = m_canvas.settings();
    return {{QStringLiteral("picture"), static_cast<int>(settings.picture)},
            {QStringLiteral("map"), static_cast<int>(settings.overlay)},
            {QStringLiteral("opacity"), settings.opacity},
            {QStringLiteral("grid"), settings.grid},
            {QStringLiteral("all"), settings.all}};
}

void OverlayControls::setState(const QVariantMap& state) {
    CanvasSettings wanted = m_canvas.settings();
    // What is not there, or not one of the choices, stays as it is.
    const auto known = [&](const char* name, const QComboBox* box, int now) {
        const QVariant value = state.value(QString::fromLatin1(name));
        return value.isValid() && box->findData(value.toInt()) >= 0 ? value.toInt() : now;
    };
    wanted.picture = static_cast<PictureKind>(known("picture", m_picture, static_cast<int>(wanted.picture)));
    wanted.overlay = static_cast<OverlayKind>(known("map", m_map, static_cast<int>(wanted.overlay)));
    bool number = false;
    const double opacity = state.value(QStringLiteral("opacity")).toDouble(&number);
    if (number && opacity >= 0 && opacity <= 1) wanted.opacity = opacity;
    wanted.grid = state.value(QStringLiteral("grid"), wanted.grid).toBool();
    wanted.all = state.value(QStringLiteral("all"), wanted.all).toBool();
    m_canvas.setSettings(wanted);
}

}  // namespace moescope
