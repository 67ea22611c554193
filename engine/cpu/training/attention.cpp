// SPDX-License-Identifier: Apache-2.0
// Self-attention over the samples and key heads, one task for each.
#include "engine/core/error.h"
#include "engine/cpu/training/attention_head.h"

namespace moescope::train {
namespace {

using namespace cpu;

/// What a forward leaves: largest score and 1 / sum of the softmax, factors of the norms of queries and keys.
struct AttentionSaved {
    float* kept;        // [samples, heads, tokens, 2]
    float* queryScale;  // [samples, heads, tokens], with norms
    float* keyScale;    // [samples, keyHeads, tokens], with norms
    int64_t floats;

    AttentionSaved(const AttentionShape& s, float* base) {
        ScratchParts parts(base);
        kept = parts.floats(2 * s.samples * s.heads * s.tokens);
        queryScale = parts.floats(s.normed ? s.samples * s.heads * s.tokens : 0);
        keyScale = parts.floats(s.normed ? s.samples * s.keyHeads * s.tokens : 0);
        floats = parts.used();
    }
};

/// Angles as the rows of a head need them; null without rotation.
struct Tables {
    float* cos = nullptr;
    float* sin = nullptr;

    Tables(const AttentionShape& s, const RopeAngles& angles, float* place) {
        if (s.rope == RopeKind::None) return;
        cos = place;
        sin = place + s.tokens * s.headWidth;
        expandAngles(s, angles, cos, sin);
    }
};

int64_t tableFloats(const AttentionShape& s) {
    return s.rope == RopeKind::None ? 0 : roundedUp(2 * s.tokens * s.headWidth, 16);
}

/// The task of one sample and key head without its gradients.
HeadTask taskOf(const AttentionShape& s, const HeadSizes& sizes, int64_t index, const float* qkv,
                const float* queryNorm, const float* keyNorm, const Tables& tables, const AttentionSaved& saved,
                float* work) {
    const int64_t sample = index / s.keyHeads, keyHead = index % s.keyHeads, firstHead = keyHead * sizes.group;
    HeadTask t;
    t.sizes = &sizes;
    t.keyRows = {s.normed ? keyNorm : nullptr, s.eps, s.rope, tables.cos, tables.sin, s.headWidth, work};
    t.queryRows = t.keyRows;
    t.queryRows.norm = s.normed ? queryNorm : nullptr;
    t.stride = s.columns();
    const float* row = qkv + sample * s.tokens * t.stride;
    t.q = row + firstHead * s.headWidth;
    t.k = row + (s.heads + keyHead) * s.headWidth;
    t.v = t.k + s.keyHeads * s.headWidth;
    t.kept = saved.kept + 2 * (sample * s.heads + firstHead) * s.tokens;
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
    return (m_pool.threads() * head.floats + tableFloats(shape) + sums) * static_cast<int64_t>(sizeof(float));
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
    float* scratch = m_scratch.take(tableFloats(shape) + m_pool.threads() * floats);
    const Tables tables(shape, angles, scratch);
    float* workers = scratch + tableFloats(shape);
    m_pool.parallelFor(shape.samples * shape.keyHeads, [&](int64_t index, int worker) {
        const HeadScratch own(sizes, false, workers + worker * floats);
        HeadTask task = taskOf(shape, sizes, index, qkv, queryNorm, keyNorm, tables, keeps, own.row);
        task.out = out + outOffset(shape, sizes, index);
        headForward(task, own);
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
    float* scratch = m_scratch.take(tableFloats(shape) + m_pool.threads() * floats + tasks * sumFloats);
    const Tables tables(shape, angles, scratch);
    float* workers = scratch + tableFloats(shape);
    float* sums = workers + m_pool.threads() * floats;
    std::fill_n(sums, tasks * sumFloats, 0.0f);
    m_pool.parallelFor(tasks, [&](int64_t index, int worker) {
        const HeadScratch scratchOfHead(sizes, true, workers + worker * floats);
        HeadTask task = taskOf(shape, sizes, index, qkv, queryNorm, keyNorm, tables, keeps, scratchOfHead.row);
        const int64_t offset = outOffset(shape, sizes, index);
        task.out = const_cast<float*>(out) + offset;  // likewise
        task.dOut = dOut + offset;
        task.dq = dQkv + (task.q - qkv);
        task.dk = dQkv + (task.k - qkv);
        task.dv = dQkv + (task.v - qkv);
        float* own = sums + index * sumFloats;
        task.dQueryNorm = shape.normed && dQueryNorm ? own : nullptr;
        task.dKeyNorm = shape.normed && dKeyNorm ? own + sumFloats / 2 : nullptr;
        headBackward(task, scratchOfHead);
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
