// SPDX-License-Identifier: GPL-3.0-or-later
// Networks that read prompts: what they describe, their forward against the plain operators, and what prompts do to a
// run.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>

#include "engine/model/checkpoint.h"
#include "engine/model/convert.h"
#include "engine/model/moescope_t.h"
#include "engine/model/position_tables.h"
#include "engine/model/prompt_vocabulary.h"
#include "engine/reference/attention.h"
#include "engine/reference/embedding.h"
#include "engine/reference/moe_layer.h"
#include "engine/reference/patch.h"
#include "engine/sampling/generator.h"
#include "tests/support/prompt_model.h"
#include "tests/support/random_tensor.h"
#include "tests/support/temporary_folder.h"

namespace moescope {
namespace {

using namespace reference;
using test::PromptToy;
using Real = double;

/// The whole network in double, written from its equations.
class Plain {
public:
    explicit Plain(const PromptToy& toy) : m_toy(toy) {}

    struct Prompts {
        Matrix<Real> tokens, pooled;
    };

    Prompts encode(const std::vector<std::string>& prompts) const {
        const auto n = static_cast<int64_t>(prompts.size());
        std::vector<int64_t> ids;
        Matrix<Real> mean(n, PromptToy::kWidth);
        std::vector<int64_t> counted;
        for (const std::string& prompt : prompts) {
            const TokenizedPrompt tokens = m_toy.tokenizer->encode(prompt, PromptToy::kPlaces);
            ids.insert(ids.end(), tokens.ids.begin(), tokens.ids.end());
            counted.push_back(std::max<int64_t>(1, tokens.pieces));
        }
        Matrix<Real> x =
            addRows(gatherRows(matrix("prompt_encoder.embedding.weight"), ids), matrix("prompt_encoder.positions"));
        for (int64_t i = 0; i < PromptToy::kPromptLayers; ++i) {
            const std::string name = fmt::format("prompt_encoder.layers.{}", i);
            AttentionInput<Real> plain;
            plain.samples = n;
            plain.heads = PromptToy::kHeads;
            x = sum(x, layer(name + ".attn.proj",
                             attention(layer(name + ".attn.qkv", rms(x, name + ".norm1.weight")), plain)));
            x = sum(x, gatedMlp(rms(x, name + ".norm2.weight"), mlp(name + ".mlp")));
        }
        Prompts made{rms(x, "prompt_encoder.norm.weight"), {}};
        for (int64_t sample = 0; sample < n; ++sample)
            for (int64_t place = 0; place < counted[static_cast<size_t>(sample)]; ++place)
                for (int64_t i = 0; i < mean.cols; ++i)
                    mean(sample, i) += made.tokens(sample * PromptToy::kPlaces + place, i) /
                                       static_cast<Real>(counted[static_cast<size_t>(sample)]);
        made.pooled = layer("prompt_encoder.pooled", mean);
        return made;
    }

    Pictures<Real> forward(const HostTensor& picture, const std::vector<Real>& t,
                           const std::vector<std::string>& prompts) const {
        const auto n = static_cast<int64_t>(prompts.size());
        const Prompts read = encode(prompts);
        Pictures<Real> input(n, PromptToy::kChannels, 8, 8);
        input.data.assign(picture.data.begin(), picture.data.end());
        Matrix<Real> x = linear(patchify(input, PromptToy::kPatch), matrix("x_embedder.proj1.weight"));
        x = addRows(layer("x_embedder.proj2", x), matrix("pos_embed"));
        const auto activated = [](Matrix<Real> m) { return mapped(std::move(m), silu<Real>); };
        const Matrix<Real> time = layer(
            "t_embedder.mlp.2", activated(layer("t_embedder.mlp.0", timestepWaves<Real>(t, 10000, PromptToy::kWaves))));
        const Matrix<Real> condition = activated(sum(time, read.pooled));
        AttentionInput<Real> in;
        in.samples = n;
        in.heads = PromptToy::kHeads;
        in.rope = Rope::AdjacentPairs;
        const RopeTables angles = adjacentPairsRope(PromptToy::kWidth / PromptToy::kHeads, PromptToy::kGrid);
        in.cos = Matrix<Real>(angles.cos.shape[0], angles.cos.shape[1], angles.cos.data);
        in.sin = Matrix<Real>(angles.sin.shape[0], angles.sin.shape[1], angles.sin.data);
        for (int64_t block = 0; block < PromptToy::kDepth; ++block) {
            const std::string name = fmt::format("blocks.{}", block);
            if (block == PromptToy::kContextStart) {
                x = joined(addRows(read.tokens, matrix("in_context_posemb")), x, n);
                in.leadTokens = PromptToy::kPlaces;
            }
            in.queryNorm = values(name + ".attn.q_norm.weight");
            in.keyNorm = values(name + ".attn.k_norm.weight");
            const Matrix<Real> m = layer(name + ".adaLN_modulation.1", condition);
            const Matrix<Real> first = modulate(rms(x, name + ".norm1.weight"), m, 0, 1);
            x = gatedAdd(x, layer(name + ".attn.proj", attention(layer(name + ".attn.qkv", first), in)), m, 2);
            const Matrix<Real> second = modulate(rms(x, name + ".norm2.weight"), m, 3, 4);
            x = gatedAdd(x, block == 0 ? gatedMlp(second, mlp(name + ".mlp")) : sparse(second, name + ".mlp"), m, 5);
        }
        const Matrix<Real> m = layer("final_layer.adaLN_modulation.1", condition);
        x = dropLeadTokens(x, n, PromptToy::kGrid * PromptToy::kGrid);
        return unpatchify(layer("final_layer.linear", modulate(rms(x, "final_layer.norm_final.weight"), m, 0, 1)),
                          PromptToy::kPatch, n, PromptToy::kGrid, PromptToy::kGrid);
    }

    mutable Real smallestMargin = 1;

private:
    const HostTensor& tensor(const std::string& name) const { return m_toy.tensors.at(name); }
    std::vector<Real> values(const std::string& name) const {
        return {tensor(name).data.begin(), tensor(name).data.end()};
    }
    /// The last wide axis as columns, those in front as rows; a convolution's weights as [out, inputs].
    Matrix<Real> matrix(const std::string& name) const {
        const HostTensor& t = tensor(name);
        const int64_t rows = t.shape.size() == 3 ? t.shape[1] : t.shape[0];
        return {rows, static_cast<int64_t>(t.data.size()) / rows, t.data};
    }
    Matrix<Real> layer(const std::string& name, const Matrix<Real>& x) const {
        return linear(x, matrix(name + ".weight"), values(name + ".bias"));
    }
    Matrix<Real> rms(const Matrix<Real>& x, const std::string& name) const {
        return rmsNorm(x, values(name), Real(1e-6));
    }
    GatedMlp<Real> mlp(const std::string& name) const {
        return {matrix(name + ".w12.weight"), values(name + ".w12.bias"), matrix(name + ".w3.weight"),
                values(name + ".w3.bias")};
    }
    Matrix<Real> sparse(const Matrix<Real>& x, const std::string& name) const {
        const auto routed =
            route(linear(x, matrix(name + ".gate.weight")), values(name + ".gate.e_score_correction_bias"),
                  {PromptToy::kExperts, PromptToy::kTopK, 1, 1, 1.0});
        for (const Real margin : routed.margin) smallestMargin = std::min(smallestMargin, margin);
        std::vector<GatedMlp<Real>> experts;
        for (int64_t e = 0; e < PromptToy::kExperts; ++e)
            experts.push_back(mlp(fmt::format("{}.experts.blocks.{}", name, e)));
        const GatedMlp<Real> shared = mlp(name + ".shared_experts");
        return moeLayer(x, routed.expert, routed.gate, experts, &shared).sum;
    }
    static Matrix<Real> sum(Matrix<Real> a, const Matrix<Real>& b) {
        for (size_t i = 0; i < a.data.size(); ++i) a.data[i] += b.data[i];
        return a;
    }
    static Matrix<Real> joined(const Matrix<Real>& front, const Matrix<Real>& x, int64_t samples) {
        const int64_t lead = front.rows / samples, own = x.rows / samples;
        Matrix<Real> out(samples * (lead + own), x.cols);
        for (int64_t row = 0; row < out.rows; ++row)
            for (int64_t i = 0; i < x.cols; ++i) {
                const int64_t sample = row / (lead + own), token = row % (lead + own);
                out(row, i) = token < lead ? front(sample * lead + token, i) : x(sample * own + token - lead, i);
            }
        return out;
    }

    const PromptToy& m_toy;
};

class PromptNetwork : public testing::Test {
protected:
    PromptNetwork() {
        toy.write(folder / "toy.safetensors");
        checkpoint = Checkpoint::open(folder / "toy.safetensors").orThrow();
        denoiser = checkpoint->load(backend).orThrow();
    }

    std::vector<float> forward(const HostTensor& picture, const std::vector<float>& t,
                               const std::vector<std::string>& prompts) {
        const auto n = static_cast<int64_t>(prompts.size());
        DeviceTensor labels = backend.tensor({n}, MS_I32);
        backend.upload(labels, std::span<const int32_t>(std::vector<int32_t>(prompts.size())));
        PromptStates read;
        denoiser->encodePrompts(prompts, read);
        Condition condition{labels};
        condition.prompts = &read;
        const auto workspace = denoiser->makeWorkspace(n);
        denoiser->forward(*workspace, backend.tensorFrom(picture.shape, picture.data), backend.tensorFrom({n}, t),
                          condition, nullptr);
        return backend.fetch(workspace->output()).data;
    }

    GenerationRequest request(const std::vector<std::string>& prompts, const std::string& negative = "") const {
        GenerationRequest made;
        made.classes.assign(prompts.size(), 0);
        made.prompts = prompts;
        made.parameters.negativePrompt = negative;
        made.sampler = checkpoint->description().defaults;
        made.capture.level = CaptureLevel::Assignments;
        return made;
    }
    std::shared_ptr<const RunRecord> run(const GenerationRequest& asked) {
        return generate(*denoiser, nullptr, asked, nullptr, {}).orThrow().record;
    }

    PromptToy toy;
    test::TemporaryFolder folder;
    Backend backend{cpuBackendTable(), BackendOptions{1}};
    std::shared_ptr<const Checkpoint> checkpoint;
    std::unique_ptr<Denoiser> denoiser;
};

TEST_F(PromptNetwork, DescribesItself) {
    const ModelDescription& d = checkpoint->description();
    EXPECT_TRUE(checkpoint->runnable().ok());
    EXPECT_TRUE(checkpoint->missing().empty());
    EXPECT_TRUE(checkpoint->unused().empty());
    EXPECT_EQ(d.conditioning, Conditioning::Prompt);
    EXPECT_EQ(d.config.classes, 0);
    EXPECT_EQ(d.config.contextTokens, PromptToy::kPlaces);
    EXPECT_EQ(d.config.contextStart, PromptToy::kContextStart);
    EXPECT_EQ(d.prompt.vocabulary, toy.tokenizer->size());
    EXPECT_EQ(d.prompt.layers, PromptToy::kPromptLayers);
    EXPECT_EQ(d.prompt.inner, PromptToy::kPromptInner);
    EXPECT_EQ(d.prompt.tokenizer->bytes(), toy.tokenizer->bytes());
    int64_t learned = 0;
    for (const auto& [name, tensor] : toy.tensors)
        if (name != "pos_embed" && !name.ends_with("e_score_correction_bias")) learned += elementCount(tensor.shape);
    EXPECT_EQ(d.totalParameters(), learned);
    ASSERT_EQ(d.moeLayers.size(), 2u);
    for (const MoeLayerDescriptor& layer : d.moeLayers) {
        ASSERT_EQ(layer.tokenGroups.size(), 2u);
        EXPECT_EQ(layer.tokenGroups[0].kind, TokenKind::Text);
        EXPECT_EQ(layer.tokenGroups[0].count, PromptToy::kPlaces);
    }
}

TEST_F(PromptNetwork, ComputesItsEquations) {
    const std::vector<std::string> prompts{"a red heart", "", "two blue stars left of a green zebra"};
    const HostTensor picture = test::randomTensor({3, PromptToy::kChannels, 8, 8}, 77);
    const std::vector<float> t{0.1f, 0.5f, 0.9f};
    const Plain plain(toy);
    const Pictures<Real> expected = plain.forward(picture, {t.begin(), t.end()}, prompts);
    ASSERT_GT(plain.smallestMargin, 1e-5) << "a choice of experts too close to call";
    // Single forwards stay within this share of the largest value, as those of the other families against PyTorch.
    EXPECT_LT(test::relativeDifference(forward(picture, t, prompts), {expected.data.begin(), expected.data.end()}),
              5e-6);
}

TEST_F(PromptNetwork, MakesAPictureTheSameAloneAndInABatch) {
    const auto both = run(request({"a red heart", "two green stars"}));
    GenerationRequest second = request({"two green stars"});
    second.seed = both->parameters.seed + 1;
    const auto alone = run(second);
    const size_t half = both->finalLatents.data.size() / 2;
    EXPECT_TRUE(std::equal(alone->finalLatents.data.begin(), alone->finalLatents.data.end(),
                           both->finalLatents.data.begin() + static_cast<std::ptrdiff_t>(half)));
    GenerationRequest many =
        request(std::vector<std::string>(9, "a red heart"));  // more than one group goes through the network at a time
    many.prompts[7] = "two green stars";
    many.seed = both->parameters.seed - 6;
    const auto grouped = run(many);
    EXPECT_TRUE(std::equal(alone->finalLatents.data.begin(), alone->finalLatents.data.end(),
                           grouped->finalLatents.data.begin() + static_cast<std::ptrdiff_t>(7 * half)));
}

TEST_F(PromptNetwork, IsLedAwayFromTheNegativePrompt) {
    const auto plain = run(request({"a red heart"})), away = run(request({"a red heart"}, "blurry")),
               other = run(request({"two green stars"}));
    EXPECT_NE(plain->finalLatents.data, away->finalLatents.data);
    EXPECT_NE(plain->finalLatents.data, other->finalLatents.data);
    // Led away from what it shows, guidance cancels out whatever its strength.
    GenerationRequest same = request({"a red heart"}, "A RED heart!"), weak = same;
    weak.sampler.cfgScale = 1;
    EXPECT_LT(test::relativeDifference(run(same)->finalLatents.data, run(weak)->finalLatents.data), 1e-6);
}

TEST_F(PromptNetwork, TakesTheEmptyPromptForNoCondition) {
    GenerationRequest empty = request({""}), weak = empty;
    weak.sampler.cfgScale = 1;
    EXPECT_LT(test::relativeDifference(run(empty)->finalLatents.data, run(weak)->finalLatents.data), 1e-6);
    GenerationRequest words = request({});
    words.classes = {0};
    words.parameters.prompt = "a red heart";  // of all pictures, where there is none for each
    EXPECT_EQ(run(words)->finalLatents.data, run(request({"a red heart"}))->finalLatents.data);
}

TEST_F(PromptNetwork, CapturesItsTextTokens) {
    const auto record = run(request({"a red heart"}));
    const RoutingTrace& trace = record->routing;
    ASSERT_EQ(trace.layers.size(), 2u);
    const int64_t tokens = PromptToy::kPlaces + PromptToy::kGrid * PromptToy::kGrid;
    EXPECT_EQ(trace.layers[0].tokenGroups[0].kind, TokenKind::Text);
    EXPECT_EQ(trace.layers[0].tokensPerSample(), tokens);
    for (const Branch branch : {Branch::Cond, Branch::Uncond}) {
        const RoutingRecord* kept = trace.find(0, branch, 1);
        ASSERT_TRUE(kept);
        EXPECT_EQ(kept->expert.size(), static_cast<size_t>(tokens * PromptToy::kTopK));
    }
    std::string words;
    for (const std::string& piece : trace.text.of(Branch::Cond, 0)) words += piece;
    EXPECT_EQ(words, "\u2581a\u2581red\u2581heart");
    EXPECT_TRUE(trace.text.of(Branch::Uncond, 0).empty());
    GenerationRequest away = request({"red", "blue star"});
    away.parameters.negativePrompt = "green";
    const auto two = run(away);
    EXPECT_NE(two->routing.text.of(Branch::Cond, 0).size(), 0u);
    EXPECT_EQ(two->routing.text.prompts.size(), 2u);
    EXPECT_EQ(two->routing.text.of(Branch::Uncond, 1).front().substr(0, 4), "\u2581g");
}

TEST_F(PromptNetwork, RefusesOtherNumbersOfPrompts) {
    GenerationRequest wrong = request({"a red heart", "two"});
    wrong.prompts.pop_back();
    const Status status = checkRequest(checkpoint->description(), wrong);
    ASSERT_FALSE(status.ok());
    EXPECT_NE(status.error().message.find("one prompt for each of 2 pictures, found 1"), std::string::npos)
        << status.error().message;
}

TEST_F(PromptNetwork, SurvivesConversion) {
    ASSERT_TRUE(convertCheckpoint(*checkpoint, folder / "half.safetensors", {DType::BF16}).ok());
    const auto half = Checkpoint::open(folder / "half.safetensors").orThrow();
    EXPECT_TRUE(half->runnable().ok()) << half->runnable().error().message;
    EXPECT_EQ(half->description().prompt.tokenizer->bytes(), toy.tokenizer->bytes());
    EXPECT_EQ(half->description().config.contextStart, PromptToy::kContextStart);
}

TEST(PromptModelFiles, AreRefusedWithASentenceWhereTheyAreDamaged) {
    const test::TemporaryFolder folder;
    const auto opened = [&](auto change) {
        PromptToy toy;
        change(toy);
        toy.write(folder / "bad.safetensors");
        const auto checkpoint = Checkpoint::open(folder / "bad.safetensors");
        return checkpoint.ok() ? (*checkpoint)->runnable() : Status(checkpoint.error());
    };
    EXPECT_TRUE(opened([](PromptToy&) {}).ok());
    EXPECT_FALSE(opened([](PromptToy& t) {
                     t.tensors.at("prompt_encoder.positions") = HostTensor({4, PromptToy::kWidth});
                 }).ok());
    EXPECT_FALSE(opened([](PromptToy& t) {
                     t.tensors.at("prompt_encoder.embedding.weight") = HostTensor({7, PromptToy::kWidth});
                 }).ok());
    EXPECT_FALSE(opened([](PromptToy& t) { t.tensors.erase("prompt_encoder.layers.1.mlp.w3.bias"); }).ok());
    EXPECT_FALSE(opened([](PromptToy& t) { t.tensors.erase("prompt_encoder.layers.0.mlp.w3.weight"); }).ok());
    EXPECT_FALSE(opened([](PromptToy& t) { t.tensors.erase("in_context_posemb"); }).ok());
}

}  // namespace
}  // namespace moescope
