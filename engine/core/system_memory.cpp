// SPDX-License-Identifier: Apache-2.0
#include "engine/core/system_memory.h"

#include <algorithm>
#include <fstream>
#include <limits>
#include <sstream>

#include <fmt/format.h>

namespace moescope {
namespace {

/// Value in kB of a "Name:   123 kB" line, -1 when it is not there.
int64_t kilobytes(const char* file, const std::string& name) {
    std::ifstream stream(file);
    for (std::string line; std::getline(stream, line);)
        if (line.starts_with(name)) return std::stoll(line.substr(name.size() + 1));
    return -1;
}

int64_t number(const char* file) {
    std::ifstream stream(file);
    int64_t value = -1;
    return stream >> value ? value : -1;
}

}  // namespace

int64_t availableMemory() {
    const int64_t system = kilobytes("/proc/meminfo", "MemAvailable");
    int64_t bytes = system < 0 ? std::numeric_limits<int64_t>::max() : system * 1024;
    const int64_t limit = number("/sys/fs/cgroup/memory.max"), used = number("/sys/fs/cgroup/memory.current");
    if (limit >= 0 && used >= 0) bytes = std::min(bytes, std::max<int64_t>(0, limit - used));
    return bytes;
}

int64_t anonymousMemory() {
    const int64_t anonymous = kilobytes("/proc/self/status", "RssAnon");
    return anonymous < 0 ? 0 : anonymous * 1024;
}

std::string bytesText(int64_t bytes) {
    const double value = static_cast<double>(bytes);
    if (value >= 1e9) return fmt::format("{:.2f} GB", value / 1e9);
    if (value >= 1e6) return fmt::format("{:.1f} MB", value / 1e6);
    return fmt::format("{:.1f} kB", value / 1e3);
}

}  // namespace moescope
