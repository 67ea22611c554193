// SPDX-License-Identifier: Apache-2.0
// The random numbers of torch's CUDA generator (Philox4x32-10), computed without a GPU.
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace moescope {

/// The Philox4x32-10 bijection of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (2011).
std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

/// How torch lays a draw out on a card: each of `threads` threads makes four numbers in each of `rounds` rounds.
struct TorchCudaGrid {
    uint64_t threads, rounds;
};
TorchCudaGrid torchCudaGrid(uint64_t values, uint64_t residentThreads);

/// What `torch.Generator("cuda").manual_seed(seed)` draws on a card with the given number of multiprocessors and
/// resident threads per multiprocessor, call after call. All 64 bits of the seed count.
///
/// Up to multiprocessors x threads values the numbers do not depend on the card; beyond that every thread draws again
/// and they do. The default is an H100 (132 x 2048 = 270,336 values; an A100 has 221,184, an RTX 4090 196,608, an RTX
/// 3060 43,008), so that a 256 x 256 colour picture (196,608 values) is the same as on all of them but the last.
/// Normals agree with a card within about 1e-5: its functions are fp32 and its multiply-adds are fused. A CUDA device computes
/// them as such a card does (see DeviceNoiseStream). One thread.
class TorchCudaGenerator {
public:
    static constexpr int defaultMultiprocessors = 132;
    static constexpr int defaultThreadsPerMultiprocessor = 2048;

    explicit TorchCudaGenerator(uint64_t seed, int multiprocessors = defaultMultiprocessors,
                                int threadsPerMultiprocessor = defaultThreadsPerMultiprocessor);

    /// Threads of such a card that torch's blocks of 256 fill, at least one block.
    static uint64_t residentThreads(int multiprocessors, int threadsPerMultiprocessor);

    /// torch.rand in [0, 1)
    void rand(std::span<float> values);
    void randn(std::span<float> values);

    /// Where the generator stands: 4 for every number that each thread has drawn so far.
    uint64_t offset() const { return m_offset; }

private:
    template <class FromWords>
    void fill(std::span<float> values, FromWords fromWords);

    uint64_t m_seed;
    uint64_t m_residentThreads;
    uint64_t m_offset = 0;
};

}  // namespace moescope
