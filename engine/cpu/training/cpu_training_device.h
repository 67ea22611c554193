// SPDX-License-Identifier: Apache-2.0
// The CPU as a device of training: threads, working memory, and one file per kind of operation.
#pragma once

#include <algorithm>
#include <cstdint>

#include "engine/core/aligned_bytes.h"
#include "engine/cpu/thread_pool.h"
#include "engine/cpu/training/product.h"
#include "engine/train/training_device.h"

namespace moescope::train {

/// One block of working memory that grows and stays; contents undefined between operations.
class ScratchMemory {
public:
    /// Throws EngineException (OutOfMemory) when the system refuses.
    float* take(int64_t floats);
    int64_t bytes() const { return static_cast<int64_t>(m_bytes.size()); }

private:
    AlignedBytes m_bytes;
};

/// Hands out parts of one block one after the other, each at a multiple of 64 bytes. Without a block it counts.
class ScratchParts {
public:
    explicit ScratchParts(float* base = nullptr) : m_base(base) {}
    float* floats(int64_t count) {
        float* part = m_base ? m_base + m_used : nullptr;
        m_used += cpu::roundedUp(count, 16);
        return part;
    }
    int32_t* ints(int64_t count) { return reinterpret_cast<int32_t*>(floats(count)); }
    int64_t used() const { return m_used; }

private:
    float* m_base;
    int64_t m_used = 0;
};

class CpuTrainingDevice final : public TrainingDevice {
public:
    explicit CpuTrainingDevice(int threads) : m_pool(threads) {}

    std::string_view name() const override { return "cpu"; }
    std::unique_ptr<MemoryBlock> reserve(int64_t bytes) override;
    void upload(const void* from, void* to, int64_t bytes) override;
    void download(const void* from, void* to, int64_t bytes) override;
    int64_t scratchBytes(const LinearShape& shape) const override;
    int64_t scratchBytes(const AttentionShape& shape) const override;
    int64_t scratchBytes(const MoeShape& shape) const override;
    /// Bytes of temporary memory held now.
    int64_t scratchHeld() const { return m_scratch.bytes(); }
    void roundWeights(bool toBf16) override { m_toBf16 = toBf16; }

    void linear(const LinearShape& shape, const float* x, const float* weight, const float* bias, float* y) override;
    void linearBackward(const LinearShape& shape, const float* x, const float* weight, const float* dy, float* dx,
                        bool addToInput, float* dWeight, float* dBias) override;

    void norm(const NormShape& shape, const float* x, const float* weight, const Modulation& modulation,
              float* rowScale, float* mean, float* y) override;
    void normBackward(const NormShape& shape, const float* x, const float* weight, const Modulation& modulation,
                      const float* rowScale, const float* mean, const float* dy, float* dx, float* dWeight,
                      const ModulationGradient& dModulation) override;
    void gatedAdd(int64_t samples, int64_t tokens, int64_t width, const float* x, const float* branch,
                  const float* gate, int64_t stride, float* y) override;
    void gatedAddBackward(int64_t samples, int64_t tokens, int64_t width, const float* branch, const float* gate,
                          int64_t stride, const float* dy, float* dBranch, float* dGate) override;

    int64_t attentionSaved(const AttentionShape& shape) const override;
    void attention(const AttentionShape& shape, const float* qkv, const float* queryNorm, const float* keyNorm,
                   const RopeAngles& angles, float* saved, float* out) override;
    void attentionBackward(const AttentionShape& shape, const float* qkv, const float* queryNorm, const float* keyNorm,
                           const RopeAngles& angles, const float* saved, const float* out, const float* dOut,
                           float* dQkv, float* dQueryNorm, float* dKeyNorm) override;

    void activate(Activation activation, int64_t values, const float* x, float* y) override;
    void activateBackward(Activation activation, int64_t values, const float* x, const float* dy, float* dx) override;
    void gate(int64_t rows, int64_t inner, const float* x, float* y) override;
    void gateBackward(int64_t rows, int64_t inner, const float* x, const float* dy, float* dx) override;

    void moe(const MoeShape& shape, const MoeParameters<const float>& weights, const float* selectionBias,
             const float* x, const MoeSaved& saved, float* y) override;
    RouterLossValues moeBackward(const MoeShape& shape, const MoeParameters<const float>& weights, const float* x,
                                 const MoeSaved& saved, const float* dy, const RouterLosses& losses, float lossScale,
                                 float* dx, const MoeParameters<float>& gradients) override;

    void timestepWaves(int64_t samples, int64_t width, float maxPeriod, const float* t, float* waves) override;
    void gatherRows(int64_t count, int64_t width, const float* table, const int32_t* index, float* out) override;
    void gatherRowsBackward(int64_t count, int64_t width, const int32_t* index, const float* dOut,
                            float* dTable) override;
    void patchify(int64_t samples, int64_t channels, int64_t grid, int64_t patch, const float* pictures,
                  float* tokens) override;
    void unpatchify(int64_t samples, int64_t channels, int64_t grid, int64_t patch, const float* tokens,
                    float* pictures) override;
    void unpatchifyBackward(int64_t samples, int64_t channels, int64_t grid, int64_t patch, const float* dPictures,
                            float* dTokens) override;
    void addRows(int64_t samples, int64_t tokens, int64_t width, const float* x, const float* table, float* y) override;
    void addRowsBackward(int64_t samples, int64_t tokens, int64_t width, const float* dy, float* dTable) override;
    void joinTokens(int64_t samples, int64_t lead, int64_t tokens, int64_t width, const float* front, const float* x,
                    float* y) override;
    void splitTokens(int64_t samples, int64_t lead, int64_t tokens, int64_t width, const float* y, float* front,
                     float* x) override;
    void repeatRows(int64_t samples, int64_t tokens, int64_t width, const float* x, const float* position,
                    float* y) override;
    void repeatRowsBackward(int64_t samples, int64_t tokens, int64_t width, const float* dy, float* dx,
                            float* dPosition) override;
    void pool(int64_t samples, int64_t tokens, int64_t width, const float* x, const float* weight, float* out) override;
    void poolBackward(int64_t samples, int64_t tokens, int64_t width, const float* weight, const float* dOut,
                      float* dx) override;

    void add(int64_t values, const float* a, const float* b, float* y) override;
    void zero(int64_t values, float* x) override;
    void copy(int64_t values, const float* from, float* to) override;

    void mixNoise(int64_t samples, int64_t values, const float* x0, const float* noise, const float* t,
                  float* z) override;
    void flowLoss(const FlowLossShape& shape, const float* output, const float* x0, const float* z, const float* noise,
                  const float* t, float lossScale, float* perSample, float* dOutput) override;

    double squareSum(int64_t values, const float* x) override;
    bool finite(int64_t values, const float* x) override;
    void adam(int64_t values, const AdamSettings& settings, const float* gradient, float* parameter, float* moment1,
              float* moment2) override;
    void average(int64_t values, double decay, const float* value, float* average) override;

private:
    /// body(begin, end) over parts of [0, count) of `part` each; the parts do not depend on the threads.
    template <class Body>
    void forParts(int64_t count, int64_t part, const Body& body) {
        m_pool.parallelFor(cpu::ceilDivide(count, part),
                           [&](int64_t task, int) { body(task * part, std::min(count, (task + 1) * part)); });
    }

    ThreadPool m_pool;
    ScratchMemory m_scratch;
    bool m_toBf16 = false;
};

/// Elements of a task that treats every element alike.
inline constexpr int64_t kPartValues = int64_t{1} << 14;

/// Rows of a task that treats rows of `width` values alike.
constexpr int64_t partRows(int64_t width) {
    return std::max<int64_t>(1, kPartValues / std::max<int64_t>(1, width));
}

/// Parts into which sums over rows are cut where the parts must be added up afterwards: at most so many.
inline constexpr int64_t kSumParts = 64;
/// Rows of sums that each of them may need.
inline constexpr int64_t kRowSums = 4;

/// Working memory that operations without a shape of their own in scratchBytes need for rows of `width` values.
constexpr int64_t rowSumFloats(int64_t width) {
    return kRowSums * kSumParts * cpu::roundedUp(width, 16);
}

}  // namespace moescope::train
