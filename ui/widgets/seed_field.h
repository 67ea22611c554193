// SPDX-License-Identifier: GPL-3.0-or-later
// The seed: a whole number of 64 bits, a dice that draws another one, a lock that keeps it.
#pragma once

#include <QWidget>

class QLineEdit;
class QToolButton;

namespace moescope {

class SeedField : public QWidget {
    Q_OBJECT
public:
    explicit SeedField(QWidget* parent = nullptr);

    quint64 seed() const { return m_seed; }
    bool locked() const;
    /// Shows values without a signal.
    void setValues(quint64 seed, bool locked);

signals:
    /// The person changed one of them.
    void edited(quint64 seed, bool locked);

private:
    void takeText();
    void showLock();

    quint64 m_seed = 0;
    QLineEdit* m_text;
    QToolButton* m_dice;
    QToolButton* m_lock;
};

}  // namespace moescope
