// SPDX-License-Identifier: Apache-2.0
#include "engine/train/reference_moe.h"

#include "engine/reference/sparse_layer.h"
#include "engine/train/reference_values.h"

namespace moescope::train {
namespace {

using ReferenceMlp = reference::GatedMlp<double>;

reference::SparseOptions optionsOf(const MoeShape& shape) {
    reference::SparseOptions options;
    options.router = {
        shape.experts,
        shape.topK,
        shape.groups,
        shape.keptGroups,
        static_cast<double>(shape.scale),
        shape.affinity == Affinity::Softmax ? reference::Affinity::Softmax : reference::Affinity::Sigmoid};
    options.gradient = shape.gradient == RoutingGradient::Chosen ? reference::RoutingGradient::Chosen
                       : shape.gradient == RoutingGradient::StraightThrough
                           ? reference::RoutingGradient::StraightThrough
                           : reference::RoutingGradient::Dense;
    options.addsInput = shape.addsInput;
    return options;
}

/// Weights of one gated layer, `place` layers behind the pointers.
struct MlpPlace {
    int64_t width, inner, place;
    bool biased, rounded;
};

ReferenceMlp mlpAt(const float* in, const float* inBias, const float* out, const float* outBias, const MlpPlace& at) {
    const int64_t inSize = 2 * at.inner * at.width, outSize = at.width * at.inner;
    ReferenceMlp mlp{matrixAt(in + at.place * inSize, 2 * at.inner, at.width),
                     {},
                     matrixAt(out + at.place * outSize, at.width, at.inner),
                     {}};
    if (at.rounded) mlp.in = roundedToBf16(std::move(mlp.in)), mlp.out = roundedToBf16(std::move(mlp.out));
    if (at.biased) {
        mlp.inBias = vectorAt(inBias + at.place * 2 * at.inner, 2 * at.inner);
        mlp.outBias = vectorAt(outBias + at.place * at.width, at.width);
    }
    return mlp;
}

void addMlp(const ReferenceMlp& gradient, int64_t place, bool biased, float* in, float* inBias, float* out,
            float* outBias) {
    const auto add = [&](const ReferenceVector& values, float* target) {
        addTo(values, target ? target + place * static_cast<int64_t>(values.size()) : nullptr);
    };
    add(gradient.in.data, in);
    add(gradient.out.data, out);
    if (!biased) return;
    add(gradient.inBias, inBias);
    add(gradient.outBias, outBias);
}

reference::SparseWeights<double> weightsOf(const MoeShape& shape, const MoeParameters<const float>& from,
                                           bool rounded) {
    reference::SparseWeights<double> weights{matrixAt(from.router, shape.experts, shape.width), {}, {}};
    for (int64_t e = 0; e < shape.experts; ++e)
        weights.experts.push_back(mlpAt(from.in, from.inBias, from.out, from.outBias,
                                        {shape.width, shape.expertWidth, e, shape.biased, rounded}));
    if (shape.sharedWidth)
        weights.shared = mlpAt(from.sharedIn, from.sharedInBias, from.sharedOut, from.sharedOutBias,
                               {shape.width, shape.sharedWidth, 0, shape.biased, rounded});
    return weights;
}

reference::SparseSaved<double> savedOf(const MoeShape& shape, const MoeSaved& from) {
    const int64_t pairs = shape.rows * shape.topK;
    reference::SparseSaved<double> saved;
    saved.logits = matrixAt(from.logits, shape.rows, shape.experts);
    saved.expert = indicesAt(from.experts, pairs);
    saved.hidden = matrixAt(from.hidden, pairs, 2 * shape.expertWidth);
    saved.outputs = matrixAt(from.outputs, pairs, shape.width);
    if (shape.sharedWidth) saved.sharedHidden = matrixAt(from.sharedHidden, shape.rows, 2 * shape.sharedWidth);
    if (shape.gradient == RoutingGradient::Dense)
        for (int64_t e = 0; e < shape.experts; ++e)
            saved.allOutputs.push_back(
                matrixAt(from.allOutputs + e * shape.rows * shape.width, shape.rows, shape.width));
    return saved;
}

}  // namespace

void referenceMoe(const MoeShape& shape, const MoeParameters<const float>& weights, bool roundWeights,
                  const float* selectionBias, const float* x, const MoeSaved& saved, float* y) {
    const reference::SparseOptions options = optionsOf(shape);
    const auto own = weightsOf(shape, weights, roundWeights);
    const ReferenceMatrix input = matrixAt(x, shape.rows, shape.width);
    // The choice is made in fp32 as every device makes it: ties are ties of fp32 affinities.
    const reference::Matrix<float> logits(shape.rows, shape.experts, reference::linear(input, own.router).data);
    const std::vector<float> bias =
        selectionBias ? std::vector<float>(selectionBias, selectionBias + shape.experts) : std::vector<float>{};
    const auto routed = reference::route(logits, bias, options.router);
    const ReferenceMatrix rounded(shape.rows, shape.experts, logits.data);
    const auto result = reference::sparseLayer(input, own, options, routed.expert, &rounded);

    const ReferenceMatrix scores = reference::affinities(rounded, options.router.affinity);
    const reference::PairOrder order = reference::orderByExpert(routed.expert, shape.topK, shape.experts);
    store(rounded.data, saved.logits);
    store(scores.data, saved.scores);
    store(routed.expert, saved.experts);
    store(reference::gatesOf(scores, routed.expert, options.router).data, saved.gates);
    store(order.token, saved.pairRows);
    store(order.place, saved.pairOf);
    store(order.offset, saved.offsets);
    store(result.saved.hidden.data, saved.hidden);
    store(reference::gated(result.saved.hidden).data, saved.inner);
    store(result.saved.outputs.data, saved.outputs);
    if (shape.sharedWidth) {
        store(result.saved.sharedHidden.data, saved.sharedHidden);
        store(reference::gated(result.saved.sharedHidden).data, saved.sharedInner);
    }
    for (size_t e = 0; e < result.saved.allOutputs.size(); ++e)
        store(result.saved.allOutputs[e].data,
              saved.allOutputs ? saved.allOutputs + static_cast<int64_t>(e) * shape.rows * shape.width : nullptr);
    store(result.y.data, y);
}

RouterLossValues referenceMoeBackward(const MoeShape& shape, const MoeParameters<const float>& weights,
                                      bool roundWeights, const float* x, const MoeSaved& saved, const float* dy,
                                      const RouterLosses& losses, float lossScale, float* dx,
                                      const MoeParameters<float>& gradients) {
    const reference::SparseOptions options = optionsOf(shape);
    const auto kept = savedOf(shape, saved);
    const double scale = lossScale;
    const auto d = reference::sparseLayerBackward<double>(
        matrixAt(x, shape.rows, shape.width), weightsOf(shape, weights, roundWeights), kept, options,
        matrixAt(dy, shape.rows, shape.width), {scale * losses.auxiliary, scale * losses.z});
    store(d.x.data, dx);
    addTo(d.weights.router.data, gradients.router);
    for (int64_t e = 0; e < shape.experts; ++e)
        addMlp(d.weights.experts[static_cast<size_t>(e)], e, shape.biased, gradients.in, gradients.inBias,
               gradients.out, gradients.outBias);
    if (shape.sharedWidth)
        addMlp(*d.weights.shared, 0, shape.biased, gradients.sharedIn, gradients.sharedInBias, gradients.sharedOut,
               gradients.sharedOutBias);
    const ReferenceMatrix scores = reference::affinities(kept.logits, options.router.affinity);
    return {static_cast<float>(reference::auxiliaryLoss(scores, kept.expert)),
            static_cast<float>(reference::zLoss(kept.logits))};
}

}  // namespace moescope::train
