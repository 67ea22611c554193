// SPDX-License-Identifier: Apache-2.0
#include "engine/sampling/torch_cuda_rng.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace moescope {
namespace {

constexpr uint64_t kThreadsPerBlock = 256;
constexpr int kRounds = 10;

/// (0, 1]: the middle of the 2^-32 wide cell that the word stands for, in fp32 like on the card.
float uniformFromWord(uint32_t word) {
    return static_cast<float>(word) * 0x1p-32F + 0x1p-33F;
}

/// Box-Muller on two words: sine first. The angle is fp32 like on the card, the functions are evaluated in double.
void normalsFromWords(uint32_t first, uint32_t second, float* values) {
    constexpr float cell = static_cast<float>(2.0 * std::numbers::pi * 0x1p-32);
    const double radius = std::sqrt(-2.0 * std::log(static_cast<double>(uniformFromWord(first))));
    const double angle = static_cast<float>(second) * cell + cell / 2.0F;
    values[0] = static_cast<float>(radius * std::sin(angle));
    values[1] = static_cast<float>(radius * std::cos(angle));
}

}  // namespace

std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
    for (int round = 0; round < kRounds; ++round) {
        const uint64_t a = uint64_t{0xD2511F53} * counter[0];
        const uint64_t b = uint64_t{0xCD9E8D57} * counter[2];
        counter = {static_cast<uint32_t>(b >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(b),
                   static_cast<uint32_t>(a >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(a)};
        key[0] += 0x9E3779B9;  // golden ratio
        key[1] += 0xBB67AE85;  // sqrt(3) - 1
    }
    return counter;
}

TorchCudaGrid torchCudaGrid(uint64_t values, uint64_t residentThreads) {
    const uint64_t blocks = (values + kThreadsPerBlock - 1) / kThreadsPerBlock;
    const uint64_t threads = std::min(blocks * kThreadsPerBlock, residentThreads);
    return {threads, threads == 0 ? 0 : (values + 4 * threads - 1) / (4 * threads)};
}

TorchCudaGenerator::TorchCudaGenerator(uint64_t seed, int multiprocessors, int threadsPerMultiprocessor)
    : m_seed(seed), m_residentThreads(residentThreads(multiprocessors, threadsPerMultiprocessor)) {}

uint64_t TorchCudaGenerator::residentThreads(int multiprocessors, int threadsPerMultiprocessor) {
    const auto blocks = static_cast<uint64_t>(std::max(threadsPerMultiprocessor, 0)) / kThreadsPerBlock;
    return static_cast<uint64_t>(std::max(multiprocessors, 1)) * std::max<uint64_t>(blocks, 1) * kThreadsPerBlock;
}

template <class FromWords>
void TorchCudaGenerator::fill(std::span<float> values, FromWords fromWords) {
    const uint64_t count = values.size();
    if (count == 0) return;
    const uint64_t threads = torchCudaGrid(count, m_residentThreads).threads;
    const std::array<uint32_t, 2> key{static_cast<uint32_t>(m_seed), static_cast<uint32_t>(m_seed >> 32)};
    // Thread i writes elements i, i + threads, i + 2 threads, i + 3 threads of each round with its four numbers.
    for (uint64_t start = 0; start < count; start += 4 * threads, m_offset += 4) {
        const uint64_t step = m_offset / 4;
        for (uint64_t thread = 0; thread < threads && start + thread < count; ++thread) {
            const auto words = philox4x32({static_cast<uint32_t>(step), static_cast<uint32_t>(step >> 32),
                                           static_cast<uint32_t>(thread), static_cast<uint32_t>(thread >> 32)},
                                          key);
            const std::array<float, 4> drawn = fromWords(words);
            for (uint64_t i = 0; i < 4 && start + thread + i * threads < count; ++i)
                values[start + thread + i * threads] = drawn[i];
        }
    }
}

void TorchCudaGenerator::rand(std::span<float> values) {
    fill(values, [](const std::array<uint32_t, 4>& words) {
        std::array<float, 4> drawn;
        for (size_t i = 0; i < 4; ++i) {
            drawn[i] = uniformFromWord(words[i]);
            if (drawn[i] == 1.0F) drawn[i] = 0.0F;  // (0, 1] -> [0, 1)
        }
        return drawn;
    });
}

void TorchCudaGenerator::randn(std::span<float> values) {
    fill(values, [](const std::array<uint32_t, 4>& words) {
        std::array<float, 4> drawn;
        normalsFromWords(words[0], words[1], drawn.data());
        normalsFromWords(words[2], words[3], drawn.data() + 2);
        return drawn;
    });
}

}  // namespace moescope
