// SPDX-License-Identifier: GPL-3.0-or-later
// What a run had denoised up to an evaluation, from the latents that were kept.
#pragma once

#include "engine/core/error.h"
#include "engine/core/host_tensor.h"
#include "engine/model/model_description.h"
#include "ui/session/run_view.h"

namespace moescope {

/// [C, H, W] x_t + max(1 - t, tEps) velocity of one image. An error when the latents were not kept or the image has not come so far.
Result<HostTensor> cleanEstimate(const RunView& run, int evaluation, int64_t image);

/// Whether the run's tensors are pictures or latents that a VAE decodes: told by their size.
PictureSpace pictureSpace(const RunView& run);

}  // namespace moescope
