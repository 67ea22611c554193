// SPDX-License-Identifier: Apache-2.0
// Checks the tensors of an AutoencoderKL against its config, then packs them one at a time from the mapped file.
#pragma once

#include <initializer_list>
#include <set>
#include <string>
#include <vector>

#include "engine/backend/backend.h"
#include "engine/io/tensor_source.h"
#include "engine/model/autoencoder_config.h"
#include "engine/model/vae_blocks.h"
#include "engine/model/vae_names.h"

namespace moescope::vae {

/// Walks the model twice with the same code: first only comparing names and shapes (`Mode::Check`, nothing is read),
/// then packing. Throws EngineException where a tensor can not be used.
class TowerLoader {
public:
    enum class Mode { Check, Pack };

    TowerLoader(Backend& backend, const TensorSource& source, const VaeNameIndex& index, MsDType storage);

    Tower encoder(const AutoencoderConfig& config, Mode mode);
    Tower decoder(const AutoencoderConfig& config, Mode mode);

    /// After checking what is wanted: an error that names the first missing, mis-shaped and unknown tensors and counts
    /// them. Tensors whose name begins with one of `ignored` are not unknown.
    Status verdict(const std::vector<std::string>& ignored) const;

private:
    const TensorInfo* expect(const std::string& name, const Shape& shape);
    /// All values of a checked tensor in m_values; the pages behind it are given back.
    void read(const TensorInfo& tensor);
    ConvLayer conv(const std::string& name, int64_t in, int64_t out, int64_t kernel);
    NormLayer norm(const std::string& name, int64_t channels);
    PackedLinear stacked(std::initializer_list<std::string> names, int64_t in, int64_t outEach);
    ResnetBlock resnet(const std::string& name, int64_t in, int64_t out);
    MidBlock mid(const std::string& name, int64_t channels, bool withAttention);
    DeviceTensor vector(const TensorInfo& tensor);
    PackedLinear packed(int64_t in, int64_t out) const;

    Backend& m_backend;
    const TensorSource& m_source;
    const VaeNameIndex& m_index;
    MsDType m_storage;
    Mode m_mode = Mode::Check;
    std::vector<float> m_values;  // of the tensor being packed
    std::set<std::string> m_known;
    std::vector<std::string> m_missing, m_misshaped;
};

}  // namespace moescope::vae
