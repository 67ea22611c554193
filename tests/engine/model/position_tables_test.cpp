// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/model/position_tables.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/support/cpu_tensors.h"
#include "tests/support/golden_tensors.h"

namespace moescope {
namespace {

using namespace test;

// Both sides round the cosine or sine of the same fp32 angle; they may land on neighbouring floats.
constexpr double kLastBit = 0x1p-24;

// The stored tables name an angle twice, once for each of the channels that turn together.
void expectTable(const HostTensor& table, const HostTensor& stored, int64_t leadRows, int64_t firstColumn,
                 int64_t columns, int64_t (*storedColumn)(int64_t column, int64_t columns)) {
    const int64_t width = stored.shape[1], half = table.shape[1];
    ASSERT_EQ(stored.shape[0] - leadRows, table.shape[0]);
    for (int64_t token = 0; token < table.shape[0]; ++token)
        for (int64_t i = 0; i < columns; ++i) {
            const float mine = table.data[static_cast<size_t>(token * half + firstColumn + i)];
            const int64_t at = (leadRows + token) * width + storedColumn(i, columns);
            ASSERT_NEAR(mine, stored.data[static_cast<size_t>(at)], kLastBit) << token << " " << i;
        }
}

TEST(PositionTables, SplitHalvesMatchThePublishedRotation) {
    const GoldenTensors golden("attention-rope/dsmoe_attention.safetensors");
    for (const auto& [headDim, grid] : {std::pair{16, 4}, std::pair{64, 16}, std::pair{72, 6}}) {
        const RopeTables mine = splitHalvesRope(headDim, grid);
        ASSERT_EQ(mine.cos.shape, (Shape{grid * grid, headDim / 2}));
        const std::string prefix = fmt::format("rope.h{}.g{}.", headDim, grid);
        for (const auto& [key, axis] : {std::pair{"_y", 0}, std::pair{"_x", 1}})
            for (int copy = 0; copy < 2; ++copy) {
                const auto column =
                    copy ? [](int64_t i, int64_t n) { return n + i; } : [](int64_t i, int64_t) { return i; };
                if (golden.contains(prefix + "cos" + key))
                    expectTable(mine.cos, golden.tensor(prefix + "cos" + key), 0, axis * headDim / 4, headDim / 4,
                                column);
                if (golden.contains(prefix + "sin" + key))
                    expectTable(mine.sin, golden.tensor(prefix + "sin" + key), 0, axis * headDim / 4, headDim / 4,
                                column);
            }
    }
}

TEST(PositionTables, AdjacentPairsMatchThePublishedRotation) {
    const GoldenTensors golden("attention-rope/jit_attention.safetensors");
    struct Rotation {
        int64_t headDim, grid, lead;
    };
    for (const Rotation& r : {Rotation{20, 8, 0}, Rotation{20, 8, 4}, Rotation{80, 6, 2}}) {
        const RopeTables mine = adjacentPairsRope(r.headDim, r.grid);
        ASSERT_EQ(mine.cos.shape, (Shape{r.grid * r.grid, r.headDim / 2}));
        const std::string prefix = fmt::format("rope.h{}.g{}.c{}.", r.headDim, r.grid, r.lead);
        for (int odd = 0; odd < 2; ++odd) {
            const auto column =
                odd ? [](int64_t i, int64_t) { return 2 * i + 1; } : [](int64_t i, int64_t) { return 2 * i; };
            expectTable(mine.cos, golden.tensor(prefix + "cos"), r.lead, 0, r.headDim / 2, column);
            expectTable(mine.sin, golden.tensor(prefix + "sin"), r.lead, 0, r.headDim / 2, column);
        }
    }
}

TEST(PositionTables, SineCosineTablesMatchThePublishedOnes) {
    const GoldenTensors golden("attention-rope/embeddings.safetensors");
    for (const auto& [width, grid] : {std::pair{40, 8}, std::pair{128, 16}, std::pair{48, 6}}) {
        const HostTensor mine = sincosTable(width, grid),
                         stored = golden.tensor(fmt::format("sincos.d{}.g{}", width, grid));
        ASSERT_EQ(mine.shape, stored.shape);
        // Both are computed in double precision and rounded once.
        EXPECT_LE(relativeDifference(mine.data, stored.data), kLastBit);
    }
}

TEST(PositionTables, TheFirstHalfOfASineCosineRowTellsTheColumn) {
    const HostTensor table = sincosTable(4, 2);  // a row is sin(column), cos(column), sin(row), cos(row)
    const std::vector<double> expected = {0,           1,           0,           1,          std::sin(1), std::cos(1),
                                          0,           1,           0,           1,          std::sin(1), std::cos(1),
                                          std::sin(1), std::cos(1), std::sin(1), std::cos(1)};
    EXPECT_LE(relativeDifference(table.data, expected), kLastBit);
}

}  // namespace
}  // namespace moescope
