// SPDX-License-Identifier: GPL-3.0-or-later
// How tests steer the fake device and what it tells them. The plugin is the file that a real GPU's would be;
// environment:
//   MOESCOPE_FAKE_REFUSE=reason         the plugin does not serve
//   MOESCOPE_FAKE_VERSION=n             its table says that it is of this version
//   MOESCOPE_FAKE_MEMORY=bytes          memory of the device (default 1 GiB)
//   MOESCOPE_FAKE_FAIL_ALLOCATION=n     the n-th tensor or weight of a context does not fit
//   MOESCOPE_FAKE_LOST_AFTER=n          the n-th operation loses the device, once: a new context works
//   MOESCOPE_FAKE_LOST_FOREVER=1        ... and no context can be made after that
//   MOESCOPE_FAKE_PLAIN=1               a table without graphs, marks and views
#pragma once

#include <atomic>
#include <cstdint>

/// What happened since the plugin was loaded, over all contexts.
struct FakeCounts {
    std::atomic<int64_t> contexts{0}, operations{0}, recordings{0}, refusedRecordings{0}, launches{0}, downloads{0}, allocations{0};
    std::atomic<int64_t> leftBehindMarks{0};  // operations that were still waiting when a mark before them had been waited for
};

#define FAKE_COUNTS_NAME "moescope_fake_counts"
typedef const FakeCounts* (*FakeCountsEntry)();
