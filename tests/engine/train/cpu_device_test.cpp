// SPDX-License-Identifier: GPL-3.0-or-later
// The CPU as a training device: the oracle's results within rounding on every instruction level, and the same bytes for
// any number of threads.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/cpu/isa.h"
#include "engine/cpu/training/cpu_training_device.h"
#include "tests/engine/train/device_cases.h"

namespace moescope {
namespace {

using namespace test;
using namespace train;

/// Sizes from which on the CPU works in another way: sums in slices of the batch, outputs wider than a task, samples in
/// groups or in parts, blocks of queries, heads that share keys, experts whose weights are packed in several goes.
std::vector<DeviceCase> largeCases() {
    std::vector<DeviceCase> cases;
    for (const LinearShape& shape : {LinearShape{2600, 20, 37}, {2100, 300, 9}, {2050, 7, 410}, {130, 270, 800}})
        cases.push_back({fmt::format("Linear{}x{}x{}", shape.rows, shape.in, shape.out),
                         [shape](TrainingDevice& device) { return runLinear(device, {shape}); }});
    for (const NormShape& shape :
         {NormShape{NormKind::Rms, 130, 3, 20}, {NormKind::Rms, 2, 300, 20}, {NormKind::Layer, 3, 700, 9}})
        cases.push_back({fmt::format("Norm{}x{}", shape.samples, shape.tokens),
                         [shape](TrainingDevice& device) { return runNorm(device, {shape}); }});
    for (const int64_t samples : {2, 130})
        cases.push_back({fmt::format("GatedAdd{}", samples),
                         [samples](TrainingDevice& device) { return runGatedAdd(device, samples, 300, 17, true); }});
    for (const AttentionShape& shape : {AttentionShape{2, 210, 4, 2, 40, true, 1e-6f, RopeKind::AdjacentPairs, 5},
                                        {2, 72, 4, 4, 32, true, 1e-6f, RopeKind::AdjacentPairs, 8},
                                        {1, 100, 2, 1, 64, false, 1e-6f, RopeKind::SplitHalves, 0}})
        cases.push_back({fmt::format("Attention{}", shape.tokens),
                         [shape](TrainingDevice& device) { return runAttention(device, shape); }});
    MoeShape crowded;
    crowded.rows = 2300;
    crowded.width = 24;
    crowded.experts = 3;
    crowded.topK = 2;
    crowded.expertWidth = 12;
    crowded.sharedWidth = 20;
    crowded.biased = true;
    cases.push_back({"MoeInSlices", [crowded](TrainingDevice& device) { return runMoe(device, {crowded}); }});
    MoeShape heavy;
    heavy.rows = 5;
    heavy.width = 1056;
    heavy.experts = 3;
    heavy.topK = 2;
    heavy.expertWidth = 896;
    heavy.gradient = RoutingGradient::Dense;
    cases.push_back({"MoeInBatchesOfExperts", [heavy](TrainingDevice& device) { return runMoe(device, {heavy}); }});
    return cases;
}

void expectOracle(TrainingDevice& device, const std::vector<DeviceCase>& cases = deviceCases()) {
    const auto oracle = makeReferenceTrainingDevice();
    for (const DeviceCase& check : cases)
        for (const DeviceDifference& found : compareDevices(check, *oracle, device))
            EXPECT_TRUE(found.within()) << check.name << ": " << found.name << " " << found.error << " > "
                                        << found.limit;
}

TEST(CpuTrainingDevice, AgreesWithTheOracleOnEveryOperation) {
    const auto device = makeCpuTrainingDevice(2);
    EXPECT_EQ(device->name(), "cpu");
    expectOracle(*device);
}

TEST(CpuTrainingDevice, AgreesWithTheOracleAtSizesThatItCutsUp) {
    expectOracle(*makeCpuTrainingDevice(2), largeCases());
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
    for (const std::vector<DeviceCase>& cases : {deviceCases(), largeCases()})
        for (const DeviceCase& check : cases)
            for (const DeviceDifference& found : compareDevices(check, *one, *three))
                EXPECT_EQ(found.error, 0) << check.name << ": " << found.name;
}

TEST(CpuTrainingDevice, HoldsNoMoreTemporaryMemoryThanItSays) {
    for (const int64_t rows : {1, 100, 2600}) {
        const LinearShape linear{rows, 40, 70};
        CpuTrainingDevice device(3);
        runLinear(device, {linear});
        EXPECT_GT(device.scratchHeld(), 0);
        EXPECT_LE(device.scratchHeld(), device.scratchBytes(linear));
        MoeShape sparse;
        sparse.rows = rows;
        sparse.width = 24;
        sparse.experts = 3;
        sparse.topK = 2;
        sparse.expertWidth = sparse.sharedWidth = 12;
        CpuTrainingDevice other(2);
        runMoe(other, {sparse});
        EXPECT_GT(other.scratchHeld(), 0);
        EXPECT_LE(other.scratchHeld(), other.scratchBytes(sparse));
    }
    const AttentionShape attention{2, 210, 4, 2, 40, true, 1e-6f, RopeKind::AdjacentPairs, 5};
    CpuTrainingDevice device(2);
    runAttention(device, attention);
    EXPECT_GT(device.scratchHeld(), 0);
    EXPECT_LE(device.scratchHeld(), device.scratchBytes(attention));
}

}  // namespace
}  // namespace moescope
