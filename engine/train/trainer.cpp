// SPDX-License-Identifier: Apache-2.0
#include "engine/train/trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "engine/train/step_random.h"

namespace moescope::train {
namespace {

OptimizerOptions optimizerOptions(const Recipe& recipe) {
    const TrainingRecipe& t = recipe.training;
    OptimizerOptions options;
    options.beta1 = t.beta1;
    options.beta2 = t.beta2;
    options.eps = t.eps;
    options.weightDecay = t.weightDecay;
    options.clipNorm = t.clip;
    options.averageDecays = t.averages;
    options.rampAverages = t.rampAverages;
    options.averageBuffers = t.averages.size() == 1;
    return options;
}

bool movesBiases(const TrainingRecipe& t) { return t.balance == Balance::Bias || t.balance == Balance::Both; }
bool addsLoss(const TrainingRecipe& t) { return t.balance == Balance::Auxiliary || t.balance == Balance::Both; }

NetworkOptions networkOptions(const Recipe& recipe) {
    const TrainingRecipe& t = recipe.training;
    RouterLosses losses;
    if (addsLoss(t)) losses.auxiliary = static_cast<float>(t.auxiliaryWeight);
    losses.z = static_cast<float>(t.zLoss);
    return {t.batch, recipe.model.routingGradient, losses, t.checkpointing};
}

FlowSettings flowSettings(const Recipe& recipe) {
    return {recipe.model.prediction == Prediction::Velocity ? FlowTarget::Velocity : FlowTarget::CleanImage,
            static_cast<float>(recipe.training.tEps)};
}

/// The caption of a picture, or the name of its class.
std::string promptOf(const BatchSource& source, const SourceBatch& data, size_t i) {
    if (i < data.captions.size() && !data.captions[i].empty()) return data.captions[i];
    const int32_t label = data.labels[i];
    return label >= 0 && label < static_cast<int32_t>(source.classNames().size()) ? source.classNames()[static_cast<size_t>(label)]
                                                                                   : std::string();
}

}  // namespace

Trainer::Trainer(std::unique_ptr<TrainingDevice> device, const Recipe& recipe, const ModelDescription& description)
    : m_device(std::move(device)),
      m_recipe(recipe),
      m_description(description),
      m_layout(description),
      m_optimizer(*m_device, m_layout, optimizerOptions(recipe)),
      m_network(*m_device, m_description, m_layout, networkOptions(recipe)),
      m_pass(*m_device, m_network, flowSettings(recipe)),
      m_movesBiases(movesBiases(recipe.training)) {
    m_device->roundWeights(recipe.training.bf16);
}

MemoryStatement Trainer::memory() const {
    // While weights are written, the raw ones and every average are in host memory once more.
    const auto copies = static_cast<int64_t>(1 + m_optimizer.averages()) * m_layout.allValues() * 4;
    return {m_optimizer.bytes() + copies, m_network.bytes() + m_pass.bytes(), 0};
}

void Trainer::begin(std::span<const float> values) {
    m_optimizer.allocate();
    m_network.allocate();
    m_pass.allocate();
    m_device->upload(values.data(), m_optimizer.values(), static_cast<int64_t>(values.size()) * 4);
    m_optimizer.startAverages();
}

void Trainer::restrict(const PartsRecipe& parts, const std::vector<int>& fresh) {
    if (!parts.any()) return;
    m_movesBiases = m_movesBiases && parts.router;  // else the selection biases would not stay as they are
    std::vector<bool> frozen;
    for (const Parameter& p : m_layout.parameters()) {
        const bool chosen = std::find(parts.experts.begin(), parts.experts.end(), p.expert) != parts.experts.end();
        frozen.push_back(!((p.expert >= 0 && chosen) || (p.router && parts.router)));
    }
    std::vector<int64_t> firstRow(m_layout.parameters().size());
    if (!parts.router && !fresh.empty())  // router rows of new experts, or they would never learn to be chosen
        for (size_t i = 0; i < frozen.size(); ++i) {
            const Parameter& p = m_layout.parameters()[i];
            const bool anyFresh = std::find_first_of(fresh.begin(), fresh.end(), parts.experts.begin(), parts.experts.end()) != fresh.end();
            if (!p.router || !anyFresh) continue;
            frozen[i] = false;
            firstRow[i] = *std::min_element(fresh.begin(), fresh.end()) * (p.values / p.shape[0]);
        }
    m_optimizer.freeze(std::move(frozen), std::move(firstRow));
}

double Trainer::rateAt(int64_t step) const {
    const TrainingRecipe& t = m_recipe.training;
    if (step <= t.warmup) return t.rate * static_cast<double>(step) / static_cast<double>(t.warmup);
    if (t.shape == RateShape::Constant) return t.rate;
    const double left = static_cast<double>(t.steps - t.warmup);
    const double done = std::min(1.0, static_cast<double>(step - 1 - t.warmup) / std::max(1.0, left));
    return t.rate * (t.shape == RateShape::Linear ? 1 - done : 0.5 * (1 + std::cos(std::numbers::pi * done)));
}

TrainingBatch Trainer::makeBatch(BatchSource& source, int64_t number, bool dropping) {
    const TrainingRecipe& t = m_recipe.training;
    SourceBatch data = source.batch(number).orThrow();
    TrainingBatch batch;
    batch.pictures = std::move(data.pictures);
    batch.noise.resize(batch.pictures.size());
    const auto key = static_cast<uint64_t>(number);
    StepRandom noise(t.seed, key, RandomPurpose::Noise), times(t.seed, key, RandomPurpose::Times), drop(t.seed, key, RandomPurpose::Dropout);
    noise.normals(batch.noise, t.noiseScale);
    const auto nullLabel = static_cast<int32_t>(m_description.config.classes);
    const bool prompts = m_description.conditioning == Conditioning::Prompt;
    for (size_t i = 0; i < data.labels.size(); ++i) {
        const int32_t label = data.labels[i];
        const double u = t.time == TimeSampling::Uniform ? times.uniform() : 1 / (1 + std::exp(-(t.timeMean + t.timeStd * times.normal())));
        batch.times.push_back(static_cast<float>(u));
        const bool dropped = drop.uniform() < t.conditionDropout;
        if (prompts)
            batch.prompts.add(m_description, dropping && dropped ? std::string() : promptOf(source, data, i));
        else
            batch.labels.push_back(label < 0 || (dropping && dropped) ? nullLabel : label);
    }
    return batch;
}

RoutingStatistics Trainer::routingOf(const std::vector<float>& times) const {
    RoutingStatistics statistics;
    for (const LayerDecisions& layer : m_network.decisions()) {
        std::vector<int32_t> chosen(static_cast<size_t>(layer.rows * layer.topK));
        m_device->download(layer.chosen, chosen.data(), static_cast<int64_t>(chosen.size()) * 4);
        statistics.add(layer.block, layer.experts, chosen, times);
    }
    return statistics;
}

StepFacts Trainer::step(BatchSource& source) {
    const TrainingRecipe& t = m_recipe.training;
    StepFacts facts;
    facts.step = m_steps + 1;
    StepTensors tensors;
    tensors.present.resize(m_layout.parameters().size());
    m_optimizer.clearGradients();
    const auto share = static_cast<float>(1.0 / static_cast<double>(t.accumulation));
    for (int64_t part = 0; part < t.accumulation; ++part) {
        const TrainingBatch batch = makeBatch(source, m_steps * t.accumulation + part, true);
        const PassResult pass = m_pass.run(m_optimizer.values(), batch, share, m_optimizer.gradients(), m_layout, tensors.present);
        facts.loss += pass.loss * share;
        facts.routerLosses.auxiliary += pass.routerLosses.auxiliary * share;
        facts.routerLosses.z += pass.routerLosses.z * share;
        facts.routing.add(routingOf(batch.times));
    }
    facts.rate = rateAt(facts.step);
    if (!std::isfinite(facts.loss)) reportNotFinite(tensors, facts.loss);
    facts.gradientNorm = m_optimizer.step(tensors, facts.rate, 1).gradientNorm;
    if (!std::isfinite(facts.gradientNorm)) reportNotFinite(tensors, facts.loss);
    if (m_movesBiases) moveSelectionBiases(facts.routing);
    m_steps = facts.step;
    m_optimizer.updateAverages(m_steps);
    return facts;
}

void Trainer::reportNotFinite(const StepTensors& tensors, double loss) const {
    std::string place;
    const auto& parameters = m_layout.parameters();
    for (size_t i = 0; i < parameters.size() && place.empty(); ++i)
        if (parameters[i].learned && tensors.present[i] &&
            !m_device->finite(parameters[i].values, const_cast<Optimizer&>(m_optimizer).gradients() + parameters[i].offset))
            place = fmt::format(" (first in the gradient of {})", parameters[i].name);
    throw EngineException(ErrorCode::Numeric,
                          fmt::format("step {} gave a {} that is not a finite number{}; go on from the last saved state with a lower rate, a longer "
                                      "warm-up or clipped gradients",
                                      m_steps + 1, std::isfinite(loss) ? "gradient" : "loss", place));
}

void Trainer::moveSelectionBiases(const RoutingStatistics& routing) {
    for (const LayerLoad& layer : routing.layers()) {
        const Parameter& p = m_layout.at(fmt::format("blocks.{}.mlp.gate.e_score_correction_bias", layer.block));
        std::vector<float> bias(static_cast<size_t>(p.values));
        m_device->download(m_optimizer.values() + p.offset, bias.data(), p.values * 4);
        double mean = 0;
        for (const double pairs : layer.pairs) mean += pairs / static_cast<double>(layer.pairs.size());
        for (size_t e = 0; e < bias.size(); ++e)
            bias[e] += static_cast<float>(m_recipe.training.balanceRate * ((layer.pairs[e] < mean) - (layer.pairs[e] > mean)));
        m_device->upload(bias.data(), m_optimizer.values() + p.offset, p.values * 4);
    }
}

HeldOutFacts Trainer::evaluate(BatchSource& source, int64_t batches, bool averaged) {
    HeldOutFacts facts;
    const float* values = averaged ? m_optimizer.average(0) : m_optimizer.values();
    for (int64_t number = 0; number < batches; ++number) {
        const TrainingBatch batch = makeBatch(source, number, false);
        facts.loss += m_pass.evaluate(values, batch).loss / static_cast<double>(batches);
        facts.routing.add(routingOf(batch.times));
    }
    return facts;
}

std::vector<float> Trainer::weights(int index) const {
    std::vector<float> values(static_cast<size_t>(m_layout.allValues()));
    m_device->download(index < 0 ? m_optimizer.values() : m_optimizer.average(static_cast<size_t>(index)), values.data(),
                       m_layout.allValues() * 4);
    return values;
}

}  // namespace moescope::train
