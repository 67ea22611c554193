// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/session/run_assembler.h"

#include <algorithm>
#include <utility>

#include "engine/sampling/latent_preview.h"
#include "engine/sampling/run_recorder.h"

namespace moescope {

std::shared_ptr<const EvaluationRecord> joinImages(const EvaluationRecord& a, const EvaluationRecord& b) {
    const auto joined = [](const auto& first, const auto& second) {
        std::remove_cvref_t<decltype(first)> both;
        both.reserve(first.size() + second.size());
        both.insert(both.end(), first.begin(), first.end());
        both.insert(both.end(), second.begin(), second.end());
        return both;
    };
    return std::make_shared<const EvaluationRecord>(
        EvaluationRecord{a.info, joined(a.noisy, b.noisy), joined(a.velocity, b.velocity), joined(a.preview, b.preview)});
}

RunAssembler::RunAssembler(RunId id, const ModelDescription& description, const GenerationRequest& request, bool withLatents)
    : m_withLatents(withLatents) {
    const TransformerConfig& config = description.config;
    m_now.id = id;
    m_now.parameters = recordedParameters(description, request);
    m_now.classIds = request.classes;
    m_now.images = static_cast<int64_t>(request.classes.size());
    m_now.latentShape = {config.inChannels, config.inputSide(), config.inputSide()};
    m_now.precision = request.precision;
    const PreviewSize preview = previewSize(description.space, m_now.latentShape);
    m_now.previewHeight = preview.height;
    m_now.previewWidth = preview.width;
    m_now.plannedEvaluations = plannedEvaluations(description.prediction, request.sampler);
    m_now.pictures.resize(static_cast<size_t>(m_now.images));
    m_trace.images = m_now.images;
    m_trace.networks = description.networks;
    if (m_trace.networks.empty()) m_trace.networks = {description.family};
    m_trace.layers = description.moeLayers;
    m_trace.text = textPieces(description, request);
    m_now.routing = std::make_shared<const RoutingTrace>(m_trace);
}

void RunAssembler::routingCaptured(std::shared_ptr<const RoutingRecord> record, int64_t) {
    m_pending.push_back(std::move(record));
}

void RunAssembler::merge(const std::shared_ptr<const RoutingRecord>& record, int64_t firstImage) {
    if (firstImage == 0) {
        m_trace.records.push_back(record);
        return;
    }
    // Networks of a mixture may have run for some groups of images only.
    const MoeLayerDescriptor& layer = m_trace.layers[static_cast<size_t>(record->layer)];
    for (auto& there : m_trace.records)
        if (there->evaluation == record->evaluation && there->branch == record->branch && there->layer == record->layer) {
            there = joinImages(*paddedTo(firstImage, there, *record, layer), *record);
            return;
        }
    m_trace.records.push_back(joinImages(*paddedTo(firstImage, nullptr, *record, layer), *record));
}

void RunAssembler::evaluationCompleted(const EvaluationRecord& evaluation, int64_t firstImage) {
    std::shared_ptr<const EvaluationRecord> part =
        m_withLatents ? std::make_shared<const EvaluationRecord>(evaluation)
                      : std::make_shared<const EvaluationRecord>(EvaluationRecord{evaluation.info, {}, {}, evaluation.preview});
    const auto index = static_cast<size_t>(evaluation.info.index);
    if (firstImage == 0) {
        m_now.evaluations.push_back(std::move(part));
    } else if (index < m_now.evaluations.size()) {
        m_now.evaluations[index] = joinImages(*m_now.evaluations[index], *part);
    }
    const size_t bytesEach = static_cast<size_t>(m_now.previewHeight) * static_cast<size_t>(m_now.previewWidth) * 3;
    m_imagesOf.resize(m_now.evaluations.size());
    if (index < m_imagesOf.size()) m_imagesOf[index] = firstImage + static_cast<int64_t>(evaluation.preview.size() / std::max<size_t>(1, bytesEach));
    for (const auto& record : m_pending) merge(record, firstImage);
    m_pending.clear();
    m_now.routing = std::make_shared<const RoutingTrace>(m_trace);
}

void RunAssembler::pictureFinished(int64_t image, const Picture& picture) {
    if (image >= 0 && image < m_now.images) m_now.pictures[static_cast<size_t>(image)] = std::make_shared<const Picture>(picture);
}

RunViewPtr RunAssembler::view() const {
    return std::make_shared<const RunView>(m_now);
}

/// Every evaluation of a first group that broke off. Later groups never come here: the engine kept what was before them.
std::shared_ptr<const RunRecord> RunAssembler::salvaged() const {
    if (m_now.evaluations.empty()) return nullptr;
    const int64_t images = m_imagesOf.front();
    if (images < 1 || std::any_of(m_imagesOf.begin(), m_imagesOf.end(), [&](int64_t each) { return each != images; })) return nullptr;
    auto record = std::make_shared<RunRecord>();
    record->parameters = m_now.parameters;
    record->images = images;
    record->classIds.assign(m_now.classIds.begin(), m_now.classIds.begin() + images);
    record->latentShape = m_now.latentShape;
    record->precision = m_now.precision;
    record->previewHeight = m_now.previewHeight;
    record->previewWidth = m_now.previewWidth;
    for (const auto& evaluation : m_now.evaluations) {
        record->parameters.nfe.push_back(static_cast<double>(evaluation->info.timestep));
        record->evaluations.push_back(*evaluation);
    }
    record->routing = m_trace;
    record->routing.images = images;
    if (!record->routing.text.prompts.empty()) record->routing.text.prompts.resize(static_cast<size_t>(images));
    return record;
}

RunViewPtr RunAssembler::ended(std::shared_ptr<const RunRecord> record, std::optional<EngineError> error) const {
    const RunState state = !error                                  ? RunState::Finished
                           : error->code == ErrorCode::Cancelled ? RunState::Cancelled
                                                                   : RunState::Failed;
    if (record && record->images == 0) record = nullptr;
    if (!record && error) record = salvaged();
    auto last = std::make_shared<RunView>(record ? *viewOf(std::move(record), m_now.id, state) : m_now);
    last->state = state;
    last->error = std::move(error);
    if (!last->record) last->plannedEvaluations = static_cast<int>(last->evaluations.size());
    return last;
}

}  // namespace moescope
