// SPDX-License-Identifier: Apache-2.0
// Weights on the device: creation, loading by rows through pinned memory, biases.
#include <algorithm>
#include <cstring>
#include <memory>

#include "engine/cuda/context.h"
#include "engine/cuda/ops.h"

namespace moescope::cuda {
namespace {

constexpr int64_t kGateBlock = 8;  // gate rows in a group of 16, then as many up rows

int64_t givenRows(const MsLinearDesc& desc) {
    return desc.layout == MS_LINEAR_GATED ? 2 * desc.out : desc.out;
}

/// Where row `row` of a matrix as it is given lies among the device's rows.
int64_t placeOf(const MsLinearDesc& desc, int64_t row) {
    if (desc.layout == MS_LINEAR_PLAIN) return row;
    const bool up = row >= desc.out;
    const int64_t unit = up ? row - desc.out : row;
    return unit / kGateBlock * 2 * kGateBlock + unit % kGateBlock + (up ? kGateBlock : 0);
}

/// Nearest bf16, ties to even; NaN stays NaN.
uint16_t roundedBits(float value) {
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>((bits >> 16) | 0x40u);
    return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

/// One row in the form that the device holds; the padding behind it is written too.
void encodeRow(const MsLinear& linear, const float* row, char* to) {
    const auto in = static_cast<size_t>(linear.desc.in), stride = static_cast<size_t>(linear.stride);
    if (linear.type == MS_BF16) {
        auto* values = reinterpret_cast<uint16_t*>(to);
        for (size_t i = 0; i < in; ++i) values[i] = roundedBits(row[i]);
        std::fill(values + in, values + stride, uint16_t{0});
        return;
    }
    auto* values = reinterpret_cast<float*>(to);
    if (linear.desc.storage == MS_BF16) {  // fp32 products with weights that were rounded
        for (size_t i = 0; i < in; ++i) {
            const uint32_t bits = static_cast<uint32_t>(roundedBits(row[i])) << 16;
            std::memcpy(values + i, &bits, sizeof bits);
        }
    } else {
        std::memcpy(values, row, in * sizeof(float));
    }
    std::fill(values + in, values + stride, 0.0f);
}

/// Copies encoded rows [first, first + count) of matrix `index` to their places: in one go where they are neighbours.
void submitRows(MsContext& context, MsLinear& linear, int64_t index, int64_t first, int64_t count, const char* pinned) {
    const MsLinearDesc& desc = linear.desc;
    const size_t rowBytes = static_cast<size_t>(linear.stride) * (linear.type == MS_BF16 ? 2 : 4);
    char* matrix = static_cast<char*>(linear.values.data()) + static_cast<size_t>(index * linear.rows) * rowBytes;
    for (int64_t row = first; row < first + count;) {
        const char* from = pinned + static_cast<size_t>(row - first) * rowBytes;
        char* to = matrix + static_cast<size_t>(placeOf(desc, row)) * rowBytes;
        int64_t rows = first + count - row, blocks = 1;
        if (linear.gated()) {
            const int64_t half = row >= desc.out ? desc.out : 0, unit = row - half;
            rows = std::min(rows, desc.out - unit);  // to the end of the gates, or of the ups
            if (unit % kGateBlock != 0 || rows < kGateBlock) {
                rows = std::min(rows, kGateBlock - unit % kGateBlock);
            } else {
                blocks = rows / kGateBlock;
                rows = blocks * kGateBlock;
            }
        }
        const size_t blockBytes = static_cast<size_t>(rows / blocks) * rowBytes;
        context.check(cudaMemcpy2DAsync(to, 2 * blockBytes, from, blockBytes, blockBytes, static_cast<size_t>(blocks),
                                        cudaMemcpyHostToDevice, context.work),
                      "uploading weights");
        row += rows;
    }
}

}  // namespace

void linearCreate(MsContext& context, const MsLinearDesc* desc, MsLinear** out) {
    MS_CUDA_REQUIRE(!context.capturing, "[graph] weights can not be made while a graph is recorded");
    MS_CUDA_REQUIRE(desc->in > 0 && desc->out > 0 && desc->count > 0, "[linear] sizes must be positive, got ",
                    desc->count, " x ", desc->out, " x ", desc->in);
    MS_CUDA_REQUIRE(desc->storage == MS_F32 || desc->storage == MS_BF16, "[linear] storage must be F32 or BF16");
    MS_CUDA_REQUIRE(desc->layout == MS_LINEAR_PLAIN || desc->layout == MS_LINEAR_GATED, "[linear] unknown layout ",
                    static_cast<int>(desc->layout));
    constexpr double kLargest = static_cast<double>(int64_t{1} << 40);  // values; keeps every product below exact
    MS_CUDA_REQUIRE(static_cast<double>(desc->in + kRowUnit) * static_cast<double>(desc->count) *
                            (static_cast<double>(desc->out + kRowUnit) * 2) <
                        kLargest,
                    "[linear] ", desc->count, " matrices of ", desc->out, " x ", desc->in,
                    " are more than this device addresses");
    auto linear = std::make_unique<MsLinear>();
    linear->desc = *desc;
    linear->type = desc->storage == MS_BF16 && context.compute == MS_BF16 ? MS_BF16 : MS_F32;
    linear->rows = paddedTo(desc->out, kRowUnit) * (desc->layout == MS_LINEAR_GATED ? 2 : 1);
    linear->stride = paddedTo(desc->in, kRowUnit);
    const size_t bytes = static_cast<size_t>(desc->count * linear->matrixValues()) * (linear->type == MS_BF16 ? 2 : 4);
    linear->values = context.memory.allocate(bytes);
    context.check(cudaMemsetAsync(linear->values.data(), 0, bytes, context.work), "clearing weights");
    if (desc->hasBias) {
        const size_t biasBytes = static_cast<size_t>(desc->count * linear->rows) * sizeof(float);
        linear->bias = context.memory.allocate(biasBytes);
        context.check(cudaMemsetAsync(linear->bias.data(), 0, biasBytes, context.work), "clearing a bias");
    }
    *out = linear.release();
}

void linearLoadRows(MsContext& context, MsLinear* linear, int64_t index, int64_t first, int64_t count,
                    const float* rows) {
    const MsLinearDesc& desc = linear->desc;
    MS_CUDA_REQUIRE(!context.capturing, "[graph] weights can not be loaded while a graph is recorded");
    MS_CUDA_REQUIRE(index >= 0 && index < desc.count, "[linear_load_rows] matrix ", index, " of ", desc.count);
    MS_CUDA_REQUIRE(first >= 0 && count >= 0 && first <= givenRows(desc) - count, "[linear_load_rows] rows ", first,
                    "..", first + count, " of ", givenRows(desc));
    const size_t rowBytes = static_cast<size_t>(linear->stride) * (linear->type == MS_BF16 ? 2 : 4);
    MS_CUDA_REQUIRE(rowBytes <= Uploads::kLargest, "[linear_load_rows] a row of ", desc.in,
                    " values is longer than this device takes at a time");
    const auto step = static_cast<int64_t>(Uploads::kLargest / rowBytes);
    for (int64_t row = first; row < first + count; row += step) {
        if (context.stopRequested()) fail(MS_CANCELLED, "cancelled");
        const int64_t piece = std::min(step, first + count - row);
        context.uploads.send(
            context, static_cast<size_t>(piece) * rowBytes,
            [&](char* pinned) {
                for (int64_t i = 0; i < piece; ++i)
                    encodeRow(*linear, rows + (row - first + i) * desc.in, pinned + static_cast<size_t>(i) * rowBytes);
            },
            [&](const char* pinned) { submitRows(context, *linear, index, row, piece, pinned); });
    }
}

void linearLoadBias(MsContext& context, MsLinear* linear, int64_t index, const float* bias) {
    const MsLinearDesc& desc = linear->desc;
    MS_CUDA_REQUIRE(!context.capturing, "[graph] weights can not be loaded while a graph is recorded");
    MS_CUDA_REQUIRE(desc.hasBias, "[linear_load_bias] these weights were created without a bias");
    MS_CUDA_REQUIRE(index >= 0 && index < desc.count, "[linear_load_bias] matrix ", index, " of ", desc.count);
    const size_t bytes = static_cast<size_t>(linear->rows) * sizeof(float);
    MS_CUDA_REQUIRE(bytes <= Uploads::kLargest, "[linear_load_bias] ", desc.out,
                    " biases are more than this device takes");
    context.uploads.send(
        context, bytes,
        [&](char* pinned) {
            auto* values = reinterpret_cast<float*>(pinned);
            std::fill(values, values + linear->rows, 0.0f);
            for (int64_t row = 0; row < givenRows(desc); ++row) values[placeOf(desc, row)] = bias[row];
        },
        [&](const char* pinned) {
            context.check(cudaMemcpyAsync(static_cast<char*>(linear->bias.data()) + static_cast<size_t>(index) * bytes,
                                          pinned, bytes, cudaMemcpyHostToDevice, context.work),
                          "uploading a bias");
        });
}

}  // namespace moescope::cuda
