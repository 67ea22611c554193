// SPDX-License-Identifier: GPL-3.0-or-later
// The device with the one model (and VAE) that it holds. On the worker's thread only.
#pragma once

#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>

#include "engine/backend/backend.h"
#include "engine/model/autoencoder_kl.h"
#include "engine/model/denoiser.h"
#include "ui/session/open_model.h"

namespace moescope {

/// Members throw EngineException.
class EngineDevice {
public:
    explicit EngineDevice(BackendOptions options) : m_options(std::move(options)) {}

    /// Made at the first call.
    Backend& backend();
    /// The model whose weights are here; null: none.
    const OpenModelPtr& held() const { return m_held; }
    bool holds(const OpenModelPtr& model) const { return m_held && model && m_held->checkpoint == model->checkpoint; }

    /// Loads the weights when another model's are here, which are given back first.
    const Denoiser& denoiser(const OpenModelPtr& model, std::stop_token stop, const LoadProgress& progress);
    /// The decoder of the VAE at `path`; null for an empty path. Must not outlive the next unload. Loading is stopped by the
    /// cancel scope that is in force, which is the caller's.
    std::shared_ptr<AutoencoderKl> vae(const std::filesystem::path& path, MsDType storage);

    /// Gives weights and working memory back to the system. No model, VAE or tensor of this device may be in use.
    void unload();

private:
    BackendOptions m_options;
    std::unique_ptr<Backend> m_backend;
    OpenModelPtr m_held;
    std::unique_ptr<Denoiser> m_denoiser;
    std::filesystem::path m_vaePath;
    MsDType m_vaeStorage = MS_F32;
    std::shared_ptr<AutoencoderKl> m_vae;
};

}  // namespace moescope
