// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/ensemble/router_fit.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "engine/ensemble/fitted_router_file.h"
#include "engine/ensemble/network_router.h"
#include "engine/ensemble/picture_features.h"
#include "engine/ensemble/softmax_regression.h"
#include "engine/io/named_tensors.h"
#include "engine/io/png_file.h"
#include "engine/sampling/torch_cpu_rng.h"
#include "tests/support/temporary_folder.h"

namespace moescope {
namespace {

using Floats = std::vector<float>;
using Names = std::vector<std::string>;

const Names kNames{"animals", "food"};
constexpr PromptFeatures kHashing{128, 4};

std::vector<LabelledPrompt> prompts() {
    std::vector<LabelledPrompt> all;
    for (const char* how : {"a %", "big %", "% in a house", "the red %", "two %"})
        for (const auto& [word, expert] : std::vector<std::pair<std::string, int64_t>>{
                 {"cat", 0}, {"dog", 0}, {"horse", 0}, {"bread", 1}, {"pizza", 1}, {"cake", 1}}) {
            std::string text = how;
            text.replace(text.find('%'), 1, word);
            all.push_back({text, expert, ""});
        }
    return all;
}

size_t chosenFor(const FittedRouter& router, const std::string& prompt) {
    Floats logits(static_cast<size_t>(router.weights.experts()));
    router.weights.logits(router.sight.hashing->embed(prompt), 0.5F, logits);
    return static_cast<size_t>(std::ranges::max_element(logits) - logits.begin());
}

/// Gradient of the stated objective by the textbook's formula, one component at a time.
double gradientAt(const SoftmaxProblem& p, const SoftmaxSolution& s, int64_t cls, int64_t column) {
    double sum = 0;
    for (int64_t n = 0; n < p.samples(); ++n) {
        std::vector<double> z;
        for (int64_t c = 0; c < p.classes; ++c) {
            double logit = s.biases[static_cast<size_t>(c)];
            for (int64_t i = 0; i < p.width; ++i)
                logit += s.weights[static_cast<size_t>(c * p.width + i)] *
                         static_cast<double>(p.row(n)[static_cast<size_t>(i)]);
            z.push_back(std::exp(logit));
        }
        double total = 0;
        for (const double value : z) total += value;
        const double feature = column < p.width ? p.row(n)[static_cast<size_t>(column)] : 1;
        sum += (z[static_cast<size_t>(cls)] / total - (p.labels[static_cast<size_t>(n)] == cls ? 1 : 0)) * feature;
    }
    const double penalty = column < p.width ? p.l2 * s.weights[static_cast<size_t>(cls * p.width + column)] : 0;
    return sum / static_cast<double>(p.samples()) + penalty;
}

SoftmaxProblem smallProblem() {
    SoftmaxProblem problem;
    problem.width = 4;
    problem.classes = 3;
    problem.l2 = 0.01;
    TorchCpuGenerator generator(9);
    problem.features.resize(40 * 4);
    generator.randn(problem.features);
    for (int n = 0; n < 40; ++n) problem.labels.push_back(n % 3);
    return problem;
}

TEST(SoftmaxRegression, EndsWhereTheGradientVanishes) {
    const SoftmaxProblem problem = smallProblem();
    const SoftmaxSolution solution = solveSoftmax(problem);
    EXPECT_TRUE(solution.converged);
    for (int64_t cls = 0; cls < 3; ++cls)
        for (int64_t column = 0; column <= 4; ++column)
            EXPECT_NEAR(gradientAt(problem, solution, cls, column), 0, 1e-6);
}

TEST(SoftmaxRegression, BalancedLabelsWithoutFeaturesGiveEqualBiases) {
    SoftmaxProblem problem;
    problem.width = 1;
    problem.classes = 2;
    problem.features = {0, 0, 0, 0};
    problem.labels = {0, 0, 0, 1};
    const SoftmaxSolution solution = solveSoftmax(problem);
    EXPECT_NEAR(solution.biases[0] - solution.biases[1], std::log(3.0), 1e-4);  // odds of 3 to 1
}

TEST(SoftmaxRegression, FrozenRowsStayAndTheOthersAreOptimal) {
    SoftmaxProblem problem = smallProblem();
    problem.frozenRows = 2;
    problem.frozenWeights = {1, 0, -1, 0.5, 0, 2, 0, 0.25};
    problem.frozenBiases = {0.5, -0.5};
    const SoftmaxSolution solution = solveSoftmax(problem);
    EXPECT_EQ(std::vector<double>(solution.weights.begin(), solution.weights.begin() + 8), problem.frozenWeights);
    for (int64_t column = 0; column <= 4; ++column) EXPECT_NEAR(gradientAt(problem, solution, 2, column), 0, 1e-6);
}

TEST(SoftmaxRegression, StopsWhenAsked) {
    std::stop_source stop;
    stop.request_stop();
    EXPECT_THROW(solveSoftmax(smallProblem(), stop.get_token()), EngineException);
}

TEST(RouterFit, LearnsToTellPromptsApartAndSaysHowWell) {
    const FittedRouter router = fitPromptRouter(prompts(), kNames, kHashing).orThrow();
    EXPECT_EQ(router.report.examples, 30);
    EXPECT_EQ(router.report.heldOut, 6);
    EXPECT_EQ(router.report.heldOutAccuracy, 1);
    EXPECT_EQ(router.report.accuracy, 1);
    EXPECT_EQ(router.report.likeliest, 0.5);
    EXPECT_EQ(router.report.confusion, (std::vector<std::vector<int64_t>>{{3, 0}, {0, 3}}));
    EXPECT_TRUE(router.report.converged);
    EXPECT_EQ(chosenFor(router, "my dog"), 0u);
    EXPECT_EQ(chosenFor(router, "birthday cake"), 1u);
}

TEST(RouterFit, GivesTheSameBytesEveryTime) {
    const FittedRouter one = fitPromptRouter(prompts(), kNames, kHashing).orThrow();
    const FittedRouter two = fitPromptRouter(prompts(), kNames, kHashing).orThrow();
    EXPECT_EQ(one.weights.outWeight.data, two.weights.outWeight.data);
    EXPECT_EQ(one.metadata, two.metadata);
}

TEST(RouterFit, AGroupIsNeverOnBothSides) {
    // Every group has one label, but no word tells which: who has seen the group could repeat it, nobody else can know.
    std::vector<LabelledPrompt> noise;
    for (int group = 0; group < 40; ++group)
        for (int twin = 0; twin < 2; ++twin)
            noise.push_back(
                {"w" + std::to_string(group * group * 7919 + 1000), group % 2, "g" + std::to_string(group)});
    const FittedRouter grouped = fitPromptRouter(noise, kNames, kHashing, {0.25}).orThrow();
    for (LabelledPrompt& prompt : noise) prompt.group.clear();
    const FittedRouter alone = fitPromptRouter(noise, kNames, kHashing, {0.25}).orThrow();
    EXPECT_EQ(grouped.report.heldOut, 20);
    EXPECT_LT(grouped.report.heldOutAccuracy, 0.9);
    EXPECT_GT(alone.report.heldOutAccuracy, grouped.report.heldOutAccuracy);
}

TEST(RouterFit, WhatCanNotBeLearnedIsToldInASentence) {
    const auto says = [](const Result<FittedRouter>& result, const char* what) {
        ASSERT_FALSE(result.ok());
        EXPECT_NE(result.error().message.find(what), std::string::npos) << result.error().message;
    };
    says(fitPromptRouter(prompts(), Names{"animals", "food", "cars"}, kHashing), "expert 'cars'");
    says(fitPromptRouter(prompts(), Names{"animals"}, kHashing), "labelled with expert 1 of 1");
    says(fitPromptRouter(prompts(), kNames, kHashing, {1.0}), "hold out");
    says(fitPromptRouter(prompts(), kNames, {0, 0}), "width of prompt embeddings");
    says(fitPictureRouter({}, kNames, 2), "needs pictures");
}

TEST(RouterFit, NothingHeldOutMeansNoAccuracyIsClaimed) {
    const FittedRouter router = fitPromptRouter(prompts(), kNames, kHashing, {0}).orThrow();
    EXPECT_EQ(router.report.heldOut, 0);
    EXPECT_TRUE(std::isnan(router.report.heldOutAccuracy));
    EXPECT_FALSE(router.metadata.contains("held_out_accuracy"));
}

TEST(RouterFit, AddedRowsLeaveTheKnownOnesBitIdentical) {
    const FittedRouter known = fitPromptRouter(prompts(), kNames, kHashing).orThrow();
    std::vector<LabelledPrompt> more = prompts();
    for (const char* text : {"a car", "big bus", "the red train", "two bikes", "a bus in town"})
        more.push_back({text, 2, ""});
    const Names names{"animals", "food", "traffic"};
    const FittedRouter grown = fitAddedRows(known.weights, known.sight, more, names).orThrow();
    ASSERT_EQ(grown.weights.experts(), 3);
    Floats rows = grown.weights.outWeight.data;
    rows.resize(known.weights.outWeight.data.size());
    EXPECT_EQ(rows, known.weights.outWeight.data);
    EXPECT_EQ(chosenFor(grown, "a red bus"), 2u);
    EXPECT_EQ(chosenFor(grown, "a cat"), 0u);
    const Floats prompt = kHashing.embed("a horse");
    Floats before(2), after(3);
    known.weights.logits(prompt, 0, before);
    grown.weights.logits(prompt, 0, after);
    after.resize(2);
    EXPECT_EQ(after, before);
    EXPECT_FALSE(fitAddedRows(grown.weights, grown.sight, more, names).ok());
}

/// Bright pictures and dark ones, with a little variety.
std::vector<LabelledPicture> pictures() {
    std::vector<LabelledPicture> all;
    TorchCpuGenerator generator(2);
    for (int i = 0; i < 40; ++i) {
        HostTensor picture(Shape{3, 8, 8});
        generator.randn(picture.data);
        for (float& value : picture.data) value = 0.2F * value + (i % 2 == 0 ? 0.7F : -0.7F);
        all.push_back({picture, i % 2});
    }
    return all;
}

TEST(RouterFit, LearnsToTellNoisyPicturesApart) {
    RouterFitOptions options;
    options.hidden = 64;
    options.flowTimes = {0.3F, 0.9F};
    const FittedRouter router = fitPictureRouter(pictures(), kNames, 2, options).orThrow();
    EXPECT_EQ(router.report.examples, 80);
    EXPECT_EQ(router.report.heldOut, 16);
    EXPECT_EQ(router.report.heldOutAccuracy, 1);
    EXPECT_EQ(router.sight.pictureGrid, 2);
    EXPECT_EQ(router.sight.width(), router.weights.inputWidth());
}

TEST(RouterFit, TheWrittenRouterIsWhatTheEnsembleFileLoads) {
    const test::TemporaryFolder folder;
    const auto file = folder / "pair.moe.json";
    test::writeFile(file, R"({"schema": "moescope.ensemble/v1", "experts": [{"name": "animals", "file": "a"},
                              {"name": "food", "file": "b"}], "top_k": 2, "router": {"kind": "rules"}})");
    const Names names = ensembleExpertNames(file).orThrow();
    EXPECT_EQ(names, kNames);
    const FittedRouter fitted = fitPromptRouter(prompts(), names, kHashing).orThrow();
    EXPECT_EQ(writeFittedRouter(file, fitted).orThrow(), "pair.router.safetensors");
    const auto bytes = test::fileBytes(file);
    const nlohmann::json json =
        nlohmann::json::parse(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
    EXPECT_EQ(json["top_k"], 2);
    const auto router = loadRouter(json["router"], folder.path(), names).orThrow();
    ASSERT_NE(router->promptFeatures(), nullptr);
    EXPECT_EQ(*router->promptFeatures(), kHashing);
    const Floats prompt = kHashing.embed("a pizza");
    Floats logits(2), expected(2);
    router->logits({prompt, "a pizza", 0.5F, {}}, logits);
    fitted.weights.logits(prompt, 0.5F, expected);
    EXPECT_EQ(logits, expected);
    const NamedTensors stored = readAllTensors(folder / "pair.router.safetensors").orThrow();
    EXPECT_EQ(stored.metadata["held_out_accuracy"], "1.0000");
    EXPECT_EQ(stored.metadata["experts"], R"(["animals","food"])");
    EXPECT_EQ(readKnownRouter(file).orThrow().weights.outWeight.data, fitted.weights.outWeight.data);
    EXPECT_EQ(folder.names(), (Names{"pair.moe.json", "pair.router.safetensors"}));
}

TEST(RouterFit, AFileThatIsNoEnsembleIsTold) {
    const test::TemporaryFolder folder;
    const std::string deep = std::string(1000000, '[') + std::string(1000000, ']');
    for (const std::string& text : {std::string("x"), std::string("{}"), std::string(R"({"experts": []})"), deep,
                                    R"({"experts": )" + deep + "}", std::string(R"({"experts": [{"name": 1}]})")}) {
        test::writeFile(folder / "a.moe.json", text);
        const auto names = ensembleExpertNames(folder / "a.moe.json");
        ASSERT_FALSE(names.ok());
        EXPECT_EQ(names.error().code, ErrorCode::Format) << names.error().message;
    }
}

TEST(LabelledPrompts, TabsAndJsonLinesSayTheSame) {
    const test::TemporaryFolder folder;
    test::writeFile(folder / "a.tsv", "\xEF\xBB\xBF# prompts\n\na cat\tanimals\r\npie\tfood\tg1\n\tfood\n");
    test::writeFile(folder / "b.jsonl", R"({"prompt": "a cat", "expert": "animals"}
{"expert": "food", "prompt": "pie", "group": "g1"}

{"expert": "food"}
)");
    for (const char* name : {"a.tsv", "b.jsonl"}) {
        const auto read = readLabelledPrompts(folder / name, kNames).orThrow();
        ASSERT_EQ(read.size(), 3u);
        EXPECT_EQ(read[0].prompt, "a cat");
        EXPECT_EQ(read[0].expert, 0);
        EXPECT_EQ(read[1].group, "g1");
        EXPECT_EQ(read[2].prompt, "");
        EXPECT_EQ(read[2].expert, 1);
    }
}

TEST(LabelledPrompts, BadLinesAreNamedByNumber) {
    const test::TemporaryFolder folder;
    const std::vector<std::pair<std::string, std::string>> cases{
        {"a cat\tanimals\nno tab\n", "line 2 of 'p' has no tab"},
        {"a cat\tanimal\n", "did you mean 'animals'?"},
        {"a cat\tvehicles of all kinds\n", "it has 'animals' and 'food'"},
        {"{\"prompt\": 1, \"expert\": \"food\"}", "\"prompt\" of line 1 of 'p' is 1 where a text"},
        {"{\"prompt\": \"x\"}", "has no field \"expert\""},
        {"{\"prompt\": \"x\", \"expert\": \"food\", \"goup\": \"g\"}", "did you mean \"group\"?"},
        {"{\"prompt\"", "line 1 of 'p' is not JSON"},
        {"{\"prompt\": " + std::string(1000000, '['), "is not JSON"},
        {"{\"prompt\": " + std::string(1000000, '[') + std::string(1000000, ']') + "}", "is not JSON"},
        {"\xFF\xFE\tfood\n", "not UTF-8"},
        {"# nothing\n", "holds no example"},
    };
    for (const auto& [text, says] : cases) {
        test::writeFile(folder / "p", text);
        const auto read = readLabelledPrompts(folder / "p", kNames);
        ASSERT_FALSE(read.ok()) << text;
        EXPECT_NE(read.error().message.find(says), std::string::npos) << read.error().message;
    }
    EXPECT_FALSE(readLabelledPrompts(folder / "nowhere", kNames).ok());
}

TEST(LabelledPictures, AreCutToASquareAndAveraged) {
    const test::TemporaryFolder folder;
    Picture picture{6, 4, {}};
    for (int y = 0; y < 4; ++y)
        for (int x = 0; x < 6; ++x)
            for (const int value : {x == 0 || x == 5 ? 255 : 40 * (x / 3) + 100 * (y / 2), 10 * x, 0})
                picture.rgb.push_back(static_cast<uint8_t>(value));
    ASSERT_TRUE(writePng(folder / "b.PNG", picture).ok());
    test::writeFile(folder / "notes.txt", "x");
    const auto read = readPictures(folder.path().string(), 2).orThrow();
    ASSERT_EQ(read.size(), 1u);
    const auto value = [&](size_t i) { return (read[0].data.at(i) + 1) * 127.5; };
    EXPECT_NEAR(value(0), 0, 1e-4);
    EXPECT_NEAR(value(1), 40, 1e-4);
    EXPECT_NEAR(value(2), 100, 1e-4);
    EXPECT_NEAR(value(3), 140, 1e-4);
    EXPECT_NEAR(value(4), 15, 1e-4);
    EXPECT_NEAR(value(5), 35, 1e-4);
    const auto larger = readPictures(folder.path().string(), 6).orThrow();
    EXPECT_EQ(larger[0].shape, (Shape{3, 6, 6}));
    EXPECT_FALSE(readPictures((folder / "nowhere").string(), 2).ok());
}

TEST(LabelledPictures, ComeInTheFormatsOfTrainingSetsAndBrokenOnesAreNamed) {
    const test::TemporaryFolder folder;
    const std::filesystem::path golden = MOESCOPE_TEST_DATA "/golden/pictures";
    std::filesystem::create_directory(folder / "inner");
    for (const char* name : {"baseline.jpg", "lossless.webp", "two-halves.png"})
        std::filesystem::copy_file(golden / name, folder / "inner" / name);
    const auto read = readPictures(folder.path().string(), 16).orThrow();
    ASSERT_EQ(read.size(), 3u);
    EXPECT_EQ(read[1].data, read[2].data);  // both without loss
    for (size_t i = 0; i < read[0].data.size(); ++i) EXPECT_NEAR(read[0].data[i], read[2].data[i], 0.5);
    std::filesystem::copy_file(golden / "cut.png", folder / "inner" / "cut.png");
    const auto broken = readPictures(folder.path().string(), 16);
    ASSERT_FALSE(broken.ok());
    EXPECT_NE(broken.error().message.find("inner/cut.png"), std::string::npos) << broken.error().message;
}

}  // namespace
}  // namespace moescope
