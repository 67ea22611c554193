// SPDX-License-Identifier: Apache-2.0
#include "engine/model/prompt_encoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "engine/model/prompt_tokenizer.h"
#include "engine/model/prompt_vocabulary.h"

namespace moescope {
namespace {

constexpr float kNormEps = 1e-6f;
constexpr int64_t kMostLayers = 64, kMostPlaces = 4096;
const std::string kPart = "prompt_encoder.";

std::string layerName(int64_t layer) {
    return fmt::format("{}layers.{}", kPart, layer);
}

Result<std::string> vocabularyBytes(const WeightView& view) {
    const auto refuse = [](std::string found) {
        return EngineError{
            ErrorCode::Format,
            fmt::format("the tensor 'prompt_encoder.vocabulary' should hold the bytes of a vocabulary, found "
                        "{}; the file is damaged",
                        found)};
    };
    const TensorInfo* tensor = view.find(kPart + "vocabulary");
    if (!tensor) return refuse("none");
    if (tensor->shape.size() != 1 || tensor->elements() > static_cast<int64_t>(kMostVocabularyBytes))
        return refuse(fmt::format("the shape {}", shapeText(tensor->shape)));
    std::vector<float> values(static_cast<size_t>(tensor->elements()));
    if (const Status read = view.source().readFloat(*tensor, values); !read.ok()) return read.error();
    std::string bytes;
    for (const float value : values) {
        if (!(value >= 0 && value <= 255) || value != std::floor(value))
            return refuse(fmt::format("the value {}", value));
        bytes += static_cast<char>(static_cast<unsigned char>(value));
    }
    return bytes;
}

}  // namespace

Result<PromptConfig> readPromptConfig(const WeightView& view) {
    PromptConfig config;
    const Shape embedding = view.shape(kPart + "embedding.weight"), positions = view.shape(kPart + "positions");
    while (config.layers < kMostLayers && view.has(layerName(config.layers) + ".norm1.weight")) ++config.layers;
    const Shape out = view.shape(layerName(0) + ".mlp.w3.weight");
    if (embedding.size() != 2 || positions.size() != 2 || positions[0] < 1 || positions[0] > kMostPlaces ||
        out.size() != 2)
        return EngineError{
            ErrorCode::Format,
            fmt::format("not a whole prompt encoder: expected prompt_encoder.embedding.weight [pieces, width], "
                        "prompt_encoder.positions [places, width] and at least one layer; found {}, {}, {}",
                        shapeText(embedding), shapeText(positions), shapeText(out))};
    config.inner = out[1];
    auto bytes = vocabularyBytes(view);
    if (!bytes.ok()) return bytes.error();
    auto tokenizer = PromptTokenizer::fromBytes(*bytes);
    if (!tokenizer.ok()) return tokenizer.error();
    config.tokenizer = std::move(*tokenizer);
    config.vocabulary = config.tokenizer->size();
    return config;
}

void expectPromptTensors(ModelDescription& description) {
    const PromptConfig& prompt = description.prompt;
    const int64_t width = description.config.width;
    auto& tensors = description.tensors;
    const auto linear = [&](const std::string& name, int64_t out, int64_t in) {
        tensors.push_back({name + ".weight", {out, in}});
        tensors.push_back({name + ".bias", {out}});
    };
    using Role = ExpectedTensor::Role;
    tensors.push_back({kPart + "embedding.weight", {prompt.vocabulary, width}, Role::Table});
    tensors.push_back({kPart + "positions", {description.config.contextTokens, width}, Role::Table});
    for (int64_t layer = 0; layer < prompt.layers; ++layer) {
        const std::string name = layerName(layer);
        tensors.push_back({name + ".norm1.weight", {width}});
        linear(name + ".attn.qkv", 3 * width, width);
        linear(name + ".attn.proj", width, width);
        tensors.push_back({name + ".norm2.weight", {width}});
        linear(name + ".mlp.w12", 2 * prompt.inner, width);
        linear(name + ".mlp.w3", width, prompt.inner);
    }
    tensors.push_back({kPart + "norm.weight", {width}});
    linear(kPart + "pooled", width, width);
    tensors.push_back({kPart + "vocabulary", {static_cast<int64_t>(prompt.tokenizer->bytes().size())}, Role::Buffer});
}

std::vector<float> vocabularyValues(const PromptTokenizer& tokenizer) {
    std::vector<float> values;
    for (const char byte : tokenizer.bytes()) values.push_back(static_cast<float>(static_cast<unsigned char>(byte)));
    return values;
}

PromptEncoder::PromptEncoder(WeightLoader& loader, const ModelDescription& description)
    : m_backend(loader.backend()),
      m_config(description.prompt),
      m_places(description.config.contextTokens),
      m_width(description.config.width),
      m_heads(description.config.heads) {
    m_embedding = loader.tensor(kPart + "embedding.weight", {m_config.vocabulary, m_width});
    m_positions = loader.tensor(kPart + "positions", {m_places, m_width});
    for (int64_t i = 0; i < m_config.layers; ++i) {
        const std::string name = layerName(i);
        Layer layer;
        layer.norm1 = loader.tensor(name + ".norm1.weight", {m_width});
        layer.norm2 = loader.tensor(name + ".norm2.weight", {m_width});
        layer.qkv = loader.linear(name + ".attn.qkv", m_width, 3 * m_width, true);
        layer.proj = loader.linear(name + ".attn.proj", m_width, m_width, true);
        layer.in = loader.linear(name + ".mlp.w12", m_width, m_config.inner, true, MS_LINEAR_GATED);
        layer.out = loader.linear(name + ".mlp.w3", m_config.inner, m_width, true);
        m_layers.push_back(std::move(layer));
    }
    m_norm = loader.tensor(kPart + "norm.weight", {m_width});
    m_pooled = loader.linear(kPart + "pooled", m_width, m_width, true);
}

uint64_t PromptEncoder::packedBytes() const {
    uint64_t bytes = m_pooled.bytes() + static_cast<uint64_t>(m_embedding.elements() + m_positions.elements()) * 4;
    for (const Layer& layer : m_layers)
        for (const PackedLinear* linear : {&layer.qkv, &layer.proj, &layer.in, &layer.out}) bytes += linear->bytes();
    return bytes;
}

HostTensor PromptEncoder::tokensOf(std::span<const int32_t> ids, int64_t prompts) const {
    const MsBackendTable& ops = m_backend.table();
    MsContext* context = m_backend.context();
    const auto check = [&](MsStatus status) { m_backend.check(status); };
    const int64_t rows = prompts * m_places;
    DeviceTensor index = m_backend.tensor({rows}, MS_I32), x = m_backend.tensor({rows, m_width}),
                 normed = m_backend.tensor({rows, m_width}), qkv = m_backend.tensor({rows, 3 * m_width}),
                 branch = m_backend.tensor({rows, m_width}), hidden = m_backend.tensor({rows, m_config.inner});
    m_backend.upload(index, ids);
    check(ops.gather_rows(context, m_embedding.get(), index.get(), x.get()));
    check(ops.add_rows(context, x.get(), m_positions.get()));
    const auto norm = [&](const DeviceTensor& weight) {
        check(ops.modulated_norm(context, x.get(), MS_NORM_RMS, kNormEps, weight.get(), nullptr, -1, -1, normed.get()));
    };
    MsAttentionDesc attention{};
    attention.size = sizeof(attention);
    attention.samples = prompts;
    attention.heads = m_heads;
    attention.eps = kNormEps;
    attention.rope = MS_ROPE_NONE;
    for (const Layer& layer : m_layers) {
        norm(layer.norm1);
        check(ops.linear(context, normed.get(), layer.qkv.get(), MS_ACT_NONE, qkv.get()));
        check(ops.attention(context, qkv.get(), &attention, normed.get()));
        check(ops.linear(context, normed.get(), layer.proj.get(), MS_ACT_NONE, branch.get()));
        check(ops.add(context, x.get(), branch.get(), x.get()));
        norm(layer.norm2);
        check(ops.linear(context, normed.get(), layer.in.get(), MS_ACT_NONE, hidden.get()));
        check(ops.linear(context, hidden.get(), layer.out.get(), MS_ACT_NONE, branch.get()));
        check(ops.add(context, x.get(), branch.get(), x.get()));
    }
    norm(m_norm);
    return m_backend.fetch(normed);
}

void PromptEncoder::encode(std::span<const std::string> prompts, int64_t imageTokens, PromptStates& into) const {
    const auto samples = static_cast<int64_t>(prompts.size());
    std::vector<int32_t> ids;
    std::vector<std::vector<float>> weights;
    for (const std::string& prompt : prompts) {
        const TokenizedPrompt tokens = m_config.tokenizer->encode(prompt, m_places);
        ids.insert(ids.end(), tokens.ids.begin(), tokens.ids.end());
        weights.push_back(poolWeights(tokens.pieces, m_places));
    }
    const HostTensor tokens = tokensOf(ids, samples);
    const auto perSample = static_cast<size_t>(m_places * m_width),
               perJoined = static_cast<size_t>((m_places + imageTokens) * m_width);
    std::vector<float> joined(static_cast<size_t>(samples) * perJoined), means(static_cast<size_t>(samples * m_width));
    for (size_t sample = 0; sample < prompts.size(); ++sample) {
        const float* from = tokens.data.data() + sample * perSample;
        std::copy_n(from, perSample, joined.data() + sample * perJoined);
        float* mean = means.data() + sample * static_cast<size_t>(m_width);
        for (int64_t place = 0; place < m_places; ++place)
            for (int64_t i = 0; i < m_width; ++i)
                mean[i] += weights[sample][static_cast<size_t>(place)] * from[place * m_width + i];
    }
    if (into.tokens.empty() || into.tokens.elements() != static_cast<int64_t>(joined.size())) {
        into.tokens = m_backend.tensor({samples * (m_places + imageTokens), m_width});
        into.pooled = m_backend.tensor({samples, m_width});
        into.zeros = m_backend.tensorFrom({samples, m_width}, std::vector<float>(means.size()));
    }
    m_backend.upload(into.tokens, std::span<const float>(joined));
    const DeviceTensor mean = m_backend.tensorFrom({samples, m_width}, means);
    m_backend.check(
        m_backend.table().linear(m_backend.context(), mean.get(), m_pooled.get(), MS_ACT_NONE, into.pooled.get()));
    m_backend.synchronize();
}

}  // namespace moescope
