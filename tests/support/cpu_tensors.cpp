// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/support/cpu_tensors.h"

#include <random>

namespace moescope::test {

MsTensor floatTensor(Shape shape) {
    MsTensor tensor;
    tensor.shape = std::move(shape);
    tensor.memory = AlignedBytes(static_cast<size_t>(tensor.elements()) * sizeof(float));
    return tensor;
}

MsTensor indexTensor(const std::vector<int32_t>& values) {
    MsTensor tensor = floatTensor({static_cast<int64_t>(values.size())});
    tensor.dtype = MS_I32;
    std::copy(values.begin(), values.end(), tensor.i32());
    return tensor;
}

std::vector<float> valuesOf(const MsTensor& tensor) {
    return {tensor.f32(), tensor.f32() + tensor.elements()};
}

std::vector<float> spread(int64_t count, uint32_t seed, float width) {
    std::mt19937 generator(seed);
    std::vector<float> values(static_cast<size_t>(count));
    for (float& value : values) value = width * (static_cast<float>(generator() >> 8) * 0x1p-23f - 1.0f);
    return values;
}

}  // namespace moescope::test
