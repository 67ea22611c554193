// SPDX-License-Identifier: Apache-2.0
#include "engine/train/picture_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "engine/data/picture_loader.h"

namespace moescope::train {
namespace {

/// Some items of another set, in their order.
class PartOfSet final : public PictureSet {
public:
    PartOfSet(std::shared_ptr<const PictureSet> whole, std::vector<int64_t> items) : m_whole(std::move(whole)), m_items(std::move(items)) {}
    int64_t size() const override { return static_cast<int64_t>(m_items.size()); }
    const TrainingItem& item(int64_t index) const override { return m_whole->item(m_items[static_cast<size_t>(index)]); }
    Result<Picture8> picture(int64_t index) const override { return m_whole->picture(m_items[static_cast<size_t>(index)]); }
    const std::vector<std::string>& classNames() const override { return m_whole->classNames(); }
    std::string fingerprint() const override { return fmt::format("{}:{}", m_whole->fingerprint(), m_items.size()); }
    const std::vector<std::string>& remarks() const override { return m_whole->remarks(); }

private:
    std::shared_ptr<const PictureSet> m_whole;
    std::vector<int64_t> m_items;
};

class PictureSource final : public BatchSource {
public:
    explicit PictureSource(std::unique_ptr<PictureLoader> loader) : m_loader(std::move(loader)) {
        for (int64_t i = 0; i < items(); ++i) {
            const TrainingItem& item = m_loader->set().item(i);
            m_textBytes += textBytes(item.key) + static_cast<int64_t>(sizeof(TrainingItem));
            for (const std::string& caption : item.captions) m_textBytes += textBytes(caption);
        }
    }

    Shape pictureShape() const override {
        const int64_t side = m_loader->settings().size.side;
        return {3, side, side};
    }
    int64_t batchSize() const override { return m_loader->settings().batch; }
    int64_t items() const override { return m_loader->set().size(); }
    const std::vector<std::string>& classNames() const override { return m_loader->set().classNames(); }

    std::vector<std::string> captions() const override {
        std::set<std::string> all;
        for (int64_t i = 0; i < items(); ++i)
            for (const std::string& caption : m_loader->set().item(i).captions) all.insert(caption);
        return {all.begin(), all.end()};
    }

    Result<SourceBatch> batch(int64_t number) override {
        auto made = m_loader->batch(number);
        if (!made.ok()) return made.error();
        return SourceBatch{std::move(made->pictures), std::move(made->labels), std::move(made->captions)};
    }

    std::vector<std::string> remarks() const override {
        std::vector<std::string> sentences = m_loader->set().remarks();
        for (const BrokenPicture& broken : m_loader->broken())
            sentences.push_back(fmt::format("'{}' was left out: {}", broken.key, broken.reason));
        return sentences;
    }

    int64_t bytes() const override {
        const int64_t side = m_loader->settings().size.side, one = 3 * side * side;
        return m_textBytes + (m_loader->keepsPictures() ? items() * one : 0) + (m_loader->settings().ahead + 1) * batchSize() * one * 4;
    }

private:
    /// Of the object and what it keeps on the heap.
    static int64_t textBytes(const std::string& text) {
        constexpr size_t kInside = 15;
        return static_cast<int64_t>(sizeof(std::string) + (text.capacity() > kInside ? text.capacity() + 17 : 0));
    }

    std::unique_ptr<PictureLoader> m_loader;
    int64_t m_textBytes = 0;
};

}  // namespace

SplitSet splitSet(std::shared_ptr<const PictureSet> set, double heldOutShare) {
    const int64_t size = set->size();
    const auto wanted = std::min<int64_t>(size - 1, std::llround(static_cast<double>(size) * heldOutShare));
    if (wanted < 1) return {std::move(set), nullptr};
    std::vector<int64_t> learned, heldOut;
    for (int64_t i = 0; i < size; ++i) {
        // Item i is kept aside when the running count of kept items passes the next whole number.
        const bool keep = (i + 1) * wanted / size > i * wanted / size;
        (keep ? heldOut : learned).push_back(i);
    }
    return {std::make_shared<PartOfSet>(set, std::move(learned)), std::make_shared<PartOfSet>(set, std::move(heldOut))};
}

Result<std::unique_ptr<BatchSource>> makePictureSource(std::shared_ptr<const PictureSet> set, const PictureSourceOptions& options) {
    LoaderSettings settings;
    settings.size = options.size;
    settings.batch = options.batch;
    settings.seed = options.seed;
    settings.threads = options.threads;
    auto loader = PictureLoader::create(std::move(set), settings);
    if (!loader.ok()) return loader.error();
    return std::unique_ptr<BatchSource>(std::make_unique<PictureSource>(std::move(*loader)));
}

}  // namespace moescope::train
