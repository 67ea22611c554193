// SPDX-License-Identifier: GPL-3.0-or-later
// `moescope-cli bench --case operations`: where a forward pass spends its time, and how near the device comes to its
// own limits.
#pragma once

#include "app/cli/bench_cases.h"

namespace moescope {
class WorkMeter;
}

namespace moescope::cli {

/// Rates of a device, measured: FLOP/s of a large dense product with weights of `storage`, and bytes read plus bytes
/// written per second of a large copy. Throws EngineException.
struct DeviceRates {
    double flops = 0, copiedBytes = 0;
};
DeviceRates measureRates(Backend& backend, MsDType storage, int repeat);

/// A forward pass as benchForward times it, against the least time that its work takes at the measured rates:
/// max(weight bytes / copied bytes per second, FLOP / FLOP per second). Facts: the rates, the work, that bound, its
/// share of the pass's time, and every kind of operation with calls, time on its own, work and the same share for it
/// (bytes: weights and operands). `denoiser` was loaded to a backend with the meter's table. Throws EngineException.
BenchResult benchOperations(const Denoiser& denoiser, WorkMeter& meter, const BenchPlan& plan);

/// The same as lines of text.
std::string operationsTable(const BenchResult& result);

}  // namespace moescope::cli
