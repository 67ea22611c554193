// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/widgets/seed_field.h"

#include <QFontDatabase>
#include <QHBoxLayout>
#include <QLineEdit>
#include <QToolButton>
#include <QValidator>

#include "ui/icons.h"
#include "ui/session/generate_settings.h"

namespace moescope {
namespace {

/// 0 .. 2^64 - 1; QIntValidator ends at 2^31.
class SeedValidator : public QValidator {
public:
    using QValidator::QValidator;
    State validate(QString& text, int&) const override {
        text.remove(QLatin1Char(' '));
        if (text.isEmpty()) return Intermediate;
        for (const QChar c : text)
            if (c < QLatin1Char('0') || c > QLatin1Char('9')) return Invalid;
        bool fits = false;
        text.toULongLong(&fits);
        return fits ? Acceptable : Invalid;
    }
};

}  // namespace

SeedField::SeedField(QWidget* parent) : QWidget(parent), m_text(new QLineEdit(this)), m_dice(new QToolButton(this)), m_lock(new QToolButton(this)) {
    m_text->setObjectName("seedText");
    m_text->setValidator(new SeedValidator(m_text));
    m_text->setAccessibleName(tr("Seed"));
    m_text->setToolTip(tr("Seed of the random noise that the first picture starts from; the next pictures use the numbers after it. The same "
                          "seed and settings give the same picture."));
    m_text->setMinimumWidth(m_text->fontMetrics().horizontalAdvance(QStringLiteral("4294967295")) + m_text->fontMetrics().height());
    m_text->setMaximumWidth(m_text->minimumWidth() * 3 / 2);

    m_dice->setObjectName("seedDice");
    m_dice->setIcon(themedIcon("dice"));
    m_dice->setAccessibleName(tr("Draw a new seed"));
    m_dice->setToolTip(tr("Draw a new seed"));
    m_dice->setAutoRaise(true);

    m_lock->setObjectName("seedLock");
    m_lock->setCheckable(true);
    m_lock->setAutoRaise(true);
    showLock();

    auto* layout = new QHBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    layout->addWidget(m_text);
    layout->addWidget(m_dice);
    layout->addWidget(m_lock);
    setFocusProxy(m_text);

    connect(m_text, &QLineEdit::textEdited, this, &SeedField::takeText);
    connect(m_text, &QLineEdit::editingFinished, this, [this] {
        if (m_text->text().isEmpty()) m_text->setText(QString::number(m_seed));
    });
    connect(m_dice, &QToolButton::clicked, this, [this] {
        setValues(drawnSeed(), locked());
        emit edited(m_seed, locked());
    });
    connect(m_lock, &QToolButton::toggled, this, [this] {
        showLock();
        emit edited(m_seed, locked());
    });
}

bool SeedField::locked() const { return m_lock->isChecked(); }

void SeedField::setValues(quint64 seed, bool locked) {
    m_seed = seed;
    // Not while a person types it: "007" is 7 already.
    if (m_text->text().toULongLong() != seed || m_text->text().isEmpty()) m_text->setText(QString::number(seed));
    const QSignalBlocker quiet(m_lock);
    m_lock->setChecked(locked);
    showLock();
}

void SeedField::takeText() {
    bool whole = false;
    const quint64 seed = m_text->text().toULongLong(&whole);
    if (!whole) return;
    m_seed = seed;
    // A seed that was typed is meant to be used.
    const QSignalBlocker quiet(m_lock);
    m_lock->setChecked(true);
    showLock();
    emit edited(m_seed, true);
}

void SeedField::showLock() {
    m_lock->setIcon(themedIcon(locked() ? "lock" : "unlock"));
    m_lock->setAccessibleName(tr("Keep the seed"));
    m_lock->setToolTip(locked() ? tr("The seed is kept for the next job. Click to draw a new one for every job.")
                                : tr("Every job draws a new seed. Click to keep this one."));
}

}  // namespace moescope
