// SPDX-License-Identifier: Apache-2.0
// Decoding and encoding with an AutoencoderKL, with every folder of weights that the case has.
#include <fmt/format.h>

#include <algorithm>

#include "engine/model/autoencoder_kl.h"
#include "engine/verify/golden_kind.h"

namespace moescope::verify {
namespace {

namespace fs = std::filesystem;

constexpr double kAutoencoderLimit = 1e-5;
constexpr std::string_view kWeightsFile = "diffusion_pytorch_model.safetensors";

/// Puts the pictures that the observer is shown one by one together again, [C, h, w] -> [B, C, h, w].
class Gatherer {
public:
    Gatherer(NamedTensors& outputs, const GoldenFile& file, int64_t samples)
        : m_outputs(outputs), m_file(file), m_samples(samples) {}

    AutoencoderObserver observer() {
        return [this](std::string_view name, int64_t sample, const HostTensor& value) {
            if (!m_file.find(name)) return;
            HostTensor& batch = m_batches[std::string(name)];
            if (batch.empty()) {
                Shape shape = value.shape;
                shape.insert(shape.begin(), m_samples);
                batch = HostTensor(shape);
            }
            std::copy(value.data.begin(), value.data.end(), batch.data.begin() + sample * value.size());
        };
    }
    void finish() {
        for (const auto& [name, batch] : m_batches) m_outputs.tensors.insert_or_assign(name, floatTensor(batch));
    }

private:
    NamedTensors& m_outputs;
    const GoldenFile& m_file;
    int64_t m_samples;
    std::map<std::string, HostTensor> m_batches;
};

/// The case's latents are scaled as its case.json says; the weights' own config may leave that out.
AutoencoderConfig scalingOf(const CaseFolder& folder, const AutoencoderKl& model, std::vector<std::string>& notes) {
    AutoencoderConfig config = model.config();
    const auto stated = folder.contents().find("scaling_factor");
    if (stated == folder.contents().end() || !stated->is_number() || *stated == config.scalingFactor) return config;
    notes.push_back(fmt::format("the weights' config scales latents by {}, case.json by {}; the case counts",
                                config.scalingFactor, stated->get<double>()));
    config.scalingFactor = stated->get<double>();
    return config;
}

void decodeAll(const CaseFolder& folder, const AutoencoderKl& model, const GoldenFile& file, ComputedFile& computed) {
    const auto keep = [&](const char* key, const HostTensor& value) {
        computed.outputs.tensors.insert_or_assign(key, floatTensor(value));
    };
    if (file.find("latent")) {
        const HostTensor latent = file.input("latent");
        Gatherer gatherer(computed.outputs, file, latent.shape.empty() ? 0 : latent.shape[0]);
        const HostTensor decoded = model.decode(latent, {0, gatherer.observer()});
        gatherer.finish();
        keep("decoded", decoded);
        keep("decoded_255", pictureLevels(decoded));
        if (file.find("decoded_scaled"))
            keep("decoded_scaled", model.decode(unscaleLatent(scalingOf(folder, model, computed.notes), latent)));
    }
    if (file.find("latent_nonsquare")) keep("decoded_nonsquare", model.decode(file.input("latent_nonsquare")));
}

void encodeAll(const AutoencoderKl& model, const GoldenFile& file, ComputedFile& computed) {
    if (!file.find("image")) return;
    const HostTensor image = file.input("image");
    Gatherer gatherer(computed.outputs, file, image.shape.empty() ? 0 : image.shape[0]);
    const AutoencoderMoments moments = model.encode(image, {0, gatherer.observer()});
    gatherer.finish();
    const auto keep = [&](const char* key, const HostTensor& value) {
        if (!value.empty()) computed.outputs.tensors.insert_or_assign(key, floatTensor(value));
    };
    keep("encoded.moments", moments.moments);
    keep("encoded.mean", moments.mean);
    keep("encoded.logvar", moments.logvar);
    if (!moments.logvar.empty()) keep("encoded.std", moments.std());
    if (!file.find("encoded.noise")) return;
    const HostTensor noise = file.input("encoded.noise");
    if (noise.shape != moments.mean.shape)
        throw EngineException(ErrorCode::Format,
                              fmt::format("'encoded.noise' of '{}' should have the shape {} of the encoded "
                                          "mean, found {}",
                                          file.name, shapeText(moments.mean.shape), shapeText(noise.shape)));
    keep("encoded.sample", moments.sample(noise));
}

/// The weights that the case names or holds itself, then its subfolders that hold the same weights under other names.
std::vector<std::pair<std::string, fs::path>> weightFolders(const CaseFolder& folder) {
    const bool named = folder.contents().contains("checkpoint");
    std::vector<std::pair<std::string, fs::path>> found{{"", named ? folder.checkpoint() : folder.path()}};
    std::vector<fs::path> inside;
    std::error_code code;
    for (const auto& entry : fs::directory_iterator(folder.path(), code))
        if (entry.is_directory(code) && fs::exists(entry.path() / kWeightsFile, code)) inside.push_back(entry.path());
    std::sort(inside.begin(), inside.end());
    for (const fs::path& path : inside)
        if (path.lexically_normal() != found.front().second.lexically_normal())
            found.emplace_back(path.filename().string(), path);
    return found;
}

std::vector<ComputedFile> run(CaseContext& context, const GoldenFile& file) {
    context.family = "AutoencoderKL";
    std::vector<ComputedFile> all;
    for (const auto& [name, path] : weightFolders(context.folder())) {
        if (context.stop().stop_requested()) throw EngineException(ErrorCode::Cancelled, "cancelled");
        AutoencoderLoadOptions load;
        load.storage = context.storage();
        const auto model = AutoencoderKl::load(context.backend(), path, load).orThrow();
        const Backend::CancelScope cancel(context.backend(), context.stop());
        ComputedFile computed;
        computed.weights = name;
        computed.dumpStem = name.empty() ? file.stem() : name + "/" + file.stem();
        computed.limit = kAutoencoderLimit;
        decodeAll(context.folder(), *model, file, computed);
        encodeAll(*model, file, computed);
        all.push_back(std::move(computed));
    }
    return all;
}

}  // namespace

const GoldenKind& autoencoderKind() {
    static const GoldenKind kind{"autoencoder file",
                                 [](const auto& keys) { return keys.contains("latent") || keys.contains("image"); },
                                 {"latent", "latent_nonsquare", "image", "encoded.noise"},
                                 run,
                                 true};
    return kind;
}

}  // namespace moescope::verify
