// SPDX-License-Identifier: Apache-2.0
// The forward part of a training step of batch-wide routing: noisy input, selection by the fixed capacity, losses, and
// the thresholds after their moving average (arXiv 2503.14487). Gradients are set aside.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "engine/verify/golden_kind.h"
#include "engine/verify/routing_probe.h"

namespace moescope::verify {
namespace {

constexpr std::string_view kGradients = "grad.";
constexpr double kDecay = 0.95;  // of the thresholds' moving average

/// t data + (1 - t) noise, sample by sample.
HostTensor noisyInput(const HostTensor& data, const HostTensor& noise, const HostTensor& t) {
    HostTensor x(data.shape);
    const size_t each = data.data.size() / t.data.size();
    for (size_t i = 0; i < x.data.size(); ++i) {
        const float time = t.data[i / each];
        x.data[i] = time * data.data[i] + (1.0f - time) * noise.data[i];
    }
    return x;
}

/// Per sample, of the channels that the flow uses against data - noise.
std::vector<float> squaredErrors(const HostTensor& output, const HostTensor& data, const HostTensor& noise) {
    const int64_t samples = data.shape[0], each = elementCount(data.shape) / samples,
                  stride = elementCount(output.shape) / samples;
    std::vector<float> errors;
    for (int64_t sample = 0; sample < samples; ++sample) {
        double sum = 0;
        for (int64_t i = 0; i < each; ++i) {
            const auto at = static_cast<size_t>(sample * each + i);
            const double target = static_cast<double>(data.data[at]) - noise.data[at];
            const double difference = output.data[static_cast<size_t>(sample * stride + i)] - target;
            sum += difference * difference;
        }
        errors.push_back(static_cast<float>(sum / static_cast<double>(each)));
    }
    return errors;
}

/// What the predictor of one layer is trained by.
struct CapacityTraining {
    std::vector<int64_t> target;  // [tokens, E] 1 where the expert took the token
    double loss = 0;              // mean binary cross-entropy of the logits against it
    std::vector<float> thresholds;
};

CapacityTraining trainingOf(const RoutingProbe::Layer& layer) {
    const auto experts = static_cast<size_t>(layer.descriptor.experts), tokens = static_cast<size_t>(layer.tokens);
    CapacityTraining made{std::vector<int64_t>(tokens * experts), 0, layer.descriptor.thresholds};
    for (size_t token = 0; token < tokens; ++token)
        for (int32_t pair = layer.start[token]; pair < layer.start[token + 1]; ++pair)
            made.target[token * experts + layer.expert[static_cast<size_t>(pair)]] = 1;
    for (size_t i = 0; i < made.target.size(); ++i) {
        const double logit = layer.capacityLogits[i];
        made.loss +=
            std::max(logit, 0.0) - logit * static_cast<double>(made.target[i]) + std::log1p(std::exp(-std::abs(logit)));
    }
    made.loss /= static_cast<double>(made.target.size());
    for (size_t e = 0; e < experts; ++e) {
        std::vector<double> chances;
        size_t taken = 0;
        for (size_t token = 0; token < tokens; ++token) {
            chances.push_back(1.0 / (1.0 + std::exp(-static_cast<double>(layer.capacityLogits[token * experts + e]))));
            taken += static_cast<size_t>(made.target[token * experts + e]);
        }
        if (taken == 0) continue;
        std::nth_element(chances.begin(), chances.begin() + static_cast<std::ptrdiff_t>(taken) - 1, chances.end(),
                         std::greater<>());
        made.thresholds[e] = static_cast<float>(kDecay * made.thresholds[e] + (1 - kDecay) * chances[taken - 1]);
    }
    return made;
}

/// The weight of the predictors' losses: as the case says, else 1.
double lossWeight(const CaseFolder& folder) {
    const nlohmann::json settings = folder.checkpointSettings();
    const auto found = settings.find("CapacityPred_loss_weight");
    return found != settings.end() && found->is_number() ? found->get<double>() : 1.0;
}

std::vector<ComputedFile> run(CaseContext& context, const GoldenFile& file) {
    const HostTensor data = file.input("data"), noise = file.input("noise"), t = file.input("t");
    if (data.shape != noise.shape || data.shape.empty() || t.shape != Shape{data.shape[0]})
        throw EngineException(
            ErrorCode::Format,
            fmt::format("'{}' should hold data and noise of one shape and a time for each sample; found {}, {} and {}",
                        file.name, shapeText(data.shape), shapeText(noise.shape), shapeText(t.shape)));
    const HostTensor x = noisyInput(data, noise, t);
    std::vector<RoutingProbe::Layer> layers;
    ComputedFile computed = runForward(context, file, {x, t, file.integerInput("y_after_drop"), true, &layers});
    auto& outputs = computed.outputs.tensors;
    const auto add = [&](const std::string& key, NamedTensor tensor) {
        outputs.insert_or_assign(key, std::move(tensor));
    };
    add("x", floatTensor(x));
    const std::vector<float> errors =
        squaredErrors(HostTensor(outputs.at("output").shape, toFloats(outputs.at("output"))), data, noise);
    add("mse", floatTensor({static_cast<int64_t>(errors.size())}, errors));
    double capacityLoss = 0, loss = 0;
    for (const RoutingProbe::Layer& layer : layers) {
        if (layer.capacityLogits.empty()) continue;
        const CapacityTraining made = trainingOf(layer);
        const std::string name = fmt::format("moe.{}.", layer.descriptor.block);
        const int64_t experts = layer.descriptor.experts;
        add(name + "target", integerTensor({layer.tokens, experts}, made.target));
        add(name + "capacity_loss", floatTensor({}, {static_cast<float>(made.loss)}));
        add(name + "threshold_before", floatTensor({experts}, layer.descriptor.thresholds));
        add(name + "threshold_after", floatTensor({experts}, made.thresholds));
        capacityLoss += made.loss;
    }
    capacityLoss *= lossWeight(context.folder());
    for (const float error : errors) loss += error / static_cast<double>(errors.size());
    add("capacity_loss", floatTensor({}, {static_cast<float>(capacityLoss)}));
    add("loss", floatTensor({}, {static_cast<float>(loss + capacityLoss)}));
    for (const auto& [key, tensor] : file.tensors.tensors)
        if (key.starts_with(kGradients)) computed.notChecked.push_back(key);
    if (!computed.notChecked.empty())
        computed.notes.push_back(fmt::format("{} training gradients, not checked", computed.notChecked.size()));
    std::vector<ComputedFile> all;
    all.push_back(std::move(computed));
    return all;
}

}  // namespace

const GoldenKind& trainForwardKind() {
    static const GoldenKind kind{"training step",
                                 [](const auto& keys) {
                                     return keys.contains("data") && keys.contains("noise") &&
                                            keys.contains("y_after_drop");
                                 },
                                 {"data", "noise", "t", "y", "y_after_drop"},
                                 run};
    return kind;
}

}  // namespace moescope::verify
