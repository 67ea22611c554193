// SPDX-License-Identifier: Apache-2.0
// The register-blocked inner loops of the matrix products, and what is done to a finished tile. Per-target header.
//
// A tile is R rows x kPanel columns of fp32 sums in memory that stays in the first-level cache. A kernel continues the
// sums of a tile over a range of k: one chain of multiply-adds per element, whatever R is, so blocking does not show in
// the bits. Vector pairs lie at columns (c, kPanel/2 + c): the two halves of a bf16 word, and the gate and up columns
// of a gated panel.
#if defined(MOESCOPE_CPU_GEMM_KERNEL_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef MOESCOPE_CPU_GEMM_KERNEL_INL_H
#undef MOESCOPE_CPU_GEMM_KERNEL_INL_H
#else
#define MOESCOPE_CPU_GEMM_KERNEL_INL_H
#endif

#include <utility>

#include "engine/cpu/gemm.h"
#include "engine/cpu/vector_math-inl.h"
#include "hwy/cache_control.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace moescope::cpu {
namespace HWY_NAMESPACE {

inline constexpr int64_t kHalf = kPanel / 2;
using LaneTag = hn::CappedTag<float, kHalf>;
inline constexpr int64_t kLanes = hn::MaxLanes(LaneTag());

// Rows of a register block: 2 sums per row, two weights and one activation have to fit the vector registers of the
// level, and a pointer per row the general ones (twelve rows would fit AVX-512, but run at 91 % of the multiply-adds,
// ten at 98 %).
#if HWY_TARGET == HWY_AVX3
inline constexpr int kBlockRows = 10;
#elif HWY_TARGET == HWY_AVX2
inline constexpr int kBlockRows = 6;
#else
inline constexpr int kBlockRows = 4;
#endif

/// Two vectors of weights from one k of a panel, columns (c, kHalf + c).
template <bool kBf16, class D>
HWY_INLINE void loadWeights(D d, const void* panel, int64_t k, int64_t c, hn::Vec<D>& low, hn::Vec<D>& high) {
    if constexpr (kBf16) {
        const hn::RebindToUnsigned<D> du;
        const auto both = hn::LoadU(du, static_cast<const uint32_t*>(panel) + k * kHalf + c);
        low = hn::BitCast(d, hn::ShiftLeft<16>(both));
        high = hn::BitCast(d, hn::And(both, hn::Set(du, 0xffff0000u)));
    } else {
        const float* row = static_cast<const float*>(panel) + k * kPanel + c;
        low = hn::LoadU(d, row);
        high = hn::LoadU(d, row + kHalf);
    }
}

/// What a kernel asks the memory for while it computes: `step` bytes further for every k.
struct Ahead {
    const std::byte* at;
    int64_t step;
};

/// tile [R, kPanel] (+)= rows[r][0 .. count) x panel [count][kPanel]; starts from zero unless `resume`.
template <bool kBf16, size_t... R>
HWY_INLINE void accumulateRows(std::index_sequence<R...>, const float* const* HWY_RESTRICT rows, int64_t count,
                               const void* HWY_RESTRICT panel, bool resume, Ahead ahead, float* HWY_RESTRICT tile) {
    const LaneTag d;
    using V = hn::Vec<LaneTag>;
    const float* const a[] = {rows[R]...};
    for (int64_t c = 0; c < kHalf; c += kLanes) {
        V low[] = {(static_cast<void>(R), hn::Zero(d))...};
        V high[] = {(static_cast<void>(R), hn::Zero(d))...};
        if (resume) {
            ((low[R] = hn::LoadU(d, tile + R * kPanel + c), high[R] = hn::LoadU(d, tile + R * kPanel + kHalf + c)),
             ...);
        }
        const std::byte* next = ahead.at;
        for (int64_t k = 0; k < count; ++k) {
            if (c == 0) {
                hwy::Prefetch(next);
                // Few rows: two lines a step, or the weights do not arrive in time.
                if (sizeof...(R) <= 6) hwy::Prefetch(next + 64);
                next += ahead.step;
            }
            V weightLow, weightHigh;
            loadWeights<kBf16>(d, panel, k, c, weightLow, weightHigh);
            (
                [&]() HWY_ATTR {
                    const V value = hn::Set(d, a[R][k]);
                    low[R] = hn::MulAdd(value, weightLow, low[R]);
                    high[R] = hn::MulAdd(value, weightHigh, high[R]);
                }(),
                ...);
        }
        ((hn::StoreU(low[R], d, tile + R * kPanel + c), hn::StoreU(high[R], d, tile + R * kPanel + kHalf + c)), ...);
    }
}

using Kernel = void (*)(const float* const* rows, int64_t count, const void* panel, bool resume, Ahead ahead,
                        float* tile);

template <bool kBf16, size_t kRows>
void accumulateBlock(const float* const* rows, int64_t count, const void* panel, bool resume, Ahead ahead,
                     float* tile) {
    accumulateRows<kBf16>(std::make_index_sequence<kRows>(), rows, count, panel, resume, ahead, tile);
}

template <bool kBf16, size_t... R>
HWY_INLINE Kernel pickKernel(std::index_sequence<R...>, int64_t rows) {
    static constexpr Kernel kTable[] = {accumulateBlock<kBf16, R + 1>...};
    return kTable[rows - 1];
}

/// The kernel for a block of `rows` (1 .. kBlockRows) rows.
HWY_INLINE Kernel kernelFor(bool bf16, int64_t rows) {
    constexpr auto kAll = std::make_index_sequence<kBlockRows>();
    return bf16 ? pickKernel<true>(kAll, rows) : pickKernel<false>(kAll, rows);
}

/// Turns `count` rows of a bf16 panel into fp32, so that several row blocks share the work.
HWY_INLINE void unpackPanel(const void* panel, int64_t count, float* HWY_RESTRICT out) {
    const LaneTag d;
    for (int64_t k = 0; k < count; ++k) {
        for (int64_t c = 0; c < kHalf; c += kLanes) {
            hn::Vec<LaneTag> low, high;
            loadWeights<true>(d, panel, k, c, low, high);
            hn::StoreU(low, d, out + k * kPanel + c);
            hn::StoreU(high, d, out + k * kPanel + kHalf + c);
        }
    }
}

/// What happens to a finished row of a tile on its way out.
struct Epilogue {
    const float* bias = nullptr;  // [kPanel] in panel order, or null
    MsActivation activation = MS_ACT_NONE;
    bool gated = false;
    int64_t columns = 0;  // valid outputs of this panel
};

/// out[0 .. columns) = act(sums + bias) * scale; `sums` (kPanel values) is overwritten.
HWY_INLINE void finishRow(const Epilogue& e, float* HWY_RESTRICT sums, const float* scale, float* HWY_RESTRICT out) {
    const LaneTag d;
    for (int64_t c = 0; c < kHalf; c += kLanes) {
        auto low = hn::LoadU(d, sums + c);
        auto high = hn::LoadU(d, sums + kHalf + c);
        if (e.bias) {
            low = hn::Add(low, hn::LoadU(d, e.bias + c));
            high = hn::Add(high, hn::LoadU(d, e.bias + kHalf + c));
        }
        if (e.gated) {
            low = hn::Mul(silu(d, low), high);
        } else if (e.activation == MS_ACT_SILU) {
            low = silu(d, low);
            high = silu(d, high);
        } else if (e.activation == MS_ACT_GELU_TANH) {
            low = geluTanh(d, low);
            high = geluTanh(d, high);
        }
        if (scale) {
            const auto factor = hn::Set(d, *scale);
            low = hn::Mul(low, factor);
            high = hn::Mul(high, factor);
        }
        hn::StoreU(low, d, sums + c);
        hn::StoreU(high, d, sums + kHalf + c);
    }
    const int64_t full = e.gated ? kHalf : kPanel;
    if (e.columns == full) {
        for (int64_t c = 0; c < full; c += kLanes) hn::StoreU(hn::LoadU(d, sums + c), d, out + c);
    } else {
        for (int64_t c = 0; c < e.columns; ++c) out[c] = sums[c];
    }
}

}  // namespace HWY_NAMESPACE
}  // namespace moescope::cpu
HWY_AFTER_NAMESPACE();
#endif
