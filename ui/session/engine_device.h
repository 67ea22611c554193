// SPDX-License-Identifier: GPL-3.0-or-later
// The device with the one model (and VAE) that it holds. On the worker's thread only.
#pragma once

#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>

#include "engine/backend/plugin.h"
#include "engine/model/autoencoder_kl.h"
#include "engine/model/denoiser.h"
#include "ui/session/open_model.h"

namespace moescope {

/// Members throw EngineException.
class EngineDevice {
public:
    EngineDevice(BackendOptions options, DeviceChoice choice) : m_options(std::move(options)), m_choice(choice) {}

    DeviceChoice choice() const { return m_choice; }
    /// Another device from now on; what the old one held goes. As `unload`.
    void choose(DeviceChoice choice);
    /// Made at the first call. Where CUDA was chosen and is not offered it is the CPU, and `note` says why.
    Backend& backend();
    /// Counts the contexts that were made: another number, another device may be in use.
    int openings() const { return m_openings; }
    /// Why it is not the device that one would expect, as a sentence; empty when it is.
    const std::string& note() const { return m_note; }
    /// The model whose weights are here; null: none.
    const OpenModelPtr& held() const { return m_held; }
    bool holds(const OpenModelPtr& model) const { return m_held && model && m_held->checkpoint == model->checkpoint; }

    /// Loads the weights when another model's are here, which are given back first. Automatic choices are made anew for its size.
    const Denoiser& denoiser(const OpenModelPtr& model, std::stop_token stop, const LoadProgress& progress);
    /// The decoder of the VAE at `path`; null for an empty path. Must not outlive the next unload. Loading is stopped by the
    /// cancel scope that is in force, which is the caller's.
    std::shared_ptr<AutoencoderKl> vae(const std::filesystem::path& path, MsDType storage);

    /// Gives weights and working memory back to the system. No model, VAE or tensor of this device may be in use.
    void unload();

private:
    void open(int64_t needed);
    bool suits(const OpenModel& model) const;

    BackendOptions m_options;
    DeviceChoice m_choice;
    std::string m_note;
    int m_openings = 0;
    std::unique_ptr<Backend> m_backend;
    OpenModelPtr m_held;
    std::unique_ptr<Denoiser> m_denoiser;
    std::filesystem::path m_vaePath;
    MsDType m_vaeStorage = MS_F32;
    std::shared_ptr<AutoencoderKl> m_vae;
};

}  // namespace moescope
