// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/train/recipe.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "engine/train/recipe_places.h"

namespace moescope::train {
namespace {

const std::string kSmall =
    "name: small\n"
    "model:\n"
    "  family: JiTMoE\n"
    "  image_size: 32\n"
    "  patch: 4\n"
    "  width: 64\n"
    "  depth: 4\n"
    "  heads: 4\n"
    "experts: {count: 8, top_k: 2, width: 32}\n";

/// The sentence that refuses kSmall with these lines behind it.
std::string refusal(const std::string& more) {
    const auto recipe = parseRecipe(kSmall + more, "r.yaml");
    return recipe.ok() ? "accepted" : recipe.error().message;
}

TEST(Recipe, ShippedOnesAreRead) {
    int count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(MOESCOPE_RESOURCES "/recipes")) {
        const auto recipe = readRecipe(entry.path());
        EXPECT_TRUE(recipe.ok()) << entry.path() << ": " << (recipe.ok() ? "" : recipe.error().message);
        ++count;
    }
    EXPECT_GE(count, 2);
}

TEST(Recipe, FillsInWhatThePublishedModelsHave) {
    const Recipe recipe = parseRecipe(kSmall, "r.yaml").orThrow();
    EXPECT_EQ(recipe.model.prediction, Prediction::CleanImage);
    EXPECT_EQ(recipe.model.config.moeBlocks, (std::vector<int>{1, 3}));
    EXPECT_EQ(recipe.model.config.denseWidth, 64 * 4 * 2 / 3);
    EXPECT_EQ(recipe.model.config.moe.sharedWidth, 32);
    EXPECT_EQ(recipe.model.config.grid, 8);
}

TEST(Recipe, NamesLineAndNearestFieldOfASlip) {
    EXPECT_EQ(refusal("training:\n  bach: 8\n"), "r.yaml, line 11: there is no field 'training.bach'; did you mean 'training.batch'?");
    EXPECT_NE(refusal("zzzzzz: 1\n").find("line 10"), std::string::npos);
}

TEST(Recipe, SaysWhatAValueShouldBe) {
    EXPECT_EQ(refusal("training: {batch: many}\n"), "r.yaml, line 10: 'training.batch' should be a whole number from 1 to 65536, found 'many'");
    EXPECT_NE(refusal("training: {balance: some}\n").find("one of none, bias, auxiliary, both"), std::string::npos);
    EXPECT_NE(refusal("training: {rate: -1}\n").find("a number above 0"), std::string::npos);
    EXPECT_NE(refusal("training: {steps: [1]}\n").find("found 'something else'"), std::string::npos);
    const std::string twoTables = withFields(kSmall, {"model.position=[sincos, learned]"}).orThrow();
    EXPECT_NE(parseRecipe(twoTables, "r.yaml").error().message.find("at most one table and one rotation"), std::string::npos);
}

TEST(Recipe, RefusesContradictionsAtTheirLine) {
    for (const auto& [more, part] : std::vector<std::pair<std::string, std::string>>{
             {"training: {balance: none, balance_rate: 0.1}\n", "training.balance_rate needs training.balance: bias or both"},
             {"training: {auxiliary_weight: 0.1}\n", "training.auxiliary_weight needs"},
             {"training: {time: uniform, time_std: 1}\n", "training.time_std needs training.time: logit-normal"},
             {"training: {steps: 10, warmup: 20}\n", "at most training.steps"},
             {"training: {averages: [0.9, 0.8, 0.7]}\n", "one or two decays, found 3"},
             {"start: {checkpoint: a, upcycle: b}\n", "exclude each other"},
             {"start: {router_noise: 0.1}\n", "needs start.upcycle"},
             {"parts: {router: true}\n", "give start.checkpoint"},
             {"prompt: {layers: 1}\n", "belongs to families that read prompts"},
             {"data: {vae: x}\n", "belongs to a family on latents"}}) {
        const std::string sentence = refusal(more);
        EXPECT_NE(sentence.find(part), std::string::npos) << more << " -> " << sentence;
        EXPECT_NE(sentence.find("r.yaml, line 10"), std::string::npos) << more << " -> " << sentence;
    }
}

TEST(Recipe, RefusesWhatIsNoRecipe) {
    EXPECT_NE(parseRecipe("[1, 2]", "r.yaml").error().message.find("list of fields"), std::string::npos);
    EXPECT_NE(parseRecipe("a: [", "r.yaml").error().message.find("not YAML"), std::string::npos);
    EXPECT_NE(parseRecipe("", "r.yaml").error().message.find("list of fields"), std::string::npos);
    EXPECT_NE(parseRecipe("name: a\n", "r.yaml").error().message.find("model.patch is missing"), std::string::npos);
    EXPECT_EQ(readRecipe("/nowhere/r.yaml").error().code, ErrorCode::NotFound);
}

TEST(Recipe, TakesReplacedFields) {
    const std::string yaml = withFields(kSmall, {"training.steps=7", "experts.top_k=3"}).orThrow();
    const Recipe recipe = parseRecipe(yaml, "r.yaml").orThrow();
    EXPECT_EQ(recipe.training.steps, 7);
    EXPECT_EQ(recipe.model.config.moe.topK, 3);
    EXPECT_FALSE(withFields(kSmall, {"training.steps"}).ok());
}

TEST(RecipePlaces, AreAbsoluteInWhatARunKeeps) {
    const std::string latent =
        "model: {family: DSMoE, image_size: 32, patch: 2, width: 64, depth: 4, heads: 4}\n"
        "experts: {count: 8, top_k: 2, width: 32}\n"
        "data: {path: [pets, /far/meals], vae: vae}\n"
        "start: {checkpoint: old.pt}\n";
    const Recipe whole = withPlaces(parseRecipe(latent, "r.yaml").orThrow(), "/some/where", "/data").orThrow();
    EXPECT_EQ(whole.data.paths, (std::vector<std::string>{"/some/where/pets", "/far/meals"}));
    EXPECT_EQ(whole.data.vae, "/some/where/vae");
    EXPECT_EQ(whole.start.checkpoint, "/some/where/old.pt");
    EXPECT_EQ(parseRecipe(whole.text, "run/recipe.yaml").orThrow().data.paths, whole.data.paths);
    EXPECT_EQ(withPlaces(whole, "/elsewhere", "/data").orThrow().text, whole.text);
}

TEST(RecipePlaces, ABuiltInModelIsFoundAmongTheProgramsData) {
    const Recipe small = parseRecipe(kSmall + "start: {checkpoint: embedded-emoji}\n", "r.yaml").orThrow();
    EXPECT_EQ(withPlaces(small, "/recipes", "/data").orThrow().start.checkpoint, "/data/embedded/emoji32.safetensors");
    const Recipe slip = parseRecipe(kSmall + "start: {checkpoint: embedded-emojy}\n", "r.yaml").orThrow();
    EXPECT_EQ(withPlaces(slip, "/recipes", "/data").error().message, "no built-in model is called 'embedded-emojy'; did you mean 'embedded-emoji'?");
}

}  // namespace
}  // namespace moescope::train
