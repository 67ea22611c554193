// SPDX-License-Identifier: Apache-2.0
#include "engine/trace/run_record.h"

#include <cstring>

#include "engine/core/dtype.h"

namespace moescope {

std::vector<float> unpackLatents(const std::vector<std::byte>& stored, LatentPrecision precision) {
    const DType dtype = precision == LatentPrecision::F16 ? DType::F16 : DType::F32;
    std::vector<float> values(stored.size() / dtypeSize(dtype));
    convertToFloat(dtype, stored.data(), values);
    return values;
}

std::vector<std::byte> packLatents(const std::vector<float>& values, LatentPrecision precision) {
    std::vector<std::byte> stored(values.size() * (precision == LatentPrecision::F16 ? 2 : 4));
    if (precision == LatentPrecision::F32) {
        if (!values.empty()) std::memcpy(stored.data(), values.data(), stored.size());
        return stored;
    }
    for (size_t i = 0; i < values.size(); ++i) {
        const uint16_t bits = floatToHalf(values[i]);
        std::memcpy(stored.data() + 2 * i, &bits, 2);
    }
    return stored;
}

}  // namespace moescope
