// SPDX-License-Identifier: Apache-2.0
// Device tensors that are handed out and come back: a network of many resolutions needs memory in many sizes, but
// little at a time.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/backend/backend.h"

namespace moescope::unet {

/// Gives the smallest free tensor that is large enough, else makes one. After the first passes nothing is made any
/// more. One thread; leases must not outlive their pool.
class TensorPool {
public:
    explicit TensorPool(Backend& backend) : m_backend(backend) {}
    TensorPool(const TensorPool&) = delete;

    /// A tensor on loan, given back when this object goes. Contents undefined at first.
    class Lease {
    public:
        Lease() = default;
        Lease(Lease&& other) noexcept { *this = std::move(other); }
        Lease& operator=(Lease&& other) noexcept {
            std::swap(m_pool, other.m_pool);
            std::swap(m_capacity, other.m_capacity);
            std::swap(m_tensor, other.m_tensor);
            return *this;
        }
        ~Lease() {
            if (m_pool) m_pool->m_free.push_back({m_capacity, std::move(m_tensor)});
        }
        const DeviceTensor& operator*() const { return m_tensor; }
        const DeviceTensor* operator->() const { return &m_tensor; }
        MsTensor* get() const { return m_tensor.get(); }
        /// The same elements in another shape.
        void reshape(const Shape& shape) { m_pool->m_backend.reshape(m_tensor, shape); }
        explicit operator bool() const { return m_pool != nullptr; }

    private:
        friend class TensorPool;
        TensorPool* m_pool = nullptr;
        int64_t m_capacity = 0;
        DeviceTensor m_tensor;
    };

    Lease take(const Shape& shape);

private:
    struct Free {
        int64_t capacity;
        DeviceTensor tensor;
    };
    Backend& m_backend;
    std::vector<Free> m_free;
};

}  // namespace moescope::unet
