// SPDX-License-Identifier: Apache-2.0
// metrics.jsonl of a run folder: one JSON object per line, readable while the run goes on.
#pragma once

#include <cstdio>
#include <filesystem>
#include <memory>
#include <vector>

#include "engine/core/error.h"
#include "engine/train/trainer.h"

namespace moescope::train {

/// A line as it is kept. Every step: step, loss, grad_norm, rate, auxiliary, z, seconds. Every kLoadEvery steps also the loads since the
/// last such line: load[layer][expert] as shares, load_by_time[layer][third][expert], imbalance[layer]. held_out_loss, held_out_imbalance
/// where they were measured.
struct MetricsLine {
    int64_t step = 0;
    double loss = 0, gradientNorm = 0, rate = 0, auxiliary = 0, z = 0, seconds = 0;
    RoutingStatistics routing;  // pairs in shares; without layers: not on this line
    double heldOutLoss = -1, heldOutImbalance = -1;
};

inline constexpr int64_t kLoadEvery = 10;  // steps

/// Appends; a reader sees whole lines. One thread.
class MetricsFile {
public:
    /// Keeps the lines up to `lastStep` and drops the others: those of steps that a resumed run does again.
    static Result<std::unique_ptr<MetricsFile>> open(const std::filesystem::path& path, int64_t lastStep);
    ~MetricsFile();
    Status append(const MetricsLine& line);

private:
    explicit MetricsFile(std::FILE* file, std::string name) : m_file(file), m_name(std::move(name)) {}
    std::FILE* m_file;
    std::string m_name;
};

/// All whole lines; those that are damaged are passed over.
Result<std::vector<MetricsLine>> readMetrics(const std::filesystem::path& path);

}  // namespace moescope::train
