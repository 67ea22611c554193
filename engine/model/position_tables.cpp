// SPDX-License-Identifier: Apache-2.0
#include "engine/model/position_tables.h"

#include <cmath>

namespace moescope {
namespace {

// 1 / base^(i / pairs) for pair i of those that turn by one position: the rounding to fp32 follows the published networks step by step,
// since a last bit of the rate is multiplied by the position.
float rotationRate(int64_t i, int64_t pairs) {
    const float exponent = static_cast<float>(2 * i) / static_cast<float>(2 * pairs);
    return 1.0f / static_cast<float>(std::pow(10000.0, static_cast<double>(exponent)));
}

RopeTables gridRope(int64_t headDim, int64_t grid) {
    const int64_t quarter = headDim / 4;
    RopeTables tables{HostTensor({grid * grid, 2 * quarter}), HostTensor({grid * grid, 2 * quarter})};
    for (int64_t token = 0; token < grid * grid; ++token)
        for (int64_t axis = 0; axis < 2; ++axis)
            for (int64_t i = 0; i < quarter; ++i) {
                const float position = static_cast<float>(axis == 0 ? token / grid : token % grid);
                const float angle = position * rotationRate(i, quarter);
                const size_t at = static_cast<size_t>(token * 2 * quarter + axis * quarter + i);
                tables.cos.data[at] = static_cast<float>(std::cos(static_cast<double>(angle)));
                tables.sin.data[at] = static_cast<float>(std::sin(static_cast<double>(angle)));
            }
    return tables;
}

}  // namespace

HostTensor sincosTable(int64_t width, int64_t grid) {
    const int64_t quarter = width / 4;
    HostTensor table({grid * grid, 4 * quarter});
    for (int64_t token = 0; token < grid * grid; ++token)
        for (int64_t axis = 0; axis < 2; ++axis)
            for (int64_t i = 0; i < quarter; ++i) {
                const double position = static_cast<double>(axis == 0 ? token % grid : token / grid);
                const double angle =
                    position * std::pow(10000.0, -static_cast<double>(i) / static_cast<double>(quarter));
                const size_t at = static_cast<size_t>((token * 2 + axis) * 2 * quarter + i);
                table.data[at] = static_cast<float>(std::sin(angle));
                table.data[at + static_cast<size_t>(quarter)] = static_cast<float>(std::cos(angle));
            }
    return table;
}

RopeTables splitHalvesRope(int64_t headDim, int64_t grid) {
    return gridRope(headDim, grid);
}

RopeTables adjacentPairsRope(int64_t headDim, int64_t grid) {
    return gridRope(headDim, grid);
}

RopeTables lineRope(int64_t headDim, int64_t tokens) {
    const int64_t pairs = headDim / 2;
    RopeTables tables{HostTensor({tokens, pairs}), HostTensor({tokens, pairs})};
    for (int64_t token = 0; token < tokens; ++token)
        for (int64_t i = 0; i < pairs; ++i) {
            const float angle = static_cast<float>(token) * rotationRate(i, pairs);
            const size_t at = static_cast<size_t>(token * pairs + i);
            tables.cos.data[at] = static_cast<float>(std::cos(static_cast<double>(angle)));
            tables.sin.data[at] = static_cast<float>(std::sin(static_cast<double>(angle)));
        }
    return tables;
}

RopeTables ropeTables(const TransformerConfig& config) {
    return config.rotary == Rotary::Line ? lineRope(config.headWidth, config.imageTokens()) : gridRope(config.headWidth, config.grid);
}

}  // namespace moescope
