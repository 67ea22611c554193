// SPDX-License-Identifier: Apache-2.0
// Finds the tensors of an AutoencoderKL in a file, whichever of the names in circulation they carry.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/error.h"
#include "engine/io/tensor_source.h"

namespace moescope {

/// The tensors of one autoencoder under one set of names: those that today's diffusers writes
/// ("decoder.up_blocks.0.resnets.1.conv2.weight", "encoder.mid_block.attentions.0.to_q.weight").
struct VaeNameIndex {
    /// Points into the source, which must outlive the index.
    std::map<std::string, const TensorInfo*, std::less<>> tensors;
    /// What stood in front of the names in the file ("first_stage_model."); empty for a file of its own.
    std::string prefix;
    /// "diffusers", "diffusers, attention of before 2023", "latent diffusion"
    std::string naming;

    const TensorInfo* find(std::string_view name) const;
};

/// Today's name of a stored name without its prefix. `upLevels`: resolution levels of the decoder, needed because the
/// original latent-diffusion code counts them from the full picture down and diffusers from the latent up. Names it
/// does not know are returned as they are.
std::string currentVaeName(std::string_view stored, int64_t upLevels);

/// Error when the file holds no autoencoder, or one tensor twice under two names. Names that belong to something else
/// in the same file (the denoiser of a full checkpoint, the discriminator of a training run) are left out.
Result<VaeNameIndex> indexVaeNames(const TensorSource& source);

/// Number of consecutive N = 0, 1, ... for which a name begins with `before` N "." (bounded, whatever the file says).
int64_t countNumbered(const VaeNameIndex& index, const std::string& before);

}  // namespace moescope
