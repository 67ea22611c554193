// SPDX-License-Identifier: Apache-2.0
#include "engine/cpu/moe_dispatch.h"

#include <algorithm>

namespace moescope::cpu {

void sortByExpert(const PairList& list, const Dispatch& d) {
    const int64_t pairs = list.pairs();
    std::fill_n(d.start, d.experts + 1, 0);
    for (int64_t p = 0; p < pairs; ++p) ++d.start[list.expert[p] + 1];
    for (int64_t e = 0; e < d.experts; ++e) d.start[e + 1] += d.start[e];
    int64_t p = 0;
    for (int64_t t = 0; t < list.tokens; ++t)
        for (int64_t end = p + list.start[t + 1] - list.start[t]; p < end; ++p) {
            const int32_t slot = d.start[list.expert[p]]++;
            d.token[slot] = static_cast<int32_t>(t);
            d.gate[slot] = list.gate[p];
            d.place[p] = slot;
        }
    // Every start now stands where the next expert begins.
    std::copy_backward(d.start, d.start + d.experts, d.start + d.experts + 1);
    d.start[0] = 0;
}

void recordRouting(const PairList& list, int64_t first, int64_t tokensPerSample, int64_t experts,
                   const MsRouting& routing) {
    if (list.tokens == 0) return;
    const int64_t pairs = list.pairs(), offset = list.start[0];
    if (routing.rowPtr) std::copy_n(list.start, list.tokens + 1, routing.rowPtr->i32() + first);
    if (routing.expert)
        for (int64_t p = 0; p < pairs; ++p) routing.expert->u16()[offset + p] = static_cast<uint16_t>(list.expert[p]);
    if (routing.gate) std::copy_n(list.gate, pairs, routing.gate->f32() + offset);
    if (!routing.counts && !routing.mass) return;
    int64_t p = 0;
    for (int64_t t = 0; t < list.tokens; ++t) {
        const int64_t row = (first + t) / tokensPerSample * experts;
        for (int64_t end = p + list.start[t + 1] - list.start[t]; p < end; ++p) {
            const int64_t cell = row + list.expert[p];
            if (routing.counts) ++routing.counts->i32()[cell];
            if (routing.mass) routing.mass->f32()[cell] += list.gate[p];
        }
    }
}

}  // namespace moescope::cpu
