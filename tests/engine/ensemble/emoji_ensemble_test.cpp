// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/ensemble/fitted_router_file.h"
#include "engine/ensemble/network_router.h"
#include "engine/ensemble/prompt_features.h"
#include "engine/io/named_tensors.h"

namespace moescope {
namespace {

const std::filesystem::path kFolder = MOESCOPE_RESOURCES "/ensembles";

struct Shipped {
    std::vector<std::string> names = ensembleExpertNames(kFolder / "emoji.moe.json").orThrow();
    std::vector<LabelledPrompt> prompts = readLabelledPrompts(kFolder / "emoji.prompts.tsv", names).orThrow();
};

TEST(EmojiEnsemble, NamesFilesThatAreShipped) {
    const auto ensemble = openExperts(kFolder / "emoji.moe.json").orThrow();
    for (const EnsembleExpert& expert : ensemble->file().experts)
        EXPECT_TRUE(std::filesystem::exists(kFolder / expert.file)) << expert.file;
}

TEST(EmojiEnsemble, SaysOfItsAccuracyWhatIsTrue) {
    const Shipped shipped;
    const KnownRouter router = readKnownRouter(kFolder / "emoji.moe.json").orThrow();
    int64_t right = 0;
    for (const LabelledPrompt& prompt : shipped.prompts) {
        std::vector<float> logits(shipped.names.size());
        router.weights.logits(router.sight.hashing->embed(prompt.prompt), 0, logits);
        right += std::ranges::max_element(logits) - logits.begin() == prompt.expert ? 1 : 0;
    }
    const auto metadata = readAllTensors(kFolder / "emoji.router.safetensors").orThrow().metadata;
    const auto number = [&](const char* name) { return std::stod(metadata[name].get<std::string>()); };
    EXPECT_EQ(number("examples"), shipped.prompts.size());
    EXPECT_NEAR(number("accuracy"), static_cast<double>(right) / static_cast<double>(shipped.prompts.size()), 5.1e-5);
    EXPECT_GT(number("held_out_accuracy"), 2 * number("held_out_accuracy_of_the_most_frequent_expert"));
    EXPECT_EQ(nlohmann::json::parse(metadata["experts"].get<std::string>()), nlohmann::json(shipped.names));
}

TEST(EmojiEnsemble, SendsTheNameOfNearlyEveryClassToItsGroup) {
    const Shipped shipped;
    std::ifstream file(kFolder / "emoji.moe.json");
    const auto router = loadRouter(nlohmann::json::parse(file)["router"], kFolder, shipped.names).orThrow();
    std::ifstream labelFile(MOESCOPE_RESOURCES "/embedded/labels.json");
    int right = 0, all = 0;
    for (const auto& label : nlohmann::json::parse(labelFile)) {
        const std::string name = label["name"];
        const auto known = std::ranges::find(shipped.prompts, name, &LabelledPrompt::prompt);
        ASSERT_NE(known, shipped.prompts.end()) << name;
        const std::vector<float> prompt = router->promptFeatures()->embed(name);
        std::vector<float> logits(shipped.names.size());
        router->logits({prompt, name, 0.5F, {}}, logits);
        right += std::ranges::max_element(logits) - logits.begin() == known->expert ? 1 : 0;
        ++all;
    }
    EXPECT_EQ(all, 256);
    EXPECT_GE(right, 250);
}

}  // namespace
}  // namespace moescope
