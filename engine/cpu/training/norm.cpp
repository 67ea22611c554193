// SPDX-License-Identifier: Apache-2.0
// LayerNorm and RMSNorm with the shift and scale of adaptive modulation, and gated addition, forward and backward.
//
// Sums over the tokens of a sample (of shift, scale and gate) are made in the pass that computes the rows.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/cpu/training/norm.cpp"
// The order matters: everything below foreach_target is compiled once per instruction level.
// clang-format off
#include "engine/cpu/vector_targets.h"
#include "hwy/foreach_target.h"

#include <cmath>

#include "engine/cpu/training/cpu_training_device.h"
#include "engine/cpu/training/vector_loops-inl.h"
// clang-format on

#ifndef MOESCOPE_CPU_TRAINING_NORM_ROWS
#define MOESCOPE_CPU_TRAINING_NORM_ROWS
namespace moescope::cpu {
namespace {

/// Neighbouring rows of one sample. shift, scale: of the sample, or null.
struct NormRows {
    bool centred = false;  // LayerNorm
    int64_t rows = 0, width = 0;
    float eps = 0;
    const float* x = nullptr;
    const float* weight = nullptr;
    const float* shift = nullptr;
    const float* scale = nullptr;
    float* rowScale = nullptr;
    float* mean = nullptr;
    float* y = nullptr;
};

/// dShift [width] and products [width] (sums of dy times the normed row, before weight and scale) are added to; null:
/// not wanted.
struct NormGradientRows {
    const float* rowScale = nullptr;
    const float* mean = nullptr;
    const float* dy = nullptr;
    float* dx = nullptr;
    float* dShift = nullptr;
    float* products = nullptr;
    float* factor = nullptr;  // [width] working memory
};

}  // namespace
}  // namespace moescope::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace moescope::cpu {
namespace HWY_NAMESPACE {
namespace {

/// The sum over a row of term(first, lanes), in four chains.
template <class Term>
HWY_INLINE float rowSum(int64_t width, const Term& term) {
    const FloatTag d;
    FloatVector s0 = hn::Zero(d), s1 = s0, s2 = s0, s3 = s0;
    int64_t i = 0;
    for (; i + 4 * kFloatLanes <= width; i += 4 * kFloatLanes) {
        s0 = term(s0, i, kFloatLanes);
        s1 = term(s1, i + kFloatLanes, kFloatLanes);
        s2 = term(s2, i + 2 * kFloatLanes, kFloatLanes);
        s3 = term(s3, i + 3 * kFloatLanes, kFloatLanes);
    }
    for (; i < width; i += kFloatLanes) s0 = term(s0, i, std::min(kFloatLanes, width - i));
    return sumLanes(hn::Add(hn::Add(s0, s1), hn::Add(s2, s3)));
}

/// Lanes behind the row's end count as zero, not as minus the mean.
HWY_INLINE FloatVector centredPart(const float* x, int64_t lanes, FloatVector mean) {
    const FloatTag d;
    const FloatVector v = hn::Sub(loadPart(x, lanes), mean);
    return lanes >= kFloatLanes ? v : hn::IfThenElseZero(hn::FirstN(d, static_cast<size_t>(lanes)), v);
}

}  // namespace

void normForward(const NormRows& n) {
    const FloatTag d;
    const float count = static_cast<float>(n.width);
    const FloatVector one = hn::Set(d, 1.0f);
    for (int64_t row = 0; row < n.rows; ++row) {
        const float* x = n.x + row * n.width;
        float mean = 0.0f;
        if (n.centred) {
            mean = rowSum(
                n.width, [x](auto s, int64_t i, int64_t lanes) HWY_ATTR { return hn::Add(s, loadPart(x + i, lanes)); });
            mean /= count;
            // Once more from there: beside a large mean the variance would otherwise be that of its rounding.
            const FloatVector first = hn::Set(d, mean);
            mean += rowSum(n.width, [x, first](auto s, int64_t i, int64_t lanes)
                                        HWY_ATTR { return hn::Add(s, centredPart(x + i, lanes, first)); }) /
                    count;
            n.mean[row] = mean;
        }
        const FloatVector means = hn::Set(d, mean);
        const float squares = rowSum(n.width, [x, means](auto s, int64_t i, int64_t lanes) HWY_ATTR {
            const auto v = centredPart(x + i, lanes, means);
            return hn::MulAdd(v, v, s);
        });
        const float factor = 1.0f / std::sqrt(squares / count + n.eps);
        n.rowScale[row] = factor;
        const FloatVector factors = hn::Set(d, factor);
        float* y = n.y + row * n.width;
        forVectors(n.width, [&](int64_t i, int64_t lanes) HWY_ATTR {
            auto v = hn::Mul(hn::Sub(loadPart(x + i, lanes), means), factors);
            if (n.weight) v = hn::Mul(v, loadPart(n.weight + i, lanes));
            if (n.scale) v = hn::Mul(v, hn::Add(one, loadPart(n.scale + i, lanes)));
            if (n.shift) v = hn::Add(v, loadPart(n.shift + i, lanes));
            storePart(v, y + i, lanes);
        });
    }
}

/// With h = (x - mean) r and g = dy (1 + scale) weight: dx += r (g - h mean(g h) - mean(g)), the last for LayerNorm
/// alone.
void normGradient(const NormRows& n, const NormGradientRows& g) {
    const FloatTag d;
    const float count = static_cast<float>(n.width);
    const FloatVector one = hn::Set(d, 1.0f);
    forVectors(n.width, [&](int64_t i, int64_t lanes) HWY_ATTR {
        auto v = n.scale ? hn::Add(one, loadPart(n.scale + i, lanes)) : one;
        if (n.weight) v = hn::Mul(v, loadPart(n.weight + i, lanes));
        storePart(v, g.factor + i, lanes);
    });
    for (int64_t row = 0; row < n.rows; ++row) {
        const float* x = n.x + row * n.width;
        const float* dy = g.dy + row * n.width;
        const FloatVector means = hn::Set(d, n.centred ? g.mean[row] : 0.0f), factors = hn::Set(d, g.rowScale[row]);
        FloatVector sum = hn::Zero(d), product = sum;
        forVectors(n.width, [&](int64_t i, int64_t lanes) HWY_ATTR {
            const auto v = loadPart(dy + i, lanes);
            const auto h = hn::Mul(centredPart(x + i, lanes, means), factors);
            const auto own = hn::Mul(v, loadPart(g.factor + i, lanes));
            sum = hn::Add(sum, own);
            product = hn::MulAdd(own, h, product);
            if (g.dShift) storePart(hn::Add(loadPart(g.dShift + i, lanes), v), g.dShift + i, lanes);
            if (g.products) storePart(hn::MulAdd(v, h, loadPart(g.products + i, lanes)), g.products + i, lanes);
        });
        const FloatVector meanProduct = hn::Set(d, sumLanes(product) / count);
        const FloatVector meanSum = hn::Set(d, n.centred ? sumLanes(sum) / count : 0.0f);
        float* dx = g.dx + row * n.width;
        forVectors(n.width, [&](int64_t i, int64_t lanes) HWY_ATTR {
            const auto own = hn::Mul(loadPart(dy + i, lanes), loadPart(g.factor + i, lanes));
            const auto h = hn::Mul(hn::Sub(loadPart(x + i, lanes), means), factors);
            const auto rest = hn::Sub(hn::NegMulAdd(h, meanProduct, own), meanSum);
            storePart(hn::MulAdd(factors, rest, loadPart(dx + i, lanes)), dx + i, lanes);
        });
    }
}

/// to += a * (b or 1 + b); b null: to += a.
void addProducts(int64_t width, const float* a, const float* b, bool plusOne, float* to) {
    const FloatVector one = hn::Set(FloatTag(), plusOne ? 1.0f : 0.0f);
    forVectors(width, [&](int64_t i, int64_t lanes) HWY_ATTR {
        auto v = loadPart(a + i, lanes);
        if (b) v = hn::Mul(v, hn::Add(one, loadPart(b + i, lanes)));
        storePart(hn::Add(loadPart(to + i, lanes), v), to + i, lanes);
    });
}

void gatedAddRows(int64_t rows, int64_t width, const float* x, const float* branch, const float* gate, float* y) {
    for (int64_t row = 0; row < rows; ++row, x += width, branch += width, y += width)
        forVectors(width, [&](int64_t i, int64_t lanes) HWY_ATTR {
            const auto v = loadPart(x + i, lanes), b = loadPart(branch + i, lanes);
            storePart(gate ? hn::MulAdd(b, loadPart(gate + i, lanes), v) : hn::Add(v, b), y + i, lanes);
        });
}

void gatedGradientRows(int64_t rows, int64_t width, const float* branch, const float* gate, const float* dy,
                       float* dBranch, float* dGate) {
    for (int64_t row = 0; row < rows; ++row, branch += width, dy += width, dBranch += width)
        forVectors(width, [&](int64_t i, int64_t lanes) HWY_ATTR {
            const auto v = loadPart(dy + i, lanes);
            if (dGate)
                storePart(hn::MulAdd(v, loadPart(branch + i, lanes), loadPart(dGate + i, lanes)), dGate + i, lanes);
            storePart(hn::Mul(v, loadPart(gate + i, lanes)), dBranch + i, lanes);
        });
}

}  // namespace HWY_NAMESPACE
}  // namespace moescope::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moescope::cpu {

HWY_EXPORT(normForward);
HWY_EXPORT(normGradient);
HWY_EXPORT(addProducts);
HWY_EXPORT(gatedAddRows);
HWY_EXPORT(gatedGradientRows);

}  // namespace moescope::cpu

namespace moescope::train {
namespace {

using namespace cpu;

/// How samples and their tokens are cut for sums over tokens: whole samples in groups where there are many, else each
/// sample into parts. Fixed by the shape.
struct TokenParts {
    int64_t samples, tokens;
    int64_t groups;  // of whole samples
    int64_t parts;   // of each sample, 1 where samples are whole

    TokenParts(int64_t sampleCount, int64_t tokenCount) : samples(sampleCount), tokens(tokenCount) {
        constexpr int64_t kPartTokens = 64;  // at least
        parts = std::clamp<int64_t>(kSumParts / std::max<int64_t>(1, 2 * samples), 1,
                                    std::max<int64_t>(1, tokens / kPartTokens));
        groups = std::min(samples, kSumParts / parts);
    }
    int64_t tasks() const { return groups * parts; }
    int64_t sampleBegin(int64_t group) const { return samples * group / groups; }
    int64_t tokenBegin(int64_t part) const { return tokens * part / parts; }
};

/// Rows of sums that a task collects.
class SumBuffers {
public:
    enum Kind { Shift, Products, Weight, Factor };

    SumBuffers(float* base, int64_t width) : m_base(base), m_width(roundedUp(width, 16)) {}
    float* of(int64_t task, int kind) const { return m_base + (task * kRowSums + kind) * m_width; }
    float* clear(int64_t task, int kind) const {
        std::fill_n(of(task, kind), m_width, 0.0f);
        return of(task, kind);
    }

private:
    float* m_base;
    int64_t m_width;
};

NormRows rowsOf(const NormShape& shape, const float* x, const float* weight, const Modulation& modulation,
                int64_t sample, int64_t first, int64_t count) {
    NormRows n;
    n.centred = shape.kind == NormKind::Layer;
    n.rows = count;
    n.width = shape.width;
    n.eps = shape.eps;
    n.x = x + (sample * shape.tokens + first) * shape.width;
    n.weight = n.centred ? nullptr : weight;
    n.shift = modulation.shift ? modulation.shift + sample * modulation.stride : nullptr;
    n.scale = modulation.scale ? modulation.scale + sample * modulation.stride : nullptr;
    return n;
}

}  // namespace

void CpuTrainingDevice::norm(const NormShape& shape, const float* x, const float* weight, const Modulation& modulation,
                             float* rowScale, float* mean, float* y) {
    const auto run = HWY_DYNAMIC_DISPATCH(normForward);
    const int64_t perPart = partRows(shape.width), parts = ceilDivide(shape.tokens, perPart);
    m_pool.parallelFor(shape.samples * parts, [&](int64_t task, int) {
        const int64_t sample = task / parts, first = task % parts * perPart;
        NormRows n = rowsOf(shape, x, weight, modulation, sample, first, std::min(perPart, shape.tokens - first));
        const int64_t row = sample * shape.tokens + first;
        n.rowScale = rowScale + row;
        n.mean = mean ? mean + row : nullptr;
        n.y = y + row * shape.width;
        run(n);
    });
}

void CpuTrainingDevice::normBackward(const NormShape& shape, const float* x, const float* weight,
                                     const Modulation& modulation, const float* rowScale, const float* mean,
                                     const float* dy, float* dx, float* dWeight,
                                     const ModulationGradient& dModulation) {
    if (shape.rows() == 0) return;
    if (shape.kind == NormKind::Layer) weight = dWeight = nullptr;
    const TokenParts parts(shape.samples, shape.tokens);
    const int64_t width = shape.width;
    float* dShift = modulation.shift ? dModulation.shift : nullptr;
    float* dScale = modulation.scale ? dModulation.scale : nullptr;
    const SumBuffers buffers(m_scratch.take(rowSumFloats(width)), width);
    const auto run = HWY_DYNAMIC_DISPATCH(normGradient);
    const auto addTo = HWY_DYNAMIC_DISPATCH(addProducts);

    const auto finishSample = [&](int64_t sample, const float* shiftSums, const float* products, float* weightSums) {
        const float* scale = modulation.scale ? modulation.scale + sample * modulation.stride : nullptr;
        if (dShift) addTo(width, shiftSums, nullptr, false, dShift + sample * dModulation.stride);
        if (dScale) addTo(width, products, weight, false, dScale + sample * dModulation.stride);
        if (dWeight) addTo(width, products, scale, true, weightSums);
    };
    m_pool.parallelFor(parts.tasks(), [&](int64_t task, int) {
        const int64_t group = task / parts.parts, part = task % parts.parts;
        const int64_t first = parts.tokenBegin(part), count = parts.tokenBegin(part + 1) - first;
        buffers.clear(task, SumBuffers::Weight);
        for (int64_t sample = parts.sampleBegin(group); sample < parts.sampleBegin(group + 1); ++sample) {
            const int64_t row = sample * shape.tokens + first;
            NormGradientRows g;
            g.rowScale = rowScale + row;
            g.mean = mean ? mean + row : nullptr;
            g.dy = dy + row * width;
            g.dx = dx + row * width;
            g.factor = buffers.of(task, SumBuffers::Factor);
            if (dShift) g.dShift = buffers.clear(task, SumBuffers::Shift);
            if (dScale || dWeight) g.products = buffers.clear(task, SumBuffers::Products);
            run(rowsOf(shape, x, weight, modulation, sample, first, count), g);
            if (parts.parts == 1) finishSample(sample, g.dShift, g.products, buffers.of(task, SumBuffers::Weight));
        }
    });
    if (parts.parts > 1)
        for (int64_t sample = 0; sample < parts.samples; ++sample) {
            const int64_t first = sample * parts.parts;
            for (int64_t task = first + 1; task < first + parts.parts; ++task)
                for (const int kind : {SumBuffers::Shift, SumBuffers::Products})
                    addTo(width, buffers.of(task, kind), nullptr, false, buffers.of(first, kind));
            finishSample(sample, buffers.of(first, SumBuffers::Shift), buffers.of(first, SumBuffers::Products),
                         buffers.of(first, SumBuffers::Weight));
        }
    if (dWeight)
        for (int64_t task = 0; task < parts.tasks(); ++task)
            addTo(width, buffers.of(task, SumBuffers::Weight), nullptr, false, dWeight);
}

void CpuTrainingDevice::gatedAdd(int64_t samples, int64_t tokens, int64_t width, const float* x, const float* branch,
                                 const float* gate, int64_t stride, float* y) {
    const auto run = HWY_DYNAMIC_DISPATCH(gatedAddRows);
    const int64_t perPart = partRows(width), parts = ceilDivide(tokens, perPart);
    m_pool.parallelFor(samples * parts, [&](int64_t task, int) {
        const int64_t sample = task / parts, first = task % parts * perPart;
        const int64_t offset = (sample * tokens + first) * width;
        run(std::min(perPart, tokens - first), width, x + offset, branch + offset,
            gate ? gate + sample * stride : nullptr, y + offset);
    });
}

void CpuTrainingDevice::gatedAddBackward(int64_t samples, int64_t tokens, int64_t width, const float* branch,
                                         const float* gate, int64_t stride, const float* dy, float* dBranch,
                                         float* dGate) {
    if (samples * tokens == 0) return;
    if (!gate) return copy(samples * tokens * width, dy, dBranch);
    const TokenParts parts(samples, tokens);
    const SumBuffers buffers(m_scratch.take(rowSumFloats(width)), width);
    const auto run = HWY_DYNAMIC_DISPATCH(gatedGradientRows);
    const auto addTo = HWY_DYNAMIC_DISPATCH(addProducts);
    m_pool.parallelFor(parts.tasks(), [&](int64_t task, int) {
        const int64_t group = task / parts.parts, part = task % parts.parts;
        const int64_t first = parts.tokenBegin(part), count = parts.tokenBegin(part + 1) - first;
        for (int64_t sample = parts.sampleBegin(group); sample < parts.sampleBegin(group + 1); ++sample) {
            const int64_t offset = (sample * tokens + first) * width;
            float* sums = dGate ? buffers.clear(task, SumBuffers::Products) : nullptr;
            run(count, width, branch + offset, gate + sample * stride, dy + offset, dBranch + offset, sums);
            if (sums && parts.parts == 1) addTo(width, sums, nullptr, false, dGate + sample * stride);
        }
    });
    if (!dGate || parts.parts == 1) return;
    for (int64_t sample = 0; sample < samples; ++sample) {
        float* sums = buffers.of(sample * parts.parts, SumBuffers::Products);
        for (int64_t part = 1; part < parts.parts; ++part)
            addTo(width, buffers.of(sample * parts.parts + part, SumBuffers::Products), nullptr, false, sums);
        addTo(width, sums, nullptr, false, dGate + sample * stride);
    }
}

}  // namespace moescope::train
#endif
