// SPDX-License-Identifier: Apache-2.0
#include "engine/sampling/torch_cpu_rng.h"

#include <cmath>
#include <numbers>
#include <numeric>
#include <type_traits>
#include <utility>

namespace moescope {
namespace {

constexpr size_t kBlockSize = 16;  // normals are drawn in blocks: 8 radii, then 8 angles

float roundTo(DType type, float value) {
    if (type == DType::F16) return halfToFloat(floatToHalf(value));
    if (type == DType::BF16) return bfloat16ToFloat(floatToBfloat16(value));
    return value;
}

/// Box-Muller in T. The angle is rounded to T as torch does, which for fp32 decides more digits than the functions do;
/// the functions themselves are evaluated in double, so that every C library gives the same fp32 numbers.
template <class T>
void normalsFromUniforms(T* block) {
    for (size_t i = 0; i < kBlockSize / 2; ++i) {
        const T u1 = T(1) - block[i];  // [0, 1) -> (0, 1]
        const double radius = std::sqrt(-2.0 * std::log(static_cast<double>(u1)));
        const double angle = static_cast<T>(T(2.0 * std::numbers::pi) * block[i + 8]);
        block[i] = static_cast<T>(radius * std::cos(angle));
        block[i + 8] = static_cast<T>(radius * std::sin(angle));
    }
}

}  // namespace

void TorchCpuGenerator::seed(uint64_t seed) {
    m_engine.seed(static_cast<uint32_t>(seed));
    m_keptNormal.reset();
}

uint64_t TorchCpuGenerator::random64() {
    const uint64_t high = random32();
    return high << 32 | random32();
}

template <class T>
void TorchCpuGenerator::fillUniform(std::span<T> values, DType type) {
    for (T& value : values) {
        if constexpr (std::is_same_v<T, double>) {
            value = static_cast<double>(random64() & ((uint64_t{1} << 53) - 1)) * 0x1p-53;
        } else {
            value = roundTo(type, static_cast<float>(random32() & ((1U << 24) - 1)) * 0x1p-24F);
            if (value == 1.0F) value = 0.0F;  // rounding to 16 bits may reach 1; torch folds that onto 0
        }
    }
}

void TorchCpuGenerator::rand(std::span<float> values, DType type) {
    fillUniform(values, type);
}
void TorchCpuGenerator::rand(std::span<double> values) {
    fillUniform(values, DType::F64);
}

double TorchCpuGenerator::nextNormal() {
    if (m_keptNormal) return *std::exchange(m_keptNormal, std::nullopt);
    double u[2];
    fillUniform(std::span<double>(u), DType::F64);
    const double radius = std::sqrt(-2.0 * std::log1p(-u[1]));
    const double angle = 2.0 * std::numbers::pi * u[0];
    m_keptNormal = radius * std::sin(angle);
    return radius * std::cos(angle);
}

template <class T>
void TorchCpuGenerator::fillNormal(std::span<T> values, DType type) {
    if (values.size() < kBlockSize) {
        for (T& value : values) {
            const T drawn = static_cast<T>(nextNormal());
            if constexpr (std::is_same_v<T, float>)
                value = roundTo(type, drawn);
            else
                value = drawn;
        }
        return;
    }
    // 16-bit normals are fp32 normals rounded at the end, and torch draws only their whole blocks before the tail; of
    // other types it draws every value, and the tail once more.
    constexpr DType exact = std::is_same_v<T, double> ? DType::F64 : DType::F32;
    const size_t inBlocks = values.size() - values.size() % kBlockSize;
    fillUniform(values.first(type == exact ? values.size() : inBlocks), exact);
    for (size_t i = 0; i < inBlocks; i += kBlockSize) normalsFromUniforms(values.data() + i);
    if (inBlocks != values.size()) {
        const std::span<T> tail = values.last(kBlockSize);
        fillUniform(tail, exact);
        normalsFromUniforms(tail.data());
    }
    if constexpr (std::is_same_v<T, float>)
        for (T& value : values) value = roundTo(type, value);
}

void TorchCpuGenerator::randn(std::span<float> values, DType type) {
    fillNormal(values, type);
}
void TorchCpuGenerator::randn(std::span<double> values) {
    fillNormal(values, DType::F64);
}

void TorchCpuGenerator::randint(int64_t low, int64_t high, std::span<int64_t> values) {
    const uint64_t range = static_cast<uint64_t>(high) - static_cast<uint64_t>(low);
    for (int64_t& value : values) {
        const uint64_t drawn = range >= uint64_t{1} << 28 ? random64() : random32();
        value = static_cast<int64_t>(static_cast<uint64_t>(low) + (range == 0 ? drawn : drawn % range));
    }
}

void TorchCpuGenerator::randperm(std::span<int64_t> values) {
    std::iota(values.begin(), values.end(), int64_t{0});
    for (size_t i = 0; i + 1 < values.size(); ++i)
        std::swap(values[i], values[i + random32() % static_cast<uint32_t>(values.size() - i)]);
}

}  // namespace moescope
