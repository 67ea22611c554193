// SPDX-License-Identifier: Apache-2.0
#include "engine/ensemble/learned_router.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "engine/ensemble/picture_features.h"
#include "engine/io/named_tensors.h"
#include "engine/io/safetensors_writer.h"

namespace moescope {
namespace {

constexpr double kTimeScale = 16;  // so that a few of the waves turn within one run
constexpr float kMaxPeriod = 10000;

[[noreturn]] void refuse(const std::filesystem::path& file, std::string_view what) {
    throw EngineException(ErrorCode::Format, fmt::format("the router file '{}' {}", file.filename().string(), what));
}

HostTensor take(const NamedTensors& stored, const std::filesystem::path& file, const char* name, size_t rank) {
    if (!stored.contains(name))
        refuse(file, fmt::format("has no tensor {}; a learned router holds out.weight and out.bias, and with a hidden "
                                 "layer hidden.weight and hidden.bias",
                                 name));
    HostTensor tensor = stored.asFloat(name).orThrow();
    if (tensor.shape.size() != rank || tensor.empty())
        refuse(file, fmt::format("has {} of shape {} where {} is expected; use a file written for a router", name,
                                 shapeText(tensor.shape), rank == 2 ? "a matrix" : "a list of numbers"));
    if (!std::ranges::all_of(tensor.data, [](float value) { return std::isfinite(value); }))
        refuse(file, fmt::format("has NaN or infinity in {}; fit the router again", name));
    return tensor;
}

void expectShape(const std::filesystem::path& file, const char* name, const Shape& found, const Shape& expected,
                 std::string_view why) {
    if (found != expected)
        refuse(file, fmt::format("has {} of shape {} where {} is expected, {}; correct the router section or fit the "
                                 "router again",
                                 name, shapeText(found), shapeText(expected), why));
}

class LearnedRouter final : public NetworkRouter {
public:
    LearnedRouter(LearnedRouterWeights weights, const RouterSight& sight)
        : m_weights(std::move(weights)), m_sight(sight) {}

    int64_t experts() const override { return m_weights.experts(); }
    int64_t promptWidth() const override { return m_sight.promptWidth; }
    const PromptFeatures* promptFeatures() const override { return m_sight.hashing ? &*m_sight.hashing : nullptr; }
    int64_t pictureGrid() const override { return m_sight.pictureGrid; }
    int64_t pictureChannels() const override { return m_sight.pictureChannels; }
    void logits(const RouterInput& input, std::span<float> out) const override {
        const bool prompt = m_sight.promptWidth > 0;
        const std::span<const float> seen = prompt ? input.prompt : input.picture;
        if (static_cast<int64_t>(seen.size()) != m_weights.inputWidth())
            throw EngineException(ErrorCode::InvalidArgument,
                                  fmt::format("the router expects {} of {} values and was given {}; use a router made "
                                              "for these experts",
                                              prompt ? "a prompt embedding" : "features of the picture",
                                              m_weights.inputWidth(), seen.size()));
        m_weights.logits(seen, input.flowTime, out);
    }

private:
    LearnedRouterWeights m_weights;
    RouterSight m_sight;
};

}  // namespace

std::vector<float> routerTimeFeatures(float flowTime, int64_t width) {
    const auto half = static_cast<size_t>(width / 2);
    std::vector<float> features(half * 2);
    const float scaled = static_cast<float>(kTimeScale) * flowTime;
    for (size_t i = 0; i < half; ++i) {
        const float frequency = std::exp(-std::log(kMaxPeriod) * static_cast<float>(i) / static_cast<float>(half));
        const double angle = scaled * frequency;
        features[i] = static_cast<float>(std::cos(angle));
        features[half + i] = static_cast<float>(std::sin(angle));
    }
    return features;
}

std::vector<double> LearnedRouterWeights::hiddenValues(std::span<const float> input, float flowTime) const {
    std::vector<float> seen(input.begin(), input.end());
    const std::vector<float> time = routerTimeFeatures(flowTime, timeWidth);
    seen.insert(seen.end(), time.begin(), time.end());
    if (hiddenWeight.empty()) return {seen.begin(), seen.end()};
    std::vector<double> values(static_cast<size_t>(hidden()));
    for (size_t row = 0; row < values.size(); ++row) {
        double sum = 0;
        for (size_t i = 0; i < seen.size(); ++i)
            sum += static_cast<double>(hiddenWeight.data[row * seen.size() + i]) * static_cast<double>(seen[i]);
        sum += static_cast<double>(hiddenBias.data[row]);
        values[row] = sum / (1 + std::exp(-sum));
    }
    return values;
}

void LearnedRouterWeights::logits(std::span<const float> input, float flowTime, std::span<float> out) const {
    const std::vector<double> values = hiddenValues(input, flowTime);
    for (size_t row = 0; row < out.size(); ++row) {
        double sum = 0;
        for (size_t i = 0; i < values.size(); ++i)
            sum += static_cast<double>(outWeight.data[row * values.size() + i]) * values[i];
        out[row] = static_cast<float>(sum + static_cast<double>(outBias.data[row]));
    }
}

LearnedRouterWeights LearnedRouterWeights::withRow(std::span<const float> weight, float bias) const {
    LearnedRouterWeights grown = *this;
    ++grown.outWeight.shape[0];
    grown.outWeight.data.insert(grown.outWeight.data.end(), weight.begin(), weight.end());
    ++grown.outBias.shape[0];
    grown.outBias.data.push_back(bias);
    return grown;
}

Result<LearnedRouterWeights> readLearnedRouter(const std::filesystem::path& file, int64_t inputWidth,
                                               int64_t timeWidth) {
    return guarded([&] {
        const NamedTensors stored = readAllTensors(file).orThrow();
        for (const auto& [name, tensor] : stored.tensors) {
            static_cast<void>(tensor);
            if (name != "hidden.weight" && name != "hidden.bias" && name != "out.weight" && name != "out.bias")
                refuse(file, fmt::format("holds the tensor {}, which no learned router has; use a file written for a "
                                         "router",
                                         name));
        }
        LearnedRouterWeights weights;
        weights.timeWidth = timeWidth;
        weights.outWeight = take(stored, file, "out.weight", 2);
        weights.outBias = take(stored, file, "out.bias", 1);
        const std::string seen = fmt::format("for {} inputs and {} time features", inputWidth, timeWidth);
        if (stored.contains("hidden.weight") || stored.contains("hidden.bias")) {
            weights.hiddenWeight = take(stored, file, "hidden.weight", 2);
            weights.hiddenBias = take(stored, file, "hidden.bias", 1);
            const int64_t hidden = weights.hiddenWeight.shape[0];
            expectShape(file, "hidden.weight", weights.hiddenWeight.shape, {hidden, inputWidth + timeWidth}, seen);
            expectShape(file, "hidden.bias", weights.hiddenBias.shape, {hidden}, "one for each hidden value");
            expectShape(file, "out.weight", weights.outWeight.shape, {weights.experts(), hidden},
                        "one column for each hidden value");
        } else {
            expectShape(file, "out.weight", weights.outWeight.shape, {weights.experts(), inputWidth + timeWidth}, seen);
        }
        expectShape(file, "out.bias", weights.outBias.shape, {weights.experts()}, "one for each row of out.weight");
        return weights;
    });
}

Status writeLearnedRouter(const std::filesystem::path& file, const LearnedRouterWeights& weights,
                          const std::map<std::string, std::string>& metadata) {
    std::vector<SafetensorsEntry> entries;
    const auto add = [&](const char* name, const HostTensor& tensor) {
        if (!tensor.empty())
            entries.push_back(safetensorsEntry(name, DType::F32, tensor.shape, std::as_bytes(std::span(tensor.data))));
    };
    add("hidden.weight", weights.hiddenWeight);
    add("hidden.bias", weights.hiddenBias);
    add("out.weight", weights.outWeight);
    add("out.bias", weights.outBias);
    return writeSafetensors(file, entries, metadata);
}

int64_t RouterSight::width() const {
    return promptWidth > 0 ? promptWidth : pictureFeatureWidth(pictureChannels, pictureGrid);
}

std::unique_ptr<NetworkRouter> makeLearnedRouter(LearnedRouterWeights weights, const RouterSight& sight) {
    return std::make_unique<LearnedRouter>(std::move(weights), sight);
}

}  // namespace moescope
