// SPDX-License-Identifier: Apache-2.0
#include "engine/ensemble/ensemble_denoiser.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "engine/ensemble/expert_observer.h"
#include "engine/ensemble/picture_features.h"
#include "engine/ensemble/prompt_features.h"
#include "engine/model/network_request.h"

namespace moescope {
namespace {

/// What a person changed, or nothing.
const NetworkEdits& editsOf(const Condition& condition) {
    static const NetworkEdits none;
    return condition.networks ? condition.networks->edits : none;
}

template <class T>
std::span<const T> rowOf(const std::vector<T>& all, int64_t row, int64_t width) {
    return std::span(all).subspan(static_cast<size_t>(row * width), static_cast<size_t>(width));
}

/// Softmax over all logits; minus infinity gives 0.
void softmax(std::span<const float> logits, std::span<float> out) {
    const float largest = *std::max_element(logits.begin(), logits.end());
    double sum = 0;
    for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - static_cast<double>(largest));
    for (size_t e = 0; e < logits.size(); ++e)
        out[e] = static_cast<float>(std::exp(static_cast<double>(logits[e]) - static_cast<double>(largest)) / sum);
}

float lengthOf(std::span<const float> values) {
    double sum = 0;
    for (const float value : values) sum += static_cast<double>(value) * static_cast<double>(value);
    return static_cast<float>(std::sqrt(sum));
}

}  // namespace

/// Everything of one pass, on the host; passes of the experts on the device.
struct EnsembleDenoiser::Workspace : DenoiserWorkspace {
    struct Pass {  // of one expert over a number of samples
        int64_t loads = 0;  // of its network when this was made: its weights are others after that
        std::unique_ptr<DenoiserWorkspace> workspace;
        DeviceTensor x, times, labels;
        std::vector<std::string> words;  // that `prompts` was made of, where the network reads prompts
        PromptStates prompts;
    };

    const DeviceTensor& output() const override { return velocity; }
    int64_t samples = 0, elements = 0;  // elements of one picture
    DeviceTensor velocity;
    std::vector<float> z, times, prompts, blended;     // [samples, elements], [samples], [samples, P], [samples, elements]
    std::vector<int32_t> labels;                       // [samples]
    std::vector<bool> unconditional;                   // [samples]
    std::string words, negativeWords;
    std::vector<float> logits, weights;                // [samples, experts]; logits of no use under weights by hand
    std::map<std::pair<size_t, int64_t>, Pass> passes; // by expert and number of samples
    std::vector<int32_t> rows;                         // of the pass that runs
    std::vector<float> input, expertVelocity;
};

EnsembleDenoiser::EnsembleDenoiser(Backend& backend, ModelDescription description, std::vector<MixtureExpert> experts,
                                   std::shared_ptr<const NetworkRouter> router, MixtureSettings settings,
                                   std::unique_ptr<ResidentNetworks> networks)
    : m_backend(backend), m_description(std::move(description)), m_experts(std::move(experts)), m_router(std::move(router)),
      m_settings(std::move(settings)), m_networks(std::move(networks)), m_efforts(m_experts.size()) {}

EnsembleDenoiser::~EnsembleDenoiser() = default;

uint64_t EnsembleDenoiser::packedBytes() const {
    std::map<size_t, uint64_t> held;  // once for each network
    for (const MixtureExpert& expert : m_experts) held[expert.network] = m_networks->history(expert.network).bytes;
    uint64_t bytes = 0;
    for (const auto& [network, each] : held) bytes += each;
    return bytes;
}

std::vector<NetworkUse> EnsembleDenoiser::networkUse() const {
    std::vector<NetworkUse> all;
    for (size_t e = 0; e < m_experts.size(); ++e) {
        const ResidentNetworks::History& history = m_networks->history(m_experts[e].network);
        all.push_back({m_description.networks[e], m_efforts[e].samples, m_efforts[e].seconds, history.loads, history.evictions, history.bytes});
    }
    return all;
}

std::unique_ptr<DenoiserWorkspace> EnsembleDenoiser::makeWorkspace(int64_t samples) const {
    const TransformerConfig& c = m_description.config;
    auto work = std::make_unique<Workspace>();
    work->samples = samples;
    work->velocity = m_backend.tensor({samples, c.inChannels, c.inputSide(), c.inputSide()});
    work->elements = c.inChannels * c.inputSide() * c.inputSide();
    const auto count = static_cast<size_t>(samples);
    work->z.resize(count * static_cast<size_t>(work->elements));
    work->blended.resize(work->z.size());
    work->times.resize(count);
    work->labels.resize(count);
    work->unconditional.resize(count);
    work->logits.resize(count * m_experts.size());
    work->weights.resize(work->logits.size());
    return work;
}

void EnsembleDenoiser::forward(DenoiserWorkspace& workspace, const DeviceTensor& x, const DeviceTensor& t, const Condition& condition,
                               DenoiserObserver* observer) const {
    auto& work = static_cast<Workspace&>(workspace);
    const NetworkChooser chooser(m_description.networks, m_settings.topK, m_settings.factors, m_settings.biases, editsOf(condition));
    readInputs(work, x, t, condition);
    choose(work, chooser, condition);
    lookAhead(work, chooser, condition);

    std::fill(work.blended.begin(), work.blended.end(), 0.0f);
    for (size_t e = 0; e < m_experts.size(); ++e) {
        work.rows.clear();
        for (int64_t sample = 0; sample < work.samples; ++sample)
            if (work.weights[static_cast<size_t>(sample) * m_experts.size() + e] > 0) work.rows.push_back(static_cast<int32_t>(sample));
        if (!work.rows.empty())
            run(work, e, condition, observer);
        else if (observer)
            ExpertObserver::tellNothing(m_backend, *observer,
                                        std::span(m_description.moeLayers).subspan(static_cast<size_t>(m_experts[e].firstLayer),
                                                                                   static_cast<size_t>(m_experts[e].layers)),
                                        m_experts[e].firstLayer, work.samples);
    }
    m_backend.upload(work.velocity, std::span<const float>(work.blended));
    if (observer) record(work, chooser, *observer);
}

void EnsembleDenoiser::readInputs(Workspace& work, const DeviceTensor& x, const DeviceTensor& t, const Condition& condition) const {
    m_backend.download(x, std::span(work.z));
    m_backend.download(condition.labels, std::span(work.labels));
    if (condition.flowTimes.size() == work.times.size())
        std::copy(condition.flowTimes.begin(), condition.flowTimes.end(), work.times.begin());
    else
        m_backend.download(t, std::span(work.times));
    m_backend.synchronize();
    const int64_t conditional = work.samples / condition.branches;
    for (int64_t sample = 0; sample < work.samples; ++sample) work.unconditional[static_cast<size_t>(sample)] = sample >= conditional;
    readPrompts(work, condition);
}

void EnsembleDenoiser::readPrompts(Workspace& work, const Condition& condition) const {
    const NetworkRequest* request = condition.networks;
    work.words = request ? request->words : std::string();
    work.negativeWords = request ? request->negativeWords : std::string();
    const int64_t width = m_description.promptWidth;
    if (!width) return;
    if (condition.prompt) {
        if (condition.prompt->shape != Shape{work.samples, width})
            throw EngineException(ErrorCode::InvalidArgument, fmt::format("the ensemble takes prompt embeddings {}, found {}",
                                                                          shapeText({work.samples, width}), shapeText(condition.prompt->shape)));
        work.prompts = condition.prompt->data;
        return;
    }
    const PromptFeatures* features = m_router->promptFeatures();
    if (!features)
        throw EngineException(ErrorCode::Unsupported, "the ensemble asks for the prompt embeddings of a text encoder, and its experts have none; "
                                                      "fit a router over hashed words, or give weights by hand");
    const std::vector<float> prompt = features->embed(work.words), negative = features->embed(work.negativeWords);
    work.prompts.clear();
    for (const bool unconditional : work.unconditional) {
        const std::vector<float>& own = unconditional ? negative : prompt;
        work.prompts.insert(work.prompts.end(), own.begin(), own.end());
    }
}

void EnsembleDenoiser::askRouter(const Workspace& work, int64_t sample, float flowTime, std::span<float> logits) const {
    RouterInput input;
    input.flowTime = flowTime;
    input.words = work.unconditional[static_cast<size_t>(sample)] ? work.negativeWords : work.words;
    if (m_router->promptWidth()) input.prompt = rowOf(work.prompts, sample, m_description.promptWidth);
    std::vector<float> picture;
    if (m_router->needsPicture()) {
        const TransformerConfig& c = m_description.config;
        picture = pictureFeatures(rowOf(work.z, sample, work.elements), c.inChannels, c.inputSide(), m_router->pictureGrid());
        input.picture = picture;
    }
    m_router->logits(input, logits);
}

void EnsembleDenoiser::choose(Workspace& work, const NetworkChooser& chooser, const Condition& condition) const {
    const auto experts = m_experts.size();
    const int64_t conditional = work.samples / condition.branches;
    for (int64_t sample = 0; sample < work.samples; ++sample) {
        const auto place = static_cast<std::ptrdiff_t>(static_cast<size_t>(sample) * experts);
        if (chooser.byHand()) {
            std::ranges::copy(chooser.fromHand(condition.step), work.weights.begin() + place);
            std::fill_n(work.logits.begin() + place, experts, 0.0f);
        } else if (sample >= conditional && !m_settings.eachBranch) {
            const auto same = static_cast<std::ptrdiff_t>(static_cast<size_t>(sample - conditional) * experts);
            std::copy_n(work.weights.begin() + same, experts, work.weights.begin() + place);
            std::copy_n(work.logits.begin() + same, experts, work.logits.begin() + place);
        } else {
            const std::span<float> logits = std::span(work.logits).subspan(static_cast<size_t>(place), experts);
            askRouter(work, sample, work.times[static_cast<size_t>(sample)], logits);
            std::ranges::copy(chooser.fromLogits(logits), work.weights.begin() + place);
        }
    }
}

void EnsembleDenoiser::lookAhead(const Workspace& work, const NetworkChooser& chooser, const Condition& condition) const {
    if (condition.nextFlowTime < 0) return;
    std::vector<float> logits(m_experts.size());
    const int64_t conditional = work.samples / condition.branches, asked = m_settings.eachBranch ? work.samples : conditional;
    for (int64_t sample = 0; sample < asked; ++sample) {
        std::vector<float> weights;
        if (chooser.byHand()) {
            weights = chooser.fromHand(condition.step + 1);
        } else {
            askRouter(work, sample, condition.nextFlowTime, logits);
            weights = chooser.fromLogits(logits);
        }
        for (size_t e = 0; e < m_experts.size(); ++e)
            if (weights[e] > 0 && !m_networks->holds(m_experts[e].network) &&
                work.weights[static_cast<size_t>(sample) * m_experts.size() + e] == 0)
                return m_networks->expect(m_experts[e].network);  // one at a time; the next evaluation asks again
    }
}

void EnsembleDenoiser::run(Workspace& work, size_t index, const Condition& condition, DenoiserObserver* observer) const {
    const MixtureExpert& expert = m_experts[index];
    const Denoiser& network = m_networks->acquire(expert.network, m_backend.stopToken());
    const auto start = std::chrono::steady_clock::now();
    const auto count = static_cast<int64_t>(work.rows.size());
    const int64_t loads = m_networks->history(expert.network).loads;
    std::erase_if(work.passes, [&](const auto& entry) {  // made for weights that are gone
        const size_t other = m_experts[entry.first.first].network;
        return !m_networks->holds(other) || entry.second.loads != m_networks->history(other).loads;
    });
    Workspace::Pass& pass = work.passes[{index, count}];
    const TransformerConfig& c = m_description.config;
    if (!pass.workspace) {
        pass.loads = loads;
        pass.workspace = network.makeWorkspace(count);
        pass.x = m_backend.tensor({count, c.inChannels, c.inputSide(), c.inputSide()});
        pass.times = m_backend.tensor({count});
        pass.labels = m_backend.tensor({count}, MS_I32);
    }

    // What this expert is given: its pictures, its time, its classes.
    const auto elements = static_cast<size_t>(work.elements);
    std::vector<ExpertVelocity::View> views;
    std::vector<float> times, flowTimes;
    std::vector<int32_t> labels;
    HostTensor prompts;
    work.input.clear();
    int64_t conditional = 0;
    for (const int32_t row : work.rows) {
        const auto sample = static_cast<size_t>(row);
        views.push_back(expert.velocity.at(work.times[sample]));
        times.push_back(views.back().time);
        flowTimes.push_back(work.times[sample]);
        labels.push_back(expert.ownClasses[static_cast<size_t>(work.labels[sample])]);
        for (const float value : rowOf(work.z, row, work.elements)) work.input.push_back(value * views.back().inputScale);
        if (expert.takesPrompt) std::ranges::copy(rowOf(work.prompts, row, m_description.promptWidth), std::back_inserter(prompts.data));
        conditional += !work.unconditional[sample];
    }
    if (expert.takesPrompt) prompts.shape = {count, m_description.promptWidth};
    m_backend.upload(pass.x, std::span<const float>(work.input));
    m_backend.upload(pass.times, std::span<const float>(times));
    m_backend.upload(pass.labels, std::span<const int32_t>(labels));
    Condition own{pass.labels};
    own.branches = 2 * conditional == count ? 2 : 1;
    own.pool = condition.pool;
    own.prompt = expert.takesPrompt ? &prompts : nullptr;
    own.flowTimes = flowTimes;
    if (network.description().conditioning == Conditioning::Prompt) {
        std::vector<std::string> words;
        for (const int32_t row : work.rows)
            words.push_back(!condition.networks                                ? std::string()
                            : work.unconditional[static_cast<size_t>(row)] ? condition.networks->negativeWords
                                                                             : condition.networks->words);
        if (pass.prompts.tokens.empty() || words != pass.words) network.encodePrompts(words, pass.prompts);
        pass.words = std::move(words);
        own.prompts = &pass.prompts;
    }

    const auto layers = std::span(m_description.moeLayers).subspan(static_cast<size_t>(expert.firstLayer), static_cast<size_t>(expert.layers));
    if (observer) {
        ExpertObserver follower(m_backend, *observer, layers, expert.firstLayer, work.samples, work.rows);
        network.forward(*pass.workspace, pass.x, pass.times, own, &follower);
    } else {
        network.forward(*pass.workspace, pass.x, pass.times, own, nullptr);
    }

    const HostTensor prediction = m_backend.fetch(pass.workspace->output());
    const auto stride = prediction.data.size() / work.rows.size();  // a learned variance may stand behind
    work.expertVelocity.resize(elements);
    for (size_t i = 0; i < work.rows.size(); ++i) {
        const int32_t row = work.rows[i];
        const std::span<const float> given = std::span(prediction.data).subspan(i * stride, elements);
        if (m_description.prediction == Prediction::CleanImage)
            std::ranges::copy(given, work.expertVelocity.begin());
        else
            expert.velocity.velocity(views[i], rowOf(work.z, row, work.elements), given, work.expertVelocity);
        const float weight = work.weights[static_cast<size_t>(row) * m_experts.size() + index];
        float* sum = work.blended.data() + static_cast<size_t>(row) * elements;
        for (size_t k = 0; k < elements; ++k) sum[k] += weight * work.expertVelocity[k];
    }
    m_efforts[index].samples += count;
    m_efforts[index].seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void EnsembleDenoiser::record(Workspace& work, const NetworkChooser& chooser, DenoiserObserver& observer) const {
    const MsRouting* routing = observer.routingFor(0);
    if (!routing) return;
    const auto experts = m_experts.size(), samples = static_cast<size_t>(work.samples);
    std::vector<int32_t> rowPtr{0}, counts(work.weights.size());
    std::vector<uint16_t> expert;
    std::vector<float> gate, logits, scores(work.weights.size()), margin, inputNorm, routedNorm;
    for (size_t sample = 0; sample < samples; ++sample) {
        const auto weights = rowOf(work.weights, static_cast<int64_t>(sample), static_cast<int64_t>(experts));
        const auto raw = rowOf(work.logits, static_cast<int64_t>(sample), static_cast<int64_t>(experts));
        for (size_t e = 0; e < experts; ++e) {
            if (!(weights[e] > 0)) continue;
            counts[sample * experts + e] = 1;
            expert.push_back(static_cast<uint16_t>(e));
            gate.push_back(weights[e]);
        }
        rowPtr.push_back(static_cast<int32_t>(expert.size()));
        const std::vector<float> bent = chooser.bent(raw);
        const std::span<float> share = std::span(scores).subspan(sample * experts, experts);
        if (chooser.byHand())
            std::ranges::copy(weights, share.begin());
        else
            softmax(bent, share);
        logits.insert(logits.end(), raw.begin(), raw.end());
        margin.push_back(chooser.margin(raw, weights));
        inputNorm.push_back(lengthOf(rowOf(work.z, static_cast<int64_t>(sample), work.elements)));
        routedNorm.push_back(lengthOf(rowOf(work.blended, static_cast<int64_t>(sample), work.elements)));
    }
    const auto send = [&](MsTensor* target, const auto& values) {
        if (target && !values.empty())
            m_backend.check(m_backend.table().upload(m_backend.context(), target, values.data(), values.size() * sizeof(values[0])));
    };
    send(routing->rowPtr, rowPtr);
    send(routing->expert, expert);
    send(routing->gate, gate);
    send(routing->counts, counts);
    send(routing->mass, work.weights);
    send(routing->logits, logits);
    send(routing->scores, scores);
    send(routing->margin, margin);
    send(routing->inputNorm, inputNorm);
    send(routing->routedNorm, routedNorm);
    send(routing->sharedNorm, std::vector<float>(samples));
    observer.routed(0);
}

}  // namespace moescope
