// SPDX-License-Identifier: Apache-2.0
// How far a computed tensor is from its reference: the one metric that every case is judged by.
#pragma once

#include <string>

#include "engine/io/named_tensors.h"

namespace moescope::verify {

/// One output key of a reference file and what came of it.
struct KeyReport {
    std::string key;
    bool compared = false;  // false: the engine has no such output, or one of another shape
    bool passed = false;
    bool exact = false;  // integers and expert sets: `error` counts the values (sets) that differ, the limit is 0
    double error = 0;    // max|a-b| / max|b|, max|a| where b is all zero; NaN where either holds a NaN
    double limit = 0;
    std::string problem;  // what is wrong beyond the error, as a sentence; "" if nothing is
};

/// `mine` null: the engine gave nothing under this key. Integers must be equal; "...indices" are sets of experts per
/// row and "...image_u8" may differ by 1; all else is held to `limit`.
KeyReport compareTensor(const std::string& key, const NamedTensor& reference, const NamedTensor* mine, double limit);

/// The metric itself, for values of equal number. A NaN or infinity on either side gives NaN.
double relativeError(const std::vector<float>& mine, const std::vector<float>& reference);

NamedTensor floatTensor(Shape shape, const std::vector<float>& values);
inline NamedTensor floatTensor(const HostTensor& tensor) {
    return floatTensor(tensor.shape, tensor.data);
}
NamedTensor integerTensor(Shape shape, const std::vector<int64_t>& values);

/// Any whole-number type as 64-bit integers; throws EngineException for floating-point values.
std::vector<int64_t> toIntegers(const std::string& key, const NamedTensor& tensor);
std::vector<float> toFloats(const NamedTensor& tensor);

}  // namespace moescope::verify
