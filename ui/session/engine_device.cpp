// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/session/engine_device.h"

#include <malloc.h>

#include <utility>

namespace moescope {

Backend& EngineDevice::backend() {
    if (!m_backend) m_backend = std::make_unique<Backend>(cpuBackendTable(), m_options);
    return *m_backend;
}

const Denoiser& EngineDevice::denoiser(const OpenModelPtr& model, std::stop_token stop, const LoadProgress& progress) {
    if (holds(model)) return *m_denoiser;
    if (m_held) unload();
    LoadOptions options;
    options.storage = model->order.storage;
    options.stop = std::move(stop);
    options.progress = progress;
    m_denoiser = model->checkpoint->load(backend(), options).orThrow();
    m_held = model;
    return *m_denoiser;
}

std::shared_ptr<AutoencoderKl> EngineDevice::vae(const std::filesystem::path& path, MsDType storage) {
    if (path.empty()) return nullptr;
    if (m_vae && m_vaePath == path && m_vaeStorage == storage) return m_vae;
    m_vae.reset();
    AutoencoderLoadOptions options;
    options.encoder = false;
    options.storage = storage;
    m_vae = AutoencoderKl::load(backend(), path, options).orThrow();
    m_vaePath = path;
    m_vaeStorage = storage;
    return m_vae;
}

void EngineDevice::unload() {
    m_denoiser.reset();
    m_held.reset();
    m_vae.reset();
    m_backend.reset();  // with the working memory of its operations
    ::malloc_trim(0);
}

}  // namespace moescope
