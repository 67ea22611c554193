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

int64_t number(const std::filesystem::path& file) {
    std::ifstream stream(file);
    int64_t value = -1;
    return stream >> value ? value : -1;
}

/// Bytes of files in memory, charged to the group, that the system takes back when memory is short.
int64_t droppableFiles(const std::filesystem::path& statistics) {
    std::ifstream stream(statistics);
    int64_t bytes = 0, value = 0;
    for (std::string name; stream >> name >> value;)
        if (name == "inactive_file" || name == "active_file") bytes += value;
    return bytes;
}

/// This process's group in the unified hierarchy: the line "0::/path".
std::string ownControlGroup() {
    std::ifstream stream("/proc/self/cgroup");
    for (std::string line; std::getline(stream, line);)
        if (line.starts_with("0::/")) return line.substr(3);
    return "/";
}

}  // namespace

int64_t controlGroupMemory(const std::filesystem::path& root, const std::string& group) {
    int64_t least = std::numeric_limits<int64_t>::max();
    std::filesystem::path folder = root;
    const auto look = [&] {
        const int64_t limit = number(folder / "memory.max"), used = number(folder / "memory.current");
        if (limit < 0 || used < 0) return;
        const int64_t kept = std::max<int64_t>(0, used - droppableFiles(folder / "memory.stat"));
        least = std::min(least, std::max<int64_t>(0, limit - kept));
    };
    look();
    for (const std::filesystem::path& part : std::filesystem::path(group).relative_path()) {
        folder /= part;
        look();
    }
    return least;
}

int64_t availableMemory() {
    const int64_t system = kilobytes("/proc/meminfo", "MemAvailable");
    const int64_t bytes = system < 0 ? std::numeric_limits<int64_t>::max() : system * 1024;
    return std::min(bytes, controlGroupMemory("/sys/fs/cgroup", ownControlGroup()));
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
