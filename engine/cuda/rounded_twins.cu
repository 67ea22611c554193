// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "engine/cuda/linear.h"
#include "engine/cuda/rounded_twins.h"

namespace moescope::cuda {

const RoundedTwin* RoundedTwins::find(const float* source, int64_t rows, int64_t columns) const {
    for (const RoundedTwin& twin : m_twins)
        if (twin.source == source && twin.rows == rows && twin.columns == columns) return &twin;
    return nullptr;
}

void RoundedTwins::remember(const RoundedTwin& twin) {
    if (!twin.values) return;
    forgetIn(twin.slot);
    m_twins.push_back(twin);
}

void RoundedTwins::forgetIn(Slot slot) {
    m_twins.erase(
        std::remove_if(m_twins.begin(), m_twins.end(), [&](const RoundedTwin& twin) { return twin.slot == slot; }),
        m_twins.end());
}

void RoundedTwins::forgetOf(const MsTensor* tensor) {
    if (!tensor) return;
    const auto begin = reinterpret_cast<uintptr_t>(tensor->start), end = begin + tensor->bytes;
    const auto overlaps = [&](const RoundedTwin& twin) {
        const auto first = reinterpret_cast<uintptr_t>(twin.source);
        return first < end && begin < first + static_cast<size_t>(twin.rows * twin.columns) * sizeof(float);
    };
    m_twins.erase(std::remove_if(m_twins.begin(), m_twins.end(), overlaps), m_twins.end());
}

RoundedTwin roomForTwin(MsContext& context, const MsTensor* tensor, Slot slot) {
    if (context.compute != MS_BF16 || tensor->elements() == 0) return {};
    const int64_t rows = tensor->rows(), columns = tensor->lastDim(), stride = paddedTo(columns, kRowUnit);
    return {tensor->f32(), rows, columns, slot, context.scratch<uint16_t>(slot, rows * stride), stride};
}

Operand operandOf(MsContext& context, const MsTensor* x, MsDType type) {
    const int64_t rows = x->rows(), columns = x->lastDim();
    if (type == MS_F32) return {MS_F32, x->f32(), columns};
    if (const RoundedTwin* twin = context.twins.find(x->f32(), rows, columns)) {
        // A recording of the same operations may have to round here.
        const RoundedTwin found = *twin;
        context.reserveScratch(Slot::Rounded, static_cast<size_t>(rows * found.stride) * sizeof(uint16_t));
        return {MS_BF16, found.values, found.stride};
    }
    const RoundedTwin twin = roomForTwin(context, x, Slot::Rounded);
    const Operand rounded = operandOf(context, x->f32(), rows, columns, type, Slot::Rounded);
    context.twins.remember(twin);
    return rounded;
}

}  // namespace moescope::cuda
