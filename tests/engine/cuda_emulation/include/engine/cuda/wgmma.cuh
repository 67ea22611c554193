// SPDX-License-Identifier: GPL-3.0-or-later
// Stands in for engine/cuda/wgmma.cuh: the same meaning without machine instructions. Tiles are found through their
// descriptors as the PTX manual describes them. Products run at once where copies are late, and when they are waited
// for where copies are early (threads in descending order): a missing wait leaves old sums, a stage that is read or
// filled too early gives wrong ones.
#pragma once

#include <cuda_runtime.h>

#include <engine/cuda/ptx.cuh>

namespace moescope::cuda {

inline constexpr uint32_t kSwizzledRowBytes = 128, kSwizzleBytes = 1024;

/// Dynamic shared memory begins at no rounder address than kernels may rely on.
inline constexpr uint32_t kEmulatedSharedStart = 1024 + 16;

inline uint32_t sharedAddress(const void* shared) {
    return static_cast<uint32_t>(static_cast<const unsigned char*>(shared) - emulation::launchState.shared.data()) +
           kEmulatedSharedStart;
}

inline uint64_t tileDescriptor(uint32_t address) {
    return static_cast<uint64_t>((address & 0x3ffff) >> 4) | uint64_t{1} << 16 |
           static_cast<uint64_t>(kSwizzleBytes >> 4) << 32 | uint64_t{1} << 62;
}

inline void showSharedToProducts() {
    emulation::currentThread().unshownCopies = false;
}
inline void beginProducts() {}

inline void commitProducts() {
    emulation::currentThread().products.emplace_back();
}

template <int Pending>
void waitProducts() {
    auto& groups = emulation::currentThread().products;
    while (groups.size() > static_cast<size_t>(Pending) + 1) {
        for (const auto& product : groups.front()) product();
        groups.erase(groups.begin());
    }
}

template <int kCount>
void pinSums(float (&)[kCount]) {}

/// Value `k` of row `row` of the tile that a descriptor names.
inline float tileValue(uint64_t descriptor, int row, int k) {
    const auto field = [descriptor](int shift) { return static_cast<uint32_t>(descriptor >> shift & 0x3fff) << 4; };
    if (descriptor >> 62 != 1 || (descriptor >> 49 & 7) != 0) emulation::fault("a tile without the 128-byte swizzle");
    uint32_t address = field(0) + static_cast<uint32_t>(row / 8) * field(32) + static_cast<uint32_t>(row % 8) * 128 +
                       static_cast<uint32_t>(k) * 2;
    address ^= (address >> 7 & 7) << 4;
    const auto& shared = emulation::launchState.shared;
    if (address < kEmulatedSharedStart || address + 2 > kEmulatedSharedStart + shared.size()) {
        emulation::fault("a tile outside the shared memory");
        return 0.0f;
    }
    uint16_t bits;
    std::memcpy(&bits, shared.data() + (address - kEmulatedSharedStart), sizeof bits);
    return fromBf16(bits);
}

template <int kCount>
void addProduct(float (&d)[kCount], uint64_t a, uint64_t b, bool adds) {
    emulation::Thread& self = emulation::currentThread();
    if (self.unshownCopies) emulation::fault("products of copies that the products may not see");
    const auto product = [&d, a, b, adds, lane = self.lane, warp = self.warp] {
        for (int i = 0; i < kCount; ++i) {
            const int row = warp % 4 * 16 + i / 2 % 2 * 8 + lane / 4, column = i / 4 * 8 + lane % 4 * 2 + i % 2;
            float sum = adds ? d[i] : 0.0f;
            for (int k = 0; k < 16; ++k) sum += tileValue(a, row, k) * tileValue(b, column, k);
            d[i] = sum;
        }
    };
    if (emulation::threadOrder == emulation::Order::Ascending)
        product();
    else
        self.products.back().push_back(product);
}

}  // namespace moescope::cuda
