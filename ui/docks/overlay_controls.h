// SPDX-License-Identifier: GPL-3.0-or-later
// What the canvas shows and how: state of the picture, kind of map, layer, branch, expert, opacity, grid.
#pragma once

#include <QVariantMap>
#include <QWidget>

class QCheckBox;
class QComboBox;
class QLabel;
class QSlider;
class QSpinBox;

namespace moescope {

class CanvasView;
class CurrentRun;
class SelectionModel;

class OverlayControls : public QWidget {
    Q_OBJECT
public:
    OverlayControls(CurrentRun& current, SelectionModel& selection, CanvasView& canvas, QWidget* parent = nullptr);

    /// How a person likes to look at runs, to be kept between starts; the selection is not part of it.
    QVariantMap state() const;
    void setState(const QVariantMap& state);

private:
    void buildRows();
    void fillLayers();
    void follow();
    void chooseMap(int index);

    CurrentRun& m_current;
    SelectionModel& m_selection;
    CanvasView& m_canvas;
    QComboBox *m_picture, *m_map, *m_layer, *m_branch, *m_measure;
    QSpinBox* m_expert;
    QSlider* m_opacity;
    QLabel* m_opacityText;
    QCheckBox* m_grid;
    bool m_following = false;
};

}  // namespace moescope
