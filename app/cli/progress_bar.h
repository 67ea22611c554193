// SPDX-License-Identifier: GPL-3.0-or-later
// Progress on stderr with the time left, estimated from finished steps only.
#pragma once

#include <chrono>
#include <string>

namespace moescope::cli {

/// On a terminal one line that is redrawn, elsewhere a line now and then. One thread.
class ProgressBar {
public:
    explicit ProgressBar(std::string title, bool enabled = true);
    ~ProgressBar();
    void update(double done, double total, const std::string& detail);
    /// Removes the bar from the terminal.
    void clear();

private:
    using Clock = std::chrono::steady_clock;
    std::string m_title;
    bool m_enabled, m_terminal, m_drawn = false;
    Clock::time_point m_start, m_last;
};

/// "1.4 s", "2 min 05 s"
std::string durationText(double seconds);

}  // namespace moescope::cli
