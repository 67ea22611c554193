// SPDX-License-Identifier: GPL-3.0-or-later
// What every view of `moescope-cli export --view` is given to draw itself.
#pragma once

#include <QSize>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "app/cli/export_view.h"
#include "viz/charts/routing_charts.h"

class QApplication;

namespace moescope::cli {

struct Drawing {
    const RunRecord& run;
    const ViewOptions& options;
    ChartInput input;
    QSize size;
};

/// What drawing needs of Qt, for as long as it lives. Opens no window.
class Painting {
public:
    Painting();
    ~Painting();

private:
    char m_name[13] = "moescope-cli";
    char* m_arguments[2] = {m_name, nullptr};
    int m_count = 1;
    std::unique_ptr<QApplication> m_application;
};

/// In lower case, with its point.
std::string extensionOf(const std::string& path);

[[noreturn]] inline void refuse(const std::string& sentence) { throw EngineException(ErrorCode::InvalidArgument, sentence); }

template <class Value>
using Names = std::vector<std::pair<std::string, Value>>;

/// The value of a word, or a sentence that lists the words there are.
template <class Value>
Value named(const char* option, const std::string& word, const Names<Value>& names) {
    std::string known;
    for (size_t i = 0; i < names.size(); ++i) {
        if (names[i].first == word) return names[i].second;
        known += (i == 0 ? "" : i + 1 == names.size() ? " or " : ", ") + names[i].first;
    }
    refuse(fmt::format("{} knows no \"{}\": choose {}", option, word, known));
}

// The views that are pictures: picture_views.cpp.
void writeOverlay(const Drawing& drawing);
void writeFilmstrip(const Drawing& drawing);

}  // namespace moescope::cli
