// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/data/picture_loader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/support/toy_pictures.h"

namespace moescope {
namespace {

std::unique_ptr<PictureLoader> loaderOf(std::shared_ptr<const PictureSet> set, const LoaderSettings& settings) {
    auto loader = PictureLoader::create(std::move(set), settings);
    if (!loader) ADD_FAILURE() << loader.error().message;
    return loader ? std::move(loader).value() : nullptr;
}

LoaderSettings toySettings() {
    LoaderSettings settings;
    settings.size = {.side = 4, .flip = true};
    settings.batch = 5;
    settings.seed = 11;
    return settings;
}

void expectSame(const PictureBatch& a, const PictureBatch& b) {
    EXPECT_EQ(a.pictures, b.pictures);
    EXPECT_EQ(a.labels, b.labels);
    EXPECT_EQ(a.captions, b.captions);
    EXPECT_EQ(a.items, b.items);
    EXPECT_EQ(a.mirrored, b.mirrored);
}

TEST(PictureLoader, ShowsEveryItemOnceInEveryEpoch) {
    const auto loader = loaderOf(test::toySet(20, 3), toySettings());
    std::vector<int64_t> first, second;
    for (int64_t step = 0; step < 8; ++step) {
        const auto batch = loader->batch(step);
        ASSERT_TRUE(batch.ok());
        for (size_t slot = 0; slot < 5; ++slot) {
            const int64_t item = batch->items[slot];
            (step < 4 ? first : second).push_back(item);
            EXPECT_EQ(batch->labels[slot], item % 3);
            EXPECT_TRUE(batch->captions[slot] == std::to_string(item) + " a" ||
                        batch->captions[slot] == std::to_string(item) + " b");
            EXPECT_EQ(batch->pictures[slot * 48], static_cast<float>(item) / 127.5F - 1);
            EXPECT_EQ(batch->pictures[slot * 48 + 47], static_cast<float>(255 - item) / 127.5F - 1);
        }
    }
    EXPECT_NE(first, second);
    EXPECT_EQ(std::set(first.begin(), first.end()).size(), 20u);
    EXPECT_EQ(std::set(second.begin(), second.end()).size(), 20u);
}

TEST(PictureLoader, GivesTheSameStepWhateverCameBefore) {
    const auto set = test::toySet(13, 2, {4, 5, 12});
    LoaderSettings alone = toySettings(), together = toySettings();
    together.threads = 4;
    together.ahead = 7;
    alone.memoryBudget = 0;  // nothing is kept
    const auto a = loaderOf(set, alone), b = loaderOf(set, together);
    EXPECT_FALSE(a->keepsPictures());
    EXPECT_TRUE(b->keepsPictures());
    for (int64_t step = 0; step < 12; ++step) expectSame(*a->batch(step), *b->batch(step));
    for (const int64_t step : {900, 3, 4, 2}) expectSame(*a->batch(step), *b->batch(step));
}

TEST(PictureLoader, OrdersDifferentlyForAnotherSeed) {
    LoaderSettings other = toySettings();
    other.seed = 12;
    const auto set = test::toySet(100, 2);
    EXPECT_NE(loaderOf(set, toySettings())->batch(0)->items, loaderOf(set, other)->batch(0)->items);
}

TEST(PictureLoader, ReplacesBrokenPicturesAndTellsEachOnce) {
    const auto loader = loaderOf(test::toySet(10, 2, {3, 7}), toySettings());
    for (int64_t step = 0; step < 10; ++step) {
        const auto batch = loader->batch(step);
        ASSERT_TRUE(batch.ok());
        for (const int64_t item : batch->items) EXPECT_TRUE(item != 3 && item != 7);
    }
    std::vector<BrokenPicture> broken = loader->broken();
    std::ranges::sort(broken, {}, &BrokenPicture::item);
    ASSERT_EQ(broken.size(), 2u);
    EXPECT_EQ(broken[0].key, "3.png");
    EXPECT_EQ(broken[1].item, 7);
    EXPECT_EQ(broken[1].reason, "it is broken on purpose");
}

TEST(PictureLoader, MirrorsHalfOfThePicturesWhenAsked) {
    LoaderSettings settings = toySettings();
    settings.batch = 400;
    const auto set = test::toySet(50, 2);
    const auto flipped = loaderOf(set, settings)->batch(0);
    // 400 fair coins: six standard deviations are 60.
    EXPECT_NEAR(static_cast<double>(std::ranges::count(flipped->mirrored, 1)), 200, 60);
    settings.size.flip = false;
    EXPECT_EQ(std::ranges::count(loaderOf(set, settings)->batch(0)->mirrored, 1), 0);
}

TEST(PictureLoader, FillsABatchFromOnePicture) {
    const auto loader = loaderOf(test::toySet(1, 1), toySettings());
    const auto batch = loader->batch(123456789);
    ASSERT_TRUE(batch.ok());
    EXPECT_EQ(batch->items, std::vector<int64_t>(5, 0));
}

TEST(PictureLoader, RefusesWhatCanNotWorkInASentence) {
    const auto allBroken = loaderOf(test::toySet(2, 1, {0, 1}), toySettings());
    const auto batch = allBroken->batch(0);
    ASSERT_FALSE(batch.ok());
    EXPECT_EQ(batch.error().code, ErrorCode::Format);
    EXPECT_NE(batch.error().message.find("none of the 2 pictures"), std::string::npos);
    EXPECT_FALSE(allBroken->batch(-1).ok());
    EXPECT_FALSE(PictureLoader::create(test::toySet(0, 0), toySettings()).ok());
    LoaderSettings noBatch = toySettings();
    noBatch.batch = 0;
    EXPECT_FALSE(PictureLoader::create(test::toySet(1, 1), noBatch).ok());
}

}  // namespace
}  // namespace moescope
