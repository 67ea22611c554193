// SPDX-License-Identifier: GPL-3.0-or-later
// The CPU as a training device: the oracle's results within rounding on every instruction level, and the same bytes for
// any number of threads.
#include <gtest/gtest.h>

#include "engine/cpu/isa.h"
#include "tests/engine/train/device_cases.h"

namespace moescope {
namespace {

using namespace test;
using namespace train;

void expectOracle(TrainingDevice& device) {
    const auto oracle = makeReferenceTrainingDevice();
    for (const DeviceCase& check : deviceCases())
        for (const DeviceDifference& found : compareDevices(check, *oracle, device))
            EXPECT_TRUE(found.within()) << check.name << ": " << found.name << " " << found.error << " > "
                                        << found.limit;
}

TEST(CpuTrainingDevice, AgreesWithTheOracleOnEveryOperation) {
    const auto device = makeCpuTrainingDevice(2);
    EXPECT_EQ(device->name(), "cpu");
    expectOracle(*device);
}

TEST(CpuTrainingDevice, AgreesWithTheOracleOnLowerInstructionLevels) {
    for (const char* level : {"avx2", "sse4"}) {
        if (!cpu::selectIsa(level).ok()) continue;
        SCOPED_TRACE(level);
        expectOracle(*makeCpuTrainingDevice(1));
    }
    ASSERT_TRUE(cpu::selectIsa("auto").ok());
}

TEST(CpuTrainingDevice, GivesTheSameBytesForAnyNumberOfThreads) {
    const auto one = makeCpuTrainingDevice(1), three = makeCpuTrainingDevice(3);
    for (const DeviceCase& check : deviceCases())
        for (const DeviceDifference& found : compareDevices(check, *one, *three))
            EXPECT_EQ(found.error, 0) << check.name << ": " << found.name;
}

}  // namespace
}  // namespace moescope
