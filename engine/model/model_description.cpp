// SPDX-License-Identifier: Apache-2.0
#include "engine/model/model_description.h"

#include <algorithm>

namespace moescope {

bool TransformerConfig::isMoe(int block) const {
    return std::find(moeBlocks.begin(), moeBlocks.end(), block) != moeBlocks.end();
}

int64_t ModelDescription::totalParameters() const {
    int64_t total = 0;
    for (const ExpectedTensor& tensor : tensors)
        if (tensor.role == ExpectedTensor::Role::Learned) total += elementCount(tensor.shape);
    return total;
}

int64_t ModelDescription::activeParameters() const {
    int64_t routed = 0;
    for (const ExpectedTensor& tensor : tensors)
        if (tensor.routedExpert) routed += elementCount(tensor.shape);
    const MoeConfig& moe = config.moe;
    if (moe.experts == 0) return totalParameters();
    return totalParameters() - routed / moe.experts * (moe.experts - moe.topK);
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
    return bytes;
}

std::string_view samplerName(SamplerKind sampler) { return sampler == SamplerKind::Euler ? "euler" : "heun"; }

std::optional<SamplerKind> samplerFromName(std::string_view name) {
    if (name == "euler") return SamplerKind::Euler;
    if (name == "heun") return SamplerKind::Heun;
    return std::nullopt;
}

}  // namespace moescope
