// SPDX-License-Identifier: Apache-2.0
#include "engine/model/companion_files.h"

#include <cstdlib>

namespace moescope {
namespace fs = std::filesystem;

namespace {

constexpr int kImageNetClasses = 1000;
constexpr const char* kKnownVaes[] = {"models--stabilityai--sd-vae-ft-mse", "models--stabilityai--sd-vae-ft-ema"};

bool isVaeFolder(const fs::path& folder) {
    std::error_code ignored;
    return fs::exists(folder / "config.json", ignored) && (fs::exists(folder / "diffusion_pytorch_model.safetensors", ignored) ||
                                                           fs::exists(folder / "diffusion_pytorch_model.bin", ignored));
}

}  // namespace

fs::path huggingFaceCache() {
    if (const char* hub = std::getenv("HF_HUB_CACHE")) return hub;
    if (const char* home = std::getenv("HF_HOME")) return fs::path(home) / "hub";
    const char* home = std::getenv("HOME");
    return home ? fs::path(home) / ".cache" / "huggingface" / "hub" : fs::path();
}

std::optional<ClassLabels> labelsBeside(const LoadableModel& model) {
    std::error_code ignored;
    for (const fs::path& folder : model.companionFolders())
        if (const fs::path place = folder / "labels.json"; fs::exists(place, ignored))
            if (auto labels = ClassLabels::load(place); labels.ok() && labels->size() == model.description().config.classes)
                return std::move(*labels);
    return std::nullopt;
}

std::optional<ClassLabels> findLabels(const LoadableModel& model, const fs::path& resources) {
    if (const auto own = model.ownLabels()) return *own;
    if (auto beside = labelsBeside(model)) return beside;
    if (model.description().config.classes == kImageNetClasses)
        if (auto labels = ClassLabels::load(resources / "labels" / "imagenet-1k.json"); labels.ok()) return std::move(*labels);
    return std::nullopt;
}

fs::path findVae(const LoadableModel& model, const fs::path& given) {
    if (!given.empty()) return given;
    for (const fs::path& folder : model.companionFolders())
        if (isVaeFolder(folder / "vae")) return folder / "vae";
    std::error_code ignored;
    for (const char* known : kKnownVaes)
        for (const auto& snapshot : fs::directory_iterator(huggingFaceCache() / known / "snapshots", ignored))
            if (isVaeFolder(snapshot.path())) return snapshot.path();
    return {};
}

std::string vaeAdvice() {
    return "no VAE was found, so the pictures are a rough linear preview: download stabilityai/sd-vae-ft-mse (config.json and "
           "diffusion_pytorch_model.safetensors) into a folder 'vae' beside the checkpoint, or give it with --vae";
}

}  // namespace moescope
