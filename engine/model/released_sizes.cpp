// SPDX-License-Identifier: Apache-2.0
#include "engine/model/released_sizes.h"

#include <array>

namespace moescope {
namespace {

// family, name, width, depth, heads, experts, expert width, patch, top-k, groups, kept groups, scale, in-context start
constexpr std::array<ReleasedSize, 37> kSizes{{
    {"DSMoE", "DSMoE-S-E16", 384, 10, 6, 16, 768, 2, 2, 2, 2, 2.0, 0},
    {"DSMoE", "DSMoE-S-E48", 384, 12, 6, 48, 128, 2, 5, 1, 1, 2.5, 0},
    {"DSMoE", "DSMoE-B-E16", 768, 10, 12, 16, 1536, 2, 2, 2, 2, 2.0, 0},
    {"DSMoE", "DSMoE-B-E48", 768, 12, 12, 48, 256, 2, 5, 1, 1, 2.5, 0},
    {"DSMoE", "DSMoE-L-E16", 1024, 20, 16, 16, 2048, 2, 2, 2, 2, 2.0, 0},
    {"DSMoE", "DSMoE-L-E48", 1024, 24, 16, 48, 448, 2, 5, 1, 1, 2.5, 0},
    {"DSMoE", "DSMoE-3B-E16", 1152, 30, 16, 16, 2880, 2, 2, 2, 2, 2.0, 0},
    {"JiTMoE", "JiTMoE-B16-E16", 768, 10, 12, 16, 1536, 16, 2, 2, 2, 2.5, 4},
    {"JiTMoE", "JiTMoE-L16-E16", 1024, 20, 16, 16, 2048, 16, 2, 2, 2, 2.5, 8},
    {"JiTMoE", "JiTMoE-H16-E16", 1280, 28, 16, 16, 2048, 16, 2, 2, 2, 2.5, 10},
    {"JiT", "JiT-B/16", 768, 12, 12, 0, 0, 16, 0, 0, 0, 0, 4},
    {"JiT", "JiT-B/32", 768, 12, 12, 0, 0, 32, 0, 0, 0, 0, 4},
    {"JiT", "JiT-L/16", 1024, 24, 16, 0, 0, 16, 0, 0, 0, 0, 8},
    {"JiT", "JiT-L/32", 1024, 24, 16, 0, 0, 32, 0, 0, 0, 0, 8},
    {"JiT", "JiT-H/16", 1280, 32, 16, 0, 0, 16, 0, 0, 0, 0, 10},
    {"JiT", "JiT-H/32", 1280, 32, 16, 0, 0, 32, 0, 0, 0, 0, 10},
    {"DiffMoE", "DiffMoE-S-E16", 384, 12, 6, 16, 1536, 2, 1, 1, 1, 1.0, 0},
    {"DiffMoE", "DiffMoE-B-E8", 768, 12, 12, 8, 3072, 2, 1, 1, 1, 1.0, 0},
    {"DiffMoE", "DiffMoE-B-E16", 768, 12, 12, 16, 3072, 2, 1, 1, 1, 1.0, 0},
    {"DiffMoE", "DiffMoE-L-E8", 1024, 24, 16, 8, 4096, 2, 1, 1, 1, 1.0, 0},
    {"DiffMoE", "DiffMoE-L-E16", 1024, 24, 16, 16, 4096, 2, 1, 1, 1, 1.0, 0},
    {"DiffMoE", "DiffMoE-XL-E8", 1152, 28, 16, 8, 4608, 2, 1, 1, 1, 1.0, 0},
    {"DiffMoE", "DiffMoE-XL-E16", 1152, 28, 16, 16, 4608, 2, 1, 1, 1, 1.0, 0},
    {"EC-DiT", "EC-DiT-L-E8", 1024, 24, 16, 8, 4096, 2, 1, 1, 1, 1.0, 0},
    {"EC-DiT", "EC-DiT-L-E16", 1024, 24, 16, 16, 4096, 2, 1, 1, 1, 1.0, 0},
    {"TC-DiT", "TC-DiT-L-E8", 1024, 24, 16, 8, 4096, 2, 1, 1, 1, 1.0, 0},
    {"TC-DiT", "TC-DiT-L-E16", 1024, 24, 16, 16, 4096, 2, 1, 1, 1, 1.0, 0},
    {"DiT-MoE", "DiT-MoE-S-8E2A", 384, 12, 6, 8, 1536, 2, 2, 1, 1, 1.0, 0},
    {"DiT-MoE", "DiT-MoE-S-16E2A", 384, 12, 6, 16, 1536, 2, 2, 1, 1, 1.0, 0},
    {"DiT-MoE", "DiT-MoE-B-8E2A", 768, 12, 12, 8, 3072, 2, 2, 1, 1, 1.0, 0},
    {"DiT-MoE", "DiT-MoE-L-8E2A", 1024, 24, 16, 8, 4096, 2, 2, 1, 1, 1.0, 0},
    {"DiT-MoE", "DiT-MoE-XL-8E2A", 1152, 28, 16, 8, 4608, 2, 2, 1, 1, 1.0, 0},
    {"DiT-MoE", "DiT-MoE-G-16E2A", 1408, 40, 16, 16, 5632, 2, 2, 1, 1, 1.0, 0},
    {"ProMoE", "ProMoE-S", 384, 12, 6, 13, 768, 2, 1, 1, 1, 1.0, 0},
    {"ProMoE", "ProMoE-B", 768, 12, 12, 13, 1536, 2, 1, 1, 1, 1.0, 0},
    {"ProMoE", "ProMoE-L", 1024, 24, 16, 13, 2048, 2, 1, 1, 1, 1.0, 0},
    {"ProMoE", "ProMoE-XL", 1152, 28, 16, 13, 2304, 2, 1, 1, 1, 1.0, 0},
}};

}  // namespace

std::span<const ReleasedSize> releasedSizes() { return kSizes; }

std::optional<ReleasedSize> findReleasedSize(std::string_view family, const TransformerConfig& config) {
    for (const ReleasedSize& size : kSizes)
        if (size.family == family && size.width == config.width && size.depth == config.depth &&
            size.experts == config.moe.experts && size.expertWidth == config.moe.expertWidth && size.patch == config.patch)
            return size;
    return std::nullopt;
}

std::string releasedNames(std::string_view family) {
    std::string names;
    for (const ReleasedSize& size : kSizes)
        if (size.family == family) names += (names.empty() ? "" : ", ") + std::string(size.name);
    return names;
}

}  // namespace moescope
