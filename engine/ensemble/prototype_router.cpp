// SPDX-License-Identifier: Apache-2.0
// A router by likeness: the cosine between the prompt embedding and one prototype vector per expert, over a
// temperature.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "engine/ensemble/router_kinds.h"
#include "engine/io/named_tensors.h"

namespace moescope {
namespace {

double lengthOf(std::span<const float> vector) {
    double squares = 0;
    for (const float value : vector) squares += static_cast<double>(value) * static_cast<double>(value);
    return std::sqrt(squares);
}

class PrototypeRouter final : public NetworkRouter {
public:
    PrototypeRouter(HostTensor prototypes, RouterSight sight, double temperature)
        : m_prototypes(std::move(prototypes)), m_sight(sight), m_temperature(temperature) {}

    int64_t experts() const override { return m_prototypes.shape[0]; }
    int64_t promptWidth() const override { return m_sight.promptWidth; }
    const PromptFeatures* promptFeatures() const override { return m_sight.hashing ? &*m_sight.hashing : nullptr; }
    int64_t pictureGrid() const override { return 0; }
    int64_t pictureChannels() const override { return 0; }

    /// An embedding of zeros is like no prototype: all logits are 0.
    void logits(const RouterInput& input, std::span<float> out) const override {
        const auto width = static_cast<size_t>(m_sight.promptWidth);
        if (input.prompt.size() != width)
            throw EngineException(
                ErrorCode::InvalidArgument,
                fmt::format("the router expects a prompt embedding of {} values and was given {}; use "
                            "a router made for these experts",
                            width, input.prompt.size()));
        const double promptLength = lengthOf(input.prompt);
        for (size_t expert = 0; expert < out.size(); ++expert) {
            const auto row = std::span(m_prototypes.data).subspan(expert * width, width);
            double product = 0;
            for (size_t i = 0; i < width; ++i)
                product += static_cast<double>(row[i]) * static_cast<double>(input.prompt[i]);
            const double cosine = promptLength > 0 ? product / (promptLength * lengthOf(row)) : 0;
            out[expert] = static_cast<float>(cosine / m_temperature);
        }
    }

private:
    HostTensor m_prototypes;  // [experts, width]
    RouterSight m_sight;
    double m_temperature;
};

HostTensor prototypesOfFile(const RouterSection& section, int64_t width) {
    const std::filesystem::path file = section.file();
    const std::string name = file.filename().string();
    HostTensor prototypes = readAllTensors(file).orThrow().asFloat("prototypes").orThrow();
    if (prototypes.shape.size() != 2 || prototypes.shape[1] != width)
        throw EngineException(ErrorCode::Format,
                              fmt::format("the router file '{}' has prototypes of shape {} where [experts, {}] is "
                                          "expected; correct the prompt's width or use another file",
                                          name, shapeText(prototypes.shape), width));
    section.expectRows(prototypes.shape[0], fmt::format("the router file '{}'", name));
    return prototypes;
}

/// One text per expert, embedded as prompts are.
HostTensor prototypesOfWords(const RouterSection& section, const nlohmann::json& texts, const RouterSight& sight) {
    const std::string where = "\"words\" of the router section";
    if (!sight.hashing)
        throw EngineException(
            ErrorCode::Unsupported,
            fmt::format("{} can only be turned into prototypes by hashing, and the prompt's source is "
                        "a text encoder; give a \"file\" of prototypes instead",
                        where));
    JsonFields fields(texts, where);
    HostTensor prototypes(Shape{static_cast<int64_t>(section.expertNames.size()), sight.promptWidth});
    for (const auto& [name, words] : texts.items()) static_cast<void>(section.expert(name, where));
    for (size_t expert = 0; expert < section.expertNames.size(); ++expert) {
        const std::vector<float> row = sight.hashing->embed(fields.text(section.expertNames[expert]));
        std::ranges::copy(row, prototypes.data.begin() + static_cast<std::ptrdiff_t>(expert * row.size()));
    }
    return prototypes;
}

}  // namespace

std::unique_ptr<NetworkRouter> readPrototypeKind(const RouterSection& section) {
    RouterSight sight;
    readPromptSection(section.fields.need("prompt"), sight);
    const double temperature = section.fields.number("temperature", 1e-6, 1e6, 0.1);
    const nlohmann::json* words = section.fields.find("words");
    if (words && section.fields.find("file"))
        throw EngineException(ErrorCode::Format,
                              "the router section has both \"words\" and \"file\", which each state the prototypes; "
                              "keep one of them");
    HostTensor prototypes =
        words ? prototypesOfWords(section, *words, sight) : prototypesOfFile(section, sight.promptWidth);
    for (size_t expert = 0; expert < section.expertNames.size(); ++expert) {
        const auto width = static_cast<size_t>(sight.promptWidth);
        const double length = lengthOf(std::span(prototypes.data).subspan(expert * width, width));
        if (!std::isfinite(length) || length == 0)
            throw EngineException(
                ErrorCode::Format,
                fmt::format("the prototype of expert '{}' is {} where a vector with a direction is "
                            "expected; give it {}",
                            section.expertNames[expert], length == 0 ? "all zeros" : "not made of finite numbers",
                            words ? "at least one word" : "finite numbers"));
    }
    return std::make_unique<PrototypeRouter>(std::move(prototypes), sight, temperature);
}

}  // namespace moescope
