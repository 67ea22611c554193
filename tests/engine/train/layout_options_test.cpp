// SPDX-License-Identifier: GPL-3.0-or-later
// Every option that a recipe may choose, in a pairwise cover: described, written in a published layout and as
// safetensors, opened again, run, and held against the network that is trained. This is a test of both networks.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <set>

#include "engine/model/checkpoint.h"
#include "engine/model/compose_model.h"
#include "engine/model/convert.h"
#include "engine/model/random_weights.h"
#include "engine/train/checkpoint_files.h"
#include "engine/train/training_network.h"
#include "engine/train/weight_snapshot.h"
#include "tests/support/cpu_tensors.h"
#include "tests/support/temporary_folder.h"

namespace moescope::train {
namespace {

constexpr double kParity = 5e-6;   // of layer and network outputs in fp32
constexpr float kNearTie = 1e-5f;  // margins above it decide the same way in fp32 and fp64: scores agree to 5e-7
constexpr int64_t kSamples = 2;

// Places in a choice of options.
enum Option { Family, KeyHeads, Table, Turn, Shared, Router, TopK, Groups, Blocks, Predicts, Context, kOptions };
constexpr std::array<int, kOptions> kValues{3, 3, 3, 3, 3, 2, 2, 3, 2, 2, 2};
using Choice = std::array<int, kOptions>;

/// Few choices in which every pair of values of two options occurs; found greedily, always the same.
std::vector<Choice> pairwiseCover() {
    std::set<std::array<int, 4>> open;
    for (int a = 0; a < kOptions; ++a)
        for (int b = a + 1; b < kOptions; ++b)
            for (int i = 0; i < kValues[static_cast<size_t>(a)]; ++i)
                for (int j = 0; j < kValues[static_cast<size_t>(b)]; ++j) open.insert({a, b, i, j});
    const auto covered = [&](const Choice& choice) {
        int count = 0;
        for (size_t a = 0; a < kOptions; ++a)
            for (size_t b = a + 1; b < kOptions; ++b)
                count += open.contains({static_cast<int>(a), static_cast<int>(b), choice[a], choice[b]});
        return count;
    };
    std::vector<Choice> cover;
    uint32_t state = 7;
    while (!open.empty()) {
        Choice best{};
        int most = -1;
        for (int trial = 0; trial < 300; ++trial) {
            Choice choice;
            for (size_t i = 0; i < kOptions; ++i) {
                state = state * 1664525u + 1013904223u;
                choice[i] = static_cast<int>(state >> 16) % kValues[i];
            }
            const auto& wanted = *open.begin();
            choice[static_cast<size_t>(wanted[0])] = wanted[2];
            choice[static_cast<size_t>(wanted[1])] = wanted[3];
            if (const int count = covered(choice); count > most) {
                most = count;
                best = choice;
            }
        }
        for (size_t a = 0; a < kOptions; ++a)
            for (size_t b = a + 1; b < kOptions; ++b)
                open.erase({static_cast<int>(a), static_cast<int>(b), best[a], best[b]});
        cover.push_back(best);
    }
    return cover;
}

ModelDescription describe(const Choice& o) {
    constexpr std::array kFamilies{"DSMoE", "JiTMoE", "JiT"};
    TransformerConfig c;
    c.width = 48;
    c.depth = 3;
    c.heads = 4;
    c.keyHeads = std::array{4, 2, 1}[static_cast<size_t>(o[KeyHeads])];
    c.patch = 2;
    c.grid = 3;
    c.inChannels = 3;
    c.classes = 5;
    c.waves = 32;
    c.denseWidth = 40;
    c.positions = static_cast<PositionTable>(o[Table]);
    c.rotary = static_cast<Rotary>(o[Turn]);
    if (o[Family] != 0) c.bottleneck = 10;
    if (o[Family] != 0 && o[Context]) {
        c.contextTokens = 2;
        c.contextStart = 1;
    }
    if (o[Family] != 2) {
        c.moe.experts = 8;
        c.moe.topK = 1 + o[TopK];
        c.moe.expertWidth = 12;
        c.moe.sharedWidth = 12 * o[Shared];
        c.moe.groups = o[Groups] ? 2 : 1;
        c.moe.keptGroups = o[Groups] == 2 ? 2 : 1;
        c.moe.scale = 2.5;
        c.moe.rule = o[Router] ? RouterRule::SoftmaxNormalised : RouterRule::SigmoidTokenChoice;
        c.moeBlocks = o[Blocks] ? std::vector{0, 1, 2} : std::vector{1};
    }
    ModelDescription d = composeModel(kFamilies[static_cast<size_t>(o[Family])], c).orThrow();
    d.prediction = o[Predicts] ? Prediction::CleanImage : Prediction::Velocity;
    d.defaults.tEps = 0.04;
    return d;
}

std::vector<float> randomValues(const ModelDescription& description, const ParameterLayout& layout) {
    const auto source = makeRandomWeights(description);
    std::vector<float> values(static_cast<size_t>(layout.allValues()));
    for (const Parameter& p : layout.parameters())
        source
            ->readFloat(*source->find(p.name),
                        std::span(values).subspan(static_cast<size_t>(p.offset), static_cast<size_t>(p.values)))
            .orThrow();
    return values;
}

std::filesystem::path written(const std::filesystem::path& folder, const ModelDescription& d,
                              const ParameterLayout& layout, const std::vector<float>& values) {
    return writePublished(d.config.bottleneck ? folder / "checkpoint-last.pth" : folder, d, layout, values, {values},
                          {})
        .orThrow();
}

void expectSame(const ModelDescription& read, const ModelDescription& d) {
    const TransformerConfig &a = read.config, &b = d.config;
    EXPECT_EQ(read.family, d.family);
    EXPECT_EQ(read.sizeName, "");
    EXPECT_EQ(read.prediction, d.prediction);
    EXPECT_EQ(read.space, PictureSpace::Pixels);
    EXPECT_EQ(a.heads, b.heads);
    EXPECT_EQ(a.keyValueHeads(), b.keyValueHeads());
    EXPECT_EQ(a.positions, b.positions);
    EXPECT_EQ(a.rotary, b.rotary);
    EXPECT_EQ(a.grid, b.grid);
    EXPECT_EQ(a.denseWidth, b.denseWidth);
    EXPECT_EQ(a.moeBlocks, b.moeBlocks);
    EXPECT_EQ(a.contextTokens, b.contextTokens);
    EXPECT_EQ(a.contextStart, b.contextStart);
    EXPECT_EQ(a.moe.topK, b.moe.topK);
    EXPECT_EQ(a.moe.groups, b.moe.groups);
    EXPECT_EQ(a.moe.keptGroups, b.moe.keptGroups);
    EXPECT_EQ(a.moe.sharedWidth, b.moe.sharedWidth);
    EXPECT_EQ(a.moe.rule, b.moe.rule);
    if (d.prediction == Prediction::CleanImage) {
        EXPECT_EQ(read.defaults.tEps, d.defaults.tEps);
    }
    EXPECT_EQ(read.totalParameters(), d.totalParameters());
}

/// Chosen experts and margins of each layer, as a run records them.
class Decisions : public DenoiserObserver {
public:
    Decisions(Backend& backend, const ModelDescription& d) : m_backend(backend) {
        for (const MoeLayerDescriptor& layer : d.moeLayers) {
            const int64_t tokens = kSamples * layer.tokensPerSample();
            Layer made;
            made.expert = backend.tensor({tokens * layer.topK}, MS_U16);
            made.margin = backend.tensor({tokens});
            m_layers.push_back(std::move(made));
        }
        for (Layer& layer : m_layers) {
            layer.routing.size = sizeof layer.routing;
            layer.routing.expert = layer.expert.get();
            layer.routing.margin = layer.margin.get();
        }
    }
    const MsRouting* routingFor(int layer) override { return &m_layers[static_cast<size_t>(layer)].routing; }

    std::vector<uint16_t> experts(size_t layer) {
        std::vector<uint16_t> values(static_cast<size_t>(m_layers[layer].expert.elements()));
        m_backend.download(m_layers[layer].expert, std::span(values));
        m_backend.synchronize();
        return values;
    }
    float leastMargin(size_t layer) {
        const auto margins = m_backend.fetch(m_layers[layer].margin).data;
        return *std::min_element(margins.begin(), margins.end());
    }

private:
    struct Layer {
        DeviceTensor expert, margin;
        MsRouting routing{};
    };
    Backend& m_backend;
    std::vector<Layer> m_layers;
};

/// The same input through both networks.
void expectEqualForwards(const Checkpoint& checkpoint, const ModelDescription& d, const ParameterLayout& layout,
                         const std::vector<float>& values) {
    const TransformerConfig& c = d.config;
    const std::vector<float> z = test::spread(kSamples * c.inChannels * c.inputSide() * c.inputSide(), 3),
                             t{0.25f, 0.7f};
    const std::vector<int32_t> labels{4, static_cast<int32_t>(c.classes)};

    Backend backend(cpuBackendTable(), {1, "auto"});
    const auto denoiser = checkpoint.load(backend).orThrow();
    const auto workspace = denoiser->makeWorkspace(kSamples);
    DeviceTensor labelTensor = backend.tensor({kSamples}, MS_I32);
    backend.upload(labelTensor, std::span(labels));
    Decisions decisions(backend, checkpoint.description());
    denoiser->forward(*workspace, backend.tensorFrom({kSamples, c.inChannels, c.inputSide(), c.inputSide()}, z),
                      backend.tensorFrom({kSamples}, t), {labelTensor}, &decisions);
    const std::vector<float> run = backend.fetch(workspace->output()).data;

    for (const auto& device : {makeReferenceTrainingDevice(), makeCpuTrainingDevice(1)}) {
        SCOPED_TRACE(device->name());
        TrainingNetwork network(*device, d, layout, {kSamples});
        network.allocate();
        const float* output = network.forward(values.data(), {z.data(), t.data(), labels.data()});
        size_t layer = 0;
        for (const LayerDecisions& trained : network.decisions()) {
            ASSERT_GT(decisions.leastMargin(layer), kNearTie) << "a near tie: choose other weights";
            const auto chosen = decisions.experts(layer++);
            EXPECT_EQ(std::vector<int32_t>(chosen.begin(), chosen.end()),
                      std::vector<int32_t>(trained.chosen, trained.chosen + trained.rows * trained.topK));
        }
        EXPECT_LE(test::relativeDifference(run, std::vector<float>(output, output + network.outputValues())), kParity);
    }
}

TEST(LayoutOptions, AreWrittenFoundAgainAndRunAsTheyAreTrained) {
    const std::vector<Choice> cover = pairwiseCover();
    EXPECT_LT(cover.size(), 40u);
    for (const Choice& choice : cover) {
        std::string name;
        for (const int value : choice) name += std::to_string(value);
        SCOPED_TRACE("options " + name);
        const test::TemporaryFolder folder;
        const ModelDescription d = describe(choice);
        const ParameterLayout layout(d);
        const std::vector<float> values = randomValues(d, layout);

        const auto published = Checkpoint::open(written(folder.path(), d, layout, values)).orThrow();
        EXPECT_TRUE(published->runnable().ok()) << published->runnable().error().message;
        EXPECT_EQ(published->weightSets().size(), 2u);
        EXPECT_TRUE(published->unused().empty());
        expectSame(published->description(), d);

        const auto target = folder / "weights.safetensors";
        ASSERT_TRUE(convertCheckpoint(*published, target, {}).ok());
        const auto converted = Checkpoint::open(target).orThrow();
        expectSame(converted->description(), d);

        expectSame(openSnapshot(d, layout, values).orThrow()->description(), d);
        expectEqualForwards(*converted, d, layout, values);
        if (HasFatalFailure()) return;
    }
}

}  // namespace
}  // namespace moescope::train
