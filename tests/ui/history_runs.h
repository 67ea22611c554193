// SPDX-License-Identifier: GPL-3.0-or-later
// Runs to keep and folders to look into, for tests of History.
#pragma once

#include <QtTest>

#include "tests/support/sample_run.h"
#include "tests/support/temporary_folder.h"
#include "ui/session/history_store.h"
#include "ui/session/run_ids.h"

namespace moescope::test {

inline constexpr qint64 kPlenty = qint64{1} << 40;
inline constexpr const char* kLockName = ".moescope-history.lock";

inline RunViewPtr runWithSeed(uint64_t seed, RunState state = RunState::Finished) {
    RunRecord run = sampleRun();
    run.parameters.seed = seed;
    return viewOf(std::make_shared<const RunRecord>(std::move(run)), nextRunId(), state);
}

/// The sample with latents of 128 x 128, so that writing takes a while.
inline RunViewPtr largeRun(uint64_t seed) {
    RunRecord run = sampleRun();
    run.parameters.seed = seed;
    run.latentShape = {3, 128, 128};
    const std::vector<std::byte> latents(size_t{2} * 3 * 128 * 128 * 2, std::byte{0x11});
    for (EvaluationRecord& evaluation : run.evaluations) evaluation.noisy = evaluation.velocity = latents;
    run.finalLatents = HostTensor({2, 3, 128, 128});
    return viewOf(std::make_shared<const RunRecord>(std::move(run)), nextRunId(), RunState::Finished);
}

/// All files of a folder but the lock.
inline std::vector<std::string> files(const TemporaryFolder& folder) {
    std::vector<std::string> names = folder.names();
    std::erase(names, kLockName);
    return names;
}

/// Waits until everything is read and written.
inline bool settled(HistoryStore& store) {
    return QTest::qWaitFor([&] { return !store.listing() && !store.writing(); }, 30000);
}

}  // namespace moescope::test
