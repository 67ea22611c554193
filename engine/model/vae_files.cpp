// SPDX-License-Identifier: Apache-2.0
#include "engine/model/vae_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace moescope {
namespace {

namespace fs = std::filesystem;

constexpr uintmax_t kMaxConfigBytes = 1 << 20;
constexpr std::array<std::string_view, 5> kKnownNames{
    "diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.safetensors.index.json",
    "diffusion_pytorch_model.fp16.safetensors", "diffusion_pytorch_model.bin", "diffusion_pytorch_model.fp16.bin"};
constexpr std::array<std::string_view, 5> kWeightEndings{".safetensors", ".ckpt", ".pt", ".pth", ".bin"};

bool isFile(const fs::path& path) {
    std::error_code ignored;
    return fs::is_regular_file(path, ignored);
}

std::vector<fs::path> weightFiles(const fs::path& folder) {
    std::vector<fs::path> found;
    std::error_code error;
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
        const std::string ending = entry->path().extension().string();
        if (isFile(entry->path()) &&
            std::find(kWeightEndings.begin(), kWeightEndings.end(), ending) != kWeightEndings.end())
            found.push_back(entry->path());
    }
    std::sort(found.begin(), found.end());
    return found;
}

fs::path weightsIn(const fs::path& folder) {
    for (const fs::path& place : {folder, folder / "vae"})
        for (const std::string_view name : kKnownNames)
            if (isFile(place / name)) return place / name;
    const std::vector<fs::path> others = weightFiles(folder);
    if (others.size() == 1) return others.front();
    throw EngineException(
        ErrorCode::NotFound,
        fmt::format("expected diffusion_pytorch_model.safetensors (or .bin), or one file of weights, in the "
                    "VAE's folder {}, found {}; give the folder or the file itself",
                    folder.filename().string(), others.empty() ? "none" : "several"));
}

/// Empty where there is no file; an error where it can not be read as JSON.
std::optional<nlohmann::json> readConfig(const fs::path& path) {
    if (!isFile(path)) return std::nullopt;
    std::error_code error;
    const uintmax_t size = fs::file_size(path, error);
    std::string text;
    if (!error && size <= kMaxConfigBytes) {
        std::ifstream stream(path, std::ios::binary);
        text.assign(std::istreambuf_iterator<char>(stream), {});
    }
    nlohmann::json config = nlohmann::json::parse(text, nullptr, false);
    if (config.is_discarded())
        throw EngineException(ErrorCode::Format,
                              "expected JSON in the config.json beside the VAE's weights, found something else; "
                              "download it again");
    return config;
}

bool describesAutoencoder(const nlohmann::json& config) {
    if (!config.is_object()) return false;
    const auto name = config.find("_class_name");
    return name != config.end() ? *name == "AutoencoderKL" : config.contains("block_out_channels");
}

VaeFiles find(const fs::path& path) {
    std::error_code ignored;
    VaeFiles files;
    const bool folder = fs::is_directory(path, ignored);
    if (!folder && !isFile(path))
        throw EngineException(ErrorCode::NotFound,
                              fmt::format("expected the folder or the file of a VAE, found nothing at {}; check "
                                          "the name",
                                          path.string()));
    files.weights = folder ? weightsIn(path) : path;
    // Another model's config may stand beside a single file; a folder is one model, and its config must be ours.
    auto config = readConfig(files.weights.parent_path() / "config.json");
    if (config && (folder || describesAutoencoder(*config))) files.config = std::move(config);
    return files;
}

}  // namespace

Result<VaeFiles> findVaeFiles(const std::filesystem::path& path) {
    return guarded([&] { return find(path); });
}

}  // namespace moescope
