// SPDX-License-Identifier: GPL-3.0-or-later
// A device that does nothing before it is waited for: operations, graphs, downloads and errors all come late.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "engine/backend/backend.h"
#include "tests/fake_device/fake_device.h"

namespace moescope::fake {

using Operation = std::function<MsStatus()>;

/// A recorded list of operations.
struct Graph {
    std::vector<Operation> operations;
};

/// What was downloaded and is not delivered: the host sees it when it waited.
struct Arrival {
    void* host = nullptr;
    std::vector<std::byte> bytes;
};

class Context {
public:
    explicit Context(MsContext* cpu);
    ~Context();

    MsContext* cpu() const { return m_cpu; }
    const char* error() const { return m_error.c_str(); }
    MsStatus fail(MsStatus status, std::string sentence);

    /// Queues, or records. `signature`: the operation and its shapes, which must have run before they are recorded.
    MsStatus submit(std::string signature, Operation operation);
    /// Things that can not be recorded: MS_INVALID while recording, and the loss of the device.
    MsStatus outside(const char* what);
    MsStatus download(const MsTensor* tensor, void* host, size_t bytes);
    MsStatus allocate(uint64_t bytes);
    void release(uint64_t bytes) { m_used -= bytes; }

    MsStatus beginRecording();
    MsStatus endRecording(MsGraph** out);
    MsStatus launch(MsGraph* graph);
    MsStatus mark(uint64_t* point);
    /// Runs what was given before `point` and delivers its downloads.
    MsStatus wait(uint64_t point);
    MsStatus synchronize() { return wait(m_given); }

    uint64_t memoryTotal() const { return m_memory; }
    uint64_t memoryUsed() const { return m_used; }
    uint64_t memoryFree() const { return m_memory > m_used ? m_memory - m_used : 0; }

    std::map<const MsTensor*, std::vector<int64_t>> shapes;  // as the calls that were made leave them
    std::map<const MsTensor*, uint64_t> tensorBytes;
    std::map<const MsLinear*, uint64_t> linearBytes;

private:
    void drop();
    bool lose();

    MsContext* m_cpu;
    std::string m_error;
    std::deque<Operation> m_queue;
    uint64_t m_given = 0, m_done = 0;
    std::vector<Arrival> m_arrivals;
    std::set<std::string> m_warm;
    bool m_recording = false;
    MsStatus m_recordingFailed = MS_OK;
    std::unique_ptr<Graph> m_graph;
    bool m_lost = false;
    int64_t m_operations = 0, m_allocations = 0;
    int64_t m_lostAfter, m_failAllocation;
    uint64_t m_memory, m_used = 0;
};

FakeCounts& counts();
/// The value of an environment variable as a number.
int64_t setting(const char* name, int64_t otherwise);
/// Whether a context may be made; no: the device was lost for good.
bool deviceThere();

}  // namespace moescope::fake
