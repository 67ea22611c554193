// SPDX-License-Identifier: Apache-2.0
// Optimizer steps on stored batches: losses, the first step's gradients and routing, parameters, averages and moments after some steps.
// A parameter without a stored gradient must have none: its expert got no token.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "engine/model/checkpoint.h"
#include "engine/train/optimizer.h"
#include "engine/train/training_pass.h"
#include "engine/verify/golden_kind.h"

namespace moescope::verify {
namespace {

using nlohmann::json;

// Largest error of one kind of key over the largest value, four to fourteen times what fp32 shows against fp64.
constexpr double kLossLimit = 2e-6, kGradientLimit = 2e-5, kMomentLimit = 2e-5, kSquareLimit = 4e-5, kGateLimit = 5e-6;
// Parameters are judged in units of the learning rate: where a gradient is near Adam's eps, its step is ill-conditioned.
constexpr double kStepLimit = 0.1, kMostStepLimit = 1e-3, kMost = 0.999;

/// The numbers of case.json that a run needs; throws where one is missing.
struct Recipe {
    double rate = 0;
    train::OptimizerOptions optimizer;
    std::vector<std::string> averageNames;
    train::FlowSettings flow;
    float noiseScale = 1;
};

double numberAt(const json& object, const char* key) {
    const auto found = object.find(key);
    if (found == object.end() || !found->is_number())
        throw EngineException(ErrorCode::Format, fmt::format("case.json of a training case should give the number `{}`", key));
    return found->get<double>();
}

Recipe recipeOf(const json& contents, const ModelDescription& description) {
    Recipe recipe;
    const auto optimizer = contents.find("optimizer");
    if (optimizer == contents.end() || !optimizer->is_object() || !optimizer->contains("betas") || (*optimizer)["betas"].size() != 2)
        throw EngineException(ErrorCode::Format, "case.json of a training case should give `optimizer` with lr, betas, eps and weight_decay");
    recipe.rate = numberAt(*optimizer, "lr");
    recipe.optimizer.beta1 = (*optimizer)["betas"][0].get<double>();
    recipe.optimizer.beta2 = (*optimizer)["betas"][1].get<double>();
    recipe.optimizer.eps = numberAt(*optimizer, "eps");
    recipe.optimizer.weightDecay = numberAt(*optimizer, "weight_decay");
    for (const char* key : {"ema_decay", "ema_decay1", "ema_decay2"}) {
        if (!contents.contains(key)) continue;
        recipe.optimizer.averageDecays.push_back(numberAt(contents, key));
        recipe.averageNames.push_back(std::string("ema") + (std::string(key).back() == 'y' ? "" : std::string(1, std::string(key).back())));
    }
    recipe.optimizer.averageBuffers = recipe.averageNames.size() == 1;
    if (description.prediction == Prediction::CleanImage) {
        recipe.flow.target = train::FlowTarget::CleanImage;
        recipe.flow.tEps = static_cast<float>(description.defaults.tEps);
        recipe.noiseScale = static_cast<float>(description.defaults.noiseScale);
    }
    return recipe;
}

train::TrainingBatch batchOf(const GoldenFile& file, int step, const ModelDescription& description, float noiseScale) {
    const std::string name = fmt::format("batch.{}.", step);
    const HostTensor pictures = file.input(name + "x0"), noise = file.input(name + "noise"), times = file.input(name + "t");
    const TransformerConfig& c = description.config;
    const Shape expected{times.size(), c.inChannels, c.inputSide(), c.inputSide()};
    if (pictures.shape != expected || noise.shape != expected)
        throw EngineException(ErrorCode::Format, fmt::format("'{}' should hold {}x0 and {}noise of shape {}; found {} and {}", file.name, name,
                                                             name, shapeText(expected), shapeText(pictures.shape), shapeText(noise.shape)));
    train::TrainingBatch batch{pictures.data, noise.data, times.data, {}};
    for (float& value : batch.noise) value *= noiseScale;
    for (const int64_t label : file.integerInput(name + "y")) batch.labels.push_back(static_cast<int32_t>(label));
    if (static_cast<int64_t>(batch.labels.size()) != times.size() ||
        std::any_of(batch.labels.begin(), batch.labels.end(), [&](int32_t label) { return label < 0 || label > c.classes; }))
        throw EngineException(ErrorCode::Format, fmt::format("'{}' should hold in {}y a label of 0 to {} for each of {} samples", file.name, name,
                                                             c.classes, times.size()));
    return batch;
}

/// What is computed, by the keys of the reference, and how its floating-point keys are judged.
class TrainRun {
public:
    TrainRun(const GoldenFile& file, const Checkpoint& checkpoint, const json& contents)
        : m_file(file),
          m_description(checkpoint.description()),
          m_prefix(checkpoint.view().set().prefix.substr(std::string("init.").size())),
          m_layout(m_description),
          m_device(train::makeCpuTrainingDevice(0)),
          m_recipe(recipeOf(contents, m_description)),
          m_optimizer(*m_device, m_layout, m_recipe.optimizer),
          m_network(*m_device, m_description, m_layout, {file.input("batch.0.t").size(), train::RoutingGradient::Chosen, {}, false}),
          m_pass(*m_device, m_network, m_recipe.flow) {
        m_optimizer.allocate();
        m_network.allocate();
        m_pass.allocate();
        std::vector<float> values(static_cast<size_t>(m_layout.allValues()));
        for (const train::Parameter& p : m_layout.parameters()) {
            const HostTensor stored = m_file.input("init." + m_prefix + p.name);
            if (stored.shape != p.shape)
                throw EngineException(ErrorCode::Format, fmt::format("init.{}{} should have shape {}, found {}", m_prefix, p.name,
                                                                     shapeText(p.shape), shapeText(stored.shape)));
            std::copy(stored.data.begin(), stored.data.end(), values.begin() + p.offset);
        }
        m_device->upload(values.data(), m_optimizer.values(), static_cast<int64_t>(values.size()) * 4);
        m_optimizer.startAverages();
    }

    ComputedFile run(const std::stop_token& stop) {
        for (int step = 0; m_file.find(fmt::format("batch.{}.x0", step)); ++step) {
            if (stop.stop_requested()) throw EngineException(ErrorCode::Cancelled, "cancelled");
            runStep(step);
        }
        return std::move(m_computed);
    }

private:
    void runStep(int step) {
        m_optimizer.clearGradients();
        train::StepTensors tensors;
        const train::PassResult result = m_pass.run(m_optimizer.values(), batchOf(m_file, step, m_description, m_recipe.noiseScale), 1,
                                                    m_optimizer.gradients(), m_layout, tensors.present);
        add(fmt::format("batch.{}.loss", step), {1}, {static_cast<float>(result.loss)});
        add(fmt::format("batch.{}.mse_per_sample", step), {static_cast<int64_t>(result.perSample.size())}, result.perSample);
        if (step == 0) {
            addRouting();
            addGradients(tensors);
        }
        m_optimizer.step(tensors, m_recipe.rate, 1);
        m_optimizer.updateAverages(step + 1);
        addStored(fmt::format("param.{}.", step + 1), m_optimizer.values(), m_layout.allValues());
        for (size_t i = 0; i < m_optimizer.averages(); ++i)
            addStored(fmt::format("{}.{}.", m_recipe.averageNames[i], step + 1), m_optimizer.average(i), m_layout.allValues());
        addStored(fmt::format("exp_avg.{}.", step + 1), m_optimizer.moment1(), m_layout.learnedValues());
        addStored(fmt::format("exp_avg_sq.{}.", step + 1), m_optimizer.moment2(), m_layout.learnedValues());
        checkStepCounts(step + 1);
    }

    void add(const std::string& key, Shape shape, const std::vector<float>& values) {
        if (m_file.find(key)) m_computed.outputs.tensors.insert_or_assign(key, floatTensor(std::move(shape), values));
    }

    /// The tensors of flat memory that the reference has under `group`.
    void addStored(const std::string& group, const float* memory, int64_t count) {
        std::vector<float> values;
        for (const train::Parameter& p : m_layout.parameters()) {
            const std::string key = group + m_prefix + p.name;
            if (p.offset + p.values > count || !m_file.find(key)) continue;
            if (values.empty()) {
                values.resize(static_cast<size_t>(count));
                m_device->download(memory, values.data(), count * 4);
            }
            add(key, p.shape, {values.begin() + p.offset, values.begin() + p.offset + p.values});
        }
    }

    void addGradients(const train::StepTensors& tensors) {
        std::vector<float> values(static_cast<size_t>(m_layout.learnedValues()));
        m_device->download(m_optimizer.gradients(), values.data(), m_layout.learnedValues() * 4);
        for (size_t i = 0; i < m_layout.parameters().size(); ++i) {
            const train::Parameter& p = m_layout.parameters()[i];
            if (!p.learned || !tensors.present[i]) continue;
            const std::string key = "grad." + m_prefix + p.name;
            if (!m_file.find(key))
                m_computed.problems.push_back(fmt::format("{}{} has a gradient here and none in the reference", m_prefix, p.name));
            add(key, p.shape, {values.begin() + p.offset, values.begin() + p.offset + p.values});
        }
    }

    void addRouting() {
        for (const train::LayerDecisions& layer : m_network.decisions()) {
            const int64_t pairs = layer.rows * layer.topK;
            std::vector<int32_t> chosen(static_cast<size_t>(pairs));
            std::vector<float> gates(static_cast<size_t>(pairs));
            m_device->download(layer.chosen, chosen.data(), pairs * 4);
            m_device->download(layer.gates, gates.data(), pairs * 4);
            const std::string name = fmt::format("moe.{}.", layer.block);
            m_computed.outputs.tensors.insert_or_assign(
                name + "indices", integerTensor({layer.rows, layer.topK}, std::vector<int64_t>(chosen.begin(), chosen.end())));
            add(name + "weights", {layer.rows, layer.topK}, gates);
        }
    }

    /// case.json lists the counters that it knows of, by parameter.
    void checkStepCounts(int step) {
        const auto counts = m_file.entry.find(fmt::format("adam_step_counter_after_{}_steps", step));
        if (counts == m_file.entry.end() || !counts->is_object()) return;
        for (const auto& [name, expected] : counts->items()) {
            const int index = m_layout.find(name.starts_with(m_prefix) ? name.substr(m_prefix.size()) : name);
            const int64_t found = index < 0 ? -1 : m_optimizer.steps()[static_cast<size_t>(index)];
            if (!expected.is_number() || expected.get<double>() != static_cast<double>(found))
                m_computed.problems.push_back(fmt::format("{} took {} steps, the reference says {}", name, found, expected.dump()));
        }
    }

    const GoldenFile& m_file;
    ModelDescription m_description;
    std::string m_prefix;  // of names behind "init."
    train::ParameterLayout m_layout;
    std::unique_ptr<train::TrainingDevice> m_device;
    Recipe m_recipe;
    train::Optimizer m_optimizer;
    train::TrainingNetwork m_network;
    train::TrainingPass m_pass;
    ComputedFile m_computed;
};

bool isParameter(std::string_view key) { return key.starts_with("param.") || key.starts_with("ema"); }

/// Parameters and averages: the largest error in units of the learning rate.
std::optional<KeyReport> judgeParameter(const std::string& key, const NamedTensor& reference, const NamedTensor* mine, double rate) {
    if (!isParameter(key)) return std::nullopt;
    KeyReport report = compareTensor(key, reference, mine, kStepLimit);
    if (!report.compared) return report;
    const std::vector<float> a = toFloats(*mine), b = toFloats(reference);
    report.error = 0;
    for (size_t i = 0; i < a.size(); ++i) {
        const double error = std::abs(static_cast<double>(a[i]) - b[i]) / rate;
        if (!(error <= report.error)) report.error = error;  // a NaN stays
    }
    report.passed = report.error <= kStepLimit;
    return report;
}

double limitOf(std::string_view key) {
    if (key.starts_with("grad.")) return kGradientLimit;
    if (key.starts_with("exp_avg_sq.")) return kSquareLimit;
    if (key.starts_with("exp_avg.")) return kMomentLimit;
    if (key.starts_with("moe.")) return kGateLimit;
    return kLossLimit;
}

/// The share of all parameter values that is further off than nearly all may be.
void checkMost(const GoldenFile& file, double rate, ComputedFile& computed) {
    int64_t all = 0, beyond = 0;
    for (const auto& [key, mine] : computed.outputs.tensors) {
        if (!isParameter(key)) continue;
        const std::vector<float> a = toFloats(mine), b = toFloats(*file.find(key));
        for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) beyond += std::abs(static_cast<double>(a[i]) - b[i]) / rate > kMostStepLimit;
        all += static_cast<int64_t>(a.size());
    }
    if (static_cast<double>(beyond) > (1 - kMost) * static_cast<double>(all))
        computed.problems.push_back(fmt::format("{} of {} parameter values are off by more than {} learning rates; at most {} % may be", beyond,
                                                all, kMostStepLimit, 100 * (1 - kMost)));
    computed.notes.push_back(fmt::format("parameters and averages in units of the learning rate: limit {} for every value, {} for 99.9 % of them",
                                         kStepLimit, kMostStepLimit));
}

std::vector<ComputedFile> run(CaseContext& context, const GoldenFile& file) {
    CheckpointOptions options;
    options.weightSet = "init";
    options.settings = context.folder().checkpointSettings();
    const auto checkpoint = Checkpoint::open(file.path, options).orThrow();
    if (!checkpoint->view().set().prefix.starts_with("init."))
        throw EngineException(ErrorCode::Format, fmt::format("'{}' should hold the weights before the first step as init.NAME", file.name));
    context.family = checkpoint->description().family;
    GoldenFile withContents = file;
    withContents.entry = context.folder().contents();
    TrainRun training(withContents, *checkpoint, context.folder().contents());
    ComputedFile computed = training.run(context.stop());
    computed.weights = "init";
    computed.dumpStem = file.stem();
    computed.limit = kGradientLimit;
    const double rate = numberAt(context.folder().contents().at("optimizer"), "lr");
    checkMost(file, rate, computed);
    computed.judge = [rate](const std::string& key, const NamedTensor& reference, const NamedTensor* mine) {
        const auto judged = judgeParameter(key, reference, mine, rate);
        return judged ? *judged : compareTensor(key, reference, mine, limitOf(key));
    };
    std::vector<ComputedFile> all;
    all.push_back(std::move(computed));
    return all;
}

}  // namespace

const GoldenKind& trainStepsKind() {
    static const GoldenKind kind{"training run",
                                 [](const auto& keys) { return keys.contains("batch.0.x0") && keys.contains("batch.0.noise"); },
                                 {"init."},
                                 run,
                                 true,
                                 [](const std::string& key) {
                                     constexpr std::array<std::string_view, 5> kInputs{".x0", ".noise", ".t", ".labels", ".y"};
                                     return key.starts_with("batch.") && std::any_of(kInputs.begin(), kInputs.end(), [&](std::string_view end) {
                                                return key.ends_with(end);
                                            });
                                 },
                                 true};
    return kind;
}

}  // namespace moescope::verify
