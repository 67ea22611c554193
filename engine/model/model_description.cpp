// SPDX-License-Identifier: Apache-2.0
#include "engine/model/model_description.h"

#include <algorithm>
#include <cmath>

namespace moescope {

bool TransformerConfig::isMoe(int block) const {
    return std::find(moeBlocks.begin(), moeBlocks.end(), block) != moeBlocks.end();
}

int64_t ModelDescription::totalParameters() const {
    int64_t total = 0;
    for (const ExpectedTensor& tensor : tensors)
        if (tensor.role == ExpectedTensor::Role::Learned || tensor.role == ExpectedTensor::Role::Table) total += elementCount(tensor.shape);
    return total;
}

int64_t ModelDescription::activeParameters() const {
    int64_t routed = 0;
    for (const ExpectedTensor& tensor : tensors)
        if (tensor.routedExpert) routed += elementCount(tensor.shape);
    const MoeConfig& moe = config.moe;
    if (moe.experts == 0) return totalParameters();
    const int64_t perExpert = routed / moe.experts;
    return totalParameters() - perExpert * moe.experts + std::llround(static_cast<double>(perExpert) * moe.expertsPerToken());
}

int64_t MoeConfig::tokensPerExpert(int64_t poolTokens) const {
    return experts ? static_cast<int64_t>(static_cast<double>(poolTokens) / static_cast<double>(experts) * capacity) : 0;
}

double MoeConfig::expertsPerToken() const {
    return byCapacity(rule) ? capacity : static_cast<double>(topK);
}

std::string_view poolName(RoutingPool pool) { return pool == RoutingPool::Batch ? "batch" : "picture"; }

std::optional<RoutingPool> poolFromName(std::string_view name) {
    for (const RoutingPool pool : {RoutingPool::Batch, RoutingPool::Picture})
        if (poolName(pool) == name) return pool;
    return std::nullopt;
}

int64_t ModelDescription::packedBytes(int64_t bytesPerWeight) const {
    constexpr int64_t kColumnBlock = 32;  // weights are stored in blocks of this many output columns
    int64_t bytes = 0;
    for (const ExpectedTensor& tensor : tensors) {
        const bool matrix = tensor.shape.size() >= 2 && tensor.role == ExpectedTensor::Role::Learned;
        if (!matrix) {
            bytes += elementCount(tensor.shape) * 4;
            continue;
        }
        const int64_t rows = (tensor.shape[0] + kColumnBlock - 1) / kColumnBlock * kColumnBlock;
        bytes += rows * (elementCount(tensor.shape) / std::max<int64_t>(1, tensor.shape[0])) * bytesPerWeight;
    }
    // Keys and values of grouped heads are repeated for every query head.
    if (config.keyHeads) bytes += config.depth * (3 * config.width - config.qkvRows()) * config.width * bytesPerWeight;
    return bytes;
}

std::string_view samplerName(SamplerKind sampler) {
    switch (sampler) {
        case SamplerKind::Euler: return "euler";
        case SamplerKind::Heun: return "heun";
        case SamplerKind::Ddpm: return "ddpm";
        case SamplerKind::Ddim: return "ddim";
    }
    return "unknown";
}

std::optional<SamplerKind> samplerFromName(std::string_view name) {
    for (const SamplerKind kind : {SamplerKind::Euler, SamplerKind::Heun, SamplerKind::Ddpm, SamplerKind::Ddim})
        if (samplerName(kind) == name) return kind;
    return std::nullopt;
}

}  // namespace moescope
