// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/cli/progress_bar.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include "app/cli/console.h"

namespace moescope::cli {
namespace {

constexpr int kWidth = 28;
constexpr double kRedrawSeconds = 0.05;  // on a terminal
constexpr double kLineSeconds = 5;       // in a log

}  // namespace

ProgressBar::ProgressBar(std::string title, bool enabled)
    : m_title(std::move(title)), m_enabled(enabled), m_terminal(isatty(STDERR_FILENO) == 1), m_start(Clock::now()), m_last(m_start) {}

ProgressBar::~ProgressBar() { clear(); }

void ProgressBar::update(double done, double total, const std::string& detail) {
    if (!m_enabled || total <= 0) return;
    done = std::min(done, total);
    const auto now = Clock::now();
    const double since = std::chrono::duration<double>(now - m_last).count();
    if (since < (m_terminal ? kRedrawSeconds : kLineSeconds) && (done < total || !m_terminal)) return;
    m_last = now;
    const double elapsed = std::chrono::duration<double>(now - m_start).count();
    const double left = done > 0 ? elapsed * (total - done) / done : 0;
    const std::string text = fmt::format("{} {:.0f} %, {}{}", m_title, 100 * done / total, detail,
                                         done > 0 && done < total ? fmt::format(", {} left", durationText(left)) : "");
    if (m_terminal) {
        const int filled = static_cast<int>(kWidth * done / total);
        Console::say(fmt::format("\r\x1b[K[{}{}] {}", std::string(static_cast<size_t>(filled), '#'),
                   std::string(static_cast<size_t>(kWidth - filled), '.'), text));
        m_drawn = true;
    } else {
        Console::say(text + "\n");
    }
}

void ProgressBar::clear() {
    if (m_drawn) Console::say("\r\x1b[K");
    m_drawn = false;
}

std::string durationText(double seconds) {
    if (seconds < 60) return fmt::format("{:.1f} s", seconds);
    const int whole = static_cast<int>(seconds);
    if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
    return fmt::format("{} h {:02} min", whole / 3600, whole % 3600 / 60);
}

}  // namespace moescope::cli
