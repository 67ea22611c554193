// SPDX-License-Identifier: Apache-2.0
// Linear layers: y = x W^T + b, dx = dy W, dW += dy^T x, db += the sum of dy over rows.
#include "engine/cpu/training/cpu_training_device.h"

namespace moescope::train {
namespace {

struct LinearScratch {
    float* panels;
    float* outer;
    int64_t floats;

    LinearScratch(const LinearShape& s, int threads, float* base) {
        ScratchParts parts(base);
        panels = parts.floats(std::max(cpu::panelFloats(s.in, s.out), cpu::panelFloats(s.out, s.in)));
        outer = parts.floats(cpu::outerFloats(s.rows, s.out, s.in, 1, 1) + threads * cpu::outerWorkerFloats());
        floats = parts.used();
    }
};

}  // namespace

int64_t CpuTrainingDevice::scratchBytes(const LinearShape& shape) const {
    const int64_t rowSums = rowSumFloats(std::max(shape.in, shape.out));
    return std::max(LinearScratch(shape, m_pool.threads(), nullptr).floats, rowSums) *
           static_cast<int64_t>(sizeof(float));
}

void CpuTrainingDevice::linear(const LinearShape& shape, const float* x, const float* weight, const float* bias,
                               float* y) {
    if (shape.rows == 0) return;
    const LinearScratch needed(shape, m_pool.threads(), nullptr);
    const LinearScratch scratch(shape, m_pool.threads(), m_scratch.take(needed.floats));
    const cpu::WeightView view{weight, shape.out, shape.in, false};
    cpu::packWeights(m_pool, &view, 1, m_toBf16, scratch.panels, 0);
    cpu::RowProduct product;
    product.left = x;
    product.leftStride = shape.in;
    product.rows = shape.rows;
    product.depth = shape.in;
    product.columns = shape.out;
    product.panels = scratch.panels;
    product.start = bias;
    product.out = y;
    product.outStride = shape.out;
    cpu::multiplyRows(m_pool, product);
}

void CpuTrainingDevice::linearBackward(const LinearShape& shape, const float* x, const float* weight, const float* dy,
                                       float* dx, bool addToInput, float* dWeight, float* dBias) {
    if (shape.rows == 0) return;
    const LinearScratch needed(shape, m_pool.threads(), nullptr);
    const LinearScratch scratch(shape, m_pool.threads(), m_scratch.take(needed.floats));
    if (dx) {
        const cpu::WeightView view{weight, shape.out, shape.in, true};
        cpu::packWeights(m_pool, &view, 1, m_toBf16, scratch.panels, 0);
        cpu::RowProduct product;
        product.left = dy;
        product.leftStride = shape.out;
        product.rows = shape.rows;
        product.depth = shape.out;
        product.columns = shape.in;
        product.panels = scratch.panels;
        product.start = addToInput ? dx : nullptr;
        product.startStride = shape.in;
        product.out = dx;
        product.outStride = shape.in;
        cpu::multiplyRows(m_pool, product);
    }
    cpu::OuterJob job;
    job.rows = shape.rows;
    job.left = dy;
    job.leftStride = job.a = shape.out;
    job.right = x;
    job.rightStride = job.b = shape.in;
    job.gradient = dWeight;
    job.leftSums = dBias;
    cpu::accumulateOuter(m_pool, &job, 1, scratch.outer);
}

}  // namespace moescope::train
