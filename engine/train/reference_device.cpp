// SPDX-License-Identifier: Apache-2.0
// The training device made of the reference operators: computes in double, rounds each result to fp32 once.
#include <cmath>
#include <cstring>

#include "engine/core/error.h"
#include "engine/reference/attention_backward.h"
#include "engine/reference/embedding.h"
#include "engine/reference/flow_loss.h"
#include "engine/reference/mlp.h"
#include "engine/reference/norm_backward.h"
#include "engine/reference/optimizer.h"
#include "engine/reference/patch.h"
#include "engine/reference/tokens.h"
#include "engine/train/reference_moe.h"
#include "engine/train/reference_values.h"

namespace moescope::train {
namespace {

using ReferencePictures = reference::Pictures<double>;

class VectorBlock final : public MemoryBlock {
public:
    explicit VectorBlock(int64_t bytes) : m_bytes(static_cast<size_t>(bytes)) {}
    std::byte* data() override { return m_bytes.data(); }
    int64_t bytes() const override { return static_cast<int64_t>(m_bytes.size()); }

private:
    std::vector<std::byte> m_bytes;
};

/// (shift | scale) of each sample as one modulation matrix, and which of its two chunks exist.
struct ShiftScale {
    ReferenceMatrix values;
    int64_t shiftChunk, scaleChunk;
};

ShiftScale shiftScaleOf(const NormShape& shape, const Modulation& modulation) {
    ShiftScale both{ReferenceMatrix(shape.samples, 2 * shape.width), modulation.shift ? 0 : -1,
                    modulation.scale ? 1 : -1};
    for (int64_t sample = 0; sample < shape.samples; ++sample)
        for (int64_t i = 0; i < shape.width; ++i) {
            if (modulation.shift) both.values(sample, i) = modulation.shift[sample * modulation.stride + i];
            if (modulation.scale)
                both.values(sample, shape.width + i) = modulation.scale[sample * modulation.stride + i];
        }
    return both;
}

/// Adds columns `first` .. of `values` [samples, ...] to rows of `width` values that lie `stride` apart. Null: not
/// wanted.
void addChunk(const ReferenceMatrix& values, int64_t first, int64_t width, float* target, int64_t stride) {
    if (!target) return;
    for (int64_t sample = 0; sample < values.rows; ++sample)
        for (int64_t i = 0; i < width; ++i) {
            float& place = target[sample * stride + i];
            place = static_cast<float>(place + values(sample, first + i));
        }
}

reference::AttentionInput<double> attentionInput(const AttentionShape& shape, const float* queryNorm,
                                                 const float* keyNorm, const RopeAngles& angles) {
    reference::AttentionInput<double> in;
    in.samples = shape.samples;
    in.heads = shape.heads;
    in.keyHeads = shape.keyHeads;
    in.eps = shape.eps;
    in.leadTokens = shape.leadTokens;
    if (shape.normed)
        in.queryNorm = vectorAt(queryNorm, shape.headWidth), in.keyNorm = vectorAt(keyNorm, shape.headWidth);
    if (shape.rope == RopeKind::None) return in;
    in.rope = shape.rope == RopeKind::SplitHalves ? reference::Rope::SplitHalves : reference::Rope::AdjacentPairs;
    in.cos = matrixAt(angles.cos, shape.tokens - shape.leadTokens, shape.headWidth / 2);
    in.sin = matrixAt(angles.sin, shape.tokens - shape.leadTokens, shape.headWidth / 2);
    return in;
}

ReferencePictures picturesAt(const float* source, int64_t samples, int64_t channels, int64_t side) {
    ReferencePictures pictures(samples, channels, side, side);
    for (size_t i = 0; i < pictures.data.size(); ++i) pictures.data[i] = source[i];
    return pictures;
}

class ReferenceDevice final : public TrainingDevice {
public:
    std::string_view name() const override { return "reference"; }

    std::unique_ptr<MemoryBlock> reserve(int64_t bytes) override {
        if (bytes < 0) throw EngineException(ErrorCode::Internal, "a block of memory of negative size was asked for");
        return std::make_unique<VectorBlock>(bytes);
    }
    void upload(const void* from, void* to, int64_t bytes) override { copyBytes(from, to, bytes); }
    void download(const void* from, void* to, int64_t bytes) override { copyBytes(from, to, bytes); }

    /// Operands and results in double, those of the backward included.
    int64_t scratchBytes(const LinearShape& shape) const override {
        return 16 * (shape.rows * (shape.in + shape.out) + shape.in * shape.out);
    }
    int64_t scratchBytes(const AttentionShape& shape) const override {
        return 16 * shape.samples * shape.tokens * (shape.columns() + shape.heads * shape.headWidth) +
               8 * attentionSaved(shape) + 24 * shape.tokens * shape.tokens;
    }
    int64_t scratchBytes(const MoeShape& shape) const override {
        const int64_t pairs = shape.rows * shape.topK,
                      every = shape.gradient == RoutingGradient::Dense ? shape.experts : 0;
        const int64_t weights = shape.width * (shape.experts * (1 + 3 * shape.expertWidth) + 3 * shape.sharedWidth);
        const int64_t values = pairs * (2 * shape.expertWidth + shape.width) + every * shape.rows * shape.width +
                               shape.rows * (4 * shape.experts + 2 * shape.sharedWidth + 3 * shape.width);
        return 16 * weights + 8 * values;
    }
    void roundWeights(bool toBf16) override { m_rounds = toBf16; }

    void linear(const LinearShape& shape, const float* x, const float* weight, const float* bias, float* y) override {
        store(reference::linear(matrixAt(x, shape.rows, shape.in), weightAt(weight, shape), vectorAt(bias, shape.out))
                  .data,
              y);
    }
    void linearBackward(const LinearShape& shape, const float* x, const float* weight, const float* dy, float* dx,
                        bool addToInput, float* dWeight, float* dBias) override {
        const auto d = reference::linearBackward(matrixAt(x, shape.rows, shape.in), weightAt(weight, shape),
                                                 matrixAt(dy, shape.rows, shape.out));
        addToInput ? addTo(d.x.data, dx) : store(d.x.data, dx);
        addTo(d.weight.data, dWeight);
        addTo(d.bias, dBias);
    }

    void norm(const NormShape& shape, const float* x, const float* weight, const Modulation& modulation,
              float* rowScale, float* mean, float* y) override {
        const ReferenceMatrix input = matrixAt(x, shape.rows(), shape.width);
        const double eps = shape.eps;
        const bool rms = shape.kind == NormKind::Rms;
        const auto saved = rms ? reference::rmsNormSaved(input, eps) : reference::layerNormSaved(input, eps);
        const ReferenceMatrix normed =
            rms ? reference::rmsNorm(input, vectorAt(weight, shape.width), eps) : reference::layerNorm(input, eps);
        const ShiftScale both = shiftScaleOf(shape, modulation);
        store(saved.rowScale, rowScale);
        store(saved.mean, mean);
        store(reference::modulate(normed, both.values, both.shiftChunk, both.scaleChunk).data, y);
    }
    void normBackward(const NormShape& shape, const float* x, const float* weight, const Modulation& modulation,
                      const float* rowScale, const float* mean, const float* dy, float* dx, float* dWeight,
                      const ModulationGradient& dModulation) override {
        const ReferenceMatrix input = matrixAt(x, shape.rows(), shape.width);
        const bool rms = shape.kind == NormKind::Rms;
        const ReferenceVector weights = rms ? vectorAt(weight, shape.width) : ReferenceVector{};
        const reference::NormSaved<double> saved{rms ? ReferenceVector{} : vectorAt(mean, shape.rows()),
                                                 vectorAt(rowScale, shape.rows())};
        ReferenceMatrix normed = reference::normedRows(input, saved);
        if (!weights.empty())
            for (int64_t row = 0; row < normed.rows; ++row)
                for (int64_t i = 0; i < normed.cols; ++i) normed(row, i) *= weights[static_cast<size_t>(i)];
        const ShiftScale both = shiftScaleOf(shape, modulation);
        const auto d = reference::modulateBackward(normed, both.values, both.shiftChunk, both.scaleChunk,
                                                   matrixAt(dy, shape.rows(), shape.width));
        addChunk(d.modulation, 0, shape.width, modulation.shift ? dModulation.shift : nullptr, dModulation.stride);
        addChunk(d.modulation, shape.width, shape.width, modulation.scale ? dModulation.scale : nullptr,
                 dModulation.stride);
        if (!rms) return addTo(reference::layerNormBackward(input, saved, d.x).data, dx);
        const auto own = reference::rmsNormBackward(input, weights, saved, d.x);
        addTo(own.x.data, dx);
        addTo(own.weight, dWeight);
    }

    void gatedAdd(int64_t samples, int64_t tokens, int64_t width, const float* x, const float* branch,
                  const float* gate, int64_t stride, float* y) override {
        if (!gate) return add(samples * tokens * width, x, branch, y);
        store(reference::gatedAdd(matrixAt(x, samples * tokens, width), matrixAt(branch, samples * tokens, width),
                                  stridedAt(gate, samples, width, stride), 0)
                  .data,
              y);
    }
    void gatedAddBackward(int64_t samples, int64_t tokens, int64_t width, const float* branch, const float* gate,
                          int64_t stride, const float* dy, float* dBranch, float* dGate) override {
        if (!gate) return copy(samples * tokens * width, dy, dBranch);
        const auto d = reference::gatedAddBackward(matrixAt(branch, samples * tokens, width),
                                                   stridedAt(gate, samples, width, stride), 0,
                                                   matrixAt(dy, samples * tokens, width));
        store(d.x.data, dBranch);
        addChunk(d.modulation, 0, width, dGate, stride);
    }

    int64_t attentionSaved(const AttentionShape& shape) const override {
        return shape.samples * shape.heads * shape.tokens * shape.tokens;
    }
    void attention(const AttentionShape& shape, const float* qkv, const float* queryNorm, const float* keyNorm,
                   const RopeAngles& angles, float* saved, float* out) override {
        const auto result =
            reference::attentionWithProbabilities(matrixAt(qkv, shape.samples * shape.tokens, shape.columns()),
                                                  attentionInput(shape, queryNorm, keyNorm, angles));
        for (const ReferenceMatrix& head : result.probabilities) {
            store(head.data, saved);
            if (saved) saved += shape.tokens * shape.tokens;
        }
        store(result.out.data, out);
    }
    void attentionBackward(const AttentionShape& shape, const float* qkv, const float* queryNorm, const float* keyNorm,
                           const RopeAngles& angles, const float* saved, const float*, const float* dOut, float* dQkv,
                           float* dQueryNorm, float* dKeyNorm) override {
        std::vector<ReferenceMatrix> probabilities;
        for (int64_t head = 0; head < shape.samples * shape.heads; ++head)
            probabilities.push_back(matrixAt(saved + head * shape.tokens * shape.tokens, shape.tokens, shape.tokens));
        const int64_t rows = shape.samples * shape.tokens;
        const auto d = reference::attentionBackward(matrixAt(qkv, rows, shape.columns()),
                                                    attentionInput(shape, queryNorm, keyNorm, angles), probabilities,
                                                    matrixAt(dOut, rows, shape.heads * shape.headWidth));
        store(d.qkv.data, dQkv);
        addTo(d.queryNorm, dQueryNorm);
        addTo(d.keyNorm, dKeyNorm);
    }

    void activate(Activation activation, int64_t values, const float* x, float* y) override {
        store(reference::mapped(matrixAt(x, 1, values),
                                activation == Activation::Silu ? reference::silu<double> : reference::geluTanh<double>)
                  .data,
              y);
    }
    void activateBackward(Activation activation, int64_t values, const float* x, const float* dy, float* dx) override {
        store(reference::mappedBackward(
                  matrixAt(x, 1, values), matrixAt(dy, 1, values),
                  activation == Activation::Silu ? reference::siluSlope<double> : reference::geluTanhSlope<double>)
                  .data,
              dx);
    }
    void gate(int64_t rows, int64_t inner, const float* x, float* y) override {
        store(reference::gated(matrixAt(x, rows, 2 * inner)).data, y);
    }
    void gateBackward(int64_t rows, int64_t inner, const float* x, const float* dy, float* dx) override {
        store(reference::gatedBackward(matrixAt(x, rows, 2 * inner), matrixAt(dy, rows, inner)).data, dx);
    }

    void moe(const MoeShape& shape, const MoeParameters<const float>& weights, const float* selectionBias,
             const float* x, const MoeSaved& saved, float* y) override {
        referenceMoe(shape, weights, m_rounds, selectionBias, x, saved, y);
    }
    RouterLossValues moeBackward(const MoeShape& shape, const MoeParameters<const float>& weights, const float* x,
                                 const MoeSaved& saved, const float* dy, const RouterLosses& losses, float lossScale,
                                 float* dx, const MoeParameters<float>& gradients) override {
        return referenceMoeBackward(shape, weights, m_rounds, x, saved, dy, losses, lossScale, dx, gradients);
    }

    void timestepWaves(int64_t samples, int64_t width, float maxPeriod, const float* t, float* waves) override {
        store(reference::timestepWaves<double>(vectorAt(t, samples), maxPeriod, width).data, waves);
    }
    void gatherRows(int64_t count, int64_t width, const float* table, const int32_t* index, float* out) override {
        const std::vector<int64_t> rows = indicesAt(index, count);
        store(reference::gatherRows(matrixAt(table, rowsReached(rows), width), rows).data, out);
    }
    void gatherRowsBackward(int64_t count, int64_t width, const int32_t* index, const float* dOut,
                            float* dTable) override {
        const std::vector<int64_t> rows = indicesAt(index, count);
        addTo(reference::gatherRowsBackward(rows, matrixAt(dOut, count, width), rowsReached(rows)).data, dTable);
    }
    void patchify(int64_t samples, int64_t channels, int64_t grid, int64_t patch, const float* pictures,
                  float* tokens) override {
        store(reference::patchify(picturesAt(pictures, samples, channels, grid * patch), patch).data, tokens);
    }
    void unpatchify(int64_t samples, int64_t channels, int64_t grid, int64_t patch, const float* tokens,
                    float* pictures) override {
        const ReferenceMatrix rows = matrixAt(tokens, samples * grid * grid, patch * patch * channels);
        store(reference::unpatchify(rows, patch, samples, grid, grid).data, pictures);
    }
    void unpatchifyBackward(int64_t samples, int64_t channels, int64_t grid, int64_t patch, const float* dPictures,
                            float* dTokens) override {
        store(reference::unpatchifyBackward(picturesAt(dPictures, samples, channels, grid * patch), patch).data,
              dTokens);
    }
    void addRows(int64_t samples, int64_t tokens, int64_t width, const float* x, const float* table,
                 float* y) override {
        store(reference::addRows(matrixAt(x, samples * tokens, width), matrixAt(table, tokens, width)).data, y);
    }
    void addRowsBackward(int64_t samples, int64_t tokens, int64_t width, const float* dy, float* dTable) override {
        addTo(reference::addRowsBackward(matrixAt(dy, samples * tokens, width), tokens).data, dTable);
    }
    void joinTokens(int64_t samples, int64_t lead, int64_t tokens, int64_t width, const float* front, const float* x,
                    float* y) override {
        store(
            reference::joinTokens(matrixAt(front, samples * lead, width), matrixAt(x, samples * tokens, width), samples)
                .data,
            y);
    }
    void splitTokens(int64_t samples, int64_t lead, int64_t tokens, int64_t width, const float* y, float* front,
                     float* x) override {
        const auto parts = reference::splitTokens(matrixAt(y, samples * (lead + tokens), width), samples, lead);
        store(parts.front.data, front);
        store(parts.x.data, x);
    }
    void repeatRows(int64_t samples, int64_t tokens, int64_t width, const float* x, const float* position,
                    float* y) override {
        store(reference::repeatRows(matrixAt(x, samples, width), matrixAt(position, tokens, width)).data, y);
    }
    void repeatRowsBackward(int64_t samples, int64_t tokens, int64_t width, const float* dy, float* dx,
                            float* dPosition) override {
        const auto d = reference::repeatRowsBackward(matrixAt(dy, samples * tokens, width), samples);
        addTo(d.x.data, dx);
        addTo(d.position.data, dPosition);
    }
    void pool(int64_t samples, int64_t tokens, int64_t width, const float* x, const float* weight,
              float* out) override {
        store(reference::pool(matrixAt(x, samples * tokens, width), matrixAt(weight, samples, tokens)).data, out);
    }
    void poolBackward(int64_t samples, int64_t tokens, int64_t width, const float* weight, const float* dOut,
                      float* dx) override {
        store(reference::poolBackward(matrixAt(weight, samples, tokens), matrixAt(dOut, samples, width)).data, dx);
    }

    void add(int64_t values, const float* a, const float* b, float* y) override {
        for (int64_t i = 0; i < values; ++i) y[i] = a[i] + b[i];
    }
    void zero(int64_t values, float* x) override { std::fill_n(x, values, 0.0f); }
    void copy(int64_t values, const float* from, float* to) override {
        copyBytes(from, to, values * static_cast<int64_t>(sizeof(float)));
    }

    void mixNoise(int64_t samples, int64_t values, const float* x0, const float* noise, const float* t,
                  float* z) override {
        store(reference::mixNoise(matrixAt(x0, samples, values), matrixAt(noise, samples, values), vectorAt(t, samples))
                  .data,
              z);
    }
    void flowLoss(const FlowLossShape& shape, const float* output, const float* x0, const float* z, const float* noise,
                  const float* t, float lossScale, float* perSample, float* dOutput) override {
        const int64_t values = shape.channels * shape.pixels;
        const reference::FlowBatch<double> batch{
            shape.target == FlowTarget::Velocity ? reference::FlowTarget::Velocity : reference::FlowTarget::CleanImage,
            matrixAt(x0, shape.samples, values),
            matrixAt(z, shape.samples, values),
            matrixAt(noise, shape.samples, values),
            vectorAt(t, shape.samples),
            shape.tEps};
        const ReferenceMatrix predicted = matrixAt(output, shape.samples, shape.outChannels * shape.pixels);
        store(reference::flowLoss(batch, predicted), perSample);
        const double scale = lossScale;
        store(reference::mapped(reference::flowLossBackward(batch, predicted), [scale](double d) { return scale * d; })
                  .data,
              dOutput);
    }

    double squareSum(int64_t values, const float* x) override {
        return reference::squareSum(std::span(x, static_cast<size_t>(values)));
    }
    bool finite(int64_t values, const float* x) override {
        return std::all_of(x, x + values, [](float value) { return std::isfinite(value); });
    }
    void adam(int64_t values, const AdamSettings& settings, const float* gradient, float* parameter, float* moment1,
              float* moment2) override {
        const reference::AdamSettings<double> own{settings.rate, settings.beta1,       settings.beta2,
                                                  settings.eps,  settings.weightDecay, settings.step};
        for (int64_t i = 0; i < values; ++i) {
            const double scaled = static_cast<double>(settings.gradientScale) * static_cast<double>(gradient[i]);
            const auto next = reference::adamStep<double>({parameter[i], moment1[i], moment2[i]}, scaled, own);
            parameter[i] = static_cast<float>(next.parameter);
            moment1[i] = static_cast<float>(next.moment1);
            moment2[i] = static_cast<float>(next.moment2);
        }
    }
    void average(int64_t values, double decay, const float* value, float* average) override {
        for (int64_t i = 0; i < values; ++i)
            average[i] = static_cast<float>(reference::movingAverage<double>(average[i], value[i], decay));
    }

private:
    static void copyBytes(const void* from, void* to, int64_t bytes) {
        if (bytes > 0) std::memmove(to, from, static_cast<size_t>(bytes));
    }
    /// Rows of a table that an index [count] needs.
    static int64_t rowsReached(const std::vector<int64_t>& index) {
        return index.empty() ? 0 : 1 + *std::max_element(index.begin(), index.end());
    }
    ReferenceMatrix weightAt(const float* weight, const LinearShape& shape) const {
        ReferenceMatrix values = matrixAt(weight, shape.out, shape.in);
        return m_rounds ? roundedToBf16(std::move(values)) : values;
    }

    bool m_rounds = false;
};

}  // namespace

std::unique_ptr<TrainingDevice> makeReferenceTrainingDevice() {
    return std::make_unique<ReferenceDevice>();
}

}  // namespace moescope::train
