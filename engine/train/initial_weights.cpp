// SPDX-License-Identifier: Apache-2.0
#include "engine/train/initial_weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "engine/model/position_tables.h"
#include "engine/model/prompt_encoder.h"
#include "engine/train/step_random.h"

namespace moescope::train {
namespace {

constexpr double kEmbeddingStd = 0.02;

/// FNV-1a: a number for a name.
uint64_t numberOf(std::string_view name) {
    uint64_t hash = 14695981039346656037ull;
    for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ull;
    return hash;
}

enum class Beginning { Zero, One, Xavier, Kaiming, Embedding, Positions, Vocabulary };

Beginning beginningOf(const Parameter& p) {
    const std::string_view name = p.name;
    const auto has = [&](std::string_view part) { return name.find(part) != std::string_view::npos; };
    if (name == "pos_embed") return p.learned ? Beginning::Embedding : Beginning::Positions;
    if (name == "prompt_encoder.vocabulary") return Beginning::Vocabulary;
    if (!p.learned || has("adaLN_modulation") || has("final_layer.linear")) return Beginning::Zero;
    if (name.ends_with(".bias")) return Beginning::Zero;
    if (p.router) return Beginning::Kaiming;
    if (has("embed") && (has("t_embedder") || has("y_embedder") || has("posemb") || has("prompt_encoder"))) return Beginning::Embedding;
    if (has("positions") || has("posemb")) return Beginning::Embedding;
    if (p.shape.size() == 1) return Beginning::One;  // norms
    return Beginning::Xavier;
}

std::vector<float> read(const WeightView& view, const std::string& name, int64_t values) {
    std::vector<float> read(static_cast<size_t>(values));
    view.source().readFloat(*view.find(name), read).orThrow();
    return read;
}

[[noreturn]] void mismatch(const Parameter& p, const Shape& found) {
    throw EngineException(ErrorCode::Format,
                          fmt::format("the recipe's model has {} of shape {}, the checkpoint to begin with {}; make the recipe's model section "
                                      "fit the checkpoint",
                                      p.name, shapeText(p.shape), found.empty() ? "has no such tensor" : "has " + shapeText(found)));
}

}  // namespace

void randomWeights(const ModelDescription& description, const ParameterLayout& layout, uint64_t seed, std::span<float> values) {
    for (const Parameter& p : layout.parameters()) {
        const auto target = values.subspan(static_cast<size_t>(p.offset), static_cast<size_t>(p.values));
        StepRandom random(seed, numberOf(p.name), RandomPurpose::Weights);
        const double fanOut = p.shape.empty() ? 1 : static_cast<double>(p.shape[0]), fanIn = static_cast<double>(p.values) / fanOut;
        switch (beginningOf(p)) {
            case Beginning::Zero: std::fill(target.begin(), target.end(), 0.0f); break;
            case Beginning::One: std::fill(target.begin(), target.end(), 1.0f); break;
            case Beginning::Embedding: random.normals(target, kEmbeddingStd); break;
            case Beginning::Kaiming: random.normals(target, std::sqrt(2 / fanIn)); break;
            case Beginning::Xavier: {
                const double bound = std::sqrt(6 / (fanIn + fanOut));
                for (float& value : target) value = static_cast<float>((2 * random.uniform() - 1) * bound);
                break;
            }
            case Beginning::Positions: {
                const HostTensor table = sincosTable(description.config.width, description.config.grid);
                std::copy(table.data.begin(), table.data.end(), target.begin());
                break;
            }
            case Beginning::Vocabulary: {
                const std::vector<float> bytes = vocabularyValues(*description.prompt.tokenizer);
                std::copy(bytes.begin(), bytes.end(), target.begin());
                break;
            }
        }
    }
}

std::vector<int> copyWeights(const WeightView& view, const ParameterLayout& layout, std::span<float> values) {
    std::set<int> fresh;
    for (const Parameter& p : layout.parameters()) {
        const Shape found = view.shape(p.name);
        const bool rows = p.router || p.name.ends_with("e_score_correction_bias");
        if (found == p.shape || (rows && found.size() == p.shape.size() && found[0] < p.shape[0] &&
                                 std::equal(found.begin() + 1, found.end(), p.shape.begin() + 1))) {
            const std::vector<float> stored = read(view, p.name, elementCount(found));
            std::copy(stored.begin(), stored.end(), values.begin() + p.offset);
        } else if (found.empty() && p.expert >= 0 && view.has(fmt::format("blocks.{}.mlp.gate.weight", p.block)) &&
                   p.expert >= view.shape(fmt::format("blocks.{}.mlp.gate.weight", p.block))[0]) {
            fresh.insert(p.expert);
        } else if (!found.empty() || p.learned) {  // buffers may be missing
            mismatch(p, found);
        }
    }
    return {fresh.begin(), fresh.end()};
}

void upcycleWeights(const WeightView& dense, const ModelDescription& description, const ParameterLayout& layout, uint64_t seed,
                    double routerNoise, std::span<float> values) {
    const TransformerConfig& c = description.config;
    const double gates = c.moe.topK > 1 ? c.moe.scale : 1;
    for (const Parameter& p : layout.parameters()) {
        const auto target = values.subspan(static_cast<size_t>(p.offset), static_cast<size_t>(p.values));
        if (p.router) {
            StepRandom random(seed, numberOf(p.name), RandomPurpose::Weights);
            random.normals(target, routerNoise);
            continue;
        }
        if (!p.learned && dense.shape(p.name).empty()) continue;
        const bool shared = p.name.find(".shared_experts.") != std::string::npos;
        const std::string leaf = p.name.substr(p.name.find_last_of('.', p.name.find_last_of('.') - 1) + 1);  // "w12.weight"
        const std::string from = p.expert >= 0 || shared ? fmt::format("blocks.{}.mlp.{}", p.block, leaf) : p.name;
        const Shape found = dense.shape(from);
        const bool output = leaf.starts_with("w3.") || leaf.starts_with("down_proj.");
        if (shared) {  // its input layer stays random, so that it can learn
            if (output) std::fill(target.begin(), target.end(), 0.0f);
            continue;
        }
        if (found != p.shape)
            throw EngineException(ErrorCode::Format,
                                  fmt::format("copying a dense model into experts needs {} of shape {}, the dense model {}; experts.width should "
                                              "be its feed-forward width and the rest of the model section the same",
                                              from, shapeText(p.shape), found.empty() ? "has no such tensor" : "has " + shapeText(found)));
        const std::vector<float> stored = read(dense, from, p.values);
        const double factor = p.expert >= 0 && output ? 1 / gates : 1;
        std::transform(stored.begin(), stored.end(), target.begin(), [&](float value) { return static_cast<float>(value * factor); });
    }
}

}  // namespace moescope::train
