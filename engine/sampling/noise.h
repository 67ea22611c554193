// SPDX-License-Identifier: Apache-2.0
// The noise a run starts from: drawn as torch draws it, or read from a file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "engine/core/error.h"
#include "engine/core/host_tensor.h"
#include "engine/sampling/torch_cuda_rng.h"

namespace moescope {

class Backend;

struct NoiseSpec {
    enum class Kind {
        TorchCpu,   // torch.randn on the CPU; only the low 32 bits of a seed count, so seed 2^32 + 5 equals seed 5
        TorchCuda,  // torch.randn on a CUDA card; all 64 bits of a seed count
        File,
    };
    Kind kind = Kind::TorchCpu;
    /// The card of TorchCuda; matters only above multiprocessors x threads values in one draw (see TorchCudaGenerator).
    int multiprocessors = TorchCudaGenerator::defaultMultiprocessors;
    int threadsPerMultiprocessor = TorchCudaGenerator::defaultThreadsPerMultiprocessor;
    std::filesystem::path file;
    /// One draw for the whole batch with the first seed, instead of one draw per image with seed, seed + 1, ...
    bool joint = false;

    bool operator==(const NoiseSpec&) const = default;
};

/// `rng`: "torch-cpu", "torch-cuda" or "torch-cuda:SMS,THREADS"; `batchMode`: "per-image" or "joint". Empty means the
/// first of each. A `file` that is not empty replaces the generator.
Result<NoiseSpec> parseNoiseSpec(std::string_view rng, std::string_view batchMode,
                                 const std::filesystem::path& file = {});

/// What parseNoiseSpec takes as `rng`; "file" for a file. The card is written out only where it is not the default.
std::string rngText(const NoiseSpec& spec);
/// "per-image" or "joint"
std::string noiseBatchText(const NoiseSpec& spec);

/// Standard normal numbers of shape [batch, imageShape...].
///
/// Image i alone with seed + i is image i of the batch, unless `joint`. A file is `.npy` (float32 or float64, C order)
/// or
/// `.safetensors` (the tensor "noise", or the only one) of shape [batch, imageShape...], or of imageShape: then every
/// image starts from it. Another shape, or numbers that are not finite, are errors. A `device` draws what it can itself
/// (see drawsOnDevice), null nothing.
Result<HostTensor> makeNoise(const NoiseSpec& spec, uint64_t seed, int64_t batch, const Shape& imageShape,
                             Backend* device = nullptr);

}  // namespace moescope
