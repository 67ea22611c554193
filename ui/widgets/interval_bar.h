// SPDX-License-Identifier: GPL-3.0-or-later
// A range between 0 and 1 as a bar with two handles that can be dragged; its numbers stand in spin boxes beside it.
#pragma once

#include <QWidget>

namespace moescope {

class IntervalBar : public QWidget {
    Q_OBJECT
public:
    explicit IntervalBar(QWidget* parent = nullptr);

    double low() const { return m_low; }
    double high() const { return m_high; }
    void setInterval(double low, double high);

    QSize sizeHint() const override;
    QSize minimumSizeHint() const override { return sizeHint(); }

signals:
    void edited(double low, double high);

protected:
    void paintEvent(QPaintEvent* event) override;
    void mousePressEvent(QMouseEvent* event) override;
    void mouseMoveEvent(QMouseEvent* event) override;
    void mouseReleaseEvent(QMouseEvent* event) override;

private:
    enum class Handle : uint8_t { None, Low, High };
    double xOf(double value) const;
    double valueAt(double x) const;
    void drag(double x);

    double m_low = 0, m_high = 1;
    Handle m_held = Handle::None;
};

}  // namespace moescope
