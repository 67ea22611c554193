// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/ensemble/class_union.h"

#include <gtest/gtest.h>

namespace moescope {
namespace {

std::shared_ptr<const ClassLabels> labels(const char* json) { return std::make_shared<const ClassLabels>(ClassLabels::parse(json).orThrow()); }

TEST(ClassUnion, EqualListsStayAsTheyAre) {
    const auto joined = joinClasses({{"a", 2, labels(R"(["cat", "dog"])")}, {"b", 0, nullptr}, {"c", 2, nullptr}}).orThrow();
    EXPECT_EQ(joined.classes, 2);
    EXPECT_EQ(joined.labels, nullptr);
    EXPECT_EQ(joined.own[0], (std::vector<int32_t>{0, 1, 2}));
    EXPECT_EQ(joined.own[1], (std::vector<int32_t>{0, 0, 0}));
    EXPECT_EQ(joined.own[2], (std::vector<int32_t>{0, 1, 2}));
    EXPECT_TRUE(joined.notes.empty());
}

TEST(ClassUnion, DifferingListsAreJoinedByName) {
    const auto joined = joinClasses({{"a", 2, labels(R"(["cat", "dog"])")}, {"b", 3, labels(R"(["owl", "dog", "fox"])")}}).orThrow();
    ASSERT_EQ(joined.classes, 4);
    EXPECT_EQ(joined.labels->byIndex(2)->name, "owl");
    EXPECT_EQ(joined.own[0], (std::vector<int32_t>{0, 1, 2, 2, 2}));  // owl and fox are no class for it
    EXPECT_EQ(joined.own[1], (std::vector<int32_t>{3, 1, 0, 2, 3}));
    EXPECT_EQ(joined.notes.size(), 2u);
}

TEST(ClassUnion, DifferingListsNeedNames) {
    const auto joined = joinClasses({{"a", 2, labels(R"(["cat", "dog"])")}, {"b", 3, nullptr}});
    ASSERT_FALSE(joined.ok());
    EXPECT_NE(joined.error().message.find("'b' have no names"), std::string::npos) << joined.error().message;
}

}  // namespace
}  // namespace moescope
