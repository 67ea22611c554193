// SPDX-License-Identifier: Apache-2.0
// The noise schedule of discrete diffusions (arXiv 2006.11239), restricted to some of its timesteps (arXiv 2102.09672).
// All tables in double; numbers are rounded to fp32 where a step uses them, as the published code does.
#pragma once

#include <array>
#include <span>
#include <string_view>
#include <vector>

#include "engine/core/error.h"
#include "engine/model/model_description.h"

namespace moescope {

inline constexpr int kTrainedTimesteps = 1000;

/// Share of the data's variance after each of the 1000 steps of the linear schedule (beta from 1e-4 to 0.02).
std::vector<double> linearAlphasCumprod();

/// The same of the schedule that a model was trained with: its own, else the linear one.
std::vector<double> trainedAlphasCumprod(const ModelDescription& description);

/// Original indices that a run visits, ascending. `respacing` is spelled as in the published code: "250" or "10,15,20" are
/// counts of one or more equal sections of the 1000 (a section of size L with n steps takes start + round(j (L-1)/(n-1)));
/// "ddim50" is the whole stride that keeps exactly 50; empty is one section of `steps`. A sentence where nothing fits.
Result<std::vector<int>> keptTimesteps(std::string_view respacing, int steps);

/// The process that only knows the kept timesteps. Entry i belongs to the i-th kept one; a run goes from the last to the first.
struct DiffusionSchedule {
    std::vector<int> timesteps;  // original indices: what the network is given
    std::vector<double> alphasCumprod, betas;
    std::vector<double> posteriorLogVariance;  // of x_(t-1) given x_t and the data; entry 0 (which is 0) as entry 1
    std::vector<double> posteriorClean, posteriorState;  // mean = posteriorClean data + posteriorState x_t

    int steps() const { return static_cast<int>(timesteps.size()); }
    double alphasBefore(int i) const { return i ? alphasCumprod[static_cast<size_t>(i) - 1] : 1.0; }
    /// s / (a + s) for x = a data + s noise.
    float noiseLevel(int i) const;
};

/// `timesteps` ascending, inside `alphasCumprod`.
DiffusionSchedule respacedSchedule(std::span<const double> alphasCumprod, std::vector<int> timesteps);

/// Parameters of the backend's diffusion_step. DDPM: mean and learned (or smallest) variance of the posterior.
std::array<float, 8> ddpmStep(const DiffusionSchedule& schedule, int i);
/// DDIM (arXiv 2010.02502): eta 0 deterministic, 1 with as much noise as DDPM.
std::array<float, 8> ddimStep(const DiffusionSchedule& schedule, int i, double eta);

}  // namespace moescope
