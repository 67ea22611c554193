// SPDX-License-Identifier: Apache-2.0
// The random numbers of torch's CPU generator, so that a run can be compared with one made in Python.
#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <span>

#include "engine/core/dtype.h"

namespace moescope {

/// What `torch.Generator("cpu").manual_seed(seed)` draws, call after call: mt19937 with torch's mappings to numbers.
///
/// Only the low 32 bits of a seed count: 2^32 + 5 gives the numbers of 5, in torch as here.
/// Integers and uniforms equal torch's bit for bit. Normals in fp32 agree within 2e-6: torch's own vector and scalar
/// kernels differ from each other by that much; 16-bit normals are those, rounded. One thread.
class TorchCpuGenerator {
public:
    explicit TorchCpuGenerator(uint64_t seed) : m_engine(static_cast<uint32_t>(seed)) {}

    /// torch.manual_seed: also forgets the second half of a pair of normals that was kept for the next call.
    void seed(uint64_t seed);

    /// torch.rand in [0, 1). `type` is F32, F16 or BF16: values are rounded to that type and stored as float.
    void rand(std::span<float> values, DType type = DType::F32);
    void rand(std::span<double> values);

    /// torch.randn. Fewer than 16 values are drawn in pairs of doubles, of which one may wait for the next call;
    /// 16 and more are drawn in blocks of 16, and where the size is no multiple of 16 the last 16 are drawn again.
    void randn(std::span<float> values, DType type = DType::F32);
    void randn(std::span<double> values);

    /// torch.randint(low, high), low < high. A range of 2^28 or more takes two words per number.
    void randint(int64_t low, int64_t high, std::span<int64_t> values);
    /// torch.randperm: 0 .. n-1, shuffled. n < 2^31.
    void randperm(std::span<int64_t> values);

    uint32_t random32() { return static_cast<uint32_t>(m_engine()); }
    /// The first word is the high one.
    uint64_t random64();

private:
    double nextNormal();
    template <class T>
    void fillUniform(std::span<T> values, DType type);
    template <class T>
    void fillNormal(std::span<T> values, DType type);

    std::mt19937 m_engine;
    std::optional<double> m_keptNormal;
};

}  // namespace moescope
