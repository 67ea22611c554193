// SPDX-License-Identifier: Apache-2.0
// Batches of prepared pictures for training, made ahead on threads of their own.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "engine/data/picture_set.h"

namespace moescope {

struct PictureBatch {
    std::vector<float> pictures;        // [n, 3, side, side] in -1 .. 1
    std::vector<int32_t> labels;        // -1: none
    std::vector<std::string> captions;  // one of the item's, empty where it has none
    std::vector<int64_t> items;
    std::vector<uint8_t> mirrored;  // 1: the picture was flipped left to right
};

struct LoaderSettings {
    PreparedSize size;
    int64_t batch = 64;
    uint64_t seed = 0;
    int threads = 1;
    int64_t ahead = 4;                          // batches made before they are asked for
    uint64_t memoryBudget = uint64_t{1} << 30;  // prepared pictures are kept as bytes when all of them fit in it
};

struct BrokenPicture {
    int64_t item = 0;
    std::string key;
    std::string reason;
};

/// What stands at position `position` = step * batch + slot of the endless stream of items: a pure function of the
/// seed. Every pass over the set is a permutation of its own.
class EpochOrder {
public:
    EpochOrder(int64_t items, uint64_t seed) : m_items(items), m_seed(seed) {}
    int64_t itemAt(int64_t position);

private:
    int64_t m_items;
    uint64_t m_seed;
    std::map<int64_t, std::vector<int32_t>> m_epochs;  // the last two that were asked for
};

/// What else is drawn for a position: whether its picture is mirrored, and a number that chooses its caption. Pure as
/// well.
struct PositionDraw {
    bool mirrored = false;  // where the size asks for it
    uint64_t caption = 0;   // modulo the number of captions
};
PositionDraw drawAt(uint64_t seed, int64_t position);

/// The order of items, the caption and the mirroring of step s follow from (seed, s) alone, whatever the threads, so a
/// step number is all the state there is. A picture that can not be decoded is told once, counted, and replaced by the
/// next good one of its epoch, round about. Made and asked by one thread.
class PictureLoader {
public:
    /// InvalidArgument: sizes out of range, no picture; labels wanted from a set without classes are the caller's to
    /// refuse.
    static Result<std::unique_ptr<PictureLoader>> create(std::shared_ptr<const PictureSet> set,
                                                         const LoaderSettings& settings);
    ~PictureLoader();
    PictureLoader(const PictureLoader&) = delete;

    /// The batch of that step; fastest when steps follow one another. Format: no picture of the set can be decoded.
    Result<PictureBatch> batch(int64_t step);

    const PictureSet& set() const { return *m_set; }
    const LoaderSettings& settings() const { return m_settings; }
    /// Whether prepared pictures are kept in memory.
    bool keepsPictures() const { return !m_kept.empty(); }
    /// Every broken picture met so far, in the order in which they were met. Any thread.
    std::vector<BrokenPicture> broken() const;

private:
    PictureLoader(std::shared_ptr<const PictureSet> set, const LoaderSettings& settings);

    struct Pending {
        PictureBatch batch;
        int64_t left = 0;  // slots that are not filled yet
        EngineError error;
        bool failed = false;
    };
    struct Task {
        int64_t step = 0;
        int64_t slot = 0;
        std::shared_ptr<Pending> pending;
    };

    void schedule(int64_t step);
    void work();
    void fill(const Task& task);
    int64_t goodItem(int64_t position, std::vector<uint8_t>& bytes, bool mirrored);
    bool prepared(int64_t item, bool mirrored, std::vector<uint8_t>& bytes);

    std::shared_ptr<const PictureSet> m_set;
    LoaderSettings m_settings;
    int64_t m_pictureBytes = 0;
    std::vector<uint8_t> m_kept;                      // [items, 3, side, side], not mirrored; empty: nothing is kept
    std::unique_ptr<std::atomic<uint8_t>[]> m_state;  // per item

    mutable std::mutex m_mutex;
    std::condition_variable m_work, m_done;
    std::deque<Task> m_tasks;
    std::map<int64_t, std::shared_ptr<Pending>> m_pending;
    EpochOrder m_order;
    std::vector<BrokenPicture> m_broken;
    bool m_stop = false;
    std::vector<std::thread> m_threads;
};

}  // namespace moescope
