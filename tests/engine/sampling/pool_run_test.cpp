// SPDX-License-Identifier: GPL-3.0-or-later
// Whole runs of models in which experts choose tokens: batch mates, groups, records, and what a picture says about
// them.
#include <gtest/gtest.h>

#include <algorithm>

#include "engine/model/checkpoint.h"
#include "engine/sampling/generator.h"

namespace moescope {
namespace {

const std::filesystem::path kGolden = MOESCOPE_TEST_DATA "/golden";

/// The training folder inside a case.
std::filesystem::path runFolder(const std::string& name) {
    for (const auto& entry : std::filesystem::directory_iterator(kGolden / name))
        if (entry.is_directory()) return entry.path();
    return kGolden / name;
}

struct Model {
    explicit Model(const std::string& folder, int threads = 2)
        : backend(cpuBackendTable(), {threads, "auto"}),
          checkpoint(Checkpoint::open(runFolder(folder)).orThrow()),
          denoiser(checkpoint->load(backend, {}).orThrow()) {}

    Backend backend;
    std::shared_ptr<const Checkpoint> checkpoint;
    std::unique_ptr<Denoiser> denoiser;

    GenerationRequest request(std::vector<int> classes, RoutingPool pool = RoutingPool::Batch,
                              uint64_t seed = 3) const {
        GenerationRequest r;
        r.classes = std::move(classes);
        r.seed = seed;
        r.sampler = checkpoint->description().defaults;
        r.sampler.steps = 2;
        r.sampler.pool = pool;
        r.precision = LatentPrecision::F32;
        return r;
    }
    std::shared_ptr<const RunRecord> run(const GenerationRequest& r) const {
        return generate(*denoiser, nullptr, r, nullptr, {}).orThrow().record;
    }
};

/// Image i of a run.
std::vector<float> imageOf(const RunRecord& run, int64_t image) {
    const int64_t each = elementCount(run.finalLatents.shape) / run.images;
    return {run.finalLatents.data.begin() + image * each, run.finalLatents.data.begin() + (image + 1) * each};
}

// 36 tokens and two branches: 7 pictures fill a group, so nine are made in two.
const std::vector<int> kClasses{1, 20, 300, 999, 5, 6, 7, 8, 9};

TEST(PoolRuns, ABatchIsOnePoolHoweverLargeAndAPictureDependsOnIt) {
    const Model model("diffmoe-tiny");
    const auto all = model.run(model.request(kClasses));
    const auto alone = model.run(model.request({kClasses[8]}, RoutingPool::Batch, 3 + 8));
    EXPECT_NE(imageOf(*all, 8), imageOf(*alone, 0));
    const auto fewer = model.run(model.request({kClasses.begin(), kClasses.end() - 1}));
    EXPECT_NE(imageOf(*all, 0), imageOf(*fewer, 0)) << "the ninth picture competes with the first, in one group";
}

TEST(PoolRuns, WithPicturesAsPoolsGroupsAndBatchMatesChangeNoBit) {
    const Model model("diffmoe-tiny");
    const auto all = model.run(model.request(kClasses, RoutingPool::Picture));
    for (const int64_t image : {0, 6, 8}) {
        const auto alone = model.run(model.request({kClasses[static_cast<size_t>(image)]}, RoutingPool::Picture,
                                                   3 + static_cast<uint64_t>(image)));
        EXPECT_EQ(imageOf(*all, image), imageOf(*alone, 0)) << image;
        const auto asBatch = model.run(model.request({kClasses[static_cast<size_t>(image)]}, RoutingPool::Batch,
                                                     3 + static_cast<uint64_t>(image)));
        EXPECT_EQ(imageOf(*all, image), imageOf(*asBatch, 0)) << "a batch of one is that picture";
    }
}

TEST(PoolRuns, ExpertChoiceAndTokenChoiceIgnoreBatchMates) {
    for (const char* folder : {"ecdit-tiny", "tcdit-tiny"}) {
        const Model model(folder);
        const auto all = model.run(model.request(kClasses));
        for (const int64_t image : {0, 8}) {
            const auto alone = model.run(model.request({kClasses[static_cast<size_t>(image)]}, RoutingPool::Batch,
                                                       3 + static_cast<uint64_t>(image)));
            EXPECT_EQ(imageOf(*all, image), imageOf(*alone, 0)) << folder << " " << image;
        }
        EXPECT_EQ(all->parameters.pool, "");
    }
}

TEST(PoolRuns, ThreadsChangeNoBit) {
    for (const char* folder : {"diffmoe-tiny", "ecdit-tiny", "tcdit-tiny"}) {
        const Model two(folder, 2), three(folder, 3);
        EXPECT_EQ(two.run(two.request(kClasses))->finalLatents.data,
                  three.run(three.request(kClasses))->finalLatents.data)
            << folder;
    }
}

/// Lists, counts and gate mass of a record agree.
void expectConsistent(const RoutingRecord& record, const MoeLayerDescriptor& layer, int64_t images) {
    const int64_t tokens = layer.tokensPerSample();
    ASSERT_EQ(record.rowPtr.size(), static_cast<size_t>(images * tokens) + 1);
    ASSERT_EQ(record.rowPtr.back(), record.expert.size());
    ASSERT_EQ(record.gate.size(), record.expert.size());
    std::vector<int32_t> counts(static_cast<size_t>(images * layer.experts), 0);
    for (int64_t token = 0; token < images * tokens; ++token)
        for (uint32_t pair = record.rowPtr[static_cast<size_t>(token)];
             pair < record.rowPtr[static_cast<size_t>(token) + 1]; ++pair)
            ++counts[static_cast<size_t>(token / tokens * layer.experts + record.expert[pair])];
    EXPECT_EQ(counts, record.counts);
}

TEST(PoolRuns, RecordsNameTheirPoolsAndHoldTokensWithAnyNumberOfExperts) {
    const Model model("diffmoe-tiny");
    for (const RoutingPool pool : {RoutingPool::Batch, RoutingPool::Picture}) {
        const auto run = model.run(model.request(kClasses, pool));
        EXPECT_EQ(run->parameters.pool, poolName(pool));
        ASSERT_EQ(run->routing.records.size(), 2u * 2u * 2u) << "steps, branches, layers";
        bool none = false, several = false;
        for (const auto& record : run->routing.records) {
            const MoeLayerDescriptor& layer = run->routing.layers[static_cast<size_t>(record->layer)];
            EXPECT_EQ(layer.policy, RoutingPolicy::BatchPool);
            EXPECT_EQ(layer.topK, 0);
            EXPECT_EQ(layer.thresholds.size(), 8u);
            EXPECT_EQ(record->pool, pool == RoutingPool::Picture ? -1 : record->branch == Branch::Cond ? 0 : 1);
            expectConsistent(*record, layer, 9);
            for (size_t token = 1; token < record->rowPtr.size(); ++token) {
                none = none || record->rowPtr[token] == record->rowPtr[token - 1];
                several = several || record->rowPtr[token] > record->rowPtr[token - 1] + 1;
            }
        }
        EXPECT_TRUE(none && several);
    }
}

TEST(PoolRuns, ExpertChoiceRecordsGiveEveryExpertItsCapacityOfEveryPicture) {
    const Model model("ecdit-tiny");
    const auto run = model.run(model.request(kClasses));
    for (const auto& record : run->routing.records) {
        const MoeLayerDescriptor& layer = run->routing.layers[static_cast<size_t>(record->layer)];
        EXPECT_EQ(layer.policy, RoutingPolicy::ExpertChoice);
        EXPECT_EQ(layer.capacity, 4);
        EXPECT_EQ(record->pool, -1);
        for (const int32_t count : record->counts) EXPECT_EQ(count, 4);
        expectConsistent(*record, layer, 9);
    }
}

TEST(PoolRuns, OneLargePoolIsCountedIntoTheMemoryOfARun) {
    const Model model("diffmoe-tiny");
    GenerationRequest batch = model.request(std::vector<int>(400, 1)),
                      apart = model.request(std::vector<int>(400, 1), RoutingPool::Picture);
    EXPECT_GT(runMemoryNeeded(model.checkpoint->description(), batch),
              runMemoryNeeded(model.checkpoint->description(), apart));
}

}  // namespace
}  // namespace moescope
