// SPDX-License-Identifier: Apache-2.0
#include "engine/model/unet/tensor_pool.h"

namespace moescope::unet {

TensorPool::Lease TensorPool::take(const Shape& shape) {
    const int64_t wanted = elementCount(shape);
    auto best = m_free.end();
    for (auto it = m_free.begin(); it != m_free.end(); ++it)
        if (it->capacity >= wanted && (best == m_free.end() || it->capacity < best->capacity)) best = it;
    Lease lease;
    if (best == m_free.end()) {
        lease.m_tensor = m_backend.tensor(shape);
        lease.m_capacity = wanted;
    } else {
        lease.m_tensor = std::move(best->tensor);
        lease.m_capacity = best->capacity;
        m_free.erase(best);
        m_backend.reshape(lease.m_tensor, shape);
    }
    lease.m_pool = this;
    return lease;
}

}  // namespace moescope::unet
