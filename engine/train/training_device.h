// SPDX-License-Identifier: Apache-2.0
// What training asks of a device: the operations of a transformer with mixtures, forward and backward.
//
// A forward leaves what its backward needs in memory that the caller gives it; nothing is remembered inside. All pointers are memory of
// the device (MemoryBlock) holding row-major fp32 values, or I32 where the type says so; sizes are known before a step begins. The
// results do not depend on the number of threads. Oracles: the functions of the same names in engine/reference.
//
// Errors of a device (lost, out of memory, cancelled) are thrown as EngineException. One thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

namespace moescope::train {

/// Memory of a device for as long as the object lives; zero at first.
class MemoryBlock {
public:
    virtual ~MemoryBlock() = default;
    virtual std::byte* data() = 0;
    virtual int64_t bytes() const = 0;
};

/// y [rows, out] = x [rows, in] W^T + b, W [out, in], b [out] or null.
struct LinearShape {
    int64_t rows = 0, in = 0, out = 0;
};

enum class NormKind : uint8_t { Layer /* no parameters */, Rms /* weight [width] */ };
struct NormShape {
    NormKind kind = NormKind::Layer;
    int64_t samples = 0, tokens = 0 /* per sample */, width = 0;
    float eps = 1e-6f;
    int64_t rows() const { return samples * tokens; }
};
/// Per-sample chunks of a modulation [samples, stride]; null: none.
struct Modulation {
    const float* shift = nullptr;
    const float* scale = nullptr;
    int64_t stride = 0;
};
struct ModulationGradient {  // of the same places; added to
    float* shift = nullptr;
    float* scale = nullptr;
    int64_t stride = 0;
};

enum class RopeKind : uint8_t { None, SplitHalves, AdjacentPairs };
/// A row of qkv is (q: heads x d | k: keyHeads x d | v: keyHeads x d); query head h meets key head h / (heads / keyHeads).
struct AttentionShape {
    int64_t samples = 0, tokens = 0 /* per sample, with the leading ones */, heads = 1, keyHeads = 1, headWidth = 0;
    bool normed = false;  // RMS norm of each head's queries and keys with weights [d]
    float eps = 1e-6f;
    RopeKind rope = RopeKind::None;
    int64_t leadTokens = 0;  // not rotated
    int64_t columns() const { return (heads + 2 * keyHeads) * headWidth; }
};
/// RoPE angles of the tokens behind the leading ones: [tokens - leadTokens, d/2].
struct RopeAngles {
    const float* cos = nullptr;
    const float* sin = nullptr;
};

enum class Activation : uint8_t { Silu, GeluTanh };

/// How gradients reach the router of y = sum over chosen e of g_e f_e(x); the forward value is the same in all three.
/// Chosen: through g_e of the chosen experts, the selection held constant. StraightThrough: y = sum over the chosen of
/// [stop(g_e - q_e) + q_e] f_e(x), q the weights normalised and scaled over all experts. Dense: the same sum over all experts (g_e = 0
/// for unchosen ones), the outputs of unchosen ones without gradient.
enum class RoutingGradient : uint8_t { Chosen, StraightThrough, Dense };
enum class Affinity : uint8_t { Sigmoid, Softmax };

/// A sparse layer: token choice, gated experts (w_in [2 I, D], gate half first; w_out [D, I]).
struct MoeShape {
    int64_t rows = 0, width = 0;
    int64_t experts = 0, topK = 0, groups = 1, keptGroups = 1;
    int64_t expertWidth = 0;
    int64_t sharedWidth = 0;  // 0: none
    bool biased = false;      // experts and shared expert have biases
    bool addsInput = true;    // without a shared expert: y = routed + x
    Affinity affinity = Affinity::Sigmoid;
    float scale = 1;          // of the gates; they are divided by their sum for topK > 1
    RoutingGradient gradient = RoutingGradient::Chosen;
};
/// Pointers to weights or, in the same form, to their gradients. Stacked over experts.
template <class Float>
struct MoeParameters {
    Float* router = nullptr;         // [E, D]
    Float* in = nullptr;             // [E, 2 I, D]
    Float* inBias = nullptr;         // [E, 2 I]
    Float* out = nullptr;            // [E, D, I]
    Float* outBias = nullptr;        // [E, D]
    Float* sharedIn = nullptr;       // [2 S, D]
    Float* sharedInBias = nullptr;   // [2 S]
    Float* sharedOut = nullptr;      // [D, S]
    Float* sharedOutBias = nullptr;  // [D]
};
/// What a forward decided and computed on the way. P = rows * topK pairs, in the order of the experts, within an expert of the tokens.
struct MoeSaved {
    float* logits = nullptr;         // [rows, E]
    float* scores = nullptr;         // [rows, E]
    int32_t* experts = nullptr;      // [rows, topK] ascending
    float* gates = nullptr;          // [rows, topK]
    int32_t* pairRows = nullptr;     // [P] the token of a pair
    int32_t* pairOf = nullptr;       // [rows, topK] the place of a choice among the pairs
    int32_t* offsets = nullptr;      // [E + 1] first pair of each expert
    float* hidden = nullptr;         // [P, 2 I] before the activation
    float* inner = nullptr;          // [P, I] after it
    float* outputs = nullptr;        // [P, D] of the experts, before the gates
    float* sharedHidden = nullptr;   // [rows, 2 S]
    float* sharedInner = nullptr;    // [rows, S]
    float* allOutputs = nullptr;     // [E, rows, D], RoutingGradient::Dense alone
};
/// Losses on the router beside the model's own. auxiliary: weight of E sum_e f_e p_e, f_e the share of pairs (constant), p_e the mean
/// over tokens of score_e / sum of scores (Switch Transformer, arXiv 2101.03961, equation 4). z: weight of the mean over tokens of
/// (log sum exp logits)^2 (ST-MoE, arXiv 2202.08906, equation 5).
struct RouterLosses {
    float auxiliary = 0, z = 0;
};
/// Their values, weights not applied.
struct RouterLossValues {
    float auxiliary = 0, z = 0;
};

/// A picture loss: mean over everything of (v - v_target)^2, data at t = 1, z = t x0 + (1 - t) e.
/// Velocity: v = output, v_target = x0 - e. CleanImage: v = (output - z) / max(1 - t, tEps), v_target = (x0 - z) / max(1 - t, tEps).
enum class FlowTarget : uint8_t { Velocity, CleanImage };
struct FlowLossShape {
    FlowTarget target = FlowTarget::Velocity;
    int64_t samples = 0, channels = 0, outChannels = 0 /* those beyond `channels` get no gradient */, pixels = 0;
    float tEps = 0.05f;
};

/// AdamW (Loshchilov and Hutter, 2019) as PyTorch computes it; the step number is the one after counting this step.
struct AdamSettings {
    // fp64, because 1 - beta and 1 - decay are what counts, and 1 - 0.9999f is off by 2e-4 of itself.
    double rate = 1e-4, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weightDecay = 0;
    float gradientScale = 1;  // of clipping and accumulation
    int64_t step = 1;
};

class TrainingDevice {
public:
    virtual ~TrainingDevice() = default;
    virtual std::string_view name() const = 0;
    virtual std::unique_ptr<MemoryBlock> reserve(int64_t bytes) = 0;
    virtual void upload(const void* from, void* to, int64_t bytes) = 0;
    virtual void download(const void* from, void* to, int64_t bytes) = 0;
    /// Bytes of temporary memory that the device holds at most after operations of these shapes.
    virtual int64_t scratchBytes(const LinearShape& shape) const = 0;
    virtual int64_t scratchBytes(const AttentionShape& shape) const = 0;
    virtual int64_t scratchBytes(const MoeShape& shape) const = 0;
    /// Weights are rounded to bf16 before products (fp32 masters stay with the caller, sums are fp32).
    virtual void roundWeights(bool toBf16) = 0;

    virtual void linear(const LinearShape& shape, const float* x, const float* weight, const float* bias, float* y) = 0;
    /// dx (null: not wanted) is overwritten or, with `addToInput`, added to; dWeight and dBias (null: not wanted) are added to.
    virtual void linearBackward(const LinearShape& shape, const float* x, const float* weight, const float* dy, float* dx, bool addToInput,
                                float* dWeight, float* dBias) = 0;

    /// y = norm(x) (1 + scale) + shift. rowScale [rows]: 1 / sqrt(...), mean [rows]: LayerNorm's (null for RMS); both saved.
    virtual void norm(const NormShape& shape, const float* x, const float* weight, const Modulation& modulation, float* rowScale,
                      float* mean, float* y) = 0;
    /// dx is added to; dWeight (RMS, null: not wanted) and the modulation's gradient are added to.
    virtual void normBackward(const NormShape& shape, const float* x, const float* weight, const Modulation& modulation,
                              const float* rowScale, const float* mean, const float* dy, float* dx, float* dWeight,
                              const ModulationGradient& dModulation) = 0;

    /// y = x + gate * branch, gate [samples] rows of `stride` values, each [width]; null gate: y = x + branch.
    virtual void gatedAdd(int64_t samples, int64_t tokens, int64_t width, const float* x, const float* branch, const float* gate,
                          int64_t stride, float* y) = 0;
    /// dBranch = gate * dy (overwritten), dGate added to. What reaches x is dy itself.
    virtual void gatedAddBackward(int64_t samples, int64_t tokens, int64_t width, const float* branch, const float* gate, int64_t stride,
                                  const float* dy, float* dBranch, float* dGate) = 0;

    /// Values that the backward of attention needs, for `saved` of the two calls below.
    virtual int64_t attentionSaved(const AttentionShape& shape) const = 0;
    /// softmax(q k^T / sqrt(d)) v per sample and head -> out [samples * tokens, heads * d].
    virtual void attention(const AttentionShape& shape, const float* qkv, const float* queryNorm, const float* keyNorm,
                           const RopeAngles& angles, float* saved, float* out) = 0;
    /// dQkv is overwritten; dQueryNorm, dKeyNorm (null where there are no norms) are added to.
    virtual void attentionBackward(const AttentionShape& shape, const float* qkv, const float* queryNorm, const float* keyNorm,
                                   const RopeAngles& angles, const float* saved, const float* out, const float* dOut, float* dQkv,
                                   float* dQueryNorm, float* dKeyNorm) = 0;

    virtual void activate(Activation activation, int64_t values, const float* x, float* y) = 0;
    /// dx is overwritten; it may be dy.
    virtual void activateBackward(Activation activation, int64_t values, const float* x, const float* dy, float* dx) = 0;
    /// y [rows, I] = silu(x[:, :I]) * x[:, I:], x [rows, 2 I].
    virtual void gate(int64_t rows, int64_t inner, const float* x, float* y) = 0;
    virtual void gateBackward(int64_t rows, int64_t inner, const float* x, const float* dy, float* dx) = 0;

    /// selectionBias [E] or null is added to the scores for the choice alone.
    virtual void moe(const MoeShape& shape, const MoeParameters<const float>& weights, const float* selectionBias, const float* x,
                     const MoeSaved& saved, float* y) = 0;
    /// dx is overwritten, gradients are added to (null ones are not computed). Experts without a token add nothing. Returns the values of
    /// the router's losses, whose gradients times `lossScale` are added in.
    virtual RouterLossValues moeBackward(const MoeShape& shape, const MoeParameters<const float>& weights, const float* x,
                                         const MoeSaved& saved, const float* dy, const RouterLosses& losses, float lossScale, float* dx,
                                         const MoeParameters<float>& gradients) = 0;

    /// As the operations of these names in the backend table. waves [samples, width] of t [samples].
    virtual void timestepWaves(int64_t samples, int64_t width, float maxPeriod, const float* t, float* waves) = 0;
    /// rows of table [N, width] by index [count].
    virtual void gatherRows(int64_t count, int64_t width, const float* table, const int32_t* index, float* out) = 0;
    /// dTable[index[i]] += dOut[i], in the order of i.
    virtual void gatherRowsBackward(int64_t count, int64_t width, const int32_t* index, const float* dOut, float* dTable) = 0;
    /// pictures [samples, channels, grid p, grid p] <-> tokens [samples grid^2, C p p], channel first inside a token (patchify) or last
    /// (unpatchify). Each is a permutation, so the backward of one is the inverse.
    virtual void patchify(int64_t samples, int64_t channels, int64_t grid, int64_t patch, const float* pictures, float* tokens) = 0;
    virtual void unpatchify(int64_t samples, int64_t channels, int64_t grid, int64_t patch, const float* tokens, float* pictures) = 0;
    virtual void unpatchifyBackward(int64_t samples, int64_t channels, int64_t grid, int64_t patch, const float* dPictures,
                                    float* dTokens) = 0;
    /// x [samples * tokens, width] += table [tokens, width] for every sample; may be in place (y == x).
    virtual void addRows(int64_t samples, int64_t tokens, int64_t width, const float* x, const float* table, float* y) = 0;
    /// dTable += the sum over samples of dy.
    virtual void addRowsBackward(int64_t samples, int64_t tokens, int64_t width, const float* dy, float* dTable) = 0;
    /// y [samples, lead + tokens, width] = (front [samples, lead, width] | x [samples, tokens, width]).
    virtual void joinTokens(int64_t samples, int64_t lead, int64_t tokens, int64_t width, const float* front, const float* x, float* y) = 0;
    /// The inverse; front or x may be null where they are not wanted.
    virtual void splitTokens(int64_t samples, int64_t lead, int64_t tokens, int64_t width, const float* y, float* front, float* x) = 0;
    /// y [samples * tokens, width]: each row of x [samples, width] `tokens` times, plus position [tokens, width].
    virtual void repeatRows(int64_t samples, int64_t tokens, int64_t width, const float* x, const float* position, float* y) = 0;
    /// dx [samples, width] and dPosition [tokens, width] are added to.
    virtual void repeatRowsBackward(int64_t samples, int64_t tokens, int64_t width, const float* dy, float* dx, float* dPosition) = 0;
    /// out [samples, width]: the mean of each sample's rows weighted by weight [samples, tokens].
    virtual void pool(int64_t samples, int64_t tokens, int64_t width, const float* x, const float* weight, float* out) = 0;
    virtual void poolBackward(int64_t samples, int64_t tokens, int64_t width, const float* weight, const float* dOut, float* dx) = 0;

    /// y = a + b; y may be a or b.
    virtual void add(int64_t values, const float* a, const float* b, float* y) = 0;
    virtual void zero(int64_t values, float* x) = 0;
    virtual void copy(int64_t values, const float* from, float* to) = 0;

    /// z = t x0 + (1 - t) noise, per sample.
    virtual void mixNoise(int64_t samples, int64_t values, const float* x0, const float* noise, const float* t, float* z) = 0;
    /// perSample [samples]: the sample's mean squared error. dOutput [samples, outChannels, pixels] is overwritten with the gradient of
    /// `lossScale` times the mean over all samples.
    virtual void flowLoss(const FlowLossShape& shape, const float* output, const float* x0, const float* z, const float* noise,
                          const float* t, float lossScale, float* perSample, float* dOutput) = 0;

    /// Sum of squares in fp64, added in the order of the values in blocks of a fixed size.
    virtual double squareSum(int64_t values, const float* x) = 0;
    /// Whether all values are finite.
    virtual bool finite(int64_t values, const float* x) = 0;
    virtual void adam(int64_t values, const AdamSettings& settings, const float* gradient, float* parameter, float* moment1,
                      float* moment2) = 0;
    /// average = decay average + (1 - decay) value.
    virtual void average(int64_t values, double decay, const float* value, float* average) = 0;
};

/// The CPU with `threads` threads (0: one per core).
std::unique_ptr<TrainingDevice> makeCpuTrainingDevice(int threads);
/// engine/reference itself behind the same face: slow, for tests and for `verify --device reference`.
std::unique_ptr<TrainingDevice> makeReferenceTrainingDevice();

}  // namespace moescope::train
