// SPDX-License-Identifier: Apache-2.0
#include "engine/model/moe_naming.h"

#include <algorithm>

#include <fmt/format.h>

namespace moescope {

std::string MoeNaming::expertName(const std::string& layer, int64_t expertIdx) const {
    return fmt::format("{}.{}.{}", layer, expert, expertIdx);
}

bool hasMixture(const WeightView& view, const std::string& layer, const MoeNaming& naming) {
    return view.has(layer + "." + naming.router) || view.has(fmt::format("{}.{}.weight", naming.expertName(layer, 0), naming.routed.out));
}

void readMixtureShape(const WeightView& view, const std::string& layer, const MoeNaming& naming, MoeConfig& moe) {
    if (const Shape router = view.shape(layer + "." + naming.router); !router.empty()) moe.experts = std::max(moe.experts, router[0]);
    const auto inner = [&](const std::string& mlp, const MlpNaming& names, int64_t& width) {
        if (const Shape out = view.shape(fmt::format("{}.{}.weight", mlp, names.out)); out.size() == 2) width = out[1];
    };
    inner(naming.expertName(layer, 0), naming.routed, moe.expertWidth);
    inner(layer + "." + naming.shared, naming.sharedMlp, moe.sharedWidth);
}

void expectMlp(std::vector<ExpectedTensor>& tensors, const std::string& name, const MlpNaming& naming, int64_t width, int64_t inner,
               bool routedExpert) {
    const auto add = [&](const std::string& part, int64_t out, int64_t in) {
        tensors.push_back({fmt::format("{}.{}.weight", name, part), {out, in}, ExpectedTensor::Role::Learned, routedExpert});
        if (naming.bias) tensors.push_back({fmt::format("{}.{}.bias", name, part), {out}, ExpectedTensor::Role::Learned, routedExpert});
    };
    const int64_t rows = (naming.gated() ? 2 : 1) * inner / static_cast<int64_t>(naming.in.size());
    for (const std::string& part : naming.in) add(part, rows, width);
    add(naming.out, width, inner);
}

void expectMixture(ModelDescription& description, const std::string& layer, const MoeNaming& naming) {
    using Role = ExpectedTensor::Role;
    const int64_t width = description.config.width;
    const MoeConfig& moe = description.config.moe;
    auto& tensors = description.tensors;
    for (int64_t e = 0; e < moe.experts; ++e)
        expectMlp(tensors, naming.expertName(layer, e), naming.routed, width, moe.expertWidth, true);
    tensors.push_back({layer + "." + naming.router, {moe.routerRows(), width}});
    if (!naming.selectionBias.empty()) tensors.push_back({layer + "." + naming.selectionBias, {moe.experts}, Role::OptionalBuffer});
    if (moe.sharedWidth) expectMlp(tensors, layer + "." + naming.shared, naming.sharedMlp, width, moe.sharedWidth);
    if (naming.predictor.empty()) return;
    const std::string predictor = layer + "." + naming.predictor;
    tensors.push_back({predictor + ".0.weight", {width, width}});
    tensors.push_back({predictor + ".0.bias", {width}});
    tensors.push_back({predictor + ".2.weight", {moe.experts, width}});
    tensors.push_back({predictor + ".2.bias", {moe.experts}});
    tensors.push_back({layer + "." + naming.thresholds, {moe.experts}, Role::Buffer});
}

}  // namespace moescope
