// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/engine/cuda/plugin_under_test.h"

#include <dlfcn.h>

#include <cstring>

namespace moescope::test {

const MsBackendTable* pluginTable(Where where, std::string& reason) {
    const char* path = MOESCOPE_EMULATED_PLUGIN;
    if (where == Where::Device) {
#ifdef MOESCOPE_CUDA_PLUGIN
        path = MOESCOPE_CUDA_PLUGIN;
#else
        path = nullptr;
#endif
        if (const char* given = std::getenv("MOESCOPE_TEST_CUDA_PLUGIN")) path = given;
        if (!path) {
            reason = "this build has no CUDA plugin: no nvcc was found";
            return nullptr;
        }
    }
    void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        reason = dlerror();
        return nullptr;
    }
    const auto entry = reinterpret_cast<MsBackendEntry>(dlsym(library, MS_BACKEND_ENTRY_NAME));
    const char* why = "the plugin has no entry";
    const MsBackendTable* table = entry ? entry(MS_BACKEND_VERSION, &why) : nullptr;
    if (!table) reason = why;
    return table;
}

namespace {

uint64_t askEmulated(const char* what) {
    void* library = dlopen(MOESCOPE_EMULATED_PLUGIN, RTLD_NOW | RTLD_LOCAL);
    return reinterpret_cast<uint64_t (*)()>(dlsym(library, what))();
}

}  // namespace

uint64_t emulatedWork() {
    return askEmulated("moescope_emulated_work");
}

uint64_t emulatedAllocations() {
    return askEmulated("moescope_emulated_allocations");
}

uint64_t emulatedAllocated() {
    return askEmulated("moescope_emulated_allocated");
}

std::vector<float> roundedToBf16(std::vector<float> values) {
    for (float& value : values) {
        uint32_t bits;
        std::memcpy(&bits, &value, 4);
        bits = (bits + 0x7fffu + ((bits >> 16) & 1u)) & 0xffff0000u;
        std::memcpy(&value, &bits, 4);
    }
    return values;
}

RandomLinear::RandomLinear(Backend& backend, int64_t in_, int64_t out, int64_t count, MsLinearLayout layout,
                           bool hasBias, uint32_t seed, MsDType storage)
    : in(in_),
      rows(layout == MS_LINEAR_GATED ? 2 * out : out),
      values(spread(count * rows * in, seed, 1.0f / std::sqrt(static_cast<float>(in)) * 2.0f)),
      bias(hasBias ? spread(count * rows, seed + 1000, 0.5f) : std::vector<float>{}) {
    linear = backend.linear({sizeof(MsLinearDesc), in, out, count, storage, layout, hasBias ? 1 : 0});
    const MsBackendTable& table = backend.table();
    for (int64_t index = 0; index < count; ++index) {
        // In two unequal parts, so that loading by rows is met too.
        const int64_t first = rows / 3;
        const float* matrix = values.data() + index * rows * in;
        backend.check(table.linear_load_rows(backend.context(), linear.get(), index, 0, first, matrix));
        backend.check(
            table.linear_load_rows(backend.context(), linear.get(), index, first, rows - first, matrix + first * in));
        if (hasBias)
            backend.check(table.linear_load_bias(backend.context(), linear.get(), index, bias.data() + index * rows));
    }
    if (storage == MS_BF16) values = roundedToBf16(values);
}

reference::Matrix<double> RandomLinear::matrix(int64_t index) const {
    const auto first = values.begin() + index * rows * in;
    return reference::Matrix<double>(rows, in, std::vector<float>(first, first + rows * in));
}

std::vector<double> RandomLinear::biasOf(int64_t index) const {
    if (bias.empty()) return {};
    return {bias.begin() + index * rows, bias.begin() + (index + 1) * rows};
}

DeviceTensor onDevice(Backend& backend, const Shape& shape, const std::vector<float>& values) {
    return backend.tensorFrom(shape, values);
}

DeviceTensor indices(Backend& backend, const std::vector<int32_t>& values, const Shape& shape) {
    DeviceTensor made = backend.tensor(shape.empty() ? Shape{static_cast<int64_t>(values.size())} : shape, MS_I32);
    backend.upload(made, std::span<const int32_t>(values));
    return made;
}

std::vector<float> fetched(Backend& backend, const DeviceTensor& tensor) {
    return fetchedAs<float>(backend, tensor);
}

}  // namespace moescope::test
