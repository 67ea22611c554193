// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/session/engine_device.h"

#include <malloc.h>

#include <utility>

namespace moescope {

void EngineDevice::choose(DeviceChoice choice) {
    if (choice == m_choice) return;
    unload();
    m_choice = choice;
}

void EngineDevice::open(int64_t needed) {
    auto opened = openDevice(m_choice, m_options, needed);
    if (!opened.ok() && m_choice == DeviceChoice::Cuda && opened.error().code == ErrorCode::Unsupported) {
        const std::string reason = cudaBackendTable().ok() ? opened.error().message : cudaBackendTable().error().message;
        opened = openDevice(DeviceChoice::Cpu, m_options);
        if (opened.ok()) opened->note = reason;
    }
    OpenedDevice device = std::move(opened).orThrow();
    m_backend = std::move(device.backend);
    m_note = std::move(device.note);
    ++m_openings;
}

Backend& EngineDevice::backend() {
    if (!m_backend) open(0);
    return *m_backend;
}

/// Whether the context that is there is the one to load this model into.
bool EngineDevice::suits(const OpenModel& model) const {
    if (!m_backend) return false;
    const auto memory = m_backend->deviceMemory();
    if (!memory) return m_note.empty() || m_choice == DeviceChoice::Cpu;  // else the GPU may have room now
    return m_options.compute == model.order.storage && (m_choice == DeviceChoice::Cuda || memory->free >= model.bytesNeeded);
}

const Denoiser& EngineDevice::denoiser(const OpenModelPtr& model, std::stop_token stop, const LoadProgress& progress) {
    if (holds(model)) return *m_denoiser;
    if (m_held || !suits(*model)) unload();
    m_options.compute = model->order.storage;
    if (!m_backend) open(model->bytesNeeded);
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
