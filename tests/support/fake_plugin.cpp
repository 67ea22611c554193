// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/support/fake_plugin.h"

#include <dlfcn.h>

#include <cstdlib>
#include <stdexcept>

namespace moescope::test {
namespace {

constexpr const char* kFolder = "MOESCOPE_PLUGIN_DIR";

std::string nameOf(const std::string& setting) {
    return "MOESCOPE_FAKE_" + setting;
}

}  // namespace

FakePlugin::FakePlugin(const Settings& settings) {
    setenv(kFolder, MOESCOPE_FAKE_DEVICE, 1);
    for (const auto& [name, value] : settings) set(name, value);
}

FakePlugin::~FakePlugin() {
    unsetenv(kFolder);
    for (const auto& [name, value] : m_settings) unsetenv(nameOf(name).c_str());
}

void FakePlugin::set(const std::string& name, const std::string& value) {
    m_settings[name] = value;
    setenv(nameOf(name).c_str(), value.c_str(), 1);
}

const FakeCounts& FakePlugin::counts() const {
    void* library = dlopen(MOESCOPE_FAKE_DEVICE "/moescope_cuda.so", RTLD_NOW | RTLD_LOCAL);
    const auto entry = library ? reinterpret_cast<FakeCountsEntry>(dlsym(library, FAKE_COUNTS_NAME)) : nullptr;
    if (!entry) throw std::runtime_error("the fake device can not be opened");
    return *entry();
}

}  // namespace moescope::test
