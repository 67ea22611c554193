// SPDX-License-Identifier: GPL-3.0-or-later
// The blocks of a model in order, one box each; those with a mixture of experts can be chosen.
#pragma once

#include <QVector>
#include <QWidget>

#include "engine/model/model_description.h"

class QAbstractButton;

namespace moescope {

/// Boxes wrap like words. The chosen MoE layer takes the focus; arrows walk the MoE layers.
class BlockSchematic : public QWidget {
    Q_OBJECT
public:
    explicit BlockSchematic(QWidget* parent = nullptr);

    void setModel(const ModelDescription& model);
    void clear();
    /// Index among the MoE layers; -1: none is outlined.
    void setChosen(int layer);
    int chosen() const { return m_chosen; }
    int layerCount() const { return static_cast<int>(m_layers.size()); }
    int blockCount() const { return static_cast<int>(m_boxes.size()); }
    /// The box of a MoE layer.
    QAbstractButton* box(int layer) const { return m_layers.value(layer); }

    bool hasHeightForWidth() const override { return true; }
    int heightForWidth(int width) const override;
    QSize sizeHint() const override;
    QSize minimumSizeHint() const override;

signals:
    void layerChosen(int layer);

protected:
    void resizeEvent(QResizeEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;
    void changeEvent(QEvent* event) override;

private:
    QSize boxSize() const;
    int perRow(int width) const;
    void place();

    QVector<QWidget*> m_boxes;           // one per block
    QVector<QAbstractButton*> m_layers;  // those with experts
    int m_chosen = -1;
};

}  // namespace moescope
