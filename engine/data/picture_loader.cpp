// SPDX-License-Identifier: Apache-2.0
#include "engine/data/picture_loader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <numeric>

#include "engine/data/seeded_random.h"

namespace moescope {
namespace {

// What is known of an item.
constexpr uint8_t kUnknown = 0, kBeingKept = 1, kKept = 2, kBroken = 3;
// Streams of random numbers that one seed gives.
constexpr uint64_t kOrderStream = 1, kChoiceStream = 2;

constexpr int64_t kMostItems = int64_t{1} << 30;

}  // namespace

int64_t EpochOrder::itemAt(int64_t position) {
    const int64_t epoch = position / m_items;
    std::vector<int32_t>& order = m_epochs[epoch];
    if (order.empty()) {
        order.resize(static_cast<size_t>(m_items));
        std::iota(order.begin(), order.end(), 0);
        SeededRandom random(mixBits(m_seed) + kOrderStream, static_cast<uint64_t>(epoch));
        random.shuffle(order);
        while (m_epochs.size() > 2)
            m_epochs.erase(m_epochs.begin()->first == epoch ? std::prev(m_epochs.end()) : m_epochs.begin());
    }
    return order[static_cast<size_t>(position % m_items)];
}

PositionDraw drawAt(uint64_t seed, int64_t position) {
    SeededRandom random(mixBits(seed) + kChoiceStream, static_cast<uint64_t>(position));
    const bool mirrored = (random.next() & 1) != 0;
    return {mirrored, random.next()};
}

Result<std::unique_ptr<PictureLoader>> PictureLoader::create(std::shared_ptr<const PictureSet> set,
                                                             const LoaderSettings& settings) {
    return guarded([&]() -> std::unique_ptr<PictureLoader> {
        if (!set || set->size() < 1 || set->size() > kMostItems)
            throw EngineException(ErrorCode::InvalidArgument, "the data set holds no picture; give another one");
        if (settings.size.side < 1 || settings.size.side > 4096)
            throw EngineException(ErrorCode::InvalidArgument,
                                  fmt::format("pictures of {} pixels a side can not be prepared; expected 1 to 4096",
                                              settings.size.side));
        if (settings.batch < 1 || settings.batch > 1 << 20)
            throw EngineException(
                ErrorCode::InvalidArgument,
                fmt::format("a batch of {} pictures can not be made; expected 1 to {}", settings.batch, 1 << 20));
        if (settings.threads < 1 || settings.threads > 256)
            throw EngineException(
                ErrorCode::InvalidArgument,
                fmt::format("{} threads for decoding were asked for; expected 1 to 256", settings.threads));
        std::unique_ptr<PictureLoader> loader(new PictureLoader(std::move(set), settings));
        for (int i = 0; i < settings.threads; ++i) loader->m_threads.emplace_back([&made = *loader] { made.work(); });
        return loader;
    });
}

PictureLoader::PictureLoader(std::shared_ptr<const PictureSet> set, const LoaderSettings& settings)
    : m_set(std::move(set)),
      m_settings(settings),
      m_pictureBytes(3 * settings.size.side * settings.size.side),
      m_order(m_set->size(), settings.seed) {
    m_settings.ahead = std::max<int64_t>(m_settings.ahead, 1);
    const auto items = static_cast<uint64_t>(m_set->size());
    m_state = std::make_unique<std::atomic<uint8_t>[]>(items);
    if (items <= m_settings.memoryBudget / static_cast<uint64_t>(m_pictureBytes))
        m_kept.resize(items * static_cast<uint64_t>(m_pictureBytes));
}

PictureLoader::~PictureLoader() {
    {
        const std::lock_guard lock(m_mutex);
        m_stop = true;
    }
    m_work.notify_all();
    for (std::thread& thread : m_threads) thread.join();
}

/// With m_mutex held.
void PictureLoader::schedule(int64_t step) {
    auto pending = std::make_shared<Pending>();
    const auto n = static_cast<size_t>(m_settings.batch);
    pending->left = m_settings.batch;
    pending->batch.pictures.resize(n * static_cast<size_t>(m_pictureBytes));
    pending->batch.labels.resize(n);
    pending->batch.captions.resize(n);
    pending->batch.items.resize(n);
    pending->batch.mirrored.resize(n);
    m_pending.emplace(step, pending);
    for (int64_t slot = 0; slot < m_settings.batch; ++slot) m_tasks.push_back({step, slot, pending});
    m_work.notify_all();
}

Result<PictureBatch> PictureLoader::batch(int64_t step) {
    if (step < 0) return {ErrorCode::InvalidArgument, fmt::format("there is no step {}; steps count from 0", step)};
    return guarded([&]() -> PictureBatch {
        std::unique_lock lock(m_mutex);
        const int64_t end = step + m_settings.ahead;
        std::erase_if(m_pending, [&](const auto& entry) { return entry.first < step || entry.first >= end; });
        std::erase_if(m_tasks, [&](const Task& task) { return task.step < step || task.step >= end; });
        for (int64_t s = step; s < end; ++s)
            if (!m_pending.contains(s)) schedule(s);
        const std::shared_ptr<Pending> wanted = m_pending.at(step);
        m_done.wait(lock, [&] { return wanted->left == 0; });
        m_pending.erase(step);
        if (wanted->failed) throw EngineException(wanted->error);
        return std::move(wanted->batch);
    });
}

void PictureLoader::work() {
    for (;;) {
        Task task;
        {
            std::unique_lock lock(m_mutex);
            m_work.wait(lock, [&] { return m_stop || !m_tasks.empty(); });
            if (m_stop) return;
            task = std::move(m_tasks.front());
            m_tasks.pop_front();
        }
        const auto filled = guarded([&] { return fill(task), 0; });
        const std::lock_guard lock(m_mutex);
        if (!filled) {
            task.pending->failed = true;
            task.pending->error = filled.error();
        }
        if (--task.pending->left == 0) m_done.notify_all();
    }
}

void PictureLoader::fill(const Task& task) {
    const int64_t position = task.step * m_settings.batch + task.slot;
    const PositionDraw draw = drawAt(m_settings.seed, position);
    const bool mirrored = draw.mirrored && m_settings.size.flip;
    std::vector<uint8_t> bytes;
    const int64_t index = goodItem(position, bytes, mirrored);
    const auto slot = static_cast<size_t>(task.slot);
    PictureBatch& batch = task.pending->batch;
    float* target = batch.pictures.data() + slot * bytes.size();
    for (size_t i = 0; i < bytes.size(); ++i) target[i] = static_cast<float>(bytes[i]) / 127.5F - 1;
    const TrainingItem& item = m_set->item(index);
    batch.items[slot] = index;
    batch.labels[slot] = item.label;
    batch.mirrored[slot] = mirrored ? 1 : 0;
    if (!item.captions.empty()) batch.captions[slot] = item.captions[draw.caption % item.captions.size()];
}

int64_t PictureLoader::goodItem(int64_t position, std::vector<uint8_t>& bytes, bool mirrored) {
    const int64_t items = m_set->size(), epochStart = position / items * items;
    for (int64_t tried = 0; tried < items; ++tried) {
        int64_t item = 0;
        {
            const std::lock_guard lock(m_mutex);
            item = m_order.itemAt(epochStart + (position - epochStart + tried) % items);
        }
        if (prepared(item, mirrored, bytes)) return item;
    }
    const std::vector<BrokenPicture> all = broken();
    throw EngineException(
        ErrorCode::Format,
        fmt::format(
            "none of the {} pictures of the data set can be read{}; give another set", items,
            all.empty() ? std::string() : fmt::format(" (the first: {}: {})", all.front().key, all.front().reason)));
}

/// False where the picture is broken.
bool PictureLoader::prepared(int64_t item, bool mirrored, std::vector<uint8_t>& bytes) {
    std::atomic<uint8_t>& state = m_state[static_cast<size_t>(item)];
    const uint8_t known = state.load(std::memory_order_acquire);
    if (known == kBroken) return false;
    const auto side = static_cast<size_t>(m_settings.size.side);
    uint8_t* kept = m_kept.empty() ? nullptr : m_kept.data() + item * m_pictureBytes;
    if (known == kKept) {
        bytes.assign(kept, kept + m_pictureBytes);
    } else {
        const auto picture = m_set->picture(item);
        if (!picture) {
            if (picture.error().code == ErrorCode::OutOfMemory)
                throw EngineException(picture.error());  // not the picture's fault
            if (state.exchange(kBroken, std::memory_order_acq_rel) != kBroken) {
                const std::lock_guard lock(m_mutex);
                m_broken.push_back({item, m_set->item(item).key, picture.error().message});
            }
            return false;
        }
        bytes = preparedBytes(*picture, m_settings.size, false);
        uint8_t expected = kUnknown;
        if (kept && state.compare_exchange_strong(expected, kBeingKept, std::memory_order_acq_rel)) {
            std::memcpy(kept, bytes.data(), bytes.size());
            state.store(kKept, std::memory_order_release);
        }
    }
    if (mirrored)
        for (size_t row = 0; row < 3 * side; ++row)
            std::reverse(bytes.begin() + static_cast<std::ptrdiff_t>(row * side),
                         bytes.begin() + static_cast<std::ptrdiff_t>((row + 1) * side));
    return true;
}

std::vector<BrokenPicture> PictureLoader::broken() const {
    const std::lock_guard lock(m_mutex);
    return m_broken;
}

}  // namespace moescope
