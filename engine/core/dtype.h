// SPDX-License-Identifier: Apache-2.0
// Element types of stored tensors, and their conversion to float.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace moescope {

enum class DType : uint8_t { F64, F32, F16, BF16, F8E4M3, F8E5M2, I64, I32, I16, I8, U64, U32, U16, U8, Bool };

/// Bytes of one element.
size_t dtypeSize(DType dtype);
/// The name that safetensors headers use: "F32", "BF16", "BOOL" ...
std::string_view dtypeName(DType dtype);
std::optional<DType> dtypeFromName(std::string_view safetensorsName);
/// F64, F32, F16, BF16 and the two 8-bit floats.
bool isFloating(DType dtype);

float halfToFloat(uint16_t bits);      // IEEE binary16
uint16_t floatToHalf(float value);     // round to nearest even
inline float bfloat16ToFloat(uint16_t bits) { return __builtin_bit_cast(float, static_cast<uint32_t>(bits) << 16); }
uint16_t floatToBfloat16(float value); // round to nearest even, NaN stays NaN

/// `count` elements of `dtype` at `source` (any alignment, native byte order) -> float. F64 and wide integers are rounded.
void convertToFloat(DType dtype, const std::byte* source, std::span<float> target);

}  // namespace moescope
