// SPDX-License-Identifier: Apache-2.0
#include "engine/verify/trajectory_recorder.h"

#include <fmt/format.h>

#include <algorithm>

namespace moescope::verify {
namespace {

/// The first `channels` channels of samples [first, first + count) of a batch [P, C', H, W].
HostTensor slice(const HostTensor& batch, int64_t first, int64_t count, int64_t channels) {
    const int64_t plane = batch.shape[2] * batch.shape[3], stride = batch.shape[1] * plane;
    HostTensor part(Shape{count, channels, batch.shape[2], batch.shape[3]});
    for (int64_t sample = 0; sample < count; ++sample)
        std::copy_n(batch.data.begin() + (first + sample) * stride, channels * plane,
                    part.data.begin() + sample * channels * plane);
    return part;
}

}  // namespace

TrajectoryRecorder::TrajectoryRecorder(Backend& backend, const ModelDescription& description, int64_t images,
                                       Wanted wanted, const StoredRouting& stored, bool replay)
    : m_backend(backend),
      m_description(description),
      m_images(images),
      m_wanted(std::move(wanted)),
      m_stored(stored),
      m_replay(replay),
      m_probe(backend, description),
      m_forced(description.moeLayers.size()) {}

void TrajectoryRecorder::keep(const std::string& key, const HostTensor& values, int evaluation) {
    evaluationOf[key] = evaluation;
    outputs.tensors.insert_or_assign(key, floatTensor(values));
}

void TrajectoryRecorder::start(const HostTensor& z) {
    keep("z.00", z, 0);
}

DenoiserObserver* TrajectoryRecorder::beforeEvaluation(const EvaluationInfo& info, int64_t samples) {
    m_info = info;
    m_probe.begin(samples, info.uncondRun ? 2 : 1);
    return this;
}

const DeviceTensor* TrajectoryRecorder::forcedExperts(int layer) {
    if (!m_replay) return nullptr;
    const MoeLayerDescriptor& descriptor = m_description.moeLayers[static_cast<size_t>(layer)];
    std::vector<int32_t> experts;
    for (const Branch branch : {Branch::Cond, Branch::Uncond}) {
        if (branch == Branch::Uncond && !m_info.uncondRun) continue;
        const auto* stored = m_stored.find(m_info.index, branch, descriptor.block);
        if (!stored) return nullptr;
        experts.insert(experts.end(), stored->expert.begin(), stored->expert.end());
    }
    DeviceTensor& forced = m_forced[static_cast<size_t>(layer)];
    const Shape shape{static_cast<int64_t>(experts.size()) / descriptor.topK, descriptor.topK};
    if (forced.shape() != shape) forced = m_backend.tensor(shape, MS_I32);
    m_backend.upload(forced, std::span<const int32_t>(experts));
    return &forced;
}

void TrajectoryRecorder::evaluated(const EvaluationView& view) {
    const EvaluationInfo& info = view.info;
    if (info.stage == 1)
        if (const std::string key = fmt::format("z_mid.{:02}", info.step); m_wanted(key))
            keep(key, slice(m_backend.fetch(view.input), 0, m_images, view.input.dim(1)), info.index - 1);
    if (const std::string key = fmt::format("eval_in.{:02}", info.index); m_wanted(key))
        keep(key, slice(m_backend.fetch(view.input), 0, m_images, view.input.dim(1)), info.index);
    keepPrediction(view);
    keepGuided(view);
    m_times.push_back(info.timestep);
    outputs.tensors.insert_or_assign("t", floatTensor({static_cast<int64_t>(m_times.size())}, m_times));

    for (const RoutingProbe::Layer& layer : m_probe.finish()) {
        const int64_t tokens = m_images * layer.descriptor.tokensPerSample();
        for (const Branch branch : {Branch::Cond, Branch::Uncond}) {
            if (branch == Branch::Uncond && !info.uncondRun) continue;
            const int64_t first = branch == Branch::Cond ? 0 : tokens;
            keepRouting(layer, branch, first, tokens);
            keepCounts(layer, branch);
            if (const auto* stored = m_stored.find(info.index, branch, layer.descriptor.block))
                compareChoices(layer, first, *stored, info.index, branch, routing);
        }
        for (int64_t token = 0; m_replay && token < layer.tokens; ++token)
            if (const float margin = layer.margin[static_cast<size_t>(token)]; margin < 0)
                routing.overruled.push_back({-margin, info.index, layer.descriptor.block, token});
    }
    const SmallestMargin smallest = m_probe.smallestMargin(info.index);
    routing.smallest.include(smallest);
    evaluations.emplace_back(info, smallest);
}

void TrajectoryRecorder::keepGuided(const EvaluationView& view) {
    const EvaluationInfo& info = view.info;
    if (const std::string key = fmt::format("v.{:02}", info.index); m_wanted(key)) {
        HostTensor velocity = m_backend.fetch(view.velocity);
        if (m_description.time.dataTime == 0)
            for (float& value : velocity.data) value = -value;
        keep(key, velocity, info.index);
    }
    if (const std::string key = fmt::format("model_out.{:02}", info.index); view.guided && m_wanted(key))
        keep(key, m_backend.fetch(*view.guided), info.index);
    if (const std::string key = fmt::format("x0.{:02}", info.index); m_wanted(key)) {
        if (view.clean) return keep(key, m_backend.fetch(*view.clean), info.index);
        HostTensor clean = slice(m_backend.fetch(view.input), 0, m_images, view.input.dim(1));
        const HostTensor velocity = m_backend.fetch(view.velocity);
        for (size_t i = 0; i < clean.data.size(); ++i) clean.data[i] += info.noiseLevel * velocity.data[i];
        keep(key, clean, info.index);
    }
}

void TrajectoryRecorder::keepPrediction(const EvaluationView& view) {
    const char* quantity = m_description.prediction == Prediction::Velocity ? "v" : "x";
    const std::string cond = fmt::format("{}_cond.{:02}", quantity, view.info.index);
    const std::string uncond = fmt::format("{}_uncond.{:02}", quantity, view.info.index);
    const bool both = view.info.uncondRun && m_wanted(uncond);
    if (!m_wanted(cond) && !both) return;
    const HostTensor prediction = m_backend.fetch(view.prediction);
    const int64_t channels = m_description.config.inChannels;
    keep(cond, slice(prediction, 0, m_images, channels), view.info.index);
    if (both) keep(uncond, slice(prediction, m_images, m_images, channels), view.info.index);
}

void TrajectoryRecorder::keepRouting(const RoutingProbe::Layer& layer, Branch branch, int64_t firstToken,
                                     int64_t tokens) {
    const std::string name = fmt::format("{}.{:02}.moe.{}.", branchName(branch), m_info.index, layer.descriptor.block);
    if (!m_wanted(name + "expert")) return;
    const auto row = [&](int64_t t) { return static_cast<int64_t>(layer.start[static_cast<size_t>(firstToken + t)]); };
    const int64_t pairs = row(tokens) - row(0);
    std::vector<int64_t> token;
    for (int64_t t = 0; t < tokens; ++t) token.resize(static_cast<size_t>(row(t + 1) - row(0)), t);
    const auto expert = layer.expert.begin() + row(0);
    const auto gate = layer.gate.begin() + row(0);
    outputs.tensors.insert_or_assign(name + "token", integerTensor({pairs}, token));
    outputs.tensors.insert_or_assign(name + "expert", integerTensor({pairs}, {expert, expert + pairs}));
    outputs.tensors.insert_or_assign(name + "weight", floatTensor({pairs}, std::vector<float>(gate, gate + pairs)));
    for (const char* part : {"token", "expert", "weight"}) evaluationOf[name + part] = m_info.index;
}

void TrajectoryRecorder::keepCounts(const RoutingProbe::Layer& layer, Branch branch) {
    const std::string key =
        fmt::format("moe.{}.count_{}.{:02}", layer.descriptor.block, branchName(branch), m_info.index);
    if (!m_wanted(key)) return;
    const std::vector<int64_t> received = layer.received(branch == Branch::Cond ? 0 : m_images, m_images);
    outputs.tensors.insert_or_assign(key, integerTensor({layer.descriptor.experts}, received));
    evaluationOf[key] = m_info.index;
}

void TrajectoryRecorder::stepped(int step, const DeviceTensor& z) {
    if (const std::string key = fmt::format("z.{:02}", step + 1); m_wanted(key))
        keep(key, m_backend.fetch(z), m_info.index);
}

}  // namespace moescope::verify
