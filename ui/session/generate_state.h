// SPDX-License-Identifier: GPL-3.0-or-later
// The settings that the prompt bar and the settings panel edit together, and the model they are for.
#pragma once

#include <QHash>
#include <QObject>
#include <QVariantMap>

#include "ui/session/generate_settings.h"

namespace moescope {

/// Lives on the window's thread. Every model keeps its own steps, guidance and so on; a model seen for the first time starts with its
/// own defaults.
class GenerateState : public QObject {
    Q_OBJECT
public:
    explicit GenerateState(QObject* parent = nullptr);

    const GenerateSettings& now() const { return m_now; }
    const OpenModelPtr& model() const { return m_model; }
    /// What the model would use; `now` where no model is open.
    GenerateSettings defaults() const;

    void set(const GenerateSettings& settings);
    void setModel(OpenModelPtr model);
    void restoreDefaults() { set(defaults()); }
    /// Settings of a run or a picture, which may be of another model: the class number then means nothing and the words decide.
    void adopt(const GenerationParameters& parameters, int64_t image = -1);

    /// A checked job from the settings of now; draws a new seed first where it is not locked. An error is also told by `refused`.
    Result<GenerationOrder> nextOrder();

    QVariantMap kept() const;
    void restore(const QVariantMap& kept);

signals:
    void changed(const moescope::GenerateSettings& now);
    void modelChanged(const moescope::OpenModelPtr& model);
    void refused(const QString& sentence);

private:
    GenerateSettings m_now;
    OpenModelPtr m_model;
    QVariantMap m_perModel;  // name -> the settings that were last used with it
};

}  // namespace moescope
