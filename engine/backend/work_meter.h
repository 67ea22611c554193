// SPDX-License-Identifier: Apache-2.0
// Counts and times what a device is asked to do: a table that stands before a device's own one.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/backend/backend_table.h"

namespace moescope {

/// What an operation has to do at least: each operand read or written once and whole, each weight that is needed read
/// once.
struct OperationWork {
    double multiplyAdds = 0;  // of products; two FLOP each. Elementwise arithmetic is not counted
    double weightBytes = 0;   // as the device holds them
    double operandBytes = 0;  // of tensors
};

/// All calls of one entry of the table.
struct OperationShare {
    std::string operation;  // the entry's name
    int64_t calls = 0;
    double seconds = 0;  // 0 unless timed
    OperationWork work;
};

/// The table to make a Backend with, and what went through it. One meter at a time per thread; outlives the Backend.
///
/// Experts of a MoE layer count as read where pairs can reach them: at most as many as there are pairs. A layer whose
/// capacities are predicted counts as one expert per token.
class WorkMeter {
public:
    explicit WorkMeter(const MsBackendTable& device);
    ~WorkMeter();
    WorkMeter(const WorkMeter&) = delete;

    const MsBackendTable& table() const { return m_table; }

    /// From now on counts (and, with `timed`, waits for the device before and after each operation and notes the time),
    /// from nothing. Operations that a graph records are counted and never timed.
    void start(bool timed);
    void stop() { m_counts = false; }
    /// In the order of the first calls.
    const std::vector<OperationShare>& shares() const { return m_shares; }
    OperationWork total() const;

private:
    struct Extent {
        int64_t rows = 0, columns = 0, bytes = 0;  // all axes but the last, and the last
    };
    struct Entries;

    const MsBackendTable m_device;
    MsBackendTable m_table;
    bool m_counts = false, m_timed = false;
    std::vector<OperationShare> m_shares;
    std::unordered_map<const MsTensor*, Extent> m_tensors;
    std::unordered_map<const MsLinear*, MsLinearDesc> m_linears;
};

}  // namespace moescope
