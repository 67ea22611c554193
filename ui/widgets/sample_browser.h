// SPDX-License-Identifier: GPL-3.0-or-later
// Pictures that a run drew along its way, always from the same noise: a slider over the steps and the pictures of one.
#pragma once

#include <QWidget>
#include <vector>

#include "ui/session/latest_task.h"
#include "ui/session/training_folder.h"

class QLabel;
class QListWidget;
class QSlider;

namespace moescope {

class SampleBrowser : public QWidget {
    Q_OBJECT
public:
    explicit SampleBrowser(QWidget* parent = nullptr);

    /// Stays at the step that is shown, at the newest if that was; `folderChanged`: goes to the newest.
    void setFiles(std::vector<SampleFile> files, bool folderChanged);
    /// Step whose pictures are shown; -1: none.
    int64_t shownStep() const { return m_shown; }
    int pictures() const;

protected:
    void resizeEvent(QResizeEvent* event) override;

private:
    struct Sheet {
        int64_t step = 0;
        Result<std::vector<SamplePicture>> pictures = std::vector<SamplePicture>{};
    };
    void load();
    void take(const Sheet& sheet);
    void fill();

    std::vector<SampleFile> m_files;
    int64_t m_shown = -1;
    std::vector<SamplePicture> m_pictures;  // of the step that is shown
    int m_side = 0;                         // of a picture in the list
    QLabel* m_title = nullptr;
    QSlider* m_slider = nullptr;
    QListWidget* m_list = nullptr;
    QLabel* m_empty = nullptr;
    LatestTask<Sheet> m_task;
};

}  // namespace moescope
