// SPDX-License-Identifier: GPL-3.0-or-later
// Samplers around networks whose answers are known, so that the exact result of a run is known, too.
#include "engine/sampling/sampler.h"

#include <gtest/gtest.h>

#include <cmath>

#include "engine/sampling/diffusion_sampler.h"
#include "engine/sampling/flow_sampler.h"
#include "engine/sampling/noise_stream.h"

namespace moescope {
namespace {

constexpr int64_t kChannels = 2, kSide = 2, kPlane = kSide * kSide, kNullClass = 7;

/// Answers every sample by a function of its values, the time it is given and its label.
class KnownNetwork final : public Denoiser {
public:
    /// Output of channel `channel` at a place where the input is z.
    using Answer = std::function<float(float z, float t, int label, int64_t channel)>;

    KnownNetwork(ModelDescription description, Answer answer) : m_description(std::move(description)), m_answer(std::move(answer)) {}

    const ModelDescription& description() const override { return m_description; }
    Backend& backend() const override { return m_backend; }
    uint64_t packedBytes() const override { return 0; }
    std::unique_ptr<DenoiserWorkspace> makeWorkspace(int64_t samples) const override {
        auto work = std::make_unique<Workspace>();
        work->picture = m_backend.tensor({samples, m_description.config.outChannels, kSide, kSide});
        return work;
    }
    void forward(DenoiserWorkspace& workspace, const DeviceTensor& x, const DeviceTensor& t, const Condition& condition,
                 DenoiserObserver*) const override {
        const HostTensor z = m_backend.fetch(x), times = m_backend.fetch(t);
        std::vector<int32_t> labels(static_cast<size_t>(x.dim(0)));
        m_backend.download(condition.labels, std::span(labels));
        m_backend.synchronize();
        const int64_t out = m_description.config.outChannels;
        std::vector<float> values;
        for (int64_t sample = 0; sample < x.dim(0); ++sample)
            for (int64_t channel = 0; channel < out; ++channel)
                for (int64_t i = 0; i < kPlane; ++i)
                    values.push_back(m_answer(z.data[static_cast<size_t>((sample * kChannels + channel % kChannels) * kPlane + i)],
                                              times.data[static_cast<size_t>(sample)], labels[static_cast<size_t>(sample)], channel));
        auto& work = static_cast<Workspace&>(workspace);
        m_backend.upload(work.picture, std::span<const float>(values));
        samplesSeen.push_back(x.dim(0));
        timesSeen.push_back(times.data.front());
        flowTimesSeen.push_back(condition.flowTimes.empty() ? -1 : condition.flowTimes.front());
    }

    mutable std::vector<int64_t> samplesSeen;
    mutable std::vector<float> timesSeen, flowTimesSeen;

private:
    struct Workspace final : DenoiserWorkspace {
        const DeviceTensor& output() const override { return picture; }
        DeviceTensor picture;
    };
    mutable Backend m_backend{cpuBackendTable(), {1, "auto"}};
    ModelDescription m_description;
    Answer m_answer;
};

ModelDescription flow(double dataTime, double timeScale = 1) {
    ModelDescription d;
    d.prediction = Prediction::Velocity;
    d.config.inChannels = kChannels;
    d.config.outChannels = 2 * kChannels;  // the second half has no meaning for a flow
    d.config.patch = 1;
    d.config.grid = kSide;
    d.config.classes = kNullClass;
    d.time.dataTime = dataTime;
    d.time.timeScale = timeScale;
    return d;
}

ModelDescription diffusion() {
    ModelDescription d = flow(1);
    d.prediction = Prediction::Noise;
    d.samplers = {SamplerKind::Ddpm, SamplerKind::Ddim};
    return d;
}

SamplerSettings settings(SamplerKind sampler, int steps, double cfg = 1) {
    SamplerSettings s;
    s.sampler = sampler;
    s.steps = steps;
    s.cfgScale = cfg;
    return s;
}

struct Seen {
    EvaluationInfo info;
    HostTensor input, velocity, clean;
};

class Watcher final : public SamplerObserver {
public:
    explicit Watcher(Backend& backend) : m_backend(backend) {}
    void evaluated(const EvaluationView& view) override {
        seen.push_back({view.info, m_backend.fetch(view.input), m_backend.fetch(view.velocity),
                        view.clean ? m_backend.fetch(*view.clean) : HostTensor{}});
    }
    std::vector<Seen> seen;

private:
    Backend& m_backend;
};

std::vector<float> start(int64_t images) {
    std::vector<float> values(static_cast<size_t>(images * kChannels * kPlane));
    TorchCpuGenerator(3).randn(values);
    return values;
}

std::vector<float> sampled(const Denoiser& denoiser, const SamplerSettings& s, const SamplerInputs& inputs, Watcher* watcher = nullptr) {
    const auto images = static_cast<int64_t>(inputs.classes.size());
    DeviceTensor z = denoiser.backend().tensorFrom({images, kChannels, kSide, kSide}, start(images));
    makeSampler(denoiser, s, inputs)->run(z, watcher);
    return denoiser.backend().fetch(z).data;
}

TEST(FlowSampler, DataAtZeroIsReachedAgainstThePredictedVelocity) {
    const KnownNetwork network(flow(0, 1000), [](float, float, int, int64_t channel) { return channel < kChannels ? 0.75f : 99.0f; });
    Watcher watcher(network.backend());
    const std::vector<float> z = start(1), end = sampled(network, settings(SamplerKind::Euler, 4), {{1}}, &watcher);
    for (size_t i = 0; i < z.size(); ++i) EXPECT_NEAR(end[i], z[i] - 0.75f, 8 * 0x1p-23) << "four steps of rounding";
    EXPECT_EQ(network.timesSeen, (std::vector<float>{1000, 750, 500, 250}));
    EXPECT_EQ(network.flowTimesSeen, (std::vector<float>{0, 0.25f, 0.5f, 0.75f}));
    ASSERT_EQ(watcher.seen.size(), 4u);
    EXPECT_EQ(watcher.seen[1].info.timestep, 750.0f);
    EXPECT_EQ(watcher.seen[1].info.noiseLevel, 0.75f);
    for (const float v : watcher.seen[1].velocity.data) EXPECT_EQ(v, -0.75f) << "recorded velocities point to the data";
}

TEST(FlowSampler, BothConventionsOfOneFlowGiveTheSameRun) {
    // Data 0.5: velocity towards it from z at noise level s is (0.5 - z) / s.
    const KnownNetwork up(flow(1), [](float z, float t, int, int64_t) { return (0.5f - z) / (1 - t); });
    const KnownNetwork down(flow(0), [](float z, float t, int, int64_t) { return (z - 0.5f) / t; });
    const auto a = sampled(up, settings(SamplerKind::Euler, 8), {{1}}), b = sampled(down, settings(SamplerKind::Euler, 8), {{1}});
    for (size_t i = 0; i < a.size(); ++i) {
        EXPECT_EQ(a[i], b[i]) << "eighths are exact in both";
        EXPECT_NEAR(a[i], 0.5f, 1e-6);
    }
}

TEST(FlowSampler, HeunOfAFlowWithDataAtZeroEndsAtZero) {
    const KnownNetwork network(flow(0), [](float, float t, int, int64_t) { return 2 * t; });  // dz/ds = 2 s: z falls by 1
    Watcher watcher(network.backend());
    const auto z = start(1), end = sampled(network, settings(SamplerKind::Heun, 4), {{1}}, &watcher);
    for (size_t i = 0; i < z.size(); ++i) EXPECT_NEAR(end[i], z[i] - 1, 1e-6) << "the mean of two ends is exact for a line";
    ASSERT_EQ(watcher.seen.size(), 8u);
    EXPECT_EQ(watcher.seen.back().info.noiseLevel, 0.0f);
    EXPECT_EQ(network.timesSeen, (std::vector<float>{1, 0.75f, 0.75f, 0.5f, 0.5f, 0.25f, 0.25f, 0}));
}

TEST(FlowSampler, GuidesOnlyTheChannelsThatTheConventionNames) {
    for (const double dataTime : {0.0, 1.0}) {
        ModelDescription d = flow(dataTime);
        d.time.guidedChannels = 1;
        const KnownNetwork network(d, [](float, float, int label, int64_t) { return label == kNullClass ? 1.0f : 2.0f; });
        Watcher watcher(network.backend());
        sampled(network, settings(SamplerKind::Euler, 1, 3.0), {{1, 2}}, &watcher);
        const float sign = dataTime == 0 ? -1.0f : 1.0f;
        ASSERT_EQ(watcher.seen.size(), 1u);
        EXPECT_EQ(watcher.seen[0].velocity.data[0], sign * 4.0f) << "1 + 3 (2 - 1)";
        EXPECT_EQ(watcher.seen[0].velocity.data[kPlane], sign * 2.0f) << "as the condition has it";
    }
}

TEST(FlowSchedule, ShiftedLevelsFollowTheirFormula) {
    const FlowSchedule s = flowSchedule(Prediction::Velocity, 4, 3.0, 0);
    EXPECT_EQ(s.levels, (std::vector<float>{1.0f, 0.9f, 0.75f, 0.5f, 0.0f}));  // 3 s / (1 + 2 s) of 1, 3/4, 1/2, 1/4, 0
    for (size_t i = 0; i < 4; ++i) EXPECT_EQ(s.widths[i], s.levels[i] - s.levels[i + 1]);
    const FlowSchedule up = flowSchedule(Prediction::Velocity, 4, 3.0, 1);
    for (size_t i = 0; i <= 4; ++i) EXPECT_EQ(up.times[i], 1.0f - s.levels[i]);
}

/// Predicts the noise that leads from the clean value 0.25 to z, and the highest variance.
KnownNetwork knowingTheData() {
    return KnownNetwork(diffusion(), [](float z, float t, int, int64_t channel) {
        if (channel >= kChannels) return 1.0f;
        const double alphas = linearAlphasCumprod()[static_cast<size_t>(t)];
        return static_cast<float>((z - std::sqrt(alphas) * 0.25) / std::sqrt(1 - alphas));
    });
}

TEST(DiffusionSampler, EndsAtTheDataThatTheNetworkKnows) {
    const KnownNetwork network = knowingTheData();
    for (const auto& [kind, eta] : {std::pair{SamplerKind::Ddpm, 0.0}, {SamplerKind::Ddim, 0.0}, {SamplerKind::Ddim, 0.7}}) {
        SamplerSettings s = settings(kind, 5);
        s.eta = eta;
        NoiseStream noise({}, 11, 1, 0, 1, kChannels * kPlane);
        Watcher watcher(network.backend());
        const auto end = sampled(network, s,
                                 {{1},
                                  -1,
                                  [&](DeviceTensor& to) {
                                      std::vector<float> values(static_cast<size_t>(to.elements()));
                                      noise.next(values);
                                      network.backend().upload(to, std::span<const float>(values));
                                  }},
                                 &watcher);
        for (const float value : end) EXPECT_NEAR(value, 0.25, 1e-4) << samplerName(kind) << " eta " << eta;
        ASSERT_EQ(watcher.seen.size(), 5u);
        const int timesteps[] = {999, 749, 500, 250, 0};
        for (size_t e = 0; e < 5; ++e) {
            const Seen& seen = watcher.seen[e];
            EXPECT_EQ(seen.info.timestep, static_cast<float>(timesteps[e]));
            EXPECT_EQ(seen.info.index, static_cast<int>(e));
            for (size_t i = 0; i < seen.clean.data.size(); ++i)
                // 1/sqrt(abar) is 157 at the first evaluation: it magnifies the rounding of the predicted noise.
                EXPECT_NEAR(seen.input.data[i] + seen.info.noiseLevel * seen.velocity.data[i], seen.clean.data[i], 1e-4);
        }
        EXPECT_GT(watcher.seen[0].info.noiseLevel, 0.99f);
        EXPECT_LT(watcher.seen[4].info.noiseLevel, 0.01f);
    }
}

TEST(DiffusionSampler, AsksForNoiseOncePerStepThatCouldUseIt) {
    const KnownNetwork network = knowingTheData();
    for (const auto& [kind, eta, expected] :
         {std::tuple{SamplerKind::Ddpm, 0.0, 3}, {SamplerKind::Ddim, 0.0, 0}, {SamplerKind::Ddim, 0.5, 3}}) {
        SamplerSettings s = settings(kind, 3);
        s.eta = eta;
        int drawn = 0;
        sampled(network, s, {{1}, -1, [&](DeviceTensor& to) {
                                 ++drawn;
                                 network.backend().upload(
                                     to,
                                     std::span<const float>(std::vector<float>(static_cast<size_t>(to.elements()))));
                             }});
        EXPECT_EQ(drawn, expected);
    }
}

TEST(DiffusionSampler, RunsTheUnconditionalBranchOnlyWhereGuidanceActs) {
    const KnownNetwork network = knowingTheData();
    SamplerSettings s = settings(SamplerKind::Ddim, 4, 2.0);
    s.cfgLow = 0.4;  // flow time: 1 - noise level
    Watcher watcher(network.backend());
    sampled(network, s, {{1}}, &watcher);
    for (size_t e = 0; e < watcher.seen.size(); ++e) {
        const bool guided = 1 - watcher.seen[e].info.noiseLevel > 0.4f;
        EXPECT_EQ(watcher.seen[e].info.uncondRun, guided);
        EXPECT_EQ(network.samplesSeen[e], guided ? 2 : 1);
    }
    EXPECT_FALSE(watcher.seen.front().info.uncondRun);
    EXPECT_TRUE(watcher.seen.back().info.uncondRun);
}

TEST(CheckSampler, SaysWhatDoesNotFit) {
    const auto sentence = [](const ModelDescription& d, const SamplerSettings& s) {
        const Status status = checkSampler(d, s);
        return status.ok() ? std::string() : status.error().message;
    };
    EXPECT_NE(sentence(flow(1), settings(SamplerKind::Ddim, 10)).find("choose euler or heun"), std::string::npos);
    EXPECT_NE(sentence(diffusion(), settings(SamplerKind::Euler, 10)).find("choose ddpm or ddim"), std::string::npos);
    EXPECT_NE(sentence(diffusion(), settings(SamplerKind::Ddpm, 1001)).find("1 to 1000"), std::string::npos);
    SamplerSettings s = settings(SamplerKind::Ddpm, 10);
    s.respacing = "ddim20";
    EXPECT_NE(sentence(diffusion(), s).find("keeps 20 timesteps and the run has 10 steps"), std::string::npos);
    s.steps = 20;
    EXPECT_EQ(sentence(diffusion(), s), "");
    s.eta = 1.5;
    EXPECT_NE(sentence(diffusion(), s).find("eta"), std::string::npos);
    s = settings(SamplerKind::Euler, 10);
    s.shift = 0;
    EXPECT_NE(sentence(flow(0), s).find("shift"), std::string::npos);
    s.shift = 3;
    EXPECT_EQ(sentence(flow(0), s), "");
    s.respacing = "10";
    EXPECT_NE(sentence(flow(0), s).find("discrete"), std::string::npos);
}

TEST(NoiseStream, GoesOnWhereTheStartingNoiseEnded) {
    for (const auto kind : {NoiseSpec::Kind::TorchCpu, NoiseSpec::Kind::TorchCuda}) {
        NoiseSpec spec;
        spec.kind = kind;
        constexpr int64_t kValues = 37;  // no multiple of 16: torch draws the tail twice
        std::vector<float> first(kValues), second(kValues), third(kValues), streamed(kValues);
        const auto draw = [&](auto generator) {
            for (auto* values : {&first, &second, &third}) generator.randn(*values);
        };
        if (kind == NoiseSpec::Kind::TorchCuda)
            draw(TorchCudaGenerator(6));
        else
            draw(TorchCpuGenerator(6));
        EXPECT_EQ(makeNoise(spec, 6, 1, {kValues}).orThrow().data, first);
        NoiseStream stream(spec, 6, 1, 0, 1, kValues);
        stream.next(streamed);
        EXPECT_EQ(streamed, second);
        stream.next(streamed);
        EXPECT_EQ(streamed, third);
    }
}

TEST(NoiseStream, AnImageOfABatchGoesOnAsIfMadeAlone) {
    constexpr int64_t kValues = 20;
    NoiseStream batch({}, 6, 3, 0, 3, kValues), tail({}, 6, 3, 1, 2, kValues), alone({}, 8, 1, 0, 1, kValues);
    std::vector<float> all(3 * kValues), two(2 * kValues), one(kValues);
    for (int draw = 0; draw < 2; ++draw) {
        batch.next(all);
        tail.next(two);
        alone.next(one);
        EXPECT_TRUE(std::equal(two.begin(), two.end(), all.begin() + kValues));
        EXPECT_TRUE(std::equal(one.begin(), one.end(), all.begin() + 2 * kValues));
    }
}

TEST(NoiseStream, JointNoiseIsOneDrawWhateverTheGroups) {
    constexpr int64_t kValues = 20;
    NoiseSpec joint;
    joint.joint = true;
    NoiseStream whole(joint, 6, 3, 0, 3, kValues), part(joint, 6, 3, 2, 1, kValues);
    std::vector<float> all(3 * kValues), last(kValues);
    whole.next(all);
    part.next(last);
    EXPECT_TRUE(std::equal(last.begin(), last.end(), all.begin() + 2 * kValues));
}

}  // namespace
}  // namespace moescope
