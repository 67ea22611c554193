// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/data/latent_cache.h"

#include <gtest/gtest.h>

#include "engine/model/autoencoder_kl.h"
#include "tests/support/toy_pictures.h"
#include "tests/support/vae_fixture.h"

namespace moescope {
namespace {

class LatentCacheTest : public testing::Test {
protected:
    void SetUp() override {
        AutoencoderConfig config;
        config.blockOutChannels = {32, 32};
        std::filesystem::create_directory(folder / "vae");
        test::writeTensors(folder / "vae/diffusion_pytorch_model.safetensors", test::randomVae(config, 3));
        request.file = folder / "latents.safetensors";
        request.vae = folder / "vae";
        request.size = {.side = 8, .flip = true};
    }
    std::shared_ptr<const LatentCache> open(const PictureSet& set) {
        auto cache = LatentCache::open(set, backend, request);
        if (!cache) ADD_FAILURE() << cache.error().message;
        return cache ? std::move(cache).value() : nullptr;
    }

    const test::TemporaryFolder folder;
    Backend backend{cpuBackendTable(), {1}};
    LatentCacheRequest request;
};

TEST_F(LatentCacheTest, KeepsScaledMeansAndDeviationsOfBothViews) {
    const auto set = test::toySet(3, 1);
    const auto cache = open(*set);
    ASSERT_EQ(cache->size(), 3);
    EXPECT_EQ(cache->latentShape(), (Shape{4, 4, 4}));
    const auto vae = AutoencoderKl::load(backend, request.vae).orThrow();
    for (const bool mirrored : {false, true}) {
        const auto moments =
            vae->encode(HostTensor({3, 8, 8}, preparePicture(set->picture(2).orThrow(), request.size, mirrored)));
        const HostTensor mean = scaleLatent(vae->config(), moments.mean), deviation = moments.std();
        for (size_t i = 0; i < 64; ++i) {
            EXPECT_EQ(cache->mean(2, mirrored)[i], mean.data[i]);
            EXPECT_FLOAT_EQ(cache->deviation(2, mirrored)[i],
                            deviation.data[i] * static_cast<float>(vae->config().scalingFactor));
        }
    }
}

TEST_F(LatentCacheTest, IsReusedOnlyWhereSetSizeAndWeightsAreTheSame) {
    const auto set = test::toySet(3, 1);
    EXPECT_FALSE(open(*set)->reused());
    EXPECT_TRUE(open(*set)->reused());
    EXPECT_FALSE(open(*test::toySet(4, 1))->reused());
    request.size.flip = false;
    EXPECT_FALSE(open(*test::toySet(4, 1))->reused());
    AutoencoderConfig config;
    config.blockOutChannels = {32, 32};
    test::writeTensors(folder / "vae/diffusion_pytorch_model.safetensors", test::randomVae(config, 4));
    EXPECT_FALSE(open(*test::toySet(4, 1))->reused());
    test::writeFile(request.file, "damaged");
    EXPECT_FALSE(open(*test::toySet(4, 1))->reused());
}

TEST_F(LatentCacheTest, GivesTheStepsOfThePictureLoader) {
    const auto set = test::toySet(11, 2, {0, 7});
    const auto cache = open(*set);
    EXPECT_EQ(cache->brokenItems(), 2);
    LoaderSettings settings;
    settings.size = request.size;
    settings.batch = 4;
    settings.seed = 9;
    const auto pictures = PictureLoader::create(set, settings).orThrow();
    LatentLoader latents(set, cache, 4, 9, true);
    for (const int64_t step : {0, 1, 2, 3, 17, 5}) {
        const PictureBatch a = pictures->batch(step).orThrow();
        const LatentBatch b = latents.batch(step);
        EXPECT_EQ(a.items, b.items);
        EXPECT_EQ(a.labels, b.labels);
        EXPECT_EQ(a.captions, b.captions);
        EXPECT_EQ(a.mirrored, b.mirrored);
        EXPECT_EQ(b.means.size(), 4u * 64);
        EXPECT_EQ(b.means[64], cache->mean(b.items[1], b.mirrored[1] != 0)[0]);
    }
}

TEST_F(LatentCacheTest, LeavesNothingWhereItStopsOrCanNotWork) {
    const auto set = test::toySet(5, 1);
    const auto stopped = LatentCache::open(*set, backend, request, [](int64_t done, int64_t) { return done < 2; });
    ASSERT_FALSE(stopped.ok());
    EXPECT_EQ(stopped.error().code, ErrorCode::Cancelled);
    const auto broken = LatentCache::open(*test::toySet(2, 1, {0, 1}), backend, request);
    EXPECT_EQ(broken.error().code, ErrorCode::Format);
    LatentCacheRequest odd = request;
    odd.size.side = 7;
    EXPECT_NE(LatentCache::open(*set, backend, odd).error().message.find("a multiple of 2"), std::string::npos);
    odd = request;
    odd.vae = folder / "nowhere";
    EXPECT_FALSE(LatentCache::open(*set, backend, odd).ok());
    EXPECT_EQ(folder.names(), std::vector<std::string>{"vae"});
}

}  // namespace
}  // namespace moescope
