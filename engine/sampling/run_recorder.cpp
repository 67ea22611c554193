// SPDX-License-Identifier: Apache-2.0
#include "engine/sampling/run_recorder.h"

#include <algorithm>
#include <iterator>

#include "engine/sampling/latent_preview.h"

namespace moescope {
namespace {

template <class T>
void append(std::vector<T>& to, std::vector<T>&& from) {
    to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

}  // namespace

RunRecorder::RunRecorder(const Denoiser& denoiser, const GenerationRequest& request, RoutingCapture& capture,
                         GenerationObserver* observer, int64_t firstImage, int64_t images, int done, int total)
    : m_request(request),
      m_observer(observer),
      m_backend(denoiser.backend()),
      m_description(denoiser.description()),
      m_capture(capture),
      m_firstImage(firstImage),
      m_done(done),
      m_total(total) {
    const TransformerConfig& c = m_description.config;
    m_record.images = images;
    m_record.latentShape = {c.inChannels, c.inputSide(), c.inputSide()};
    m_record.precision = request.precision;
    const PreviewSize size = previewSize(m_description.space, m_record.latentShape);
    m_record.previewHeight = size.height;
    m_record.previewWidth = size.width;
    m_record.routing.images = images;
    m_record.routing.networks = {m_description.family};
    m_record.routing.layers = m_description.moeLayers;
    m_clean.resize(static_cast<size_t>(images * elementCount(m_record.latentShape)));
    m_capture.reset();
}

DenoiserObserver* RunRecorder::beforeEvaluation(const EvaluationInfo& info, int64_t samples) {
    m_capture.begin(info, samples);
    return &m_capture;
}

void RunRecorder::evaluated(const EvaluationView& view) {
    Arrival& arrival = m_awaited.emplace_back();
    arrival.info = view.info;
    arrival.noisy.resize(m_clean.size());
    arrival.velocity.resize(m_clean.size());
    m_backend.download(view.input, std::span(arrival.noisy));  // of one branch: both see the same
    m_backend.download(view.velocity, std::span(arrival.velocity));
    m_capture.download();
}

void RunRecorder::arrived() {
    const Arrival arrival = std::move(m_awaited.front());
    m_awaited.pop_front();
    auto routing = m_capture.finish();
    const double floor = m_description.prediction == Prediction::CleanImage ? m_request.sampler.tEps : 0.0;
    const float span = std::max(arrival.info.noiseLevel, static_cast<float>(floor));
    for (size_t i = 0; i < m_clean.size(); ++i) m_clean[i] = arrival.noisy[i] + span * arrival.velocity[i];

    EvaluationRecord record;
    record.info = arrival.info;
    record.preview = makePreviews(m_description.space, m_clean, m_record.latentShape, m_record.images);
    if (m_request.keepLatents) {
        record.noisy = packLatents(arrival.noisy, m_request.precision);
        record.velocity = packLatents(arrival.velocity, m_request.precision);
    }
    m_passes += arrival.info.uncondRun ? 2 : 1;
    ++m_done;
    if (m_observer) {
        for (const auto& layer : routing) m_observer->routingCaptured(layer, m_firstImage);
        m_observer->evaluationCompleted(m_done, m_total, record, m_firstImage);
    }
    append(m_record.routing.records, std::move(routing));
    m_record.evaluations.push_back(std::move(record));
}

std::shared_ptr<const RoutingRecord> joinImages(const RoutingRecord& a, const RoutingRecord& b) {
    auto both = std::make_shared<RoutingRecord>(a);
    const auto extend = [](auto& to, const auto& from) { to.insert(to.end(), from.begin(), from.end()); };
    extend(both->counts, b.counts);
    extend(both->mass, b.mass);
    if (!a.rowPtr.empty() && !b.rowPtr.empty()) {
        const uint32_t offset = a.rowPtr.back();
        for (size_t token = 1; token < b.rowPtr.size(); ++token) both->rowPtr.push_back(b.rowPtr[token] + offset);
    }
    extend(both->expert, b.expert);
    extend(both->gate, b.gate);
    extend(both->scores, b.scores);
    extend(both->inputNorm, b.inputNorm);
    extend(both->routedNorm, b.routedNorm);
    extend(both->sharedNorm, b.sharedNorm);
    return both;
}

RunRecord RunRecorder::take() {
    return std::move(m_record);
}

void appendImages(RunRecord& run, RunRecord&& group) {
    if (run.images == 0) {
        run.latentShape = group.latentShape;
        run.precision = group.precision;
        run.previewHeight = group.previewHeight;
        run.previewWidth = group.previewWidth;
        run.evaluations = std::move(group.evaluations);
        run.routing = std::move(group.routing);
        run.finalLatents = std::move(group.finalLatents);
    } else {
        for (size_t e = 0; e < run.evaluations.size(); ++e) {
            append(run.evaluations[e].noisy, std::move(group.evaluations[e].noisy));
            append(run.evaluations[e].velocity, std::move(group.evaluations[e].velocity));
            append(run.evaluations[e].preview, std::move(group.evaluations[e].preview));
        }
        for (size_t r = 0; r < run.routing.records.size(); ++r)
            run.routing.records[r] = joinImages(*run.routing.records[r], *group.routing.records[r]);
        append(run.finalLatents.data, std::move(group.finalLatents.data));
        run.finalLatents.shape[0] += group.images;
    }
    append(run.pictures, std::move(group.pictures));
    append(run.classIds, std::move(group.classIds));
    run.images += group.images;
    run.routing.images = run.images;
}

}  // namespace moescope
