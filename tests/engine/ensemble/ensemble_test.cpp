// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/ensemble/ensemble.h"

#include <gtest/gtest.h>

#include <fmt/format.h>

#include "engine/ensemble/open_model.h"
#include "engine/model/companion_files.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/toy_mixture.h"

namespace moescope {
namespace {

using Json = nlohmann::json;

const std::filesystem::path kEmbedded = MOESCOPE_RESOURCES "/embedded/emoji32.safetensors";

class EnsembleTest : public testing::Test {
protected:
    Json minimal() const {
        return {{"schema", "moescope.ensemble/v1"},
                {"experts", {{{"name", "a"}, {"file", kEmbedded.string()}}, {{"name", "b"}, {"file", kEmbedded.string()}}}},
                {"router", {{"kind", "rules"}}},
                {"top_k", 2}};
    }
    std::filesystem::path write(const Json& json, const std::string& name = "x.moe.json") const {
        test::writeFile(folder / name, json.dump());
        return folder / name;
    }
    std::string refusal(const Json& json, const std::string& name = "x.moe.json") const {
        const auto opened = openModel(write(json, name));
        EXPECT_FALSE(opened.ok());
        return opened.ok() ? "" : opened.error().message;
    }
    static void expectWords(const std::string& sentence, std::initializer_list<const char*> words) {
        for (const char* word : words) EXPECT_NE(sentence.find(word), std::string::npos) << sentence;
    }
    test::TemporaryFolder folder;
};

TEST_F(EnsembleTest, DescribesItsMixtureAndTheLayersInsideItsNetworks) {
    const auto model = openModel(write(minimal())).orThrow();
    const ModelDescription& d = model->description();
    EXPECT_EQ(d.networks, (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(d.config.classes, 256);
    EXPECT_EQ(d.config.inputSide(), 32);
    ASSERT_EQ(d.moeLayers.size(), 1 + 2 * 4u);
    EXPECT_EQ(d.moeLayers[0].policy, RoutingPolicy::NetworkMixture);
    EXPECT_EQ(d.moeLayers[0].block, -1);
    EXPECT_EQ(d.moeLayers[0].experts, 2);
    EXPECT_EQ(d.moeLayers[0].tokensPerSample(), 1);
    EXPECT_EQ(d.moeLayers[5].network, 1);
    EXPECT_EQ(d.moeLayers[5].block, d.moeLayers[1].block);
    EXPECT_TRUE(model->runnable().ok());
    EXPECT_EQ(model->name(), "x");
    EXPECT_EQ(d.totalParameters(), Checkpoint::open(kEmbedded).orThrow()->description().totalParameters());  // one file, counted once
    EXPECT_TRUE(findLabels(*model, MOESCOPE_RESOURCES).has_value());
}

TEST_F(EnsembleTest, FingerprintsTellContentNotPlace) {
    const auto at = [&](const Json& json, const std::string& name) { return openModel(write(json, name)).orThrow()->fingerprint(); };
    const std::string first = at(minimal(), "x.moe.json");
    EXPECT_EQ(at(minimal(), "y.moe.json"), first);
    Json other = minimal();
    other["top_k"] = 1;
    EXPECT_NE(at(other, "x.moe.json"), first);
}

TEST_F(EnsembleTest, FilesAreWrittenAsTheyAreRead) {
    EnsembleFile file = parseEnsemble(minimal(), "x").orThrow();
    file.name = "Two";
    file.eachBranch = true;
    file.experts[1].weight = 0.5f;
    file.experts[1].bias = -2;
    file.experts[1].settings = {{"heads", 4}};
    writeEnsembleFile(file, folder / "y.moe.json").orThrow();
    const EnsembleFile again = readEnsembleFile(folder / "y.moe.json").orThrow();
    EXPECT_EQ(toJson(again), toJson(file));
    EXPECT_EQ(again.experts[1].weight, 0.5f);
}

TEST_F(EnsembleTest, EveryBadFileGetsASentence) {
    Json json = minimal();
    json["experts"][1]["file"] = "nowhere.pt";
    expectWords(refusal(json), {"'b'", "nowhere.pt", "put it there"});
    json = minimal();
    json["experts"][1]["name"] = "a";
    expectWords(refusal(json), {"two experts are named 'a'"});
    json = minimal();
    json["top_k"] = 3;
    expectWords(refusal(json), {"top_k is 3", "2 experts"});
    json = minimal();
    json["experts"][0]["weight"] = 0;
    expectWords(refusal(json), {"'a'", "weight 0", "above 0"});
    json = minimal();
    json["exprets"] = json["experts"];
    expectWords(refusal(json), {"exprets", "did you mean", "experts"});
    json = minimal();
    json["experts"][0]["wieght"] = 1;
    expectWords(refusal(json), {"wieght", "did you mean", "weight"});
    json = minimal();
    json["schema"] = "moescope.ensemble/v9";
    expectWords(refusal(json), {"moescope.ensemble/v1"});
    json = minimal();
    json["blend"] = "noise";
    expectWords(refusal(json), {"velocity"});
    json = minimal();
    json.erase("router");
    expectWords(refusal(json), {"router"});
    json = minimal();
    json["router"]["kind"] = "oracle";
    expectWords(refusal(json), {"x.moe.json", "learned", "rules"});
    test::writeFile(folder / "z.moe.json", "{");
    expectWords(openModel(folder / "z.moe.json").error().message, {"z.moe.json", "JSON"});
    expectWords(openModel(folder / "missing.moe.json").error().message, {"missing.moe.json", "spelling"});
    expectWords(openModel(write(minimal()), {"ema", Json::object()}).error().message, {"weights", "ensemble file"});
}

TEST_F(EnsembleTest, CyclesAreToldApartFromEnsemblesOfEnsembles) {
    Json self = minimal();
    self["experts"][0]["file"] = "x.moe.json";
    expectWords(refusal(self), {"names itself", "'a'"});
    Json other = minimal();
    other["experts"][1]["file"] = "x.moe.json";
    write(other, "y.moe.json");
    Json there = minimal();
    there["experts"][0]["file"] = "y.moe.json";
    expectWords(refusal(there), {"y.moe.json", "leads back"});
    write(minimal(), "y.moe.json");
    expectWords(refusal(there), {"y.moe.json", "is an ensemble itself", "one by one"});
}

TEST_F(EnsembleTest, ExpertsShareOneKindOfPicture) {
    const EnsembleFile toy = test::toyMixture(1, folder.path());
    Json json = minimal();
    json["experts"][1] = {{"name", "b"}, {"file", toy.experts[0].file.string()}, {"settings", toy.experts[0].settings}};
    expectWords(refusal(json), {"'a'", "3 channels of 32 x 32 pixels", "'b'", "4 channels of 8 x 8 latent pixels"});
}

TEST_F(EnsembleTest, NoisePredictorsNeedTheirSchedule) {
    EnsembleFile toy = test::toyMixture(1, folder.path(), 1);
    toy.router = {{"kind", "rules"}};
    toy.experts[0].settings["predicts"] = "noise";
    const auto made = [&](const EnsembleFile& file) { return Ensemble::make(file, folder / "x.moe.json"); };
    expectWords(made(toy).error().message, {"'landscape'", "noise schedule", "scheduler_config.json", "\"schedule\""});
    toy.experts[0].schedule = {{"beta_schedule", "quadratic"}};
    expectWords(made(toy).error().message, {"'landscape'", "beta_schedule"});
    toy.experts[0].schedule = {{"beta_schedule", "linear"}};
    EXPECT_TRUE(made(toy).ok());
    std::filesystem::copy_file(folder.path() / toy.experts[0].file, folder / "net.safetensors");
    test::writeFile(folder / "scheduler_config.json", R"({"beta_schedule": "squaredcos_cap_v2", "_class_name": "DDPMScheduler"})");
    toy.experts[0].file = "net.safetensors";
    toy.experts[0].schedule = nullptr;
    EXPECT_TRUE(made(toy).ok());
}

TEST_F(EnsembleTest, SaysWhoChooses) {
    EXPECT_EQ(Ensemble::open(write(minimal())).orThrow()->routerText(), "rules by hand");
    const auto shipped = Ensemble::open(MOESCOPE_RESOURCES "/ensembles/emoji.moe.json").orThrow();
    EXPECT_EQ(shipped->routerFacts().kind, RouterFacts::Kind::Learned);
    EXPECT_EQ(shipped->routerText(), "a learned router over the prompt");
    const auto toy = Ensemble::make(test::toyMixture(3, folder.path()), folder / "x.moe.json").orThrow();
    EXPECT_EQ(toy->routerText(), "a learned router over the prompt and the time");
    Json json = minimal();
    json["router"] = {{"kind", "prototypes"}, {"prompt", {{"source", "hashed"}, {"width", 64}, {"hash", "fnv1a64-signs"}}},
                      {"words", {{"a", "cat"}, {"b", "bread"}}}};
    EXPECT_EQ(Ensemble::open(write(json)).orThrow()->routerFacts().kind, RouterFacts::Kind::Prototypes);
}

TEST_F(EnsembleTest, DifferingConditionsAreStatedAndMixed) {
    EnsembleFile toy = test::toyMixture(2, folder.path(), 1);
    toy.router = {{"kind", "rules"}};
    toy.experts[1].settings["classes"] = 3;
    const auto ensemble = Ensemble::make(toy, folder / "x.moe.json").orThrow();
    EXPECT_EQ(ensemble->conditionOf(0), "the prompt");
    EXPECT_EQ(ensemble->conditionOf(1), "a class of 3 and the prompt");
    EXPECT_EQ(ensemble->description().config.classes, 3);
    EXPECT_EQ(ensemble->description().promptWidth, 12);
    expectWords(fmt::format("{}", ensemble->notes().back()), {"'landscape' takes the prompt", "'portrait' takes a class of 3"});
    toy.experts[0].settings["classes"] = 2;
    expectWords(Ensemble::make(toy, folder / "x.moe.json").error().message, {"different classes", "labels.json", "'landscape'"});
}

}  // namespace
}  // namespace moescope
