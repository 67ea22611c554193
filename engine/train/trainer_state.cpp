// SPDX-License-Identifier: Apache-2.0
// The state of a training run as one safetensors file: flat memory, moments, averages, step counts.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <tuple>

#include "engine/io/safetensors_writer.h"
#include "engine/io/tensor_source.h"
#include "engine/model/prompt_tokenizer.h"
#include "engine/train/trainer.h"

namespace moescope::train {
namespace {

constexpr int64_t kPiece = int64_t{1} << 20;  // values written at a time

/// A number for the order, names and shapes of the parameters.
/// Of the tensors and of the vocabulary that gives a prompt encoder's rows their meaning.
std::string layoutFingerprint(const ParameterLayout& layout, const ModelDescription& description) {
    uint64_t hash = 14695981039346656037ull;
    const auto add = [&hash](std::string_view text) {
        for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ull;
    };
    for (const Parameter& p : layout.parameters()) add(p.name + shapeText(p.shape));
    if (description.prompt.tokenizer) add(description.prompt.tokenizer->bytes());
    return fmt::format("{:016x}", hash);
}

/// The parts of the flat memory, by the names that the file gives them.
std::vector<std::tuple<std::string, float*, int64_t>> partsOf(Optimizer& optimizer, const ParameterLayout& layout) {
    std::vector<std::tuple<std::string, float*, int64_t>> parts{{"values", optimizer.values(), layout.allValues()},
                                                                {"moment1", optimizer.moment1(), layout.learnedValues()},
                                                                {"moment2", optimizer.moment2(), layout.learnedValues()}};
    for (size_t i = 0; i < optimizer.averages(); ++i) parts.emplace_back(fmt::format("average.{}", i), optimizer.average(i), layout.allValues());
    return parts;
}

}  // namespace

Status Trainer::save(const std::filesystem::path& file) const {
    auto& self = const_cast<Trainer&>(*this);
    std::vector<SafetensorsEntry> entries;
    for (const auto& [name, memory, count] : partsOf(self.m_optimizer, m_layout)) {
        entries.push_back({name, DType::F32, {count}, [this, from = memory, values = count](const SafetensorsEntry::Sink& sink) {
                               std::vector<float> piece;
                               for (int64_t at = 0; at < values; at += kPiece) {
                                   piece.resize(static_cast<size_t>(std::min(kPiece, values - at)));
                                   m_device->download(from + at, piece.data(), static_cast<int64_t>(piece.size()) * 4);
                                   sink(std::as_bytes(std::span(piece)));
                               }
                               return Status();
                           }});
    }
    const std::vector<int64_t>& steps = m_optimizer.steps();
    entries.push_back(safetensorsEntry("steps", DType::I64, {static_cast<int64_t>(steps.size())}, std::as_bytes(std::span(steps))));
    return writeSafetensors(file, entries,
                            {{"moescope.content", "state of a training run"},
                             {"step", std::to_string(m_steps)},
                             {"layout", layoutFingerprint(m_layout, m_description)},
                             {"recipe", m_recipe.text}});
}

Status Trainer::load(const std::filesystem::path& file) {
    const auto opened = openTensorSource(file);
    if (!opened.ok()) return opened.error();
    const TensorSource& source = **opened;
    const auto text = [&](const char* key) {
        const auto found = source.metadata().find(key);
        return found != source.metadata().end() && found->is_string() ? found->get<std::string>() : std::string();
    };
    const auto refuse = [&](const std::string& why) {
        return Status(ErrorCode::Format, fmt::format("'{}' is not a state that this recipe can go on from: {}; remove it or use the recipe it was "
                                                     "made with",
                                                     file.filename().string(), why));
    };
    if (text("moescope.content") != "state of a training run") return refuse("it holds no training state");
    if (text("layout") != layoutFingerprint(m_layout, m_description)) return refuse("its model has other parameters or another vocabulary");
    const std::string step = text("step");
    if (step.empty() || step.size() > 18 || !std::all_of(step.begin(), step.end(), [](unsigned char c) { return std::isdigit(c) != 0; }))
        return refuse("it does not say its step");
    std::vector<int64_t> steps(m_layout.parameters().size());
    const TensorInfo* counts = source.find("steps");
    if (!counts || counts->dtype != DType::I64 || counts->elements() != static_cast<int64_t>(steps.size())) return refuse("it holds no step counts");
    if (const Status read = source.readRaw(*counts, std::as_writable_bytes(std::span(steps))); !read.ok()) return read;
    // Everything is looked at before anything is changed.
    const auto parts = partsOf(m_optimizer, m_layout);
    for (const auto& [name, memory, count] : parts) {
        const TensorInfo* tensor = source.find(name);
        if (!tensor || tensor->dtype != DType::F32 || tensor->elements() != count) return refuse(fmt::format("it holds no {} of {} values", name, count));
    }
    for (const auto& [name, memory, count] : parts) {
        std::vector<float> values(static_cast<size_t>(count));
        if (const Status read = source.readFloat(*source.find(name), values); !read.ok()) return read;
        m_device->upload(values.data(), memory, count * 4);
    }
    m_optimizer.steps() = steps;
    m_steps = std::stoll(step);
    return {};
}

}  // namespace moescope::train
