// SPDX-License-Identifier: Apache-2.0
#include "engine/trace/routing_trace.h"

#include <algorithm>

namespace moescope {
namespace {

bool listed(const std::vector<int>& list, int value) {
    return list.empty() || std::find(list.begin(), list.end(), value) != list.end();
}

}  // namespace

std::string_view branchName(Branch branch) { return branch == Branch::Cond ? "cond" : "uncond"; }

std::string_view policyName(RoutingPolicy policy) {
    switch (policy) {
        case RoutingPolicy::TokenChoice: return "token-choice";
        case RoutingPolicy::ExpertChoice: return "expert-choice";
        case RoutingPolicy::BatchPool: return "batch-pool";
        case RoutingPolicy::Prototype: return "prototype";
        case RoutingPolicy::NetworkMixture: return "networks";
    }
    return "unknown";
}

std::string_view tokenKindName(TokenKind kind) {
    switch (kind) {
        case TokenKind::Image: return "image";
        case TokenKind::ClassLabel: return "class";
        case TokenKind::Text: return "text";
        case TokenKind::Padding: return "padding";
        case TokenKind::Picture: return "picture";
    }
    return "unknown";
}

std::string_view captureLevelName(CaptureLevel level) {
    switch (level) {
        case CaptureLevel::Counts: return "counts";
        case CaptureLevel::Assignments: return "assignments";
        case CaptureLevel::Scores: return "scores";
        case CaptureLevel::Norms: return "norms";
    }
    return "unknown";
}

int64_t MoeLayerDescriptor::tokensPerSample() const {
    int64_t total = 0;
    for (const TokenGroup& group : tokenGroups) total += group.count;
    return total;
}

int64_t MoeLayerDescriptor::mostPairs(int64_t samples) const {
    if (policy == RoutingPolicy::ExpertChoice) return samples * experts * capacity;
    // Weights of networks that are set by hand choose any number of them.
    const bool any = policy == RoutingPolicy::BatchPool || policy == RoutingPolicy::NetworkMixture;
    return samples * tokensPerSample() * (any ? experts : topK);
}

std::span<const std::string> TextPieces::of(Branch branch, int64_t image) const {
    if (image < 0 || image >= static_cast<int64_t>(prompts.size())) return {};
    return branch == Branch::Uncond ? negative : prompts[static_cast<size_t>(image)];
}

const RoutingRecord* RoutingTrace::find(int evaluation, Branch branch, int layer) const {
    for (const auto& record : records)
        if (record->evaluation == evaluation && record->branch == branch && record->layer == layer) return record.get();
    return nullptr;
}

bool CaptureSpec::detailed(int block, int step) const {
    return level >= CaptureLevel::Scores && listed(blocks, block) && listed(steps, step);
}

}  // namespace moescope
