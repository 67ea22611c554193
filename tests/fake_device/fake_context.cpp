// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/fake_device/fake_context.h"

#include <fmt/format.h>

#include <cstdlib>
#include <cstring>
#include <mutex>
#include <utility>

namespace moescope::fake {
namespace {

std::mutex lossMutex;
std::string lossHappened;  // the setting of MOESCOPE_FAKE_LOST_AFTER that lost the device; with lossMutex

std::string text(const char* name) {
    const char* value = std::getenv(name);
    return value ? value : "";
}

}  // namespace

FakeCounts& counts() {
    static FakeCounts all;
    return all;
}

int64_t setting(const char* name, int64_t otherwise) {
    const std::string value = text(name);
    return value.empty() ? otherwise : std::strtoll(value.c_str(), nullptr, 10);
}

bool deviceThere() {
    const std::lock_guard lock(lossMutex);
    // A loss under other settings, of a test before this one, is no loss here.
    return lossHappened != text("MOESCOPE_FAKE_LOST_AFTER") || lossHappened.empty() || text("MOESCOPE_FAKE_LOST_FOREVER").empty();
}

Context::Context(MsContext* cpu)
    : m_cpu(cpu),
      m_failAllocation(setting("MOESCOPE_FAKE_FAIL_ALLOCATION", -1)),
      m_memory(static_cast<uint64_t>(setting("MOESCOPE_FAKE_MEMORY", int64_t{1} << 30))) {
    const std::lock_guard lock(lossMutex);
    const std::string after = text("MOESCOPE_FAKE_LOST_AFTER");
    if (after.empty()) lossHappened.clear();
    m_lostAfter = after.empty() || after == lossHappened ? -1 : setting("MOESCOPE_FAKE_LOST_AFTER", -1);
    ++counts().contexts;
}

Context::~Context() {
    drop();
    cpuBackendTable().context_destroy(m_cpu);
}

MsStatus Context::fail(MsStatus status, std::string sentence) {
    m_error = std::move(sentence);
    return status;
}

void Context::drop() {
    m_done += m_queue.size();
    m_queue.clear();
    m_arrivals.clear();
}

bool Context::lose() {
    if (!m_lost && ++m_operations == m_lostAfter) {
        const std::lock_guard lock(lossMutex);
        m_lost = true;
        lossHappened = text("MOESCOPE_FAKE_LOST_AFTER");
    }
    return m_lost;
}

MsStatus Context::outside(const char* what) {
    if (m_lost) return fail(MS_DEVICE_LOST, "the fake GPU stopped working (an error that it can not get over)");
    if (!m_recording) return MS_OK;
    m_recordingFailed = fail(MS_INVALID, fmt::format("[{}] can not be recorded", what));
    return m_recordingFailed;
}

MsStatus Context::submit(std::string signature, Operation operation) {
    if (m_lost) return outside("");
    ++counts().operations;
    if (m_recording) {
        if (!m_warm.contains(signature))
            return m_recordingFailed =
                       fail(MS_INVALID, fmt::format("[{}] was not run before it was recorded", signature));
        m_graph->operations.push_back(std::move(operation));
        return MS_OK;
    }
    m_warm.insert(std::move(signature));
    m_queue.push_back(std::move(operation));
    ++m_given;
    return MS_OK;
}

MsStatus Context::download(const MsTensor* tensor, void* host, size_t bytes) {
    if (const MsStatus status = outside("download"); status != MS_OK) return status;
    ++counts().downloads;
    m_queue.push_back([this, tensor, host, bytes] {
        Arrival arrival{host, std::vector<std::byte>(bytes)};
        const MsStatus status = cpuBackendTable().download(m_cpu, tensor, arrival.bytes.data(), bytes);
        m_arrivals.push_back(std::move(arrival));
        return status;
    });
    ++m_given;
    return MS_OK;
}

MsStatus Context::allocate(uint64_t bytes) {
    if (const MsStatus status = outside("allocation"); status != MS_OK) return status;
    ++counts().allocations;
    if (++m_allocations == m_failAllocation || m_used + bytes > m_memory)
        return fail(MS_OUT_OF_MEMORY,
                    fmt::format("the GPU has no room for {} bytes: {} of {} are free", bytes, memoryFree(), m_memory));
    m_used += bytes;
    return MS_OK;
}

MsStatus Context::beginRecording() {
    if (const MsStatus status = outside("graph_begin"); status != MS_OK) return status;
    m_recording = true;
    m_recordingFailed = MS_OK;
    m_graph = std::make_unique<Graph>();
    return MS_OK;
}

MsStatus Context::endRecording(MsGraph** out) {
    m_recording = false;
    if (m_lost) return outside("");
    if (m_recordingFailed != MS_OK) {
        ++counts().refusedRecordings;
        m_graph.reset();
        return m_recordingFailed;
    }
    if (!m_graph->operations.empty()) ++counts().recordings;
    *out = reinterpret_cast<MsGraph*>(m_graph.release());
    return MS_OK;
}

MsStatus Context::launch(MsGraph* graph) {
    if (const MsStatus status = outside("graph_launch"); status != MS_OK) return status;
    ++counts().launches;
    for (const Operation& operation : reinterpret_cast<Graph*>(graph)->operations) {
        m_queue.push_back(operation);
        ++m_given;
    }
    return MS_OK;
}

MsStatus Context::mark(uint64_t* point) {
    *point = m_given;
    return outside("mark");
}

MsStatus Context::wait(uint64_t point) {
    if (const MsStatus status = outside("wait"); status != MS_OK) {
        drop();
        return status;
    }
    while (m_done < point) {
        const Operation operation = std::move(m_queue.front());
        m_queue.pop_front();
        ++m_done;
        if (lose()) {
            drop();
            return outside("");
        }
        if (const MsStatus status = operation(); status != MS_OK) {
            m_error = cpuBackendTable().last_error(m_cpu);
            drop();
            return status;
        }
    }
    if (point != m_given) counts().leftBehindMarks += static_cast<int64_t>(m_given - point);
    for (const Arrival& arrival : m_arrivals) std::memcpy(arrival.host, arrival.bytes.data(), arrival.bytes.size());
    m_arrivals.clear();
    return cpuBackendTable().synchronize(m_cpu);
}

}  // namespace moescope::fake
