// SPDX-License-Identifier: Apache-2.0
// Self-attention over the samples and key heads, one task for each.
#include "engine/core/error.h"
#include "engine/cpu/training/attention_head.h"

namespace moescope::train {
namespace {

using namespace cpu;

/// What a forward leaves: logarithms of the sums of the softmax, factors of the norms of queries and keys.
struct AttentionSaved {
    float* logSums;     // [samples, heads, tokens]
    float* queryScale;  // [samples, heads, tokens], with norms
    float* keyScale;    // [samples, keyHeads, tokens], with norms
    int64_t floats;

    AttentionSaved(const AttentionShape& s, float* base) {
        ScratchParts parts(base);
        logSums = parts.floats(s.samples * s.heads * s.tokens);
        queryScale = parts.floats(s.normed ? s.samples * s.heads * s.tokens : 0);
        keyScale = parts.floats(s.normed ? s.samples * s.keyHeads * s.tokens : 0);
        floats = parts.used();
    }
};

/// The task of one sample and key head without its gradients.
HeadTask taskOf(const AttentionShape& s, const HeadSizes& sizes, int64_t index, const float* qkv,
                const float* queryNorm, const float* keyNorm, const RopeAngles& angles, const AttentionSaved& saved) {
    const int64_t sample = index / s.keyHeads, keyHead = index % s.keyHeads, firstHead = keyHead * sizes.group;
    HeadTask t;
    t.sizes = &sizes;
    t.keyRows = {s.normed ? keyNorm : nullptr, s.eps, s.rope, angles.cos, angles.sin, s.leadTokens, s.headWidth};
    t.queryRows = t.keyRows;
    t.queryRows.norm = s.normed ? queryNorm : nullptr;
    t.stride = s.columns();
    const float* row = qkv + sample * s.tokens * t.stride;
    t.q = row + firstHead * s.headWidth;
    t.k = row + (s.heads + keyHead) * s.headWidth;
    t.v = t.k + s.keyHeads * s.headWidth;
    t.logSums = saved.logSums + (sample * s.heads + firstHead) * s.tokens;
    t.queryScale = s.normed ? saved.queryScale + (sample * s.heads + firstHead) * s.tokens : nullptr;
    t.keyScale = s.normed ? saved.keyScale + index * s.tokens : nullptr;
    t.outStride = s.heads * s.headWidth;
    return t;
}

int64_t outOffset(const AttentionShape& s, const HeadSizes& sizes, int64_t index) {
    const int64_t sample = index / s.keyHeads, firstHead = index % s.keyHeads * sizes.group;
    return (sample * s.tokens * s.heads + firstHead) * s.headWidth;
}

}  // namespace

int64_t CpuTrainingDevice::scratchBytes(const AttentionShape& shape) const {
    const HeadScratch head(HeadSizes(shape), true, nullptr);
    const int64_t sums = shape.samples * shape.keyHeads * 2 * roundedUp(shape.headWidth, 16);
    return (m_pool.threads() * head.floats + sums) * static_cast<int64_t>(sizeof(float));
}

int64_t CpuTrainingDevice::attentionSaved(const AttentionShape& shape) const {
    return AttentionSaved(shape, nullptr).floats;
}

void CpuTrainingDevice::attention(const AttentionShape& shape, const float* qkv, const float* queryNorm,
                                  const float* keyNorm, const RopeAngles& angles, float* saved, float* out) {
    if (shape.samples * shape.tokens == 0) return;
    const HeadSizes sizes(shape);
    const AttentionSaved keeps(shape, saved);
    const int64_t floats = HeadScratch(sizes, false, nullptr).floats;
    float* scratch = m_scratch.take(m_pool.threads() * floats);
    m_pool.parallelFor(shape.samples * shape.keyHeads, [&](int64_t index, int worker) {
        HeadTask task = taskOf(shape, sizes, index, qkv, queryNorm, keyNorm, angles, keeps);
        task.out = out + outOffset(shape, sizes, index);
        headForward(task, HeadScratch(sizes, false, scratch + worker * floats));
    });
}

void CpuTrainingDevice::attentionBackward(const AttentionShape& shape, const float* qkv, const float* queryNorm,
                                          const float* keyNorm, const RopeAngles& angles, const float* saved,
                                          const float* out, const float* dOut, float* dQkv, float* dQueryNorm,
                                          float* dKeyNorm) {
    if (shape.samples * shape.tokens == 0) return;
    const HeadSizes sizes(shape);
    const AttentionSaved keeps(shape, const_cast<float*>(saved));  // read alone in the backward
    const int64_t floats = HeadScratch(sizes, true, nullptr).floats, sumFloats = 2 * roundedUp(shape.headWidth, 16);
    const int64_t tasks = shape.samples * shape.keyHeads;
    float* scratch = m_scratch.take(m_pool.threads() * floats + tasks * sumFloats);
    float* sums = scratch + m_pool.threads() * floats;
    std::fill_n(sums, tasks * sumFloats, 0.0f);
    m_pool.parallelFor(tasks, [&](int64_t index, int worker) {
        HeadTask task = taskOf(shape, sizes, index, qkv, queryNorm, keyNorm, angles, keeps);
        const int64_t offset = outOffset(shape, sizes, index);
        task.out = const_cast<float*>(out) + offset;  // likewise
        task.dOut = dOut + offset;
        task.dq = dQkv + (task.q - qkv);
        task.dk = dQkv + (task.k - qkv);
        task.dv = dQkv + (task.v - qkv);
        float* own = sums + index * sumFloats;
        task.dQueryNorm = shape.normed && dQueryNorm ? own : nullptr;
        task.dKeyNorm = shape.normed && dKeyNorm ? own + sumFloats / 2 : nullptr;
        headBackward(task, HeadScratch(sizes, true, scratch + worker * floats));
    });
    if (!shape.normed) return;
    for (int64_t i = 0; i < shape.headWidth; ++i) {
        float query = 0.0f, key = 0.0f;
        for (int64_t index = 0; index < tasks; ++index) {
            query += sums[index * sumFloats + i];
            key += sums[index * sumFloats + sumFloats / 2 + i];
        }
        if (dQueryNorm) dQueryNorm[i] += query;
        if (dKeyNorm) dKeyNorm[i] += key;
    }
}

}  // namespace moescope::train
