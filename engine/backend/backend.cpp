// SPDX-License-Identifier: Apache-2.0
#include "engine/backend/backend.h"

#include <utility>

namespace moescope {
namespace {

int pollStopToken(void* user) {
    return static_cast<std::stop_token*>(user)->stop_requested() ? 1 : 0;
}

}  // namespace

DeviceTensor::DeviceTensor(DeviceTensor&& other) noexcept {
    *this = std::move(other);
}

DeviceTensor& DeviceTensor::operator=(DeviceTensor&& other) noexcept {
    std::swap(m_backend, other.m_backend);
    std::swap(m_handle, other.m_handle);
    std::swap(m_dtype, other.m_dtype);
    std::swap(m_shape, other.m_shape);
    return *this;
}

DeviceTensor::~DeviceTensor() {
    if (m_handle) m_backend->table().tensor_destroy(m_backend->context(), m_handle);
}

PackedLinear::PackedLinear(PackedLinear&& other) noexcept {
    *this = std::move(other);
}

PackedLinear& PackedLinear::operator=(PackedLinear&& other) noexcept {
    std::swap(m_backend, other.m_backend);
    std::swap(m_handle, other.m_handle);
    std::swap(m_desc, other.m_desc);
    return *this;
}

PackedLinear::~PackedLinear() {
    if (m_handle) m_backend->table().linear_destroy(m_backend->context(), m_handle);
}

uint64_t PackedLinear::bytes() const {
    return m_handle ? m_backend->table().linear_bytes(m_handle) : 0;
}

Backend::Backend(const MsBackendTable& table, const BackendOptions& options) : m_table(table) {
    const MsContextOptions native{sizeof(MsContextOptions), options.threads, options.isa.c_str(), 0, options.compute};
    const MsStatus status = table.context_create(&native, &m_context);
    if (status != MS_OK) throw EngineException(codeOf(status), table.last_error(nullptr));
}

ErrorCode Backend::codeOf(MsStatus status) const {
    switch (status) {
        case MS_OUT_OF_MEMORY:
            return optional(&MsBackendTable::memory_free) ? ErrorCode::DeviceMemory : ErrorCode::OutOfMemory;
        case MS_CANCELLED:
            return ErrorCode::Cancelled;
        case MS_UNSUPPORTED:
            return ErrorCode::Unsupported;
        case MS_DEVICE_LOST:
            return ErrorCode::DeviceLost;
        default:
            return ErrorCode::Internal;
    }
}

Backend::~Backend() {
    m_table.context_destroy(m_context);
}

void Backend::check(MsStatus status) const {
    if (status == MS_OK) return;
    if (status == MS_CANCELLED) throw EngineException(ErrorCode::Cancelled, "cancelled");
    throw EngineException(codeOf(status), m_table.last_error(m_context));
}

DeviceTensor Backend::tensor(const Shape& shape, MsDType dtype) {
    DeviceTensor made;
    check(m_table.tensor_create(m_context, dtype, static_cast<int32_t>(shape.size()), shape.data(), &made.m_handle));
    made.m_backend = this;
    made.m_dtype = dtype;
    made.m_shape = shape;
    return made;
}

DeviceTensor Backend::tensorFrom(const Shape& shape, std::span<const float> values) {
    DeviceTensor made = tensor(shape);
    upload(made, values);
    return made;
}

DeviceTensor Backend::view(DeviceTensor& base, uint64_t offset, const Shape& shape, MsDType dtype) {
    DeviceTensor made;
    const auto make = optional(&MsBackendTable::tensor_view);
    if (!make) return made;
    check(make(m_context, base.get(), offset, dtype, static_cast<int32_t>(shape.size()), shape.data(), &made.m_handle));
    made.m_backend = this;
    made.m_dtype = dtype;
    made.m_shape = shape;
    return made;
}

std::optional<DeviceMemory> Backend::deviceMemory() const {
    const auto ask = optional(&MsBackendTable::memory_free);
    if (!ask) return std::nullopt;
    uint64_t free = 0, total = 0;
    check(ask(m_context, &free, &total));
    return DeviceMemory{static_cast<int64_t>(free), static_cast<int64_t>(total)};
}

bool Backend::recordsGraphs() {
    if (m_recordsGraphs) return *m_recordsGraphs;
    const MsStatus begun = m_table.graph_begin(m_context);
    if (begun == MS_OK) {  // nothing is recorded: only whether it can be
        MsGraph* graph = nullptr;
        if (m_table.graph_end(m_context, &graph) == MS_OK && graph) m_table.graph_destroy(m_context, graph);
    } else if (begun != MS_UNSUPPORTED) {
        check(begun);
    }
    m_recordsGraphs = begun == MS_OK;
    return *m_recordsGraphs;
}

uint64_t Backend::mark() {
    uint64_t point = 0;
    if (const auto note = optional(&MsBackendTable::mark)) check(note(m_context, &point));
    return point;
}

void Backend::wait(uint64_t point) {
    const auto wait = optional(&MsBackendTable::wait_mark);
    check(wait ? wait(m_context, point) : m_table.synchronize(m_context));
}

void Backend::torchNormals(uint64_t seed, uint64_t offset, int64_t residentThreads, DeviceTensor& out) {
    const auto draw = optional(&MsBackendTable::torch_normals);
    if (!draw) throw EngineException(ErrorCode::Internal, "this device draws no random numbers");
    check(draw(m_context, seed, offset, residentThreads, out.get()));
}

PackedLinear Backend::linear(const MsLinearDesc& desc) {
    PackedLinear made;
    check(m_table.linear_create(m_context, &desc, &made.m_handle));
    made.m_backend = this;
    made.m_desc = desc;
    return made;
}

void Backend::reshape(DeviceTensor& tensor, const Shape& shape) {
    check(m_table.tensor_reshape(m_context, tensor.get(), static_cast<int32_t>(shape.size()), shape.data()));
    tensor.m_shape = shape;
}

HostTensor Backend::fetch(const DeviceTensor& source) {
    HostTensor host(source.shape());
    download(source, std::span<float>(host.data));
    synchronize();
    return host;
}

Backend::CancelScope::CancelScope(Backend& backend, std::stop_token token)
    : m_backend(backend), m_token(std::move(token)) {
    m_backend.m_table.set_cancel(m_backend.m_context, pollStopToken, &m_token);
    m_backend.m_stop = &m_token;
}

Backend::CancelScope::~CancelScope() {
    m_backend.m_table.set_cancel(m_backend.m_context, nullptr, nullptr);
    m_backend.m_stop = nullptr;
}

}  // namespace moescope
