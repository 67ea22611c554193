// SPDX-License-Identifier: Apache-2.0
// A data set as latents of a VAE, encoded once and kept in a file.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/backend/backend.h"
#include "engine/core/error.h"
#include "engine/core/host_tensor.h"
#include "engine/data/picture_loader.h"
#include "engine/data/picture_set.h"
#include "engine/data/set_writer.h"
#include "engine/io/tensor_source.h"

namespace moescope {

struct LatentCacheRequest {
    std::filesystem::path file;  // *.safetensors
    std::filesystem::path vae;   // as AutoencoderKl::load takes it
    PreparedSize size;           // of the pictures; with `flip` mirrored ones are encoded too
};

/// The Gaussians that the encoder gives, in the denoiser's scale (scaleLatent): mean and deviation of every item. Const
/// after opening; any thread. The values stay in the mapped file.
class LatentCache {
public:
    /// Opens the file where its fingerprint is that of the set, the size and the VAE's weights; else encodes every
    /// picture, one after another, and writes it anew (temporary name, then rename). `progress` counts pictures; `stop`
    /// ends an encoding half-way. Cancelled, NoSpace, and what AutoencoderKl::load says; Format where no picture can be
    /// read.
    static Result<std::shared_ptr<const LatentCache>> open(const PictureSet& set, Backend& backend,
                                                           const LatentCacheRequest& request,
                                                           const SetProgress& progress = {}, std::stop_token stop = {});

    int64_t size() const { return static_cast<int64_t>(m_usable.size()); }
    /// [C, h, w]
    const Shape& latentShape() const { return m_latent; }
    /// Whether the file was there already.
    bool reused() const { return m_reused; }
    bool usable(int64_t item) const { return m_usable[static_cast<size_t>(item)] != 0; }
    int64_t brokenItems() const;
    /// [C, h, w]; mirrored only where the request asked for flips.
    std::span<const float> mean(int64_t item, bool mirrored = false) const { return part(item, mirrored, 0); }
    std::span<const float> deviation(int64_t item, bool mirrored = false) const { return part(item, mirrored, 1); }

private:
    LatentCache() = default;
    std::span<const float> part(int64_t item, bool mirrored, int64_t which) const;
    static std::shared_ptr<LatentCache> read(const std::filesystem::path& file, const std::string& fingerprint);

    std::shared_ptr<const TensorSource> m_source;
    std::span<const float> m_moments;  // [items, 1 or 2 (mirrored), 2 (mean, deviation), C, h, w]
    std::vector<uint8_t> m_usable;
    Shape m_latent;
    int64_t m_views = 1;
    bool m_reused = false;
};

struct LatentBatch {
    std::vector<float> means, deviations;  // [n, C, h, w]; a sample is mean + deviation * noise
    std::vector<int32_t> labels;
    std::vector<std::string> captions;
    std::vector<int64_t> items;
    std::vector<uint8_t> mirrored;
};

/// Batches of a cache in the order, with the captions and mirroring, that a PictureLoader of the same seed, batch and
/// flip gives: a pure function of (seed, step). One thread.
class LatentLoader {
public:
    LatentLoader(std::shared_ptr<const PictureSet> set, std::shared_ptr<const LatentCache> cache, int64_t batch,
                 uint64_t seed, bool flip);
    LatentBatch batch(int64_t step);

private:
    int64_t goodItem(int64_t position);

    std::shared_ptr<const PictureSet> m_set;
    std::shared_ptr<const LatentCache> m_cache;
    int64_t m_batch;
    uint64_t m_seed;
    bool m_flip;
    EpochOrder m_order;
};

}  // namespace moescope
