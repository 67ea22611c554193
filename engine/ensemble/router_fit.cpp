// SPDX-License-Identifier: Apache-2.0
#include "engine/ensemble/router_fit.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "engine/ensemble/fit_examples.h"
#include "engine/ensemble/picture_features.h"
#include "engine/sampling/torch_cpu_rng.h"

namespace moescope {
namespace {

constexpr int64_t kTimeWidth = 16;  // of routers over pictures

HostTensor toTensor(Shape shape, const std::vector<double>& values) {
    HostTensor tensor(std::move(shape));
    std::ranges::transform(values, tensor.data.begin(), [](double value) { return static_cast<float>(value); });
    return tensor;
}

FitExamples promptExamples(std::span<const LabelledPrompt> prompts, std::span<const std::string> names,
                           const RouterFitOptions& options) {
    checkOptions(options);
    FitExamples examples;
    examples.names = names;
    examples.problem.classes = static_cast<int64_t>(names.size());
    examples.problem.l2 = options.l2;
    for (size_t i = 0; i < prompts.size(); ++i) {
        if (prompts[i].expert < 0 || prompts[i].expert >= examples.problem.classes)
            throw EngineException(ErrorCode::InvalidArgument,
                                  fmt::format("a prompt is labelled with expert {} of {}; labels count from 0",
                                              prompts[i].expert, examples.problem.classes));
        examples.problem.labels.push_back(static_cast<int>(prompts[i].expert));
        const bool alone = prompts[i].group.empty();
        examples.groups.push_back(alone ? fmt::format("#{}", i) : "g" + prompts[i].group);
    }
    checkLabels(examples, "prompt");
    return examples;
}

/// Standardised features times a Gaussian matrix; the standardisation is folded into the weights.
LearnedRouterWeights randomHiddenLayer(const std::vector<std::vector<float>>& features, const RouterFitOptions& options,
                                       TorchCpuGenerator& generator) {
    const size_t width = features.front().size(), all = width + kTimeWidth;
    std::vector<double> mean(width), spread(width);
    for (const auto& row : features)
        for (size_t i = 0; i < width; ++i)
            mean[i] += static_cast<double>(row[i]) / static_cast<double>(features.size());
    for (const auto& row : features)
        for (size_t i = 0; i < width; ++i) {
            const double difference = static_cast<double>(row[i]) - mean[i];
            spread[i] += difference * difference / static_cast<double>(features.size());
        }
    LearnedRouterWeights weights;
    weights.timeWidth = kTimeWidth;
    weights.hiddenWeight = HostTensor(Shape{options.hidden, static_cast<int64_t>(all)});
    weights.hiddenBias = HostTensor(Shape{options.hidden});
    generator.randn(weights.hiddenWeight.data);
    generator.randn(weights.hiddenBias.data);
    for (size_t row = 0; row < weights.hiddenBias.data.size(); ++row)
        for (size_t i = 0; i < all; ++i) {
            float& weight = weights.hiddenWeight.data[row * all + i];
            double scaled = static_cast<double>(weight) / std::sqrt(static_cast<double>(all));
            if (i < width) {
                scaled /= std::max(std::sqrt(spread[i]), 1e-6);  // what never varies says nothing
                weights.hiddenBias.data[row] -= static_cast<float>(scaled * mean[i]);
            }
            weight = static_cast<float>(scaled);
        }
    return weights;
}

void checkPictures(std::span<const LabelledPicture> pictures, int64_t experts, const RouterFitOptions& options) {
    if (pictures.empty() || options.flowTimes.empty() || options.hidden < 1 || options.hidden > 65536)
        throw EngineException(ErrorCode::InvalidArgument,
                              "a router over pictures needs pictures, at least one noise level and 1 to 65536 hidden "
                              "values; give some");
    for (const LabelledPicture& picture : pictures)
        if (picture.picture.shape.size() != 3 || picture.picture.shape != pictures.front().picture.shape ||
            picture.picture.shape[1] != picture.picture.shape[2] || picture.expert < 0 || picture.expert >= experts)
            throw EngineException(ErrorCode::InvalidArgument,
                                  fmt::format("a picture of shape {} for expert {} does not fit square pictures of one "
                                              "shape for experts 0 to {}",
                                              shapeText(picture.picture.shape), picture.expert, experts - 1));
}

void appendRow(std::vector<float>& features, const std::vector<double>& values) {
    for (const double value : values) features.push_back(static_cast<float>(value));
}

}  // namespace

Result<FittedRouter> fitPromptRouter(std::span<const LabelledPrompt> prompts, std::span<const std::string> expertNames,
                                     const PromptFeatures& hashing, const RouterFitOptions& options) {
    return guarded([&] {
        FitExamples examples = promptExamples(prompts, expertNames, options);
        if (hashing.width < 1 || hashing.width > kMaxPromptWidth)
            throw EngineException(ErrorCode::InvalidArgument,
                                  fmt::format("{} was given as the width of prompt embeddings where 1 to {} is "
                                              "expected; 2048 is common",
                                              hashing.width, kMaxPromptWidth));
        examples.problem.width = hashing.width;
        for (const LabelledPrompt& prompt : prompts) {
            const std::vector<float> row = hashing.embed(prompt.prompt);
            examples.problem.features.insert(examples.problem.features.end(), row.begin(), row.end());
        }
        FittedRouter fitted;
        const SoftmaxSolution solution = fitTwice(examples, options, fitted.report);
        fitted.weights.outWeight = toTensor({examples.problem.classes, hashing.width}, solution.weights);
        fitted.weights.outBias = toTensor({examples.problem.classes}, solution.biases);
        fitted.sight.promptWidth = hashing.width;
        fitted.sight.hashing = hashing;
        fitted.metadata = fitMetadata(fitted.report, options, expertNames, "labelled prompts");
        return fitted;
    });
}

Result<FittedRouter> fitPictureRouter(std::span<const LabelledPicture> pictures,
                                      std::span<const std::string> expertNames, int64_t grid,
                                      const RouterFitOptions& options) {
    return guarded([&] {
        checkOptions(options);
        checkPictures(pictures, static_cast<int64_t>(expertNames.size()), options);
        FitExamples examples;
        examples.names = expertNames;
        examples.problem.classes = static_cast<int64_t>(expertNames.size());
        examples.problem.l2 = options.l2;
        examples.problem.width = options.hidden;
        const int64_t channels = pictures.front().picture.shape[0], side = pictures.front().picture.shape[1];
        TorchCpuGenerator generator(options.seed);
        std::vector<std::vector<float>> features;
        std::vector<float> noise(pictures.front().picture.data.size());
        for (size_t i = 0; i < pictures.size(); ++i)
            for (const float time : options.flowTimes) {
                generator.randn(noise);
                for (size_t v = 0; v < noise.size(); ++v)
                    noise[v] = time * pictures[i].picture.data[v] + (1 - time) * noise[v];
                features.push_back(pictureFeatures(noise, channels, side, grid));
                examples.problem.labels.push_back(static_cast<int>(pictures[i].expert));
                examples.groups.push_back(fmt::format("{}", i));
            }
        checkLabels(examples, "picture");
        FittedRouter fitted;
        fitted.weights = randomHiddenLayer(features, options, generator);
        for (size_t i = 0; i < features.size(); ++i)
            appendRow(examples.problem.features,
                      fitted.weights.hiddenValues(features[i], options.flowTimes[i % options.flowTimes.size()]));
        const SoftmaxSolution solution = fitTwice(examples, options, fitted.report);
        fitted.weights.outWeight = toTensor({examples.problem.classes, options.hidden}, solution.weights);
        fitted.weights.outBias = toTensor({examples.problem.classes}, solution.biases);
        fitted.sight.pictureGrid = grid;
        fitted.sight.pictureChannels = channels;
        fitted.metadata = fitMetadata(fitted.report, options, expertNames, "pictures");
        return fitted;
    });
}

Result<FittedRouter> fitAddedRows(const LearnedRouterWeights& known, const RouterSight& sight,
                                  std::span<const LabelledPrompt> prompts, std::span<const std::string> expertNames,
                                  const RouterFitOptions& options) {
    return guarded([&] {
        const auto experts = static_cast<int64_t>(expertNames.size());
        if (!sight.hashing)
            throw EngineException(ErrorCode::Unsupported,
                                  "rows are added from prompts to routers over hashed prompts only, and this one looks "
                                  "at something else; fit the whole router again");
        if (known.experts() >= experts)
            throw EngineException(
                ErrorCode::InvalidArgument,
                fmt::format("the router has rows for {} experts and the ensemble has {}, so that none "
                            "is to be added; fit without keeping rows",
                            known.experts(), experts));
        FitExamples examples = promptExamples(prompts, expertNames, options);
        SoftmaxProblem& problem = examples.problem;
        problem.width = known.hidden();
        problem.frozenRows = known.experts();
        problem.frozenWeights.assign(known.outWeight.data.begin(), known.outWeight.data.end());
        problem.frozenBiases.assign(known.outBias.data.begin(), known.outBias.data.end());
        const std::vector<float> times = known.timeWidth > 0 ? options.flowTimes : std::vector<float>{0.5F};
        const std::vector<int> labels = std::move(problem.labels);
        const std::vector<std::string> groups = std::move(examples.groups);
        problem.labels.clear();
        examples.groups.clear();
        for (size_t i = 0; i < prompts.size(); ++i)
            for (const float time : times) {
                appendRow(problem.features, known.hiddenValues(sight.hashing->embed(prompts[i].prompt), time));
                problem.labels.push_back(labels[i]);
                examples.groups.push_back(groups[i]);
            }
        FittedRouter fitted{known, sight, {}, {}};
        const SoftmaxSolution solution = fitTwice(examples, options, fitted.report);
        for (int64_t row = known.experts(); row < experts; ++row) {
            const HostTensor weights = toTensor(
                {problem.width},
                {solution.weights.begin() + row * problem.width, solution.weights.begin() + (row + 1) * problem.width});
            fitted.weights =
                fitted.weights.withRow(weights.data, static_cast<float>(solution.biases[static_cast<size_t>(row)]));
        }
        fitted.metadata = fitMetadata(fitted.report, options, expertNames, "labelled prompts, earlier rows kept");
        return fitted;
    });
}

}  // namespace moescope
