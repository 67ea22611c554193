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

// What bf16 may do. A number keeps 8 bits, so each rounded operand is off by up to 2^-9 of itself; over the hundred
// products of a network such errors of random sign grow to about ten times that of a tensor's length. A token whose two
// best experts lie within them goes to the other one, and then it and what attends to it differ by more.
inline constexpr double kRoundedLimit = 0.02;
inline constexpr double kRoundedLimitBesideOtherChoices = 0.1;
inline constexpr double kRoundedShare = 0.05;  // of expert sets that may differ

/// The same for a network whose weights (and, where the device does so, activations) are bf16: floating-point values by
/// |a - b| / |b| in the 2-norm against `limit`, integers by sum |a - b| / sum |b| against kRoundedShare. `error` is
/// that number.
KeyReport compareRounded(const std::string& key, const NamedTensor& reference, const NamedTensor* mine, double limit);

/// "moe.3.weight", "moe.3.out": lists with an entry per choice, and what the experts made of them. They mean nothing
/// side by side once a choice differs; what comes of them in the network does.
bool followsChoices(const std::string& key);

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
