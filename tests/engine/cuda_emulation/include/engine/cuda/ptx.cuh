// SPDX-License-Identifier: GPL-3.0-or-later
// Stands in for engine/cuda/ptx.cuh: the same meaning without machine instructions.
#pragma once

#include <cuda_runtime.h>

namespace moescope::cuda {

inline float fromBf16(uint16_t bits) {
    return __uint_as_float(static_cast<unsigned>(bits) << 16);
}

inline uint16_t toBf16(float value) {
    const unsigned bits = __float_as_uint(value);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return 0x7fff;
    return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

inline uint32_t packBf16(float low, float high) {
    return static_cast<uint32_t>(toBf16(low)) | static_cast<uint32_t>(toBf16(high)) << 16;
}

/// Rounds to fp16, ties to even; too large values become infinite.
float roundToHalf(float value);

/// Rounded to fp32 where a device gives up the last bits.
inline void quickSineCosine(float angle, float& sine, float& cosine) {
    sine = std::sin(angle);
    cosine = std::cos(angle);
}

struct MmaOperands {
    uint32_t a[4], b[2];
};

/// The fragments as the PTX manual lays them out for mma.m16n8k16: lane = 4 * row group + column pair.
inline void mmaBf16(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
    const MmaOperands mine{{a[0], a[1], a[2], a[3]}, {b[0], b[1]}};
    const int lane = emulation::currentThread().lane;
    emulation::shareInWarp(0xffffffffu, mine, [&](const auto& of) {
        const auto half = [](uint32_t word, int which) {
            return fromBf16(static_cast<uint16_t>(word >> (16 * which)));
        };
        for (int i = 0; i < 4; ++i) {
            const int row = lane / 4 + 8 * (i / 2), column = lane % 4 * 2 + i % 2;
            for (int k = 0; k < 16; ++k) {
                const MmaOperands rowOwner = of(row % 8 * 4 + k % 8 / 2), columnOwner = of(column * 4 + k % 8 / 2);
                const float left = half(rowOwner.a[row / 8 + 2 * (k / 8)], k % 2);
                c[i] += left * half(columnOwner.b[k / 8], k % 2);
            }
        }
        return 0;
    });
}

/// ldmatrix.x4: lane l names row l % 8 of matrix l / 8; every lane gets two neighbours of row lane / 4 of each matrix.
inline void loadMatrix4(uint32_t (&r)[4], const void* row) {
    const int lane = emulation::currentThread().lane;
    emulation::requireAligned16(row, "a matrix row that is not aligned to 16 bytes");
    emulation::shareInWarp(0xffffffffu, row, [&](const auto& of) {
        for (int m = 0; m < 4; ++m)
            std::memcpy(&r[m], static_cast<const char*>(of(m * 8 + lane / 4)) + lane % 4 * 4, 4);
        return 0;
    });
}

/// ldmatrix.x4.trans: the same of the transposed matrices.
inline void loadMatrix4Transposed(uint32_t (&r)[4], const void* row) {
    const int lane = emulation::currentThread().lane;
    emulation::requireAligned16(row, "a matrix row that is not aligned to 16 bytes");
    emulation::shareInWarp(0xffffffffu, row, [&](const auto& of) {
        for (int m = 0; m < 4; ++m) {
            uint16_t pair[2];
            for (int i = 0; i < 2; ++i)
                std::memcpy(&pair[i], static_cast<const char*>(of(m * 8 + lane % 4 * 2 + i)) + lane / 4 * 2, 2);
            r[m] = static_cast<uint32_t>(pair[0]) | static_cast<uint32_t>(pair[1]) << 16;
        }
        return 0;
    });
}

/// Reads at once and writes when it is waited for: a missing wait leaves old bytes. With threads in descending order it
/// writes at once: a place that is still in use is overwritten.
inline void copyAsync16(void* shared, const void* global, bool valid) {
    emulation::requireAligned16(shared, "an asynchronous copy to an address that is not aligned to 16 bytes");
    emulation::requireAligned16(global, "an asynchronous copy from an address that is not aligned to 16 bytes");
    emulation::DelayedCopy copy{shared, {}};
    if (valid) std::memcpy(copy.bytes.data(), global, 16);
    if (emulation::threadOrder == emulation::Order::Descending)
        std::memcpy(shared, copy.bytes.data(), 16);
    else
        emulation::currentThread().copies.back().push_back(copy);
}

inline void commitCopies() {
    emulation::currentThread().copies.emplace_back();
}

/// Waits until at most `Pending` of the newest groups are under way.
template <int Pending>
void waitCopies() {
    auto& groups = emulation::currentThread().copies;
    while (groups.size() > static_cast<size_t>(Pending) + 1) {
        for (const emulation::DelayedCopy& copy : groups.front()) std::memcpy(copy.target, copy.bytes.data(), 16);
        groups.erase(groups.begin());
        emulation::currentThread().unshownCopies = true;
    }
}

}  // namespace moescope::cuda
