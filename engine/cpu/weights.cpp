// SPDX-License-Identifier: Apache-2.0
// Weights in panels: creation, loading by rows, and what they occupy.
#include <cmath>
#include <cstring>
#include <new>

#include "engine/cpu/gemm.h"
#include "engine/cpu/ops.h"

int64_t MsLinear::panelCount() const {
    const int64_t rows = desc.layout == MS_LINEAR_GATED ? 2 * desc.out : desc.out;
    return (rows + moescope::cpu::kPanel - 1) / moescope::cpu::kPanel;
}

int64_t MsLinear::matrixStride() const {
    return panelCount() * desc.in * moescope::cpu::kPanel;
}

namespace moescope::cpu {
namespace {

constexpr int64_t kHalfPanel = kPanel / 2;

int64_t rowCount(const MsLinearDesc& desc) {
    return desc.layout == MS_LINEAR_GATED ? 2 * desc.out : desc.out;
}

/// Where a row of the matrix stands among the panels.
struct Place {
    int64_t panel;
    int64_t column;
};

Place placeOf(const MsLinearDesc& desc, int64_t row) {
    if (desc.layout == MS_LINEAR_PLAIN) return {row / kPanel, row % kPanel};
    const bool up = row >= desc.out;
    const int64_t unit = up ? row - desc.out : row;
    return {unit / kHalfPanel, unit % kHalfPanel + (up ? kHalfPanel : 0)};
}

/// Nearest bf16, ties to even; NaN stays NaN.
uint16_t toBf16(float value) {
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>((bits >> 16) | 0x40u);
    return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

/// Rows [begin, end) of one matrix, all in one panel and in neighbouring columns, into the panel.
void packRows(const MsLinear& linear, int64_t index, int64_t begin, int64_t end, const float* rows) {
    const MsLinearDesc& desc = linear.desc;
    const Place place = placeOf(desc, begin);
    const int64_t offset = index * linear.matrixStride() + place.panel * desc.in * kPanel;
    constexpr int64_t kStep = 16;  // k at a time: the lines written stay in the first-level cache
    for (int64_t k = 0; k < desc.in; k += kStep) {
        const int64_t stop = std::min(desc.in, k + kStep);
        for (int64_t row = begin; row < end; ++row) {
            const float* source = rows + (row - begin) * desc.in;
            const int64_t column = place.column + row - begin;
            if (desc.storage == MS_BF16) {
                auto* target = reinterpret_cast<uint16_t*>(linear.panels.data()) + offset;
                const int64_t slot = 2 * (column % kHalfPanel) + column / kHalfPanel;
                for (int64_t i = k; i < stop; ++i) target[i * kPanel + slot] = toBf16(source[i]);
            } else {
                auto* target = reinterpret_cast<float*>(linear.panels.data()) + offset;
                for (int64_t i = k; i < stop; ++i) target[i * kPanel + column] = source[i];
            }
        }
    }
}

/// End of the run of rows that share a panel with `row` and follow it column by column.
int64_t runEnd(const MsLinearDesc& desc, int64_t row, int64_t limit) {
    if (desc.layout == MS_LINEAR_PLAIN) return std::min(limit, (row / kPanel + 1) * kPanel);
    const bool up = row >= desc.out;
    const int64_t base = up ? desc.out : 0;
    const int64_t stop = base + ((row - base) / kHalfPanel + 1) * kHalfPanel;
    return std::min({limit, stop, base + desc.out});
}

}  // namespace

MsStatus linearCreate(MsContext* context, const MsLinearDesc* desc, MsLinear** out) {
    MS_REQUIRE(context, desc->in > 0 && desc->out > 0 && desc->count > 0,
               "[linear] sizes must be positive, got {} x {} x {}", desc->count, desc->out, desc->in);
    MS_REQUIRE(context, desc->storage == MS_F32 || desc->storage == MS_BF16, "[linear] storage must be F32 or BF16");
    MS_REQUIRE(context, desc->layout == MS_LINEAR_PLAIN || desc->layout == MS_LINEAR_GATED,
               "[linear] unknown layout {}", static_cast<int>(desc->layout));
    constexpr int64_t kLargest = int64_t{1} << 44;  // bytes; keeps every product below exact
    MS_REQUIRE(context,
               desc->in < kLargest && desc->out < kLargest && desc->count < kLargest &&
                   static_cast<double>(desc->in) * static_cast<double>(desc->count) *
                           (static_cast<double>(desc->out) * 2 + kPanel) * 4 <
                       static_cast<double>(kLargest),
               "[linear] {} matrices of {} x {} are more than this device addresses", desc->count, desc->out, desc->in);
    try {
        auto linear = std::make_unique<MsLinear>();
        linear->desc = *desc;
        linear->panels = AlignedBytes(
            static_cast<size_t>(desc->count * linear->matrixStride() * (desc->storage == MS_BF16 ? 2 : 4)));
        // Fresh mappings are zero already; writing them would touch every page before its rows arrive.
        if (linear->panels.size() < AlignedBytes::kMapThreshold)
            std::memset(linear->panels.data(), 0, linear->panels.size());
        if (desc->hasBias) {
            linear->bias =
                AlignedBytes(static_cast<size_t>(desc->count * linear->panelCount() * kPanel) * sizeof(float));
            std::memset(linear->bias.data(), 0, linear->bias.size());
        }
        context->bytesHeld += linearBytes(linear.get());
        *out = linear.release();
        return MS_OK;
    } catch (const std::bad_alloc&) {
        return context->fail(MS_OUT_OF_MEMORY,
                             "the system refused memory for the model's weights; close other programs or choose "
                             "a smaller model or bf16 weights");
    }
}

void linearDestroy(MsContext* context, MsLinear* linear) {
    if (!linear) return;
    context->bytesHeld -= linearBytes(linear);
    delete linear;
}

MsStatus linearLoadRows(MsContext* context, MsLinear* linear, int64_t index, int64_t first, int64_t count,
                        const float* rows) {
    const MsLinearDesc& desc = linear->desc;
    MS_REQUIRE(context, index >= 0 && index < desc.count, "[linear_load_rows] matrix {} of {}", index, desc.count);
    MS_REQUIRE(context, first >= 0 && count >= 0 && first <= rowCount(desc) - count,
               "[linear_load_rows] rows {}..{} of {}", first, first + count, rowCount(desc));
    // Two tasks may share a panel but never a column of it, so no two threads write the same bytes.
    constexpr int64_t kRowsPerTask = 4 * kPanel;
    return context->forRows(count, kRowsPerTask, [&](int64_t begin, int64_t end, int) {
        for (int64_t row = first + begin; row < first + end;) {
            const int64_t stop = runEnd(desc, row, first + end);
            packRows(*linear, index, row, stop, rows + (row - first) * desc.in);
            row = stop;
        }
    });
}

MsStatus linearLoadBias(MsContext* context, MsLinear* linear, int64_t index, const float* bias) {
    const MsLinearDesc& desc = linear->desc;
    MS_REQUIRE(context, desc.hasBias, "[linear_load_bias] these weights were created without a bias");
    MS_REQUIRE(context, index >= 0 && index < desc.count, "[linear_load_bias] matrix {} of {}", index, desc.count);
    auto* target = reinterpret_cast<float*>(linear->bias.data()) + index * linear->panelCount() * kPanel;
    for (int64_t row = 0; row < rowCount(desc); ++row) {
        const Place place = placeOf(desc, row);
        target[place.panel * kPanel + place.column] = bias[row];
    }
    return MS_OK;
}

uint64_t linearBytes(const MsLinear* linear) {
    return linear->panels.size() + linear->bias.size();
}

}  // namespace moescope::cpu
