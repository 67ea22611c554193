// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/support/prompt_model.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "engine/io/safetensors_writer.h"
#include "engine/model/position_tables.h"
#include "tests/support/random_tensor.h"

namespace moescope::test {

PromptToy::PromptToy() {
    const std::vector<std::string> captions{"a red heart", "a blue square left of a red circle", "two green stars",
                                            "blurry"};
    tokenizer = PromptTokenizer::train(captions, 64).orThrow();
    uint32_t seed = 1;
    // Of variance 1/inputs, so that layers keep the size of what they are given; norms around 1.
    const auto add = [&](const std::string& name, const Shape& shape) {
        HostTensor tensor = randomTensor(shape, seed++);
        const bool norm = shape.size() == 1 && name.find("norm") != std::string::npos;
        const float half =
            shape.size() == 1
                ? 0.1f
                : std::sqrt(3.0f * static_cast<float>(shape[0]) / static_cast<float>(elementCount(shape)));
        for (float& value : tensor.data) value = value * half + (norm ? 1.0f : 0.0f);
        tensors.emplace(name, std::move(tensor));
    };
    const auto linear = [&](const std::string& name, int64_t out, int64_t in) {
        add(name + ".weight", {out, in});
        add(name + ".bias", {out});
    };
    const auto mlp = [&](const std::string& name, int64_t inner) {
        linear(name + ".w12", 2 * inner, kWidth);
        linear(name + ".w3", kWidth, inner);
    };
    add("prompt_encoder.embedding.weight", {tokenizer->size(), kWidth});
    add("prompt_encoder.positions", {kPlaces, kWidth});
    for (int64_t layer = 0; layer < kPromptLayers; ++layer) {
        const std::string name = fmt::format("prompt_encoder.layers.{}", layer);
        add(name + ".norm1.weight", {kWidth});
        add(name + ".norm2.weight", {kWidth});
        linear(name + ".attn.qkv", 3 * kWidth, kWidth);
        linear(name + ".attn.proj", kWidth, kWidth);
        mlp(name + ".mlp", kPromptInner);
    }
    add("prompt_encoder.norm.weight", {kWidth});
    linear("prompt_encoder.pooled", kWidth, kWidth);

    add("x_embedder.proj1.weight", {kBottleneck, kChannels, kPatch, kPatch});
    add("x_embedder.proj2.weight", {kWidth, kBottleneck, 1, 1});
    add("x_embedder.proj2.bias", {kWidth});
    const HostTensor table = sincosTable(kWidth, kGrid);
    tensors.emplace("pos_embed", HostTensor({1, kGrid * kGrid, kWidth}, table.data));
    add("in_context_posemb", {1, kPlaces, kWidth});
    linear("t_embedder.mlp.0", kWidth, kWaves);
    linear("t_embedder.mlp.2", kWidth, kWidth);
    for (int64_t block = 0; block < kDepth; ++block) {
        const std::string name = fmt::format("blocks.{}", block);
        add(name + ".norm1.weight", {kWidth});
        add(name + ".norm2.weight", {kWidth});
        linear(name + ".attn.qkv", 3 * kWidth, kWidth);
        linear(name + ".attn.proj", kWidth, kWidth);
        add(name + ".attn.q_norm.weight", {kWidth / kHeads});
        add(name + ".attn.k_norm.weight", {kWidth / kHeads});
        linear(name + ".adaLN_modulation.1", 6 * kWidth, kWidth);
        if (block == 0) {
            mlp(name + ".mlp", kDense);
            continue;
        }
        add(name + ".mlp.gate.weight", {kExperts, kWidth});
        add(name + ".mlp.gate.e_score_correction_bias", {kExperts});
        for (int64_t e = 0; e < kExperts; ++e) mlp(fmt::format("{}.mlp.experts.blocks.{}", name, e), kExpertWidth);
        mlp(name + ".mlp.shared_experts", kSharedWidth);
    }
    add("final_layer.norm_final.weight", {kWidth});
    linear("final_layer.linear", kPatch * kPatch * kChannels, kWidth);
    linear("final_layer.adaLN_modulation.1", 2 * kWidth, kWidth);
}

void PromptToy::write(const std::filesystem::path& path) const {
    std::vector<SafetensorsEntry> entries;
    for (const auto& [name, tensor] : tensors)
        entries.push_back(safetensorsEntry(name, DType::F32, tensor.shape, std::as_bytes(std::span(tensor.data))));
    const std::string& vocabulary = tokenizer->bytes();
    entries.push_back(safetensorsEntry("prompt_encoder.vocabulary", DType::U8,
                                       {static_cast<int64_t>(vocabulary.size())},
                                       std::as_bytes(std::span(vocabulary))));
    const nlohmann::json settings{
        {"heads", kHeads},          {"in_context_start", kContextStart}, {"top_k", kTopK},          {"n_group", 1},
        {"topk_group", 1},          {"routed_scaling_factor", 1.0},      {"num_sampling_steps", 3}, {"cfg", 2.0},
        {"sampling_method", "heun"}};
    writeSafetensors(path, entries, {{"moescope.config", settings.dump()}, {"moescope.name", "toy-T"}}).orThrow();
}

}  // namespace moescope::test
