// SPDX-License-Identifier: Apache-2.0
#include "engine/train/latent_source.h"

#include <fmt/format.h>

#include <set>

#include "engine/data/latent_cache.h"
#include "engine/train/step_random.h"

namespace moescope::train {
namespace {

class LatentSource final : public BatchSource {
public:
    LatentSource(std::shared_ptr<const PictureSet> set, std::shared_ptr<const LatentCache> cache, const LatentSourceOptions& options)
        : m_set(set), m_cache(cache), m_loader(std::move(set), std::move(cache), options.batch, options.seed, options.size.flip), m_options(options) {}

    Shape pictureShape() const override { return m_cache->latentShape(); }
    int64_t batchSize() const override { return m_options.batch; }
    int64_t items() const override { return m_cache->size() - m_cache->brokenItems(); }
    const std::vector<std::string>& classNames() const override { return m_set->classNames(); }

    std::vector<std::string> captions() const override {
        std::set<std::string> all;
        for (int64_t i = 0; i < m_set->size(); ++i)
            for (const std::string& caption : m_set->item(i).captions) all.insert(caption);
        return {all.begin(), all.end()};
    }

    Result<SourceBatch> batch(int64_t number) override {
        return guarded([&] {
            LatentBatch stored = m_loader.batch(number);
            SourceBatch made{std::move(stored.means), std::move(stored.labels), std::move(stored.captions)};
            StepRandom random(m_options.seed, static_cast<uint64_t>(number), RandomPurpose::Latents);
            for (size_t i = 0; i < made.pictures.size(); ++i) made.pictures[i] += stored.deviations[i] * static_cast<float>(random.normal());
            return made;
        });
    }

    std::vector<std::string> remarks() const override {
        std::vector<std::string> sentences = m_set->remarks();
        if (const int64_t broken = m_cache->brokenItems(); broken > 0)
            sentences.push_back(fmt::format("{} pictures could not be read and were left out", broken));
        return sentences;
    }

private:
    std::shared_ptr<const PictureSet> m_set;
    std::shared_ptr<const LatentCache> m_cache;
    LatentLoader m_loader;
    LatentSourceOptions m_options;
};

}  // namespace

Result<std::unique_ptr<BatchSource>> makeLatentSource(std::shared_ptr<const PictureSet> set, const LatentSourceOptions& options) {
    return guarded([&] {
        BackendOptions device;
        device.threads = options.threads;
        Backend backend(cpuBackendTable(), device);
        auto cache = LatentCache::open(*set, backend, {options.cache, options.vae, options.size}).orThrow();
        return std::unique_ptr<BatchSource>(std::make_unique<LatentSource>(std::move(set), std::move(cache), options));
    });
}

}  // namespace moescope::train
