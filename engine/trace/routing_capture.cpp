// SPDX-License-Identifier: Apache-2.0
#include "engine/trace/routing_capture.h"

#include <ctime>

namespace moescope {
namespace {

double threadCpuSeconds() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

template <class T>
std::vector<T> slice(const std::vector<T>& all, int64_t first, int64_t count) {
    return all.empty() ? std::vector<T>{} : std::vector<T>(all.begin() + first, all.begin() + first + count);
}

}  // namespace

/// Device tensors of one layer and where they are copied to.
struct RoutingCapture::LayerBuffers {
    int64_t tokens = 0, pairs = 0;
    bool detailed = false;
    DeviceTensor counts, mass, rowPtr, expert, gate, scores, inputNorm, routedNorm, sharedNorm;
    MsRouting routing{};
    std::vector<int32_t> hostCounts, hostRowPtr;
    std::vector<uint16_t> hostExpert;
    std::vector<float> hostMass, hostGate, hostScores, hostInputNorm, hostRoutedNorm, hostSharedNorm;
};

RoutingCapture::RoutingCapture(Backend& backend, const ModelDescription& description, CaptureSpec spec, RoutingPool pool)
    : m_backend(backend), m_layers(description.moeLayers), m_spec(std::move(spec)), m_pool(pool) {}

RoutingCapture::~RoutingCapture() = default;

void RoutingCapture::begin(const EvaluationInfo& info, int64_t samples) {
    m_info = info;
    if (samples == m_samples) return;
    m_samples = samples;
    m_buffers.clear();
    for (const MoeLayerDescriptor& layer : m_layers) {
        auto buffers = std::make_unique<LayerBuffers>();
        LayerBuffers& b = *buffers;
        b.tokens = samples * layer.tokensPerSample();
        b.pairs = layer.mostPairs(samples);
        const auto host = [](auto& vector, int64_t count) { vector.resize(static_cast<size_t>(count)); };
        b.counts = m_backend.tensor({samples, layer.experts}, MS_I32);
        b.mass = m_backend.tensor({samples, layer.experts});
        host(b.hostCounts, samples * layer.experts);
        host(b.hostMass, samples * layer.experts);
        if (m_spec.level >= CaptureLevel::Assignments) {
            b.rowPtr = m_backend.tensor({b.tokens + 1}, MS_I32);
            b.expert = m_backend.tensor({b.pairs}, MS_U16);
            b.gate = m_backend.tensor({b.pairs});
            host(b.hostRowPtr, b.tokens + 1);
            host(b.hostExpert, b.pairs);
            host(b.hostGate, b.pairs);
        }
        if (m_spec.level >= CaptureLevel::Scores) {
            b.scores = m_backend.tensor({b.tokens, layer.experts});
            host(b.hostScores, b.tokens * layer.experts);
        }
        if (m_spec.level >= CaptureLevel::Norms)
            for (auto [tensor, values] : {std::pair(&b.inputNorm, &b.hostInputNorm), std::pair(&b.routedNorm, &b.hostRoutedNorm),
                                          std::pair(&b.sharedNorm, &b.hostSharedNorm)}) {
                *tensor = m_backend.tensor({b.tokens});
                host(*values, b.tokens);
            }
        m_buffers.push_back(std::move(buffers));
    }
}

const MsRouting* RoutingCapture::routingFor(int layer) {
    LayerBuffers& b = *m_buffers[static_cast<size_t>(layer)];
    b.detailed = m_spec.detailed(m_layers[static_cast<size_t>(layer)].block, m_info.step);
    b.routing = MsRouting{};
    b.routing.size = sizeof(MsRouting);
    b.routing.counts = b.counts.get();
    b.routing.mass = b.mass.get();
    b.routing.rowPtr = b.rowPtr.get();
    b.routing.expert = b.expert.get();
    b.routing.gate = b.gate.get();
    if (b.detailed) {
        b.routing.scores = b.scores.get();
        b.routing.inputNorm = b.inputNorm.get();
        b.routing.routedNorm = b.routedNorm.get();
        b.routing.sharedNorm = b.sharedNorm.get();
    }
    return &b.routing;
}

void RoutingCapture::routed(int layer) {
    LayerBuffers& b = *m_buffers[static_cast<size_t>(layer)];
    m_backend.download(b.counts, std::span(b.hostCounts));
    m_backend.download(b.mass, std::span(b.hostMass));
    const double start = threadCpuSeconds();
    if (!b.rowPtr.empty()) {
        m_backend.download(b.rowPtr, std::span(b.hostRowPtr));
        m_backend.download(b.expert, std::span(b.hostExpert));
        m_backend.download(b.gate, std::span(b.hostGate));
    }
    m_assignmentSeconds += threadCpuSeconds() - start;
    if (!b.detailed) return;
    m_backend.download(b.scores, std::span(b.hostScores));
    if (b.inputNorm.empty()) return;
    m_backend.download(b.inputNorm, std::span(b.hostInputNorm));
    m_backend.download(b.routedNorm, std::span(b.hostRoutedNorm));
    m_backend.download(b.sharedNorm, std::span(b.hostSharedNorm));
}

std::vector<std::shared_ptr<const RoutingRecord>> RoutingCapture::finish() {
    m_backend.synchronize();
    const double start = threadCpuSeconds();
    std::vector<std::shared_ptr<const RoutingRecord>> records;
    const int64_t images = m_info.uncondRun ? m_samples / 2 : m_samples;
    for (size_t layer = 0; layer < m_buffers.size(); ++layer) {
        records.push_back(makeRecord(*m_buffers[layer], static_cast<int>(layer), Branch::Cond, 0, images));
        if (m_info.uncondRun)
            records.push_back(makeRecord(*m_buffers[layer], static_cast<int>(layer), Branch::Uncond, images, images));
    }
    if (m_spec.level >= CaptureLevel::Assignments) m_assignmentSeconds += threadCpuSeconds() - start;
    return records;
}

std::shared_ptr<const RoutingRecord> RoutingCapture::makeRecord(const LayerBuffers& b, int layer, Branch branch, int64_t firstSample,
                                                                int64_t images) const {
    const MoeLayerDescriptor& descriptor = m_layers[static_cast<size_t>(layer)];
    auto record = std::make_shared<RoutingRecord>();
    record->evaluation = m_info.index;
    record->branch = branch;
    record->network = descriptor.network;
    record->layer = layer;
    // Each branch is a pool of its own, over all images of the pass.
    if (descriptor.policy == RoutingPolicy::BatchPool && m_pool == RoutingPool::Batch) record->pool = branch == Branch::Cond ? 0 : 1;
    record->counts = slice(b.hostCounts, firstSample * descriptor.experts, images * descriptor.experts);
    record->mass = slice(b.hostMass, firstSample * descriptor.experts, images * descriptor.experts);
    const int64_t firstToken = firstSample * descriptor.tokensPerSample(), tokens = images * descriptor.tokensPerSample();
    if (!b.hostRowPtr.empty()) {
        const int32_t* rows = b.hostRowPtr.data() + firstToken;
        record->rowPtr.reserve(static_cast<size_t>(tokens) + 1);
        for (int64_t token = 0; token <= tokens; ++token) record->rowPtr.push_back(static_cast<uint32_t>(rows[token] - rows[0]));
        record->expert = slice(b.hostExpert, rows[0], rows[tokens] - rows[0]);
        record->gate = slice(b.hostGate, rows[0], rows[tokens] - rows[0]);
    }
    if (b.detailed) {
        record->scores = slice(b.hostScores, firstToken * descriptor.experts, tokens * descriptor.experts);
        record->inputNorm = slice(b.hostInputNorm, firstToken, b.hostInputNorm.empty() ? 0 : tokens);
        record->routedNorm = slice(b.hostRoutedNorm, firstToken, b.hostRoutedNorm.empty() ? 0 : tokens);
        record->sharedNorm = slice(b.hostSharedNorm, firstToken, b.hostSharedNorm.empty() ? 0 : tokens);
    }
    return record;
}

}  // namespace moescope
