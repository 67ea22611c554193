// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/model/released_sizes.h"

#include <gtest/gtest.h>

#include "engine/model/checkpoint.h"
#include "engine/model/random_weights.h"

namespace moescope {
namespace {

struct Counted {
    const char* name;
    double total, active;  // millions of parameters, two decimals
};

void PrintTo(const Counted& counted, std::ostream* out) { *out << counted.name; }

class ReleasedSizes : public testing::TestWithParam<Counted> {};

TEST_P(ReleasedSizes, HasThePublishedParameterCounts) {
    const auto description = describeReleased(GetParam().name);
    ASSERT_TRUE(description.ok()) << description.error().message;
    EXPECT_NEAR(static_cast<double>(description->totalParameters()) / 1e6, GetParam().total, 0.00501);
    EXPECT_NEAR(static_cast<double>(description->activeParameters()) / 1e6, GetParam().active, 0.00501);
}

TEST_P(ReleasedSizes, IsRecognisedFromItsTensorsAlone) {
    const auto description = describeReleased(GetParam().name).orThrow();
    const auto checkpoint = Checkpoint::fromSource(makeRandomWeights(description));
    ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;
    const ModelDescription& found = (*checkpoint)->description();
    EXPECT_EQ(found.sizeName, GetParam().name);
    EXPECT_EQ(found.totalParameters(), description.totalParameters());
    EXPECT_EQ(found.activeParameters(), description.activeParameters());
    EXPECT_EQ(found.config.heads, description.config.heads);
    EXPECT_EQ(found.config.contextStart, description.config.contextStart);
    EXPECT_EQ(found.config.moe.topK, description.config.moe.topK);
    EXPECT_EQ(found.config.moe.scale, description.config.moe.scale);
    EXPECT_EQ(found.config.moe.capacity, description.config.moe.capacity);
    EXPECT_EQ(found.config.moe.rule, description.config.moe.rule);
    EXPECT_EQ(found.config.moeBlocks, description.config.moeBlocks);
    EXPECT_TRUE((*checkpoint)->missing().empty());
    EXPECT_TRUE((*checkpoint)->unused().empty());
    EXPECT_TRUE((*checkpoint)->runnable().ok()) << (*checkpoint)->runnable().error().message;
}

// The columns "total" and "active" as the shapes of the papers give them.
INSTANTIATE_TEST_SUITE_P(All, ReleasedSizes,
                         testing::Values(Counted{"DSMoE-S-E16", 96.87, 34.94}, Counted{"DSMoE-S-E48", 69.24, 31.19},
                                         Counted{"DSMoE-B-E16", 386.32, 138.59}, Counted{"DSMoE-B-E48", 275.61, 123.44},
                                         Counted{"DSMoE-L-E16", 1368.06, 487.25}, Counted{"DSMoE-L-E48", 1166.94, 456.80},
                                         Counted{"DSMoE-3B-E16", 3101.67, 1011.48}, Counted{"JiTMoE-B16-E16", 387.44, 139.45},
                                         Counted{"JiTMoE-L16-E16", 1369.96, 488.44}, Counted{"JiTMoE-H16-E16", 2524.14, 981.68},
                                         Counted{"JiT-B/16", 131.12, 131.12}, Counted{"JiT-B/32", 133.19, 133.19},
                                         Counted{"JiT-L/16", 458.88, 458.88}, Counted{"JiT-L/32", 461.53, 461.53},
                                         Counted{"JiT-H/16", 952.51, 952.51}, Counted{"JiT-H/32", 956.06, 956.06},
                                         Counted{"DiffMoE-S-E16", 140.27, 33.92}, Counted{"DiffMoE-B-E8", 332.47, 134.13},
                                         Counted{"DiffMoE-B-E16", 559.22, 134.20}, Counted{"DiffMoE-L-E8", 1175.97, 470.89},
                                         Counted{"DiffMoE-L-E16", 1981.96, 471.09}, Counted{"DiffMoE-XL-E8", 1735.00, 693.98},
                                         Counted{"DiffMoE-XL-E16", 2924.99, 694.24}, Counted{"EC-DiT-L-E8", 1163.27, 458.20},
                                         Counted{"EC-DiT-L-E16", 1969.17, 458.30}, Counted{"TC-DiT-L-E8", 1163.27, 458.20},
                                         Counted{"TC-DiT-L-E16", 1969.17, 458.30}, Counted{"DiT-MoE-S-8E2A", 199.31, 71.91},
                                         Counted{"DiT-MoE-S-16E2A", 369.21, 71.94}, Counted{"DiT-MoE-B-8E2A", 795.86, 286.25},
                                         Counted{"DiT-MoE-L-8E2A", 2823.76, 1011.82}, Counted{"DiT-MoE-XL-8E2A", 4168.17, 1492.73},
                                         Counted{"DiT-MoE-G-16E2A", 16503.73, 3181.57}, Counted{"ProMoE-S", 75.54, 32.99},
                                         Counted{"ProMoE-B", 300.61, 130.57}, Counted{"ProMoE-L", 1062.68, 458.26},
                                         Counted{"ProMoE-XL", 1567.73, 675.34}),
                         [](const auto& info) {
                             std::string name = info.param.name;
                             for (char& c : name)
                                 if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
                             return name;
                         });

TEST(ReleasedSizes, NamesThoseThatThereAreForAnUnknownOne) {
    const auto unknown = describeReleased("DSMoE-XXL");
    ASSERT_FALSE(unknown.ok());
    EXPECT_NE(unknown.error().message.find("DSMoE-S-E48"), std::string::npos);
}

}  // namespace
}  // namespace moescope
