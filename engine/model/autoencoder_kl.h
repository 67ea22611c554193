// SPDX-License-Identifier: Apache-2.0
// The Stable Diffusion layout's autoencoder: latents to pictures and back.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "engine/backend/backend.h"
#include "engine/core/error.h"
#include "engine/core/host_tensor.h"
#include "engine/model/autoencoder_config.h"

namespace moescope {

namespace vae {
struct Picture;
struct Tower;
}  // namespace vae

struct AutoencoderLoadOptions {
    bool decoder = true;  // a half that is not wanted is neither read nor missed
    bool encoder = true;
    MsDType storage = MS_F32;  // of the packed weights; MS_BF16 halves them, arithmetic stays fp32
};

/// Called with "decode.post_quant", "decode.conv_in", "decode.mid_attn" (after the attention of the middle block, its
/// residual included), "decode.mid", "decode.up.N", "encode.conv_in", "encode.down.N", "encode.mid_attn", "encode.mid":
/// the value [C, h, w] of one picture of the batch. On the calling thread.
using AutoencoderObserver = std::function<void(std::string_view name, int64_t sample, const HostTensor& value)>;

struct AutoencoderRunOptions {
    int64_t stripRows = 0;  // output rows that a convolution gathers at a time; 0: the device chooses. Changes no bit
    AutoencoderObserver observer;
};

/// The Gaussian that the encoder gives. [B, C, h, w] each; without double_z logvar is empty and mean all there is.
struct AutoencoderMoments {
    HostTensor moments;  // as the network gives them: mean and log variance, not clamped
    HostTensor mean;
    HostTensor logvar;                                 // clamped to -30 .. 20
    HostTensor std() const;                            // exp(logvar / 2)
    HostTensor sample(const HostTensor& noise) const;  // mean + std * noise
};

/// Const after loading. Must not outlive its Backend, and runs on the Backend's thread. A Backend::CancelScope around a
/// call stops it within one strip of one convolution.
class AutoencoderKl {
public:
    /// `path`: a folder with config.json and diffusion_pytorch_model.safetensors (or .bin), a pipeline folder that has
    /// one as `vae`, or a file (.safetensors, .ckpt, .pt, .bin) with the names of diffusers or of the original
    /// latent-diffusion code, alone or inside a full checkpoint. A file takes its shape from a config.json of an
    /// AutoencoderKL beside it, else from its tensors.
    static Result<std::unique_ptr<AutoencoderKl>> load(Backend& backend, const std::filesystem::path& path,
                                                       const AutoencoderLoadOptions& options = {});
    ~AutoencoderKl();
    AutoencoderKl(const AutoencoderKl&) = delete;

    const AutoencoderConfig& config() const { return m_config; }
    bool canDecode() const { return m_decoder != nullptr; }
    bool canEncode() const { return m_encoder != nullptr; }
    /// Learned values in what was loaded, and the bytes they take when packed.
    int64_t parameters() const { return m_parameters; }
    uint64_t packedBytes() const { return m_packedBytes; }
    /// "diffusers", "latent diffusion", ...: the names that the file used.
    const std::string& naming() const { return m_naming; }

    /// Bytes of activations that decoding one latent of h x w needs at most, weights and the device's scratch not
    /// counted.
    uint64_t decodeBytes(int64_t latentHeight, int64_t latentWidth) const;

    /// Latents [B, C, h, w] or [C, h, w], not scaled (see unscaleLatent) -> pictures of the same rank, about -1 .. 1,
    /// not clamped. Each picture equals the one decoded alone. Throws EngineException.
    HostTensor decode(const HostTensor& latent, const AutoencoderRunOptions& options = {}) const;
    /// Pictures [B, 3, H, W] or [3, H, W] in -1 .. 1; sizes that are no multiple of reduction() are rounded down by the
    /// network.
    AutoencoderMoments encode(const HostTensor& image, const AutoencoderRunOptions& options = {}) const;

private:
    explicit AutoencoderKl(Backend& backend);
    HostTensor decodeOne(const HostTensor& batch, int64_t sample, const AutoencoderRunOptions& options) const;
    HostTensor encodeOne(const HostTensor& batch, int64_t sample, const AutoencoderRunOptions& options) const;

    Backend& m_backend;
    AutoencoderConfig m_config;
    std::unique_ptr<vae::Tower> m_encoder, m_decoder;
    int64_t m_parameters = 0;
    uint64_t m_packedBytes = 0;
    std::string m_naming;
};

/// A decoded picture as bytes would have it: clamp(127.5 x + 128, 0, 255), not rounded.
HostTensor pictureLevels(const HostTensor& decoded);

}  // namespace moescope
