// SPDX-License-Identifier: GPL-3.0-or-later
// The models that come with the program: all are there, open, and are found by their names.
#include "engine/model/built_in_models.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "engine/ensemble/open_model.h"

namespace moescope {
namespace {

TEST(BuiltInModels, AllAreThereAndRun) {
    std::set<std::string_view> ids;
    for (const BuiltInModel& model : builtInModels()) {
        EXPECT_TRUE(ids.insert(model.id).second) << model.id;
        EXPECT_TRUE(meansBuiltIn(model.id)) << model.id;
        const auto opened = openModel(builtInFile(model.id, MOESCOPE_RESOURCES).orThrow());
        ASSERT_TRUE(opened.ok()) << model.id << ": " << opened.error().message;
        EXPECT_TRUE((*opened)->runnable().ok()) << model.id;
    }
}

TEST(BuiltInModels, TheFirstIsTheDefault) {
    EXPECT_EQ(builtInModel("").orThrow().id, builtInModels().front().id);
    EXPECT_EQ(builtInModel("embedded").orThrow().id, builtInModels().front().id);
}

TEST(BuiltInModels, AreToldFromPaths) {
    EXPECT_TRUE(meansBuiltIn("embedded") && meansBuiltIn("embedded-x"));
    EXPECT_FALSE(meansBuiltIn("embedded/x.safetensors") || meansBuiltIn("embeddedx") || meansBuiltIn("my-embedded") ||
                 meansBuiltIn(""));
}

TEST(BuiltInModels, AnUnknownNameIsAnsweredWithTheNearestOrWithAll) {
    EXPECT_EQ(builtInModel("embedded-promts").error().message,
              "no built-in model is called 'embedded-promts'; did you mean 'embedded-prompts'?");
    const std::string all = builtInModel("embedded-dinosaurs").error().message;
    for (const BuiltInModel& model : builtInModels()) EXPECT_NE(all.find(model.id), std::string::npos) << all;
}

}  // namespace
}  // namespace moescope
