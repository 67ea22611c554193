// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/io/strided_view.h"

#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <vector>

namespace moescope {
namespace {

std::vector<int16_t> gathered(const StridedView& view) {
    const std::vector<int16_t> storage{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
    std::vector<int16_t> values(static_cast<size_t>(elementCount(view.shape)));
    gather(view, reinterpret_cast<const std::byte*>(storage.data() + view.offset),
           std::as_writable_bytes(std::span(values)));
    return values;
}

TEST(StridedView, GathersRowsInOrder) {
    EXPECT_EQ(gathered({DType::I16, {3, 2}, {1, 6}, 1, 0}), (std::vector<int16_t>{1, 7, 2, 8, 3, 9}));
    EXPECT_EQ(gathered({DType::I16, {2, 3, 2}, {6, 1, 3}, 0, 0}),
              (std::vector<int16_t>{0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11}));
    EXPECT_EQ(gathered({DType::I16, {2, 3}, {0, 1}, 4, 0}), (std::vector<int16_t>{4, 5, 6, 4, 5, 6}));
    EXPECT_EQ(gathered({DType::I16, {3, 2}, {1, 1}, 0, 0}), (std::vector<int16_t>{0, 1, 1, 2, 2, 3}));
    EXPECT_EQ(gathered({DType::I16, {4}, {3}, 2, 0}), (std::vector<int16_t>{2, 5, 8, 11}));
    EXPECT_EQ(gathered({DType::I16, {}, {}, 7, 0}), (std::vector<int16_t>{7}));
    EXPECT_EQ(gathered({DType::I16, {0, 3}, {3, 1}, 0, 0}), (std::vector<int16_t>{}));
}

TEST(StridedView, StridesOfSingleElementDimensionsDoNotCount) {
    const int64_t huge = std::numeric_limits<int64_t>::max();
    const StridedView view{DType::I16, {2, 1, 2, 1}, {1, huge, 4, huge}, 0, 0};
    EXPECT_EQ(elementsReached(view), 6u);
    EXPECT_EQ(gathered(view), (std::vector<int16_t>{0, 4, 1, 5}));
}

TEST(StridedView, ReachIsOneBehindTheLastElement) {
    EXPECT_EQ(elementsReached({DType::F32, {3, 2}, {2, 1}, 0, 0}), 6u);
    EXPECT_EQ(elementsReached({DType::F32, {3, 2}, {2, 1}, 4, 0}), 10u);
    EXPECT_EQ(elementsReached({DType::F32, {}, {}, 4, 0}), 5u);
    EXPECT_EQ(elementsReached({DType::F32, {3, 0}, {9, 9}, 4, 0}), 0u);
}

TEST(StridedView, ImpossibleViewsHaveNoReach) {
    const int64_t huge = int64_t{1} << 62;
    EXPECT_FALSE(elementsReached({DType::F32, {3}, {2, 1}, 0, 0}));
    EXPECT_FALSE(elementsReached({DType::F32, {3}, {1}, -1, 0}));
    EXPECT_FALSE(elementsReached({DType::F32, {-3}, {1}, 0, 0}));
    EXPECT_FALSE(elementsReached({DType::F32, {3}, {-1}, 0, 0}));
    EXPECT_FALSE(elementsReached({DType::F32, {5}, {huge}, 0, 0}));
    EXPECT_FALSE(elementsReached({DType::F32, {2}, {huge}, huge, 0}));
    EXPECT_FALSE(elementsReached({DType::F32, {huge, 16}, {0, 0}, 0, 0}));
    EXPECT_FALSE(elementsReached({DType::F32, {huge, 16, 0}, {0, 0, 0}, 0, 0}));
}

TEST(StridedView, SwapsTheBytesOfEveryElement) {
    std::vector<uint32_t> values{0x01020304, 0xa0b0c0d0};
    swapByteOrder(std::as_writable_bytes(std::span(values)), 4);
    EXPECT_EQ(values, (std::vector<uint32_t>{0x04030201, 0xd0c0b0a0}));
}

}  // namespace
}  // namespace moescope
