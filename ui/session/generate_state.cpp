// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/session/generate_state.h"

#include "ui/session/fingerprints.h"
#include "ui/session/sentences.h"

namespace moescope {
namespace {

constexpr int kModelsKept = 50;

/// The words and the seed go with the person, not with the model.
GenerateSettings withWordsOf(const GenerateSettings& kept, GenerateSettings settings) {
    settings.prompt = kept.prompt;
    settings.classId = kept.classId;
    settings.negative = kept.negative;
    settings.seed = kept.seed;
    settings.seedLocked = kept.seedLocked;
    return settings;
}

}  // namespace

GenerateState::GenerateState(QObject* parent) : QObject(parent) { m_now.seed = drawnSeed(); }

GenerateSettings GenerateState::defaults() const {
    return m_model ? defaultsOf(m_model->description(), m_now) : m_now;
}

void GenerateState::set(const GenerateSettings& settings) {
    if (settings == m_now) return;
    m_now = settings;
    emit changed(m_now);
}

void GenerateState::setModel(OpenModelPtr model) {
    if (model == m_model) return;
    const bool sameWeights = m_model && model && m_model->name == model->name;
    if (m_model) m_perModel[m_model->name] = toVariantMap(m_now);
    const bool knownClasses = m_model && model && m_model->labels && model->labels &&
                              m_model->description().config.classes == model->description().config.classes;
    const bool other = m_model && !sameWeights && !knownClasses;
    m_model = std::move(model);
    GenerateSettings settings = m_now;
    if (m_model && !sameWeights) {
        const QVariantMap kept = m_perModel.value(m_model->name).toMap();
        settings = kept.isEmpty() ? defaults() : withWordsOf(m_now, generateSettingsFrom(kept));
        if (other) settings.classId = -1;
    }
    if (m_model && settings.classId > m_model->description().config.classes) settings.classId = -1;
    if (m_model) prepareFingerprint(m_model->checkpoint);
    emit modelChanged(m_model);
    set(settings);
}

void GenerateState::adopt(const GenerationParameters& parameters, int64_t image) {
    GenerateSettings settings = settingsOf(parameters, image);
    settings.capture = m_now.capture;
    const ClassLabel* label = m_model && m_model->labels ? m_model->labels->byIndex(settings.classId) : nullptr;
    const bool sameName = !label || parameters.className.empty() || label->name == parameters.className;
    if (settings.classId >= 0 && m_model && (settings.classId > m_model->description().config.classes || !sameName)) {
        settings.classId = -1;
        if (settings.prompt.isEmpty()) settings.prompt = QString::fromStdString(parameters.className);
    }
    set(settings);
}

Result<GenerationOrder> GenerateState::nextOrder() {
    GenerateSettings settings = m_now;
    if (!settings.seedLocked) settings.seed = drawnSeed();
    auto order = orderOf(settings, m_model);
    if (order.ok())
        set(settings);
    else
        emit refused(sentenceOf(order.error()));
    return order;
}

QVariantMap GenerateState::kept() const {
    QVariantMap models = m_perModel;
    if (m_model) models[m_model->name] = toVariantMap(m_now);
    while (models.size() > kModelsKept) models.erase(models.begin());
    return {{"now", toVariantMap(m_now)}, {"models", models}};
}

void GenerateState::restore(const QVariantMap& kept) {
    m_perModel = kept.value("models").toMap();
    const QVariantMap last = kept.value("now").toMap();
    if (last.isEmpty()) return;
    GenerateSettings settings = generateSettingsFrom(last);
    if (!settings.seedLocked) settings.seed = m_now.seed;
    set(settings);
}

}  // namespace moescope
