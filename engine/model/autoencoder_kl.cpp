// SPDX-License-Identifier: Apache-2.0
#include "engine/model/autoencoder_kl.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "engine/io/tensor_source.h"
#include "engine/model/vae_blocks.h"
#include "engine/model/vae_files.h"
#include "engine/model/vae_names.h"
#include "engine/model/vae_weights.h"

namespace moescope {
namespace {

using vae::BlockRunner;
using vae::Picture;
using vae::Resample;
using vae::Tower;

constexpr int64_t kMaxPixels = int64_t{1} << 26;  // of a picture, 8192 x 8192

/// [B, C, h, w] of a batch, or of one picture without the first axis.
Shape batched(const HostTensor& tensor, int64_t channels, const char* what) {
    Shape shape = tensor.shape;
    if (shape.size() == 3) shape.insert(shape.begin(), 1);
    const bool fits = shape.size() == 4 && shape[0] >= 1 && shape[1] == channels && shape[2] >= 1 && shape[3] >= 1 &&
                      elementCount(shape) == tensor.size();
    if (!fits)
        throw EngineException(ErrorCode::InvalidArgument,
                              fmt::format("expected {} of shape [B, {}, height, width], found {}", what, channels,
                                          shapeText(tensor.shape)));
    return shape;
}

/// Sample `sample` of [B, C, h, w] as pixels on the device.
Picture uploadSample(Backend& backend, const HostTensor& batch, const Shape& shape, int64_t sample) {
    const int64_t channels = shape[1], plane = shape[2] * shape[3];
    std::vector<float> pixels(static_cast<size_t>(channels * plane));
    const float* planes = batch.data.data() + sample * channels * plane;
    for (int64_t c = 0; c < channels; ++c)
        for (int64_t i = 0; i < plane; ++i) pixels[static_cast<size_t>(i * channels + c)] = planes[c * plane + i];
    return {backend.tensorFrom({plane, channels}, pixels), shape[2], shape[3]};
}

/// Pixels on the device -> [C, h, w].
HostTensor planesOf(Backend& backend, const Picture& picture) {
    const HostTensor pixels = backend.fetch(picture.pixels);
    const int64_t channels = picture.channels(), plane = picture.height * picture.width;
    HostTensor planes({channels, picture.height, picture.width});
    for (int64_t i = 0; i < plane; ++i)
        for (int64_t c = 0; c < channels; ++c)
            planes.data[static_cast<size_t>(c * plane + i)] = pixels.data[static_cast<size_t>(i * channels + c)];
    return planes;
}

/// Tells the observer about values on the way.
struct Reporter {
    Backend& backend;
    const AutoencoderObserver& observer;
    int64_t sample;

    void operator()(std::string_view name, const Picture& value) const {
        if (observer) observer(name, sample, planesOf(backend, value));
    }
};

Picture runMiddle(BlockRunner& runner, const vae::MidBlock& mid, Picture x, const Reporter& report,
                  const std::string& stage) {
    x = runner.resnet(mid.first, std::move(x));
    if (mid.attention) {
        x = runner.attention(*mid.attention, std::move(x));
        report(stage + ".mid_attn", x);
    }
    x = runner.resnet(mid.second, std::move(x));
    report(stage + ".mid", x);
    return x;
}

Picture runLevels(BlockRunner& runner, const std::vector<vae::Level>& levels, Resample resample, Picture x,
                  const Reporter& report, const std::string& stage) {
    for (size_t number = 0; number < levels.size(); ++number) {
        for (const vae::ResnetBlock& block : levels[number].resnets) x = runner.resnet(block, std::move(x));
        if (levels[number].resample) x = runner.conv(*levels[number].resample, x, resample);
        report(fmt::format("{}.{}", stage, number), x);
    }
    return x;
}

/// Runs `one` for every sample and puts the results together; the result has the rank of `batch`.
template <class One>
HostTensor eachSample(const HostTensor& batch, int64_t samples, One&& one) {
    HostTensor all;
    for (int64_t sample = 0; sample < samples; ++sample) {
        HostTensor single = one(sample);
        if (sample == 0) {
            all.shape = single.shape;
            if (batch.shape.size() == 4) all.shape.insert(all.shape.begin(), samples);
            all.data.reserve(static_cast<size_t>(elementCount(all.shape)));
        }
        all.data.insert(all.data.end(), single.data.begin(), single.data.end());
    }
    return all;
}

/// Channels [first, first + count) of [.., C, h, w].
HostTensor channelRange(const HostTensor& tensor, int64_t first, int64_t count) {
    const size_t axis = tensor.shape.size() - 3;
    const int64_t channels = tensor.shape[axis], plane = tensor.shape[axis + 1] * tensor.shape[axis + 2];
    Shape shape = tensor.shape;
    shape[axis] = count;
    HostTensor part(shape);
    for (int64_t sample = 0; sample * channels * plane < tensor.size(); ++sample)
        std::copy_n(tensor.data.begin() + (sample * channels + first) * plane, count * plane,
                    part.data.begin() + sample * count * plane);
    return part;
}

int64_t parametersOf(const VaeNameIndex& index, const AutoencoderLoadOptions& options) {
    int64_t count = 0;
    for (const auto& [name, tensor] : index.tensors) {
        const bool encoder = name.starts_with("encoder.") || name.starts_with("quant_conv.");
        if (encoder ? options.encoder : options.decoder) count += tensor->elements();
    }
    return count;
}

}  // namespace

AutoencoderKl::AutoencoderKl(Backend& backend) : m_backend(backend) {}

AutoencoderKl::~AutoencoderKl() = default;

Result<std::unique_ptr<AutoencoderKl>> AutoencoderKl::load(Backend& backend, const std::filesystem::path& path,
                                                           const AutoencoderLoadOptions& options) {
    return guarded([&] {
        const VaeFiles files = findVaeFiles(path).orThrow();
        const auto source = openTensorSource(files.weights).orThrow();
        const VaeNameIndex index = indexVaeNames(*source).orThrow();
        std::unique_ptr<AutoencoderKl> model(new AutoencoderKl(backend));
        model->m_config =
            (files.config ? parseAutoencoderConfig(*files.config) : deriveAutoencoderConfig(index)).orThrow();
        model->m_naming = index.naming;
        model->m_parameters = parametersOf(index, options);

        using Mode = vae::TowerLoader::Mode;
        vae::TowerLoader loader(backend, *source, index, options.storage);
        if (options.encoder) loader.encoder(model->m_config, Mode::Check);
        if (options.decoder) loader.decoder(model->m_config, Mode::Check);
        std::vector<std::string> unread;
        if (!options.encoder) unread.insert(unread.end(), {"encoder.", "quant_conv."});
        if (!options.decoder) unread.insert(unread.end(), {"decoder.", "post_quant_conv."});
        loader.verdict(unread).orThrow();

        const uint64_t before = backend.memoryUsed();
        if (options.encoder) model->m_encoder = std::make_unique<Tower>(loader.encoder(model->m_config, Mode::Pack));
        if (options.decoder) model->m_decoder = std::make_unique<Tower>(loader.decoder(model->m_config, Mode::Pack));
        model->m_packedBytes = backend.memoryUsed() - before;
        return model;
    });
}

HostTensor AutoencoderKl::decodeOne(const HostTensor& batch, int64_t sample,
                                    const AutoencoderRunOptions& options) const {
    const Tower& tower = *m_decoder;
    BlockRunner runner(m_backend, m_config.normGroups, options.stripRows);
    const Reporter report{m_backend, options.observer, sample};
    Picture x = uploadSample(m_backend, batch, batched(batch, m_config.latentChannels, "a latent"), sample);
    if (tower.quant) {
        x = runner.conv(*tower.quant, x);
        report("decode.post_quant", x);
    }
    x = runner.conv(tower.convIn, x);
    report("decode.conv_in", x);
    x = runMiddle(runner, tower.mid, std::move(x), report, "decode");
    x = runLevels(runner, tower.levels, Resample::Up, std::move(x), report, "decode.up");
    return planesOf(m_backend, runner.output(tower.normOut, tower.convOut, std::move(x)));
}

HostTensor AutoencoderKl::encodeOne(const HostTensor& batch, int64_t sample,
                                    const AutoencoderRunOptions& options) const {
    const Tower& tower = *m_encoder;
    BlockRunner runner(m_backend, m_config.normGroups, options.stripRows);
    const Reporter report{m_backend, options.observer, sample};
    Picture x = uploadSample(m_backend, batch, batched(batch, m_config.inChannels, "a picture"), sample);
    x = runner.conv(tower.convIn, x);
    report("encode.conv_in", x);
    x = runLevels(runner, tower.levels, Resample::Down, std::move(x), report, "encode.down");
    x = runMiddle(runner, tower.mid, std::move(x), report, "encode");
    x = runner.output(tower.normOut, tower.convOut, std::move(x));
    if (tower.quant) x = runner.conv(*tower.quant, x);
    return planesOf(m_backend, x);
}

HostTensor AutoencoderKl::decode(const HostTensor& latent, const AutoencoderRunOptions& options) const {
    if (!m_decoder)
        throw EngineException(ErrorCode::InvalidArgument,
                              "expected a VAE with its decoder, found one that was loaded without it");
    const Shape shape = batched(latent, m_config.latentChannels, "a latent");
    const int64_t most = kMaxPixels / (m_config.reduction() * m_config.reduction());
    if (shape[2] > most || shape[3] > most / shape[2])
        throw EngineException(
            ErrorCode::InvalidArgument,
            fmt::format("expected a latent of at most {} pixels, found {}", most, shapeText(latent.shape)));
    return eachSample(latent, shape[0], [&](int64_t sample) { return decodeOne(latent, sample, options); });
}

AutoencoderMoments AutoencoderKl::encode(const HostTensor& image, const AutoencoderRunOptions& options) const {
    if (!m_encoder)
        throw EngineException(ErrorCode::InvalidArgument,
                              "expected a VAE with its encoder, found one that was loaded without it");
    const Shape shape = batched(image, m_config.inChannels, "a picture");
    if (shape[2] < m_config.reduction() || shape[3] < m_config.reduction() || shape[2] > kMaxPixels ||
        shape[3] > kMaxPixels / shape[2])
        throw EngineException(ErrorCode::InvalidArgument,
                              fmt::format("expected a picture of at least {0} x {0} and at most {1} pixels, found {2}",
                                          m_config.reduction(), kMaxPixels, shapeText(image.shape)));
    AutoencoderMoments result;
    result.moments = eachSample(image, shape[0], [&](int64_t sample) { return encodeOne(image, sample, options); });
    result.mean = channelRange(result.moments, 0, m_config.latentChannels);
    if (m_config.doubleZ) {
        result.logvar = channelRange(result.moments, m_config.latentChannels, m_config.latentChannels);
        for (float& value : result.logvar.data) value = std::clamp(value, -30.0f, 20.0f);
    }
    return result;
}

uint64_t AutoencoderKl::decodeBytes(int64_t latentHeight, int64_t latentWidth) const {
    // Follows BlockRunner: what lives together in a residual block, in the attention and while a level is enlarged.
    int64_t pixels = latentHeight * latentWidth, channels = m_config.blockOutChannels.back();
    int64_t floats = pixels * channels * (m_config.midAttention ? 5 : 3);
    for (size_t number = m_config.blockOutChannels.size(); number-- > 0;) {
        const int64_t out = m_config.blockOutChannels[number];
        const int64_t resnet = channels == out ? 3 * out : std::max(channels + 2 * out, 3 * out);
        floats = std::max(floats, pixels * std::max(resnet, 3 * out));
        if (number > 0) {
            floats = std::max(floats, 5 * pixels * out);
            pixels *= 4;
        }
        channels = out;
    }
    return static_cast<uint64_t>(floats) * sizeof(float);
}

HostTensor AutoencoderMoments::std() const {
    HostTensor result = logvar;
    for (float& value : result.data) value = std::exp(0.5f * value);
    return result;
}

HostTensor AutoencoderMoments::sample(const HostTensor& noise) const {
    if (logvar.empty()) return mean;
    if (noise.size() != mean.size())
        throw EngineException(ErrorCode::InvalidArgument, fmt::format("expected noise of shape {}, found {}",
                                                                      shapeText(mean.shape), shapeText(noise.shape)));
    HostTensor result = std();
    for (size_t i = 0; i < result.data.size(); ++i) result.data[i] = mean.data[i] + result.data[i] * noise.data[i];
    return result;
}

HostTensor pictureLevels(const HostTensor& decoded) {
    HostTensor levels = decoded;
    for (float& value : levels.data) value = std::clamp(127.5f * value + 128.0f, 0.0f, 255.0f);
    return levels;
}

}  // namespace moescope
