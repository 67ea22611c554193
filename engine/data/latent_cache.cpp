// SPDX-License-Identifier: Apache-2.0
#include "engine/data/latent_cache.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/data/item_labels.h"
#include "engine/io/mapped_file.h"
#include "engine/io/safetensors_writer.h"
#include "engine/model/autoencoder_kl.h"
#include "engine/model/vae_files.h"

namespace moescope {
namespace {

constexpr const char* kSchema = "moescope.latents/v1";

std::string fingerprintOf(const PictureSet& set, const LatentCacheRequest& request) {
    Fingerprint print;
    print.add(kSchema);
    print.add(set.fingerprint());
    const PreparedSize& size = request.size;
    print.add(static_cast<uint64_t>(size.side));
    print.add(static_cast<uint64_t>(size.fit));
    print.add(static_cast<uint64_t>(size.flip));
    for (const uint8_t level : size.padding) print.add(uint64_t{level});
    const VaeFiles vae = findVaeFiles(request.vae).orThrow();
    const auto weights = MappedFile::open(vae.weights).orThrow();
    print.add(std::string_view(reinterpret_cast<const char*>(weights->bytes().data()), weights->bytes().size()));
    if (vae.config) print.add(vae.config->dump());
    return print.text();
}

template <class T>
std::span<const std::byte> bytesOf(const std::vector<T>& values) {
    return std::as_bytes(std::span(values));
}

/// Encodes pictures one by one and hands their moments on in the layout of the file.
class Encoder {
public:
    Encoder(const PictureSet& set, Backend& backend, const LatentCacheRequest& request)
        : m_set(set), m_size(request.size) {
        m_vae = AutoencoderKl::load(backend, request.vae, {.decoder = false}).orThrow();
        const AutoencoderConfig& config = m_vae->config();
        if (request.size.side < 1 || request.size.side % config.reduction() != 0)
            throw EngineException(
                ErrorCode::InvalidArgument,
                fmt::format("pictures of {} pixels a side can not be encoded by this VAE; expected a multiple of {}",
                            request.size.side, config.reduction()));
        latent = {config.latentChannels, request.size.side / config.reduction(),
                  request.size.side / config.reduction()};
        // scaleLatent is z -> (z - a) b for each channel; a deviation is only multiplied.
        HostTensor zero(latent), one(latent);
        std::ranges::fill(one.data, 1.0F);
        const HostTensor low = scaleLatent(config, zero), high = scaleLatent(config, one);
        for (size_t i = 0; i < low.data.size(); ++i) m_factor.push_back(high.data[i] - low.data[i]);
    }

    /// Mean and deviation, of the plain and perhaps the mirrored picture: zeros where it can not be read.
    std::vector<float> moments(int64_t item, bool& usable) const {
        const auto elements = static_cast<size_t>(elementCount(latent));
        const auto picture = m_set.picture(item);
        usable = picture.ok();
        if (!picture && picture.error().code == ErrorCode::OutOfMemory) throw EngineException(picture.error());
        std::vector<float> all;
        for (int mirrored = 0; mirrored < (m_size.flip ? 2 : 1); ++mirrored) {
            if (!picture) {
                all.resize(all.size() + 2 * elements);
                continue;
            }
            const HostTensor image({3, m_size.side, m_size.side}, preparePicture(*picture, m_size, mirrored == 1));
            const AutoencoderMoments encoded = m_vae->encode(image);
            const HostTensor mean = scaleLatent(m_vae->config(), encoded.mean);
            all.insert(all.end(), mean.data.begin(), mean.data.end());
            const HostTensor deviation = encoded.logvar.empty() ? HostTensor(latent) : encoded.std();
            for (size_t i = 0; i < elements; ++i) all.push_back(deviation.data[i] * m_factor[i]);
        }
        return all;
    }

    Shape latent;

private:
    const PictureSet& m_set;
    PreparedSize m_size;
    std::unique_ptr<AutoencoderKl> m_vae;
    std::vector<float> m_factor;
};

void encodeAll(const PictureSet& set, const Encoder& encoder, const LatentCacheRequest& request,
               const std::string& fingerprint, const SetProgress& progress) {
    std::vector<uint8_t> usable;
    const int64_t items = set.size();
    Shape shape{items, request.size.flip ? 2 : 1, 2};
    shape.insert(shape.end(), encoder.latent.begin(), encoder.latent.end());
    SafetensorsEntry moments{
        "moments", DType::F32, shape, [&](const SafetensorsEntry::Sink& sink) {
            for (int64_t item = 0; item < items; ++item) {
                if (progress && !progress(item, items))
                    return Status(ErrorCode::Cancelled, "the latents were not kept: encoding was stopped");
                bool good = false;
                sink(bytesOf(encoder.moments(item, good)));
                usable.push_back(good ? 1 : 0);
            }
            if (std::ranges::count(usable, 1) == 0)
                return Status(
                    ErrorCode::Format,
                    "no picture of the data set can be read, so there is nothing to encode; give another set");
            return Status();
        }};
    SafetensorsEntry marks{"usable", DType::U8, {items}, [&](const SafetensorsEntry::Sink& sink) {
                               sink(bytesOf(usable));
                               return Status();
                           }};
    writeSafetensors(request.file, {std::move(moments), std::move(marks)},
                     {{"schema", kSchema}, {"fingerprint", fingerprint}})
        .orThrow();
    if (progress) progress(items, items);
}

}  // namespace

std::shared_ptr<LatentCache> LatentCache::read(const std::filesystem::path& file, const std::string& fingerprint) {
    auto source = openTensorSource(file);
    if (!source || (*source)->metadata().value("fingerprint", std::string()) != fingerprint) return nullptr;
    const TensorInfo* moments = (*source)->find("moments");
    const TensorInfo* usable = (*source)->find("usable");
    if (!moments || !usable || moments->dtype != DType::F32 || usable->dtype != DType::U8 ||
        moments->shape.size() != 6 || usable->shape != Shape{moments->shape[0]})
        return nullptr;
    std::shared_ptr<LatentCache> cache(new LatentCache);
    cache->m_source = *source;
    cache->m_moments = (*source)->floatsInPlace(*moments).orThrow();
    cache->m_usable.resize(static_cast<size_t>(usable->elements()));
    (*source)->readRaw(*usable, std::as_writable_bytes(std::span(cache->m_usable))).orThrow();
    cache->m_views = moments->shape[1];
    cache->m_latent.assign(moments->shape.begin() + 3, moments->shape.end());
    return static_cast<int64_t>(cache->m_moments.size()) == moments->elements() ? cache : nullptr;
}

Result<std::shared_ptr<const LatentCache>> LatentCache::open(const PictureSet& set, Backend& backend,
                                                             const LatentCacheRequest& request,
                                                             const SetProgress& progress, std::stop_token stop) {
    return guarded([&]() -> std::shared_ptr<const LatentCache> {
        const std::string fingerprint = fingerprintOf(set, request);
        std::error_code code;
        if (std::filesystem::exists(request.file, code)) {
            if (auto cache = read(request.file, fingerprint)) {
                cache->m_reused = true;
                return cache;
            }
        }
        const Backend::CancelScope cancel(backend, stop);
        encodeAll(set, Encoder(set, backend, request), request, fingerprint, progress);
        auto cache = read(request.file, fingerprint);
        if (!cache)
            throw EngineException(
                ErrorCode::Io,
                fmt::format("'{}' does not hold what was written to it; check the disk", request.file.string()));
        return cache;
    });
}

int64_t LatentCache::brokenItems() const {
    return std::ranges::count(m_usable, 0);
}

std::span<const float> LatentCache::part(int64_t item, bool mirrored, int64_t which) const {
    const auto elements = static_cast<size_t>(elementCount(m_latent));
    const int64_t view = mirrored && m_views == 2 ? 1 : 0;
    return m_moments.subspan(static_cast<size_t>((item * m_views + view) * 2 + which) * elements, elements);
}

LatentLoader::LatentLoader(std::shared_ptr<const PictureSet> set, std::shared_ptr<const LatentCache> cache,
                           int64_t batch, uint64_t seed, bool flip)
    : m_set(std::move(set)),
      m_cache(std::move(cache)),
      m_batch(batch),
      m_seed(seed),
      m_flip(flip),
      m_order(m_cache->size(), seed) {}

/// As PictureLoader: a broken picture is replaced by the next good one of its epoch, round about. There is one.
int64_t LatentLoader::goodItem(int64_t position) {
    const int64_t items = m_cache->size(), epochStart = position / items * items;
    for (int64_t tried = 0;; ++tried) {
        const int64_t item = m_order.itemAt(epochStart + (position - epochStart + tried) % items);
        if (m_cache->usable(item)) return item;
    }
}

LatentBatch LatentLoader::batch(int64_t step) {
    LatentBatch batch;
    for (int64_t slot = 0; slot < m_batch; ++slot) {
        const int64_t position = step * m_batch + slot;
        const PositionDraw draw = drawAt(m_seed, position);
        const int64_t index = goodItem(position);
        const TrainingItem& item = m_set->item(index);
        const bool mirrored = draw.mirrored && m_flip;
        const auto mean = m_cache->mean(index, mirrored), deviation = m_cache->deviation(index, mirrored);
        batch.means.insert(batch.means.end(), mean.begin(), mean.end());
        batch.deviations.insert(batch.deviations.end(), deviation.begin(), deviation.end());
        batch.items.push_back(index);
        batch.labels.push_back(item.label);
        batch.captions.push_back(item.captions.empty() ? std::string()
                                                       : item.captions[draw.caption % item.captions.size()]);
        batch.mirrored.push_back(mirrored ? 1 : 0);
    }
    return batch;
}

}  // namespace moescope
