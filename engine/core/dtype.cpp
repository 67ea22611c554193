// SPDX-License-Identifier: Apache-2.0
#include "engine/core/dtype.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstring>

namespace moescope {
namespace {

struct Entry {
    DType dtype;
    std::string_view name;
    size_t size;
};

constexpr std::array<Entry, 15> kTable{{{DType::F64, "F64", 8},
                                        {DType::F32, "F32", 4},
                                        {DType::F16, "F16", 2},
                                        {DType::BF16, "BF16", 2},
                                        {DType::F8E4M3, "F8_E4M3", 1},
                                        {DType::F8E5M2, "F8_E5M2", 1},
                                        {DType::I64, "I64", 8},
                                        {DType::I32, "I32", 4},
                                        {DType::I16, "I16", 2},
                                        {DType::I8, "I8", 1},
                                        {DType::U64, "U64", 8},
                                        {DType::U32, "U32", 4},
                                        {DType::U16, "U16", 2},
                                        {DType::U8, "U8", 1},
                                        {DType::Bool, "BOOL", 1}}};

float float8E4m3ToFloat(uint8_t bits) {
    const int exponent = (bits >> 3) & 15, mantissa = bits & 7;
    const float sign = bits & 0x80 ? -1.0f : 1.0f;
    if (exponent == 15 && mantissa == 7) return sign * NAN;  // the only NaN; there is no infinity
    if (exponent == 0) return sign * std::ldexp(static_cast<float>(mantissa), -9);
    return sign * std::ldexp(static_cast<float>(8 + mantissa), exponent - 10);
}

float float8E5m2ToFloat(uint8_t bits) { return halfToFloat(static_cast<uint16_t>(bits << 8)); }

template <class Stored, class Convert>
void convertEach(const std::byte* source, std::span<float> target, Convert convert) {
    for (size_t i = 0; i < target.size(); ++i) {
        Stored value;
        std::memcpy(&value, source + i * sizeof(Stored), sizeof(Stored));
        target[i] = convert(value);
    }
}

template <class Stored>
void castEach(const std::byte* source, std::span<float> target) {
    convertEach<Stored>(source, target, [](Stored v) { return static_cast<float>(v); });
}

}  // namespace

size_t dtypeSize(DType dtype) { return kTable[static_cast<size_t>(dtype)].size; }

std::string_view dtypeName(DType dtype) { return kTable[static_cast<size_t>(dtype)].name; }

std::optional<DType> dtypeFromName(std::string_view safetensorsName) {
    for (const Entry& entry : kTable)
        if (entry.name == safetensorsName) return entry.dtype;
    return std::nullopt;
}

bool isFloating(DType dtype) { return dtype <= DType::F8E5M2; }

float halfToFloat(uint16_t bits) {
    const uint32_t sign = static_cast<uint32_t>(bits & 0x8000u) << 16;
    const uint32_t exponent = (bits >> 10) & 31u, mantissa = bits & 1023u;
    if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000u | (mantissa << 13));
    if (exponent != 0) return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
    const float magnitude = std::ldexp(static_cast<float>(mantissa), -24);
    return sign ? -magnitude : magnitude;
}

uint16_t floatToHalf(float value) {
    const uint32_t bits = std::bit_cast<uint32_t>(value);
    const uint16_t sign = static_cast<uint16_t>((bits >> 16) & 0x8000u);
    const uint32_t magnitude = bits & 0x7fffffffu;
    if (magnitude > 0x7f800000u) return sign | 0x7e00u | static_cast<uint16_t>((magnitude >> 13) & 0x3ffu);
    if (magnitude >= 0x477ff000u) return sign | 0x7c00u;  // rounds to infinity
    if (magnitude < 0x38800000u) {                        // subnormal or zero
        const float scaled = std::bit_cast<float>(magnitude) * 16777216.0f;  // exact power of two
        return sign | static_cast<uint16_t>(std::nearbyint(scaled));
    }
    const uint32_t rounded = magnitude + 0xfffu + ((magnitude >> 13) & 1u);
    return sign | static_cast<uint16_t>((rounded - 0x38000000u) >> 13);
}

uint16_t floatToBfloat16(float value) {
    const uint32_t bits = std::bit_cast<uint32_t>(value);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>((bits >> 16) | 0x40u);
    return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

void convertToFloat(DType dtype, const std::byte* source, std::span<float> target) {
    if (target.empty()) return;  // an empty span may be null, which memcpy must not be given
    switch (dtype) {
        case DType::F64: return castEach<double>(source, target);
        case DType::F32: std::memcpy(target.data(), source, target.size_bytes()); return;
        case DType::F16: return convertEach<uint16_t>(source, target, halfToFloat);
        case DType::BF16: return convertEach<uint16_t>(source, target, bfloat16ToFloat);
        case DType::F8E4M3: return convertEach<uint8_t>(source, target, float8E4m3ToFloat);
        case DType::F8E5M2: return convertEach<uint8_t>(source, target, float8E5m2ToFloat);
        case DType::I64: return castEach<int64_t>(source, target);
        case DType::I32: return castEach<int32_t>(source, target);
        case DType::I16: return castEach<int16_t>(source, target);
        case DType::I8: return castEach<int8_t>(source, target);
        case DType::U64: return castEach<uint64_t>(source, target);
        case DType::U32: return castEach<uint32_t>(source, target);
        case DType::U16: return castEach<uint16_t>(source, target);
        case DType::U8:
        case DType::Bool: return castEach<uint8_t>(source, target);
    }
}

}  // namespace moescope
