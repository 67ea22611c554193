// SPDX-License-Identifier: Apache-2.0
// A small owning tensor in host memory: noise, latents, pictures and everything that leaves the engine.
#pragma once

#include <cstdint>
#include <functional>
#include <numeric>
#include <string>
#include <vector>

namespace moescope {

using Shape = std::vector<int64_t>;

inline int64_t elementCount(const Shape& shape) {
    return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
}

/// "[2, 3, 32, 32]"
std::string shapeText(const Shape& shape);

/// Row-major, contiguous, fp32.
struct HostTensor {
    Shape shape;
    std::vector<float> data;

    HostTensor() = default;
    explicit HostTensor(Shape s) : shape(std::move(s)), data(static_cast<size_t>(elementCount(shape))) {}
    HostTensor(Shape s, std::vector<float> values) : shape(std::move(s)), data(std::move(values)) {}
    int64_t size() const { return static_cast<int64_t>(data.size()); }
    bool empty() const { return data.empty(); }
};

}  // namespace moescope
