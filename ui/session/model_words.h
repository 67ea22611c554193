// SPDX-License-Identifier: GPL-3.0-or-later
// A model in a person's words: what its card says, as values.
#pragma once

#include <QString>
#include <QStringList>
#include <QVector>

#include "ui/session/open_model.h"

namespace moescope {

/// One line of the card.
struct ModelFact {
    QString title;  // "Parameters"
    QString text;   // "2.1 million, 1.2 million of them at work for each token"
    QString term;   // the papers' words, one sentence, for the tooltip
};

/// A setting that the person may give.
struct SettingField {
    QString name;   // as the engine knows it: "top_k"
    QString title;  // "Experts per token"
    QString term;
    QString value;  // given before; empty: not known
};

/// Something that is wrong or missing, and what to do.
struct ModelRemark {
    enum class Kind : uint8_t { Note, Warning, Stops };
    Kind kind = Kind::Note;
    QString text, detail;  // detail: all names, for the tooltip
};

/// Numbers to three digits: "2.14 million".
QString countText(int64_t count);
/// "makes 32 × 32 pictures of 256 classes"
QString picturesText(const ModelDescription& model);
/// What kind of network it is, in a sentence.
QString familyText(const ModelDescription& model);

QVector<ModelFact> factsOf(const OpenModel& model, int64_t availableMemory);
QVector<ModelRemark> remarksOn(const OpenModel& model, int64_t availableMemory);
/// Settings that nothing says, that were given before, or (where the settings contradict the tensors) all of them.
QVector<SettingField> settingFieldsOf(const OpenModel& model);

/// What a person typed into setting fields, as the engine takes it; empty texts are left out.
nlohmann::json settingsFrom(const QVector<SettingField>& fields);

}  // namespace moescope
