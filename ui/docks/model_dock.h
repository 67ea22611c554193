// SPDX-License-Identifier: GPL-3.0-or-later
// The panel of the model: its card, its blocks, whether its weights are in memory, and the way to another one.
#pragma once

#include <QDockWidget>

#include <string>
#include <vector>

#include "engine/backend/device_choice.h"
#include "ui/session/open_model.h"

class QComboBox;
class QLabel;
class QProgressBar;
class QPushButton;
class QVBoxLayout;

namespace moescope {

class BlockSchematic;
class ModelCard;

/// Shows a model and asks for changes; knows no engine.
class ModelDock : public QDockWidget {
    Q_OBJECT
public:
    explicit ModelDock(QWidget* parent = nullptr);

    void setModel(const OpenModelPtr& model);
    void setState(ModelState state, const QString& sentence);
    void setProgress(double share);
    /// The selection's layer; nothing is outlined where the model has no such layer.
    void setChosenLayer(int layer);
    /// What the machine offers, what was chosen, and why the device in use is another one (empty: it is not).
    void setDevices(const std::vector<DeviceOffer>& offers, DeviceChoice chosen, const std::string& note);
    /// A model could not be opened; the one before stays.
    void showFailure(const QString& sentence);

    /// Puts a widget between the card and the blocks, for good.
    void addPart(QWidget* part);

    ModelCard& card() { return *m_card; }
    BlockSchematic& schematic() { return *m_schematic; }

signals:
    void openRequested();
    void unloadRequested();
    void orderRequested(const moescope::ModelOrder& order);
    void layerChosen(int layer);
    void deviceRequested(moescope::DeviceChoice choice);

private:
    void showState();

    OpenModelPtr m_model;
    ModelState m_state = ModelState::None;
    QString m_sentence, m_failure;
    int64_t m_gpuMemory = -1;  // free on the GPU that may be used; -1: none is
    QVBoxLayout* m_column;
    ModelCard* m_card;
    BlockSchematic* m_schematic;
    QLabel *m_blocksTitle, *m_stateText;
    QProgressBar* m_progress;
    QPushButton *m_open, *m_unload, *m_retry;
    QComboBox* m_device;
    QLabel* m_deviceNote;
};

}  // namespace moescope
