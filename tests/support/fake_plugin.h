// SPDX-License-Identifier: GPL-3.0-or-later
// A machine with the fake GPU, for as long as a test needs it.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tests/fake_device/fake_device.h"

namespace moescope::test {

/// Makes the engine find the fake device instead of a real one, set as `settings` say (names of its environment variables without
/// MOESCOPE_FAKE_). One at a time, while no other thread reads the environment.
class FakePlugin {
public:
    using Settings = std::vector<std::pair<std::string, std::string>>;
    explicit FakePlugin(const Settings& settings = {});
    ~FakePlugin();
    FakePlugin(const FakePlugin&) = delete;

    void set(const std::string& name, const std::string& value);
    /// Counts since the plugin was loaded.
    const FakeCounts& counts() const;

private:
    std::map<std::string, std::string> m_settings;
};

}  // namespace moescope::test
