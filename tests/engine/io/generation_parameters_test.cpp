// SPDX-License-Identifier: GPL-3.0-or-later
// The settings of a picture through JSON and through A1111's text, and back.
#include "engine/io/generation_parameters.h"

#include <gtest/gtest.h>

namespace moescope {
namespace {

GenerationParameters full() {
    GenerationParameters p;
    p.prompt = "a red heart";
    p.negativePrompt = "blue";
    p.classId = 145;
    p.className = "red heart";
    p.seed = 42;
    p.batchIndex = 2;
    p.batch = 4;
    p.steps = 25;
    p.sampler = "heun";
    p.cfgScale = 2.5;
    p.cfgLow = 0.1;
    p.cfgHigh = 0.9;
    p.noiseScale = 2;
    p.tEps = 0.05;
    p.shift = 3;
    p.eta = 0.5;
    p.respacing = "10,15,20";
    p.rng = "torch-cuda:28,1536";
    p.noiseBatch = "joint";
    p.noiseFile = "noise.npy";
    p.noiseHash = "00ff";
    p.dtype = "f32";
    p.device = "CUDA, NVIDIA H100 80GB HBM3";
    p.width = 32;
    p.height = 48;
    p.modelName = "checkpoint-last.pth";
    p.modelHash = "0123456789";
    p.family = "jitmoe";
    p.weightSet = "model_ema1";
    p.pool = "sample";
    p.version = "0.1.0";
    p.nfe = {0, 0.1, 1.0 / 3};
    p.sessionFile = "run.moescope";
    return p;
}

const std::vector<std::string>& awkwardPrompts() {
    static const std::vector<std::string> prompts{
        "",
        "plain",
        "two\nlines",
        "\nbegins and ends with a line break\n",
        "commas, colons: and \"quotes\", 'all' of them",
        "back\\slash \\\" mix",
        "piñata ❤ 猫 🍕",
        "Steps: 20, Sampler: Euler, CFG scale: 7, Seed: 1\nis only my first line",
        "  spaces around  ",
        "tab\tand\r\ncarriage return"};
    return prompts;
}

TEST(GenerationParameters, SurviveJson) {
    for (const std::string& prompt : awkwardPrompts()) {
        GenerationParameters p = full();
        p.prompt = prompt;
        p.negativePrompt = prompt;
        const auto back = fromJsonText(toJsonText(p));
        ASSERT_TRUE(back) << back.error().message;
        EXPECT_EQ(*back, p) << prompt;
    }
    const auto defaults = fromJsonText(toJsonText({}));
    ASSERT_TRUE(defaults);
    EXPECT_EQ(*defaults, GenerationParameters());
}

TEST(GenerationParameters, SurviveA1111Text) {
    for (const std::string& prompt : awkwardPrompts()) {
        for (const std::string& negative : {std::string(), std::string("no, \"thing\"\nat all")}) {
            GenerationParameters p = full();
            p.prompt = prompt;
            p.negativePrompt = negative;
            p.nfe.clear();  // not part of this text
            p.modelName = "a, \"strange\": name.pth";
            p.className = prompt.find('\r') == std::string::npos ? prompt : "";
            const auto back = parseA1111Text(toA1111Text(p));
            ASSERT_TRUE(back) << back.error().message;
            EXPECT_EQ(*back, p) << toA1111Text(p);
        }
    }
}

TEST(GenerationParameters, WriteTheLinesThatOtherProgramsRead) {
    GenerationParameters p;
    p.prompt = "a cat";
    p.negativePrompt = "a dog";
    p.steps = 20;
    p.sampler = "euler";
    p.cfgScale = 7;
    p.seed = 42;
    p.width = 512;
    p.height = 256;
    p.modelHash = "abc";
    p.modelName = "a,b.pth";
    p.version = "0.1.0";
    EXPECT_EQ(toA1111Text(p),
              "a cat\nNegative prompt: a dog\nSteps: 20, Sampler: Euler, CFG scale: 7, Seed: 42, Size: 512x256, "
              "Model hash: abc, Model: \"a,b.pth\", RNG: CPU, Version: 0.1.0");
}

TEST(GenerationParameters, NameTheSeedThatMakesThePictureAlone) {
    GenerationParameters p;
    p.seed = 10;
    p.batchIndex = 3;
    EXPECT_NE(toA1111Text(p).find("Seed: 13,"), std::string::npos);
    EXPECT_EQ(parseA1111Text(toA1111Text(p))->seed, 10U);
    p.noiseBatch = "joint";
    EXPECT_NE(toA1111Text(p).find("Seed: 10,"), std::string::npos);
}

TEST(GenerationParameters, ReadTheTextOfAnotherProgram) {
    const auto p = parseA1111Text(
        "masterpiece, (cat:1.2)\non a mat\nNegative prompt: lowres,\nbad hands\n"
        "Steps: 28, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 6.5, Seed: 4294967299, Size: 640x512, "
        "Model hash: 6ce0161689, Model: v1-5, Lora hashes: \"one: 1, two: 2\", Hashes: {\"vae\": \"x\", \"model\": "
        "\"y\"}, "
        "RNG: NV, Version: v1.9.4\n");
    ASSERT_TRUE(p) << p.error().message;
    EXPECT_EQ(p->prompt, "masterpiece, (cat:1.2)\non a mat");
    EXPECT_EQ(p->negativePrompt, "lowres,\nbad hands");
    EXPECT_EQ(p->steps, 28);
    EXPECT_EQ(p->cfgScale, 6.5);
    EXPECT_EQ(p->seed, 4294967299U);
    EXPECT_EQ(p->width, 640);
    EXPECT_EQ(p->height, 512);
    EXPECT_EQ(p->modelName, "v1-5");
    EXPECT_EQ(p->rng, "torch-cuda");
    EXPECT_EQ(p->version, "v1.9.4");
}

TEST(GenerationParameters, TakeATextWithoutSettingsAsAPrompt) {
    EXPECT_EQ(parseA1111Text("a cat: fluffy, small")->prompt, "a cat: fluffy, small");
    EXPECT_EQ(parseA1111Text("")->prompt, "");
    const auto negative = parseA1111Text("Negative prompt: rain");
    EXPECT_EQ(negative->prompt, "");
    EXPECT_EQ(negative->negativePrompt, "rain");
}

TEST(GenerationParameters, NameTheEntryThatIsNoNumber) {
    for (const std::string line : {"Steps: many, Seed: 1, Size: 1x1", "Steps: 1, Seed: -4, Size: 1x1",
                                   "Steps: 1, Seed: 1, Size: 12", "Steps: 1, Seed: 1, CFG scale: nan"}) {
        const auto p = parseA1111Text("a cat\n" + line);
        ASSERT_FALSE(p) << line;
        EXPECT_EQ(p.error().code, ErrorCode::Format);
        EXPECT_NE(p.error().message.find("entry \""), std::string::npos) << p.error().message;
    }
}

TEST(GenerationParameters, NeverCarryAFolder) {
    EXPECT_EQ(fileNameOnly("/some/where/model.pth"), "model.pth");
    EXPECT_EQ(fileNameOnly("C:\\models\\model.pth"), "model.pth");
    EXPECT_EQ(fileNameOnly("/some/where/folder/"), "folder");
    EXPECT_EQ(fileNameOnly("model.pth"), "model.pth");
    for (const std::string path : {"/", "", "..", "/home/..", "."}) EXPECT_EQ(fileNameOnly(path), "") << path;

    GenerationParameters p = full();
    p.modelName = "/secret/place/m.pth";
    p.noiseFile = "/secret/place/n.npy";
    p.sessionFile = "D:\\secret\\r.moescope";
    EXPECT_EQ(toJsonText(p).find("secret"), std::string::npos);
    EXPECT_EQ(toA1111Text(p).find("secret"), std::string::npos);

    nlohmann::json hostile = toJson(full());
    hostile["session_file"] = "../../etc/r.moescope";
    EXPECT_EQ(fromJson(hostile)->sessionFile, "r.moescope");
}

TEST(GenerationParameters, RefuseAnotherSchemaWithASentence) {
    nlohmann::json json = toJson(full());
    json["schema"] = "moescope.generation/v2";
    const auto newer = fromJson(json);
    ASSERT_FALSE(newer);
    EXPECT_EQ(newer.error().code, ErrorCode::Unsupported);
    EXPECT_NE(newer.error().message.find("moescope.generation/v2"), std::string::npos);
    json.erase("schema");
    EXPECT_FALSE(fromJson(json));
    for (const std::string text : {"", "{", "[]", "null", "{\"schema\": 1}"}) EXPECT_FALSE(fromJsonText(text)) << text;
    EXPECT_FALSE(fromJsonText(std::string(100000, '[')));
}

TEST(GenerationParameters, FillInWhatIsMissingAndKeepWhatIsUnknown) {
    const auto p = fromJsonText(R"({"schema": "moescope.generation/v1", "prompt": "x", "future": {"a": [1, 2]}})");
    ASSERT_TRUE(p) << p.error().message;
    EXPECT_EQ(p->prompt, "x");
    EXPECT_EQ(p->cfgScale, 1);
    EXPECT_EQ(p->rng, "torch-cpu");
    EXPECT_FALSE(p->classId);
    EXPECT_EQ(toJson(*p)["future"], nlohmann::json::parse(R"({"a": [1, 2]})"));
}

TEST(GenerationParameters, NameTheFieldOfTheWrongType) {
    const std::vector<std::pair<std::string, nlohmann::json>> wrong{
        {"prompt", 1},  {"seed", -1},          {"seed", 1.5},     {"seed", "x"},          {"steps", 3e9},
        {"steps", "3"}, {"width", 4294967296}, {"class_id", "a"}, {"cfg_scale", nullptr}, {"nfe", {0.5, "x"}}};
    for (const auto& [field, value] : wrong) {
        nlohmann::json json = toJson(full());
        json[field] = value;
        const auto p = fromJson(json);
        ASSERT_FALSE(p) << field << " " << value;
        EXPECT_NE(p.error().message.find("\"" + field + "\""), std::string::npos) << p.error().message;
    }
}

TEST(GenerationParameters, KeepEveryBitOfASeed) {
    for (const uint64_t seed : {uint64_t{0}, (uint64_t{1} << 53) + 1, ~uint64_t{0}}) {
        GenerationParameters p;
        p.seed = seed;
        EXPECT_EQ(fromJsonText(toJsonText(p))->seed, seed);
        EXPECT_EQ(parseA1111Text(toA1111Text(p))->seed, seed);
    }
    GenerationParameters big;
    big.seed = (uint64_t{1} << 53) + 1;
    EXPECT_TRUE(toJson(big)["seed"].is_string());
}

TEST(GenerationParameters, WriteBytesThatAreNoTextAsReplacementCharacters) {
    GenerationParameters p;
    p.prompt = "a\xFFz";
    EXPECT_EQ(fromJsonText(toJsonText(p))->prompt, "a\uFFFDz");
    EXPECT_TRUE(toA1111Text(p).starts_with("a\uFFFDz\n"));
    p.prompt = "caf\u00E9";
    p.prompt += '\0';
    EXPECT_TRUE(toA1111Text(p).starts_with("caf\u00E9\uFFFD\n")) << "a PNG text holds no zero bytes";
}

}  // namespace
}  // namespace moescope
