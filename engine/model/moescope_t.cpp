// SPDX-License-Identifier: Apache-2.0
#include "engine/model/moescope_t.h"

#include <fmt/format.h>

#include <utility>

#include "engine/model/jit.h"
#include "engine/model/prompt_encoder.h"
#include "engine/model/prompt_tokenizer.h"

namespace moescope {
namespace {

constexpr std::string_view kName = "MoEscope-T";

bool recognise(const WeightView& view) {
    return view.has("x_embedder.proj1.weight") && view.has("prompt_encoder.embedding.weight");
}

Result<ModelDescription> describe(const WeightView& view, SettingBag& settings) {
    auto prompt = readPromptConfig(view);
    if (!prompt.ok()) return prompt.error();
    ModelDescription d;
    d.family = kName;
    d.conditioning = Conditioning::Prompt;
    d.prompt = std::move(*prompt);
    const Shape places = view.shape("prompt_encoder.positions"), context = view.shape("in_context_posemb");
    if (context.size() != 3 || context[1] != places[0])
        return EngineError{
            ErrorCode::Format,
            fmt::format("a prompt has {} places, so in_context_posemb should be [1, {}, width], found {}", places[0],
                        places[0], shapeText(context))};
    return describeJit(std::move(d), view, settings);
}

/// There are none.
ModelDescription released(const ReleasedSize&) {
    return {};
}

}  // namespace

const FamilyDefinition& moescopeTFamily() {
    static const FamilyDefinition family{kName, recognise, describe, released, loadJit};
    return family;
}

Result<ModelDescription> withPrompts(ModelDescription d, PromptConfig prompt) {
    const auto refuse = [](std::string what) { return EngineError{ErrorCode::InvalidArgument, std::move(what)}; };
    if (d.config.contextTokens < 1)
        return refuse("a model that reads prompts needs places for them; set context_tokens to 1 or more");
    if (prompt.layers < 1 || prompt.inner < 1)
        return refuse(fmt::format(
            "a prompt encoder has at least one layer with an inner width of at least 1, found {} layers of {}",
            prompt.layers, prompt.inner));
    if (!prompt.tokenizer) return refuse("a model that reads prompts needs a vocabulary; learn one from captions");
    prompt.vocabulary = prompt.tokenizer->size();
    d.family = kName;
    d.sizeName.clear();
    d.conditioning = Conditioning::Prompt;
    d.prompt = std::move(prompt);
    d.config.classes = 0;
    std::erase_if(d.tensors, [](const ExpectedTensor& tensor) { return tensor.name.starts_with("y_embedder."); });
    expectPromptTensors(d);
    d.moeLayers = describeMoeLayers(d.config, TokenKind::Text);
    return d;
}

}  // namespace moescope
