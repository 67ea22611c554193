// SPDX-License-Identifier: GPL-3.0-or-later
// The device's choice among equal values against the CPU's, which is the standard library's.
#include "engine/cuda/tie_order.cuh"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>
#include <vector>

#include "engine/cpu/router.h"

namespace moescope {
namespace {

std::vector<int32_t> chosenOnDevice(const std::vector<float>& values, int k) {
    std::vector<cuda::RankedValue> ranked;
    for (const float value : values) ranked.push_back({value, static_cast<int32_t>(ranked.size())});
    cuda::selectWithTies(ranked.data(), k, static_cast<int>(values.size()));
    std::vector<int32_t> chosen;
    for (int i = 0; i < k; ++i) chosen.push_back(ranked[static_cast<size_t>(i)].index);
    std::sort(chosen.begin(), chosen.end());
    return chosen;
}

std::vector<int32_t> chosenOnCpu(const std::vector<float>& values, int k) {
    std::vector<cpu::RankedValue> ranked(values.size());
    std::vector<int32_t> chosen(static_cast<size_t>(k));
    cpu::chooseLargest(values.data(), static_cast<int64_t>(values.size()), k, ranked.data(), chosen.data());
    return chosen;
}

TEST(CudaTieOrder, TakesTheSameOfEqualValuesAsTheCpu) {
    std::mt19937 random(5);
    for (int round = 0; round < 20000; ++round) {
        const int n = 1 + static_cast<int>(random() % (round % 10 == 0 ? 400 : 70));
        const int k = 1 + static_cast<int>(random() % static_cast<unsigned>(n)),
                  kinds = 1 + static_cast<int>(random() % 6);
        std::vector<float> values;
        for (int i = 0; i < n; ++i) values.push_back(static_cast<float>(random() % static_cast<unsigned>(kinds)));
        ASSERT_EQ(chosenOnDevice(values, k), chosenOnCpu(values, k)) << "n " << n << ", k " << k << ", round " << round;
    }
}

TEST(CudaTieOrder, PutsNanFirstAsTheCpuDoes) {
    std::mt19937 random(6);
    for (int round = 0; round < 2000; ++round) {
        const int n = 2 + static_cast<int>(random() % 60),
                  k = 1 + static_cast<int>(random() % static_cast<unsigned>(n));
        std::vector<float> values;
        for (int i = 0; i < n; ++i)
            values.push_back(random() % 8 == 0 ? std::numeric_limits<float>::quiet_NaN()
                                               : static_cast<float>(random() % 5));
        ASSERT_EQ(chosenOnDevice(values, k), chosenOnCpu(values, k)) << "n " << n << ", k " << k << ", round " << round;
    }
}

TEST(CudaTieOrder, AgreesWherePivotsAreBad) {
    // Ordered runs glued together wear the median of three out, up to the turn to a heap.
    for (int n = 4; n < 300; ++n)
        for (const int k : {1, n / 3 + 1, n / 2, n - 1}) {
            std::vector<float> values;
            for (int i = 0; i < n; ++i) values.push_back(static_cast<float>(i % 2 ? i : n - i / 2) / 4.0f);
            for (float& value : values) value = std::floor(value);
            ASSERT_EQ(chosenOnDevice(values, k), chosenOnCpu(values, k)) << "n " << n << ", k " << k;
        }
}

}  // namespace
}  // namespace moescope
