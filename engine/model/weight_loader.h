// SPDX-License-Identifier: Apache-2.0
// Moves tensors from a mapped file into a device, one at a time: shape and finiteness checked, pages given back after each.
#pragma once

#include <functional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/backend/backend.h"
#include "engine/core/aligned_bytes.h"
#include "engine/model/weight_view.h"

namespace moescope {

/// Bytes read so far of all bytes; called on the loading thread.
using LoadProgress = std::function<void(int64_t done, int64_t total)>;

/// Throws EngineException naming the tensor: missing, of another shape, not finite, or cancelled.
class WeightLoader {
public:
    WeightLoader(Backend& backend, const WeightView& view, MsDType storage, std::stop_token stop = {}, LoadProgress progress = {},
                 int64_t totalBytes = 0);

    ~WeightLoader() { release(); }
    WeightLoader(const WeightLoader&) = delete;

    /// W [out, in] (trailing axes flattened into `in`) with bias if `bias` is true ("<name>.weight", "<name>.bias").
    PackedLinear linear(const std::string& name, int64_t in, int64_t out, bool bias, MsLinearLayout layout = MS_LINEAR_PLAIN);
    /// Joint projection of self-attention [(heads + 2 keyHeads) * headWidth, in] with bias, rows (queries | keys | values); keys and values
    /// of grouped heads are repeated, so that every query head finds its own: 3 * heads * headWidth rows in the device.
    PackedLinear attention(const std::string& name, int64_t in, int64_t heads, int64_t keyHeads, int64_t headWidth);
    /// W [out, in, kernel, kernel] with bias, its columns put in the order (ky, kx, c) of the table's convolutions.
    PackedLinear convolution(const std::string& name, int64_t in, int64_t out, int64_t kernel);
    /// The router: always stored in fp32. `weight` is the full name.
    PackedLinear router(const std::string& weight, int64_t in, int64_t out);
    /// A router whose rows are brought to length 1.
    PackedLinear prototypes(const std::string& weight, int64_t in, int64_t out);
    /// The same with a bias, by the name of the layer.
    PackedLinear exactLinear(const std::string& name, int64_t in, int64_t out);

    /// One part of a stacked weight: tensors whose rows follow each other (gate_proj then up_proj, or one w12).
    struct Part {
        std::vector<std::string> weights;
        std::vector<std::string> biases;
    };
    /// `parts.size()` stacked matrices in -> out.
    PackedLinear stacked(const std::vector<Part>& parts, int64_t in, int64_t out, MsLinearLayout layout);

    /// A tensor kept as it is, fp32.
    DeviceTensor tensor(const std::string& name, const Shape& shape);
    /// The same, empty when the file has none of that name.
    DeviceTensor optionalTensor(const std::string& name, const Shape& shape);
    bool has(const std::string& name) const { return m_view.has(name); }
    Backend& backend() { return m_backend; }

private:
    /// The tensor's values, in the mapped file or in the staging memory; valid until the next read.
    std::span<const float> read(const std::string& name, const Shape& shape);
    Backend& m_backend;
    const WeightView& m_view;
    MsDType m_storage;
    std::stop_token m_stop;
    LoadProgress m_progress;
    int64_t m_done = 0, m_total = 0;
    void loadRows(const PackedLinear& target, int64_t index, int64_t first, int64_t in, std::span<const float> values);
    void release();
    void throwIfStopped() const;
    const TensorInfo* m_current = nullptr;  // the tensor whose pages may still be mapped
    AlignedBytes m_staging;  // holds the largest tensor read so far; not from the heap, which would keep it after loading
};

}  // namespace moescope
