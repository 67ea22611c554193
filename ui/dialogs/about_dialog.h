// SPDX-License-Identifier: GPL-3.0-or-later
// What this program is, in which versions, and under which licences its parts stand.
#pragma once

#include <QDialog>
#include <QString>
#include <QStringList>

class QListWidget;
class QTextBrowser;

namespace moescope {

/// What the dialog can not know by itself.
struct AboutFacts {
    QString version;      // "0.1.0"
    QString qcustomplot;  // "2.1.0"
    QString device;       // in use: "CPU, AVX-512, 2 threads"
    QStringList devices;  // what the machine offers, and why it does not, one a line
};

class AboutDialog : public QDialog {
    Q_OBJECT
public:
    explicit AboutDialog(const AboutFacts& facts, QWidget* parent = nullptr);

    /// Versions, device and system, for a report.
    QString factsText() const { return m_facts; }

protected:
    void changeEvent(QEvent* event) override;

private:
    QWidget* buildAbout(const AboutFacts& facts);
    QWidget* buildLicences();
    void showLicence(int row);

    QString m_facts;
    QListWidget* m_licences = nullptr;
    QTextBrowser* m_text = nullptr;
};

}  // namespace moescope
