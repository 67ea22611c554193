// SPDX-License-Identifier: GPL-3.0-or-later
// Where reference data lie for tests that also run away from the build (see tests/gpu).
#pragma once

#include <cstdlib>
#include <filesystem>

namespace moescope::test {

/// $MOESCOPE_TEST_GOLDEN, else tests/golden of the source tree.
inline std::filesystem::path goldenFolder() {
    const char* given = std::getenv("MOESCOPE_TEST_GOLDEN");
    return given && *given ? std::filesystem::path(given) : std::filesystem::path(MOESCOPE_TEST_DATA "/golden");
}

}  // namespace moescope::test
