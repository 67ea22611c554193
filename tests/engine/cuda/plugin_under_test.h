// SPDX-License-Identifier: GPL-3.0-or-later
// The CUDA plugin, emulated on the host or on a GPU, for tests that run on both.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <optional>
#include <string>

#include "engine/backend/backend.h"
#include "tests/support/cpu_tensors.h"

namespace moescope::test {

/// Reversed: emulated with threads, streams and asynchronous copies in the opposite order, and with every block of
/// device memory at the end of its pages, so that a kernel that reads behind one crashes (see cuda_emulation/).
enum class Where { Emulated, Reversed, Device };

/// The plugin's table, or null with its reason.
const MsBackendTable* pluginTable(Where where, std::string& reason);

/// How many kernels, products of the library, copies and fillings the emulated plugin has started or recorded so far.
uint64_t emulatedWork();

/// How often the emulated device was asked for memory, and the bytes that it has given and not got back.
uint64_t emulatedAllocations();
uint64_t emulatedAllocated();

/// An environment variable for the life of this object.
class Setting {
public:
    Setting(const char* name, const std::string& value) : m_name(name) { setenv(name, value.c_str(), 1); }
    ~Setting() { unsetenv(m_name); }
    Setting(const Setting&) = delete;

private:
    const char* m_name;
};

/// A test that is skipped with the plugin's reason where there is no device.
class OnCuda : public testing::TestWithParam<Where> {
protected:
    void SetUp() override {
        std::string reason;
        if (GetParam() == Where::Reversed) {
            m_order.emplace("MOESCOPE_EMULATED_ORDER", "descending");
            m_guard.emplace("MOESCOPE_EMULATED_GUARD", "1");
            m_pool.emplace("MOESCOPE_CUDA_POOL", "0");
        }
        m_table = pluginTable(GetParam(), reason);
        if (!m_table) GTEST_SKIP() << reason;
    }
    bool emulated() const { return GetParam() != Where::Device; }
    const MsBackendTable& table() const { return *m_table; }
    /// A context of its own.
    std::unique_ptr<Backend> open(MsDType compute = MS_F32) const {
        BackendOptions options;
        options.compute = compute;
        return std::make_unique<Backend>(*m_table, options);
    }

private:
    std::optional<Setting> m_order, m_guard, m_pool;
    const MsBackendTable* m_table = nullptr;
};

#define MOESCOPE_ON_CUDA(suite)                                                                                \
    INSTANTIATE_TEST_SUITE_P(Emulated, suite, testing::Values(Where::Emulated), ::moescope::test::pluginName); \
    INSTANTIATE_TEST_SUITE_P(Reversed, suite, testing::Values(Where::Reversed), ::moescope::test::pluginName); \
    INSTANTIATE_TEST_SUITE_P(Device, suite, testing::Values(Where::Device), ::moescope::test::pluginName)

inline std::string pluginName(const testing::TestParamInfo<Where>&) {
    return "Plugin";
}

/// A weight on the device from random numbers, which stay for the reference.
struct RandomLinear {
    RandomLinear(Backend& backend, int64_t in, int64_t out, int64_t count, MsLinearLayout layout, bool bias,
                 uint32_t seed, MsDType storage = MS_F32);

    /// Matrix `index` as it was given; GATED: [2 out, in].
    reference::Matrix<double> matrix(int64_t index = 0) const;
    std::vector<double> biasOf(int64_t index = 0) const;

    int64_t in, rows;  // rows as given: GATED 2 out
    std::vector<float> values, bias;
    PackedLinear linear;
};

/// What bf16 storage makes of numbers.
std::vector<float> roundedToBf16(std::vector<float> values);

DeviceTensor onDevice(Backend& backend, const Shape& shape, const std::vector<float>& values);
DeviceTensor indices(Backend& backend, const std::vector<int32_t>& values, const Shape& shape = {});
std::vector<float> fetched(Backend& backend, const DeviceTensor& tensor);
template <class T>
std::vector<T> fetchedAs(Backend& backend, const DeviceTensor& tensor, int64_t count = -1) {
    std::vector<T> values(static_cast<size_t>(count < 0 ? tensor.elements() : count));
    backend.download(tensor, std::span<T>(values));
    backend.synchronize();
    return values;
}

}  // namespace moescope::test
