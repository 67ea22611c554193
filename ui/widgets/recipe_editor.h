// SPDX-License-Identifier: GPL-3.0-or-later
// A text with numbered lines, one of which may be marked as wrong: for recipes.
#pragma once

#include <QPlainTextEdit>

namespace moescope {

class RecipeEditor : public QPlainTextEdit {
    Q_OBJECT
public:
    explicit RecipeEditor(QWidget* parent = nullptr);

    /// Marks a line, counted from 1; 0: none. `sentence` is the tip of the mark.
    void markLine(int line, const QString& sentence);
    int markedLine() const { return m_marked; }
    void goToLine(int line);

protected:
    bool event(QEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;
    void changeEvent(QEvent* event) override;

private:
    class Numbers;
    void layOut();
    void showMark();
    void paintNumbers(QPaintEvent* event);
    int lineAt(int y) const;

    QWidget* m_numbers = nullptr;
    int m_marked = 0;
    QString m_sentence;
};

}  // namespace moescope
