// SPDX-License-Identifier: GPL-3.0-or-later
// The curves of a training run and the load of its experts, drawn from its numbers.
#pragma once

#include <QVariantMap>
#include <QWidget>
#include <memory>
#include <vector>

#include "viz/aggregate/training_record.h"

class QComboBox;
class QSplitter;

namespace moescope {

struct EngineError;
class ChartFrame;

class TrainCharts : public QWidget {
    Q_OBJECT
public:
    explicit TrainCharts(QWidget* parent = nullptr);

    void setRecord(std::shared_ptr<const TrainingRecord> record);
    const std::vector<ChartFrame*>& frames() const { return m_frames; }
    void setLayer(int layer);
    int layer() const;

    QVariantMap state() const;
    void setState(const QVariantMap& state);

signals:
    void said(const QString& sentence);
    void failed(const moescope::EngineError& error);

private:
    void fillLayers();

    std::shared_ptr<const TrainingRecord> m_record;
    std::vector<ChartFrame*> m_frames;
    QWidget* m_chooser = nullptr;  // of the layer; hidden while there is none
    QComboBox* m_layer = nullptr;
    QSplitter* m_rows = nullptr;
};

}  // namespace moescope
