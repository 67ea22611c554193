// SPDX-License-Identifier: Apache-2.0
// Batches of latents: every picture is encoded once, and a fresh sample of its Gaussian is drawn for every batch.
#pragma once

#include <filesystem>
#include <memory>

#include "engine/data/picture_set.h"
#include "engine/train/batch_source.h"

namespace moescope::train {

struct LatentSourceOptions {
    std::filesystem::path vae;    // an autoencoder, as AutoencoderKl::load takes it
    std::filesystem::path cache;  // a file that the encoded set is kept in
    PreparedSize size;            // of the pictures
    int64_t batch = 64;
    uint64_t seed = 0;
    int threads = 0;              // for encoding
};

/// Encodes what the cache does not hold already, which takes a while. Errors are those of LatentCache::open.
Result<std::unique_ptr<BatchSource>> makeLatentSource(std::shared_ptr<const PictureSet> set, const LatentSourceOptions& options);

}  // namespace moescope::train
