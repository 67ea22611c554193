// SPDX-License-Identifier: GPL-3.0-or-later
// The one selection that every view observes: which evaluation, picture, branch, layer, expert and token are looked at.
#pragma once

#include <QObject>
#include <QString>
#include <cstdint>

#include "viz/aggregate/load.h"

namespace moescope {

struct RunView;

/// A value; -1 stands for "none" where a field says so.
struct Selection {
    int evaluation = -1;     // index into RunView::evaluations; -1: nothing to look at yet
    int64_t image = 0;       // of the batch
    BranchChoice branch = BranchChoice::Cond;
    LoadMeasure measure = LoadMeasure::Counts;
    int layer = 0;           // index into RoutingTrace::layers
    int expert = -1;         // -1: none
    int64_t token = -1;      // within one sample of the chosen layer; -1: none

    bool operator==(const Selection&) const = default;
};

/// What the pointer is over, for views that want to answer; fields of -1 are not meant.
struct Hover {
    int evaluation = -1;
    int layer = -1;
    int expert = -1;
    int64_t token = -1;

    bool operator==(const Hover&) const = default;
};

/// Lives on the window's thread. Setters keep the selection inside the run that was fitted last and emit `changed` at most once.
class SelectionModel : public QObject {
    Q_OBJECT
public:
    explicit SelectionModel(QObject* parent = nullptr);

    const Selection& now() const { return m_now; }
    const Hover& hover() const { return m_hover; }

    void set(Selection wanted);
    void setEvaluation(int evaluation);
    void setImage(int64_t image);
    void setBranch(BranchChoice branch);
    void setMeasure(LoadMeasure measure);
    void setLayer(int layer);
    void setExpert(int expert);
    void setToken(int64_t token);
    /// No expert and no token; the rest stays.
    void clear();

    void setHover(Hover hover);

    /// Takes the limits of a run (null: none) and moves the selection inside them. A run that grows keeps what is chosen.
    void fit(const RunView* run);

signals:
    void changed(const moescope::Selection& now, const moescope::Selection& before);
    void hoverChanged(const moescope::Hover& hover);

private:
    template <class Field, class Value>
    void setField(Field Selection::*field, Value value);
    Selection clamped(Selection wanted) const;

    struct Limits {
        int evaluations = 0;
        int64_t images = 0;
        std::vector<int64_t> experts, tokens;  // per layer
    };
    Selection m_now;
    Hover m_hover;
    Limits m_limits;
};

}  // namespace moescope
