// SPDX-License-Identifier: Apache-2.0
// RAII over a device's table of operations: tensors and weights that free themselves, status codes that become
// exceptions.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/backend/backend_table.h"
#include "engine/backend/device_choice.h"
#include "engine/core/error.h"
#include "engine/core/host_tensor.h"

namespace moescope {

class Backend;

/// A dense row-major tensor on a device. Moves, never copies; must not outlive its Backend.
class DeviceTensor {
public:
    DeviceTensor() = default;
    DeviceTensor(DeviceTensor&& other) noexcept;
    DeviceTensor& operator=(DeviceTensor&& other) noexcept;
    ~DeviceTensor();

    const Shape& shape() const { return m_shape; }
    int64_t elements() const { return elementCount(m_shape); }
    int64_t dim(size_t axis) const { return m_shape[axis]; }
    MsDType dtype() const { return m_dtype; }
    bool empty() const { return m_handle == nullptr; }
    MsTensor* get() const { return m_handle; }

private:
    friend class Backend;
    Backend* m_backend = nullptr;
    MsTensor* m_handle = nullptr;
    MsDType m_dtype = MS_F32;
    Shape m_shape;
};

/// Packed weights: one matrix, or the stacked matrices of a layer's experts.
class PackedLinear {
public:
    PackedLinear() = default;
    PackedLinear(PackedLinear&& other) noexcept;
    PackedLinear& operator=(PackedLinear&& other) noexcept;
    ~PackedLinear();

    int64_t in() const { return m_desc.in; }
    int64_t out() const { return m_desc.out; }
    bool empty() const { return m_handle == nullptr; }
    MsLinear* get() const { return m_handle; }
    uint64_t bytes() const;

private:
    friend class Backend;
    Backend* m_backend = nullptr;
    MsLinear* m_handle = nullptr;
    MsLinearDesc m_desc{};
};

struct BackendOptions {
    int threads = 0;           // 0: one per core
    std::string isa = "auto";  // "avx512", "avx2", "sse4": no wider instructions than these
    MsDType compute = MS_F32;  // MS_BF16: products with bf16 weights are made of bf16 numbers, where the device can (the CPU can not)
};

/// One context on one device. All calls from one thread; throws EngineException with the device's sentence.
class Backend {
public:
    Backend(const MsBackendTable& table, const BackendOptions& options);
    ~Backend();
    Backend(const Backend&) = delete;
    Backend& operator=(const Backend&) = delete;

    const MsBackendTable& table() const { return m_table; }
    MsContext* context() const { return m_context; }
    std::string description() const { return m_table.description(m_context); }
    uint64_t memoryUsed() const { return m_table.memory_used(m_context); }
    /// None: the device works in the system's memory.
    std::optional<DeviceMemory> deviceMemory() const;
    /// Whether operations can be recorded once and replayed (DeviceGraph).
    bool recordsGraphs();

    DeviceTensor tensor(const Shape& shape, MsDType dtype = MS_F32);
    DeviceTensor tensorFrom(const Shape& shape, std::span<const float> values);
    PackedLinear linear(const MsLinearDesc& desc);
    /// A tensor in part of `base`, from byte `offset` (a multiple of 256) on; `base` outlives it. Empty where the
    /// device has no views.
    DeviceTensor view(DeviceTensor& base, uint64_t offset, const Shape& shape, MsDType dtype);
    bool hasViews() const { return optional(&MsBackendTable::tensor_view) != nullptr; }
    /// Another shape over the same memory (at most the elements it was made with).
    void reshape(DeviceTensor& tensor, const Shape& shape);

    template <class T>
    void upload(DeviceTensor& target, std::span<const T> values) {
        check(m_table.upload(m_context, target.get(), values.data(), values.size_bytes()));
    }
    /// Valid after synchronize().
    template <class T>
    void download(const DeviceTensor& source, std::span<T> target) {
        check(m_table.download(m_context, source.get(), target.data(), target.size_bytes()));
    }
    /// Downloads and waits.
    HostTensor fetch(const DeviceTensor& source);
    void synchronize() { check(m_table.synchronize(m_context)); }
    /// A point in the order of calls. `wait` returns when everything before it is done; its downloads are valid then.
    /// Devices that know no such points wait for everything.
    uint64_t mark();
    void wait(uint64_t point);
    /// Whether what was queued after a mark goes on while it is waited for.
    bool hasMarks() const { return optional(&MsBackendTable::mark) != nullptr; }
    /// Whether the device draws the normals of torch's CUDA generator itself.
    bool hasTorchNormals() const { return optional(&MsBackendTable::torch_normals) != nullptr; }
    /// out [draws, ...]: draw i with seed + i, see the table. Only where `hasTorchNormals`.
    void torchNormals(uint64_t seed, uint64_t offset, int64_t residentThreads, DeviceTensor& out);

    /// Operations poll this token until the guard is destroyed.
    class CancelScope {
    public:
        CancelScope(Backend& backend, std::stop_token token);
        ~CancelScope();
        CancelScope(const CancelScope&) = delete;

    private:
        Backend& m_backend;
        std::stop_token m_token;
    };

    /// The token of the CancelScope in force; one that never stops outside of any.
    std::stop_token stopToken() const { return m_stop ? *m_stop : std::stop_token(); }

    /// Turns a status into an exception.
    void check(MsStatus status) const;

private:
    /// An entry that was appended to the table; null where the device's table ends before it.
    template <class Entry>
    Entry optional(Entry MsBackendTable::*entry) const {
        const auto end = reinterpret_cast<const char*>(&(m_table.*entry) + 1) - reinterpret_cast<const char*>(&m_table);
        return static_cast<size_t>(end) <= m_table.size ? m_table.*entry : nullptr;
    }
    ErrorCode codeOf(MsStatus status) const;

    const MsBackendTable& m_table;
    MsContext* m_context = nullptr;
    std::optional<bool> m_recordsGraphs;
    const std::stop_token* m_stop = nullptr;
};

/// The table of the built-in CPU device.
const MsBackendTable& cpuBackendTable();

}  // namespace moescope
