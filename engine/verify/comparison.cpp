// SPDX-License-Identifier: Apache-2.0
#include "engine/verify/comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <string_view>

namespace moescope::verify {
namespace {

template <class T>
NamedTensor stored(DType dtype, Shape shape, const std::vector<T>& values) {
    NamedTensor tensor{dtype, std::move(shape), {}};
    tensor.bytes.resize(values.size() * sizeof(T));
    if (!values.empty()) std::memcpy(tensor.bytes.data(), values.data(), tensor.bytes.size());
    return tensor;
}

std::string setText(const int64_t* values, int64_t count) {
    std::string text;
    for (int64_t i = 0; i < count; ++i) text += fmt::format("{}{}", i ? " " : "", values[i]);
    return "{" + text + "}";
}

/// Rows of experts, compared without regard to their order.
void compareSets(KeyReport& report, std::vector<int64_t> mine, std::vector<int64_t> reference, int64_t width) {
    const int64_t rows = width ? static_cast<int64_t>(reference.size()) / width : 0;
    for (int64_t row = 0; row < rows; ++row) {
        const auto first = row * width;
        std::sort(mine.begin() + first, mine.begin() + first + width);
        std::sort(reference.begin() + first, reference.begin() + first + width);
        if (std::equal(mine.begin() + first, mine.begin() + first + width, reference.begin() + first)) continue;
        if (report.error == 0)
            report.problem = fmt::format("token {} should go to experts {}, the engine chose {}", row,
                                         setText(reference.data() + first, width), setText(mine.data() + first, width));
        ++report.error;
    }
}

void compareIntegers(KeyReport& report, const std::vector<int64_t>& mine, const std::vector<int64_t>& reference,
                     int64_t tolerance) {
    for (size_t i = 0; i < reference.size(); ++i) {
        if (std::llabs(mine[i] - reference[i]) <= tolerance) continue;
        if (report.error == 0)
            report.problem = fmt::format("value {} should be {}, the engine has {}", i, reference[i], mine[i]);
        ++report.error;
    }
}

/// |a - b| / |b| in the 2-norm, |a| where b is all zero.
double lengthError(const std::vector<float>& mine, const std::vector<float>& reference) {
    double difference = 0, length = 0;
    for (size_t i = 0; i < reference.size(); ++i) {
        if (!std::isfinite(mine[i]) || !std::isfinite(reference[i])) return std::numeric_limits<double>::quiet_NaN();
        const double a = mine[i], b = reference[i];
        difference += (a - b) * (a - b);
        length += b * b;
    }
    return std::sqrt(length > 0 ? difference / length : difference);
}

/// sum |a - b| / sum |b|, sum |a| where b is all zero.
double shareOfSum(const std::vector<int64_t>& mine, const std::vector<int64_t>& reference) {
    double difference = 0, sum = 0;
    for (size_t i = 0; i < reference.size(); ++i) {
        difference += std::abs(static_cast<double>(mine[i] - reference[i]));
        sum += std::abs(static_cast<double>(reference[i]));
    }
    return sum > 0 ? difference / sum : difference;
}

}  // namespace

double relativeError(const std::vector<float>& mine, const std::vector<float>& reference) {
    double difference = 0, largest = 0;
    for (size_t i = 0; i < reference.size(); ++i) {
        if (!std::isfinite(mine[i]) || !std::isfinite(reference[i])) return std::numeric_limits<double>::quiet_NaN();
        const double a = mine[i], b = reference[i];
        difference = std::max(difference, std::abs(a - b));
        largest = std::max(largest, std::abs(b));
    }
    return largest > 0 ? difference / largest : difference;
}

KeyReport compareTensor(const std::string& key, const NamedTensor& reference, const NamedTensor* mine, double limit) {
    KeyReport report{key};
    report.exact = !isFloating(reference.dtype);
    report.limit = report.exact ? 0 : limit;
    if (!mine) {
        report.problem = "the engine has no output of this name, so it was not compared";
        return report;
    }
    if (mine->shape != reference.shape) {
        report.problem = fmt::format("the reference has shape {}, the engine gives {}", shapeText(reference.shape),
                                     shapeText(mine->shape));
        return report;
    }
    if (isFloating(mine->dtype) != isFloating(reference.dtype)) {
        report.problem = fmt::format("the reference holds {} values where the engine gives {}",
                                     dtypeName(reference.dtype), dtypeName(mine->dtype));
        return report;
    }
    report.compared = true;
    if (!report.exact) {
        report.error = relativeError(toFloats(*mine), toFloats(reference));
        if (std::isnan(report.error)) report.problem = "NaN or infinite values";
        report.passed = report.error <= limit;  // false for NaN
        return report;
    }
    const std::vector<int64_t> a = toIntegers(key, *mine), b = toIntegers(key, reference);
    if (key.ends_with("indices"))
        compareSets(report, a, b, reference.shape.empty() ? 1 : reference.shape.back());
    else
        compareIntegers(report, a, b, key.ends_with("image_u8") ? 1 : 0);
    report.passed = report.error == 0;
    return report;
}

KeyReport compareRounded(const std::string& key, const NamedTensor& reference, const NamedTensor* mine, double limit) {
    KeyReport report = compareTensor(key, reference, mine, limit);
    if (!report.compared) return report;
    if (report.exact) {
        report.exact = false;
        report.limit = kRoundedShare;
        report.problem.clear();
        report.error = shareOfSum(toIntegers(key, *mine), toIntegers(key, reference));
    } else {
        report.error = lengthError(toFloats(*mine), toFloats(reference));
    }
    report.passed = report.error <= report.limit;
    return report;
}

bool followsChoices(const std::string& key) {
    if (!key.starts_with("moe.")) return false;
    constexpr std::array<std::string_view, 7> kEnds{".weight",  ".weights", ".expert", ".token",
                                                    ".indices", ".count",   ".out"};
    return std::any_of(kEnds.begin(), kEnds.end(), [&key](std::string_view end) { return key.ends_with(end); });
}

NamedTensor floatTensor(Shape shape, const std::vector<float>& values) {
    return stored(DType::F32, std::move(shape), values);
}

NamedTensor integerTensor(Shape shape, const std::vector<int64_t>& values) {
    return stored(DType::I64, std::move(shape), values);
}

std::vector<int64_t> toIntegers(const std::string& key, const NamedTensor& tensor) {
    NamedTensors one;
    one.tensors.emplace(key, tensor);
    return one.asInt64(key).orThrow();
}

std::vector<float> toFloats(const NamedTensor& tensor) {
    std::vector<float> values(static_cast<size_t>(elementCount(tensor.shape)));
    convertToFloat(tensor.dtype, tensor.bytes.data(), values);
    return values;
}

}  // namespace moescope::verify
