// SPDX-License-Identifier: Apache-2.0
#include "engine/model/transformer_checks.h"

#include <fmt/format.h>

#include <cmath>

namespace moescope {
namespace {

Status refuse(std::string what) {
    return {ErrorCode::Unsupported, std::move(what)};
}

Status checkMixture(const MoeConfig& m) {
    if (m.experts > 65535) return refuse(fmt::format("{} experts; this version handles up to 65535", m.experts));
    if (byCapacity(m.rule)) {
        if (!(m.capacity > 0 && m.capacity <= static_cast<double>(m.experts)))
            return refuse(fmt::format("capacity should be above 0 and at most {} (the number of experts), found {}",
                                      m.experts, m.capacity));
        return {};
    }
    if (m.topK < 1 || m.topK > m.experts)
        return refuse(fmt::format("top_k should be 1 to {} (the number of experts), found {}", m.experts, m.topK));
    if (m.groups < 1 || m.experts % m.groups != 0)
        return refuse(fmt::format("n_group should divide the {} experts, found {}", m.experts, m.groups));
    if (m.keptGroups < 1 || m.keptGroups > m.groups)
        return refuse(fmt::format("topk_group should be 1 to {} (n_group), found {}", m.groups, m.keptGroups));
    if (m.keptGroups < m.groups && m.experts / m.groups < 2)
        return refuse(fmt::format("limiting groups needs at least two experts in each; {} experts in {} groups",
                                  m.experts, m.groups));
    if (!std::isfinite(m.scale) || m.scale == 0)
        return refuse(fmt::format("routed_scaling_factor should be a number other than 0, found {}", m.scale));
    return {};
}

}  // namespace

Status checkTransformer(const TransformerConfig& c) {
    if (c.depth < 1)
        return refuse("the model has no blocks: expected tensors named blocks.0.attn.qkv.weight and so on");
    if (c.heads < 1 || c.width % c.heads != 0)
        return refuse(
            fmt::format("the width {} is not a multiple of the {} heads; give the right number with --set heads=N",
                        c.width, c.heads));
    if (c.keyHeads < 0 || (c.keyHeads && c.heads % c.keyHeads != 0))
        return refuse(fmt::format("num_key_value_heads should divide the {} heads, found {}", c.heads, c.keyHeads));
    if (c.rotary == Rotary::Grid && c.headWidth % 4 != 0)
        return refuse(
            fmt::format("a head has {} channels; two-dimensional rotary positions need a multiple of 4", c.headWidth));
    if (c.rotary == Rotary::Line && c.headWidth % 2 != 0)
        return refuse(fmt::format("a head has {} channels; rotary positions need an even number", c.headWidth));
    if (c.grid < 1 || c.grid > 1024)
        return refuse(fmt::format("a grid of {0} x {0} tokens; expected 1 to 1024", c.grid));
    if (c.contextTokens && (c.contextStart < 0 || c.contextStart >= c.depth))
        return refuse(fmt::format("class tokens should join before one of the {} blocks; in_context_start is {}",
                                  c.depth, c.contextStart));
    return c.moeBlocks.empty() ? Status() : checkMixture(c.moe);
}

}  // namespace moescope
