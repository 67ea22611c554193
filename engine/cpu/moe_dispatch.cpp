// SPDX-License-Identifier: Apache-2.0
#include "engine/cpu/moe_dispatch.h"

#include <algorithm>

#include "engine/cpu/cpu_context.h"

namespace moescope::cpu {

void sortByExpert(const Dispatch& d) {
    const int64_t pairs = d.tokens * d.topK;
    std::fill_n(d.start, d.experts + 1, 0);
    for (int64_t p = 0; p < pairs; ++p) ++d.start[d.chosen[p] + 1];
    for (int64_t e = 0; e < d.experts; ++e) d.start[e + 1] += d.start[e];
    for (int64_t p = 0; p < pairs; ++p) {
        const int32_t slot = d.start[d.chosen[p]]++;
        d.token[slot] = static_cast<int32_t>(p / d.topK);
        d.gate[slot] = d.gates[p];
        d.place[p] = slot;
    }
    // Every start now stands where the next expert begins.
    std::copy_backward(d.start, d.start + d.experts, d.start + d.experts + 1);
    d.start[0] = 0;
}

void recordRouting(const Dispatch& d, int64_t first, int64_t tokensPerSample, const MsRouting& routing) {
    const int64_t pairs = d.tokens * d.topK, offset = first * d.topK;
    if (routing.rowPtr)
        for (int64_t t = 0; t <= d.tokens; ++t)
            routing.rowPtr->i32()[first + t] = static_cast<int32_t>(offset + t * d.topK);
    if (routing.expert)
        for (int64_t p = 0; p < pairs; ++p) routing.expert->u16()[offset + p] = static_cast<uint16_t>(d.chosen[p]);
    if (routing.gate) std::copy(d.gates, d.gates + pairs, routing.gate->f32() + offset);
    for (int64_t p = 0; p < pairs && (routing.counts || routing.mass); ++p) {
        const int64_t cell = (first + p / d.topK) / tokensPerSample * d.experts + d.chosen[p];
        if (routing.counts) ++routing.counts->i32()[cell];
        if (routing.mass) routing.mass->f32()[cell] += d.gates[p];
    }
}

}  // namespace moescope::cpu
