// SPDX-License-Identifier: Apache-2.0
#include "engine/trace/routing_capture.h"

#include <algorithm>
#include <cstring>
#include <ctime>
#include <span>

namespace moescope {
namespace {

constexpr int64_t kAlignment = 256;  // of views

double threadCpuSeconds() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

int64_t elementBytes(MsDType dtype) {
    return dtype == MS_F32 || dtype == MS_I32 ? 4 : 2;
}

}  // namespace

/// One tensor of a layer: on the device, and where it lies in what is delivered. No elements: not wanted.
struct RoutingCapture::Place {
    Shape shape;
    MsDType dtype = MS_F32;
    int64_t elements = 0, offset = 0;
    DeviceTensor tensor;

    int64_t bytes() const { return elements * elementBytes(dtype); }
    MsTensor* get() const { return tensor.get(); }
};

struct RoutingCapture::LayerPlaces {
    Place counts, mass, rowPtr, expert, gate;         // always, or with assignments
    Place scores, inputNorm, routedNorm, sharedNorm;  // of detailed places
    std::vector<Place*> plain() { return {&counts, &mass, &rowPtr, &expert, &gate}; }
    std::vector<Place*> detail() { return {&scores, &inputNorm, &routedNorm, &sharedNorm}; }
};

/// The tensors of all layers for one number of samples, details behind the rest.
struct RoutingCapture::Buffers {
    int64_t samples = 0;
    std::vector<LayerPlaces> layers;
    int64_t plainBytes = 0, bytes = 0;
    DeviceTensor block;  // all of them; empty where the device has no views
};

/// What came of one evaluation.
struct RoutingCapture::Delivery {
    EvaluationInfo info;
    Buffers* buffers = nullptr;
    std::vector<bool> detailed;
    bool downloaded = false;
    std::vector<std::byte> bytes;

    template <class T>
    std::span<const T> values(const Place& place) const {
        return {reinterpret_cast<const T*>(bytes.data() + place.offset), static_cast<size_t>(place.elements)};
    }
};

RoutingCapture::RoutingCapture(Backend& backend, const ModelDescription& description, CaptureSpec spec, RoutingPool pool)
    : m_backend(backend), m_layers(description.moeLayers), m_spec(std::move(spec)), m_pool(pool) {}

RoutingCapture::~RoutingCapture() = default;

RoutingCapture::Buffers& RoutingCapture::buffersFor(int64_t samples) {
    for (const auto& buffers : m_buffers)
        if (buffers->samples == samples) return *buffers;
    m_buffers.push_back(std::make_unique<Buffers>());
    lay(*m_buffers.back(), samples);
    return *m_buffers.back();
}

void RoutingCapture::lay(Buffers& buffers, int64_t samples) {
    buffers.samples = samples;
    for (const MoeLayerDescriptor& layer : m_layers) {
        LayerPlaces& places = buffers.layers.emplace_back();
        const int64_t tokens = samples * layer.tokensPerSample(), pairs = layer.mostPairs(samples);
        const auto want = [](Place& place, Shape shape, MsDType dtype = MS_F32) {
            place.elements = elementCount(shape);
            place.shape = std::move(shape);
            place.dtype = dtype;
        };
        want(places.counts, {samples, layer.experts}, MS_I32);
        want(places.mass, {samples, layer.experts});
        if (m_spec.level >= CaptureLevel::Assignments) {
            want(places.rowPtr, {tokens + 1}, MS_I32);
            want(places.expert, {pairs}, MS_U16);
            want(places.gate, {pairs});
        }
        if (m_spec.level >= CaptureLevel::Scores) want(places.scores, {tokens, layer.experts});
        if (m_spec.level >= CaptureLevel::Norms)
            for (Place* norm : {&places.inputNorm, &places.routedNorm, &places.sharedNorm}) want(*norm, {tokens});
    }
    const auto place = [&](const std::vector<Place*>& all) {
        for (Place* each : all) {
            each->offset = buffers.bytes;
            buffers.bytes += (each->bytes() + kAlignment - 1) / kAlignment * kAlignment;
        }
    };
    for (LayerPlaces& layer : buffers.layers) place(layer.plain());
    buffers.plainBytes = buffers.bytes;
    for (LayerPlaces& layer : buffers.layers) place(layer.detail());
    if (buffers.bytes == 0) return;

    if (m_backend.hasViews()) {
        // All of it leaves in one piece, with what lies between the places or behind the pairs that there are: not
        // what was in the device's memory before.
        buffers.block = m_backend.tensor({buffers.bytes / elementBytes(MS_F32)});
        m_backend.upload(buffers.block,
                         std::span<const std::byte>(std::vector<std::byte>(static_cast<size_t>(buffers.bytes))));
    }
    for (LayerPlaces& layer : buffers.layers)
        for (const auto& all : {layer.plain(), layer.detail()})
            for (Place* each : all) {
                if (each->elements == 0) continue;
                each->tensor =
                    buffers.block.empty()
                        ? m_backend.tensor(each->shape, each->dtype)
                        : m_backend.view(buffers.block, static_cast<uint64_t>(each->offset), each->shape, each->dtype);
            }
}

void RoutingCapture::reset() {
    for (auto& delivery : m_deliveries) m_spare.push_back(std::move(delivery));
    m_deliveries.clear();
}

void RoutingCapture::begin(const EvaluationInfo& info, int64_t samples) {
    if (!m_deliveries.empty() && !m_deliveries.back()->downloaded) {  // broken off before it was downloaded
        m_spare.push_back(std::move(m_deliveries.back()));
        m_deliveries.pop_back();
    }
    auto delivery = m_spare.empty() ? std::make_unique<Delivery>() : std::move(m_spare.back());
    if (!m_spare.empty()) m_spare.pop_back();
    delivery->info = info;
    delivery->buffers = &buffersFor(samples);
    delivery->downloaded = false;
    delivery->detailed.clear();
    for (const MoeLayerDescriptor& layer : m_layers)
        delivery->detailed.push_back(m_spec.detailed(layer.block, info.step));
    delivery->bytes.resize(static_cast<size_t>(delivery->buffers->bytes));
    m_deliveries.push_back(std::move(delivery));
}

int RoutingCapture::form(const EvaluationInfo& info) {
    std::vector<bool> detailed;
    for (const MoeLayerDescriptor& layer : m_layers) detailed.push_back(m_spec.detailed(layer.block, info.step));
    const auto known = std::find(m_forms.begin(), m_forms.end(), detailed);
    const auto index = known - m_forms.begin();
    if (known == m_forms.end()) m_forms.push_back(std::move(detailed));
    return static_cast<int>(index);
}

const MsRouting* RoutingCapture::routingFor(int layer) {
    const Delivery& delivery = *m_deliveries.back();
    LayerPlaces& places = delivery.buffers->layers[static_cast<size_t>(layer)];
    m_routing = MsRouting{};
    m_routing.size = sizeof(MsRouting);
    m_routing.counts = places.counts.get();
    m_routing.mass = places.mass.get();
    m_routing.rowPtr = places.rowPtr.get();
    m_routing.expert = places.expert.get();
    m_routing.gate = places.gate.get();
    if (delivery.detailed[static_cast<size_t>(layer)]) {
        m_routing.scores = places.scores.get();
        m_routing.inputNorm = places.inputNorm.get();
        m_routing.routedNorm = places.routedNorm.get();
        m_routing.sharedNorm = places.sharedNorm.get();
    }
    return &m_routing;
}

void RoutingCapture::download() {
    Delivery& delivery = *m_deliveries.back();
    Buffers& buffers = *delivery.buffers;
    delivery.downloaded = true;
    const bool anyDetail =
        std::find(delivery.detailed.begin(), delivery.detailed.end(), true) != delivery.detailed.end();
    if (!buffers.block.empty()) {
        const double start = threadCpuSeconds();
        const int64_t bytes = anyDetail ? buffers.bytes : buffers.plainBytes;
        m_backend.download(buffers.block, std::span(delivery.bytes.data(), static_cast<size_t>(bytes)));
        if (m_spec.level >= CaptureLevel::Assignments) m_assignmentSeconds += threadCpuSeconds() - start;
        return;
    }
    const auto fetch = [&](const Place& place) {
        if (place.elements == 0) return;
        m_backend.download(place.tensor,
                           std::span(delivery.bytes.data() + place.offset, static_cast<size_t>(place.bytes())));
    };
    for (size_t layer = 0; layer < buffers.layers.size(); ++layer) {
        LayerPlaces& places = buffers.layers[layer];
        fetch(places.counts);
        fetch(places.mass);
        const double start = threadCpuSeconds();
        for (const Place* place : {&places.rowPtr, &places.expert, &places.gate}) fetch(*place);
        m_assignmentSeconds += threadCpuSeconds() - start;
        if (!delivery.detailed[layer]) continue;
        for (const Place* place : places.detail()) fetch(*place);
    }
}

std::vector<std::shared_ptr<const RoutingRecord>> RoutingCapture::finish() {
    const double start = threadCpuSeconds();
    std::unique_ptr<Delivery> delivery = std::move(m_deliveries.front());
    m_deliveries.erase(m_deliveries.begin());
    std::vector<std::shared_ptr<const RoutingRecord>> records;
    const bool both = delivery->info.uncondRun;
    const int64_t images = both ? delivery->buffers->samples / 2 : delivery->buffers->samples;
    for (size_t layer = 0; layer < m_layers.size(); ++layer) {
        records.push_back(makeRecord(*delivery, static_cast<int>(layer), Branch::Cond, 0, images));
        if (both) records.push_back(makeRecord(*delivery, static_cast<int>(layer), Branch::Uncond, images, images));
    }
    m_spare.push_back(std::move(delivery));
    if (m_spec.level >= CaptureLevel::Assignments) m_assignmentSeconds += threadCpuSeconds() - start;
    return records;
}

std::shared_ptr<const RoutingRecord> RoutingCapture::makeRecord(const Delivery& delivery, int layer, Branch branch,
                                                                int64_t firstSample, int64_t images) const {
    const MoeLayerDescriptor& descriptor = m_layers[static_cast<size_t>(layer)];
    const LayerPlaces& places = delivery.buffers->layers[static_cast<size_t>(layer)];
    const auto slice = [&]<class T>(std::vector<T>& target, const Place& place, int64_t first, int64_t count) {
        if (place.elements == 0) return;
        const std::span<const T> part =
            delivery.values<T>(place).subspan(static_cast<size_t>(first), static_cast<size_t>(count));
        target.assign(part.begin(), part.end());
    };
    auto record = std::make_shared<RoutingRecord>();
    record->evaluation = delivery.info.index;
    record->branch = branch;
    record->network = descriptor.network;
    record->layer = layer;
    // Each branch is a pool of its own, over all images of the pass.
    if (descriptor.policy == RoutingPolicy::BatchPool && m_pool == RoutingPool::Batch) record->pool = branch == Branch::Cond ? 0 : 1;
    slice(record->counts, places.counts, firstSample * descriptor.experts, images * descriptor.experts);
    slice(record->mass, places.mass, firstSample * descriptor.experts, images * descriptor.experts);
    const int64_t firstToken = firstSample * descriptor.tokensPerSample(),
                  tokens = images * descriptor.tokensPerSample();
    if (places.rowPtr.elements) {
        const auto rows = delivery.values<int32_t>(places.rowPtr)
                              .subspan(static_cast<size_t>(firstToken), static_cast<size_t>(tokens) + 1);
        record->rowPtr.reserve(rows.size());
        for (const int32_t row : rows) record->rowPtr.push_back(static_cast<uint32_t>(row - rows.front()));
        slice(record->expert, places.expert, rows.front(), rows.back() - rows.front());
        slice(record->gate, places.gate, rows.front(), rows.back() - rows.front());
    }
    if (delivery.detailed[static_cast<size_t>(layer)]) {
        slice(record->scores, places.scores, firstToken * descriptor.experts, tokens * descriptor.experts);
        slice(record->inputNorm, places.inputNorm, firstToken, tokens);
        slice(record->routedNorm, places.routedNorm, firstToken, tokens);
        slice(record->sharedNorm, places.sharedNorm, firstToken, tokens);
    }
    return record;
}

}  // namespace moescope
