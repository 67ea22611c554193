// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/engine/cuda/moe_case.h"

#include <algorithm>
#include <functional>
#include <numeric>

#include "engine/reference/activation.h"

namespace moescope::test {

using reference::Matrix;

namespace {

MsLinearLayout layoutOf(const MoeOptions& o) {
    return o.gated ? MS_LINEAR_GATED : MS_LINEAR_PLAIN;
}

Matrix<double> mlp(const Matrix<double>& x, const RandomLinear& in, const RandomLinear& out, bool gated,
                   int64_t index) {
    const Matrix<double> hidden = gated ? reference::gatedLinear(x, in.matrix(index), in.biasOf(index))
                                        : reference::mapped(reference::linear(x, in.matrix(index), in.biasOf(index)),
                                                            reference::geluTanh<double>);
    return reference::linear(hidden, out.matrix(index), out.biasOf(index));
}

}  // namespace

int64_t MoeOptions::mostPairs() const {
    if (policy == MS_POLICY_EXPERT_CHOICE) return samples / samplesPerPool * experts * capacity;
    return tokens * (policy == MS_POLICY_POOL_THRESHOLD ? experts : topK);
}

int64_t MoeOptions::margins() const {
    return pools() ? samples / samplesPerPool * experts : tokens;
}

MoeCase::MoeCase(Backend& backend, const MoeOptions& o)
    : m_backend(backend),
      m_options(o),
      m_x(spread(o.tokens * o.width, o.seed, 1.0f)),
      m_in(backend, o.width, o.expertWidth, o.experts, layoutOf(o), o.bias, o.seed + 1, o.storage),
      m_outward(backend, o.expertWidth, o.width, o.experts, MS_LINEAR_PLAIN, o.bias, o.seed + 2, o.storage) {
    const int64_t known = o.bypass ? o.experts - 1 : o.experts;
    m_router = spread(known * o.width, o.seed + 3, 0.5f);
    if (o.policy == MS_POLICY_PROTOTYPE)
        for (int64_t e = 0; e < known; ++e) {
            float* row = m_router.data() + e * o.width;
            double sum = 0;
            for (int64_t i = 0; i < o.width; ++i) sum += static_cast<double>(row[i]) * row[i];
            for (int64_t i = 0; i < o.width; ++i) row[i] = static_cast<float>(row[i] / std::sqrt(sum));
        }
    if (o.editRouter) o.editRouter(m_router);
    m_routerWeights = backend.linear({sizeof(MsLinearDesc), o.width, known, 1, MS_F32, MS_LINEAR_PLAIN, 0});
    backend.check(
        backend.table().linear_load_rows(backend.context(), m_routerWeights.get(), 0, 0, known, m_router.data()));
    m_input = onDevice(backend, {o.tokens, o.width}, m_x);
    m_out = onDevice(backend, {o.tokens, o.width}, std::vector<float>(m_x.size(), std::nanf("")));

    MsMoeLayerDesc& d = m_desc;
    d.size = sizeof d;
    d.policy = o.policy;
    d.samples = o.samples;
    d.experts = o.experts;
    d.topK = o.topK;
    d.groups = o.groups;
    d.keptGroups = o.keptGroups;
    d.scale = o.scale;
    d.router = m_routerWeights.get();
    d.expertIn = m_in.linear.get();
    d.expertOut = m_outward.linear.get();
    d.expertActivation = d.sharedActivation = o.gated ? MS_ACT_NONE : MS_ACT_GELU_TANH;
    d.addNothing = o.addNothing ? 1 : 0;
    d.samplesPerPool = o.samplesPerPool;
    d.capacity = o.capacity;
    if (o.sharedWidth) {
        m_sharedIn.emplace(backend, o.width, o.sharedWidth, 1, layoutOf(o), o.bias, o.seed + 4, o.storage);
        m_sharedOut.emplace(backend, o.sharedWidth, o.width, 1, MS_LINEAR_PLAIN, o.bias, o.seed + 5, o.storage);
        d.sharedIn = m_sharedIn->linear.get();
        d.sharedOut = m_sharedOut->linear.get();
    }
    if (o.selection)
        d.selectionBias = (m_selection = onDevice(backend, {o.experts}, spread(o.experts, o.seed + 6, 0.3f))).get();
    if (o.predictor()) {
        m_predictorIn.emplace(backend, o.width, 13, 1, MS_LINEAR_PLAIN, true, o.seed + 7);
        m_predictorOut.emplace(backend, 13, o.experts, 1, MS_LINEAR_PLAIN, true, o.seed + 8);
        std::vector<float> thresholds = spread(o.experts, o.seed + 9, 0.2f);
        for (float& value : thresholds) value += 0.5f;
        thresholds[0] = 1.0f;  // this expert takes nothing
        d.thresholds = (m_thresholds = onDevice(backend, {o.experts}, thresholds)).get();
        d.predictorIn = m_predictorIn->linear.get();
        d.predictorOut = m_predictorOut->linear.get();
    }
    if (o.bypass) {
        std::vector<int32_t> goRound(static_cast<size_t>(o.samples), 0);
        goRound[goRound.size() / 2] = 1;
        d.bypass = (m_bypass = indices(backend, goRound)).get();
    }
    if (!o.forced.empty()) d.forcedExperts = (m_forced = indices(backend, o.forced, {o.tokens, o.topK})).get();

    MsRouting& r = m_routing;
    r.size = sizeof r;
    const auto room = [&](DeviceTensor& tensor, const Shape& shape, MsDType type = MS_F32) {
        tensor = backend.tensor(shape, type);
        return tensor.get();
    };
    r.rowPtr = room(rowPtr, {o.tokens + 1}, MS_I32);
    r.expert = room(expert, {o.mostPairs()}, MS_U16);
    r.gate = room(gate, {o.mostPairs()});
    r.counts = room(counts, {o.samples, o.experts}, MS_I32);
    r.mass = room(mass, {o.samples, o.experts});
    r.logits = room(logits, {o.tokens, o.experts});
    r.scores = room(scores, {o.tokens, o.experts});
    r.margin = room(margin, {o.margins()});
    r.inputNorm = room(inputNorm, {o.tokens});
    r.routedNorm = room(routedNorm, {o.tokens});
    r.sharedNorm = room(sharedNorm, {o.tokens});
    if (o.predictor()) r.capacityLogits = room(capacityLogits, {o.tokens, o.experts});
}

MsStatus MoeCase::run() {
    return m_backend.table().moe_layer(m_backend.context(), m_input.get(), &m_desc, &m_routing, m_out.get());
}

reference::Pairs<double> MoeCase::recordedPairs() {
    const auto rows = record<int32_t>(rowPtr);
    const auto experts = record<uint16_t>(expert, rows.back());
    const auto gates = record<float>(gate, rows.back());
    reference::Pairs<double> pairs;
    pairs.start.assign(rows.begin(), rows.end());
    pairs.expert.assign(experts.begin(), experts.end());
    pairs.gate.assign(gates.begin(), gates.end());
    return pairs;
}

Matrix<double> MoeCase::logitsMatrix() {
    return Matrix<double>(m_options.tokens, m_options.experts, record<float>(logits));
}

reference::PolicyOutput<double> MoeCase::decided() {
    const MoeOptions& o = m_options;
    // Decided in fp32, as the device does it: what ties there must tie here.
    const Matrix<float> given(o.tokens, o.experts, record<float>(logits));
    const auto wide = [](const reference::PolicyOutput<float>& narrow) {
        reference::PolicyOutput<double> result{
            Matrix<double>(narrow.scores.rows, narrow.scores.cols, narrow.scores.data), {}, {}};
        result.pairs.start = narrow.pairs.start;
        result.pairs.expert = narrow.pairs.expert;
        result.pairs.gate.assign(narrow.pairs.gate.begin(), narrow.pairs.gate.end());
        result.margin.assign(narrow.margin.begin(), narrow.margin.end());
        return result;
    };
    if (o.pools()) {
        const int64_t poolTokens = o.tokens / o.samples * o.samplesPerPool;
        std::vector<int64_t> capacity(static_cast<size_t>(o.samples / o.samplesPerPool * o.experts), o.capacity);
        if (o.policy == MS_POLICY_POOL_THRESHOLD)
            capacity = reference::predictedCapacities(Matrix<float>(o.tokens, o.experts, record<float>(capacityLogits)),
                                                      poolTokens, fetched(m_backend, m_thresholds));
        return wide(reference::chooseByExpert(Matrix<float>(o.tokens, o.experts, record<float>(scores)), poolTokens,
                                              capacity, o.scale));
    }
    if (o.policy == MS_POLICY_TOKEN_CHOICE_SOFTMAX_NORMALISED) {
        auto chosen = reference::chooseByToken(Matrix<float>(o.tokens, o.experts, record<float>(scores)), o.topK, 1.0f);
        for (size_t pair = 0; pair < chosen.pairs.gate.size(); pair += static_cast<size_t>(o.topK)) {
            float* gates = chosen.pairs.gate.data() + pair;
            const float sum = std::accumulate(gates, gates + o.topK, 0.0f) + 1e-20f;
            for (int64_t i = 0; i < o.topK; ++i) gates[i] = (o.topK > 1 ? gates[i] / sum : gates[i]) * o.scale;
        }
        return wide(chosen);
    }
    if (o.policy == MS_POLICY_TOKEN_CHOICE_SOFTMAX)
        return wide(
            reference::chooseByToken(Matrix<float>(o.tokens, o.experts, record<float>(scores)), o.topK, o.scale));
    reference::PolicyOutput<float> result{given, {}, {}};
    if (o.policy == MS_POLICY_PROTOTYPE) {
        const int64_t known = o.bypass ? o.experts - 1 : o.experts, perSample = o.tokens / o.samples;
        for (int64_t t = 0; t < o.tokens; ++t) {
            if (o.bypass && t / perSample == o.samples / 2) {
                result.pairs.add(o.experts - 1, 1.0f);
                result.pairs.endToken();
                result.margin.push_back(std::numeric_limits<float>::infinity());
                continue;
            }
            std::vector<float> row;
            for (int64_t e = 0; e < known; ++e) row.push_back(given(t, e));
            const auto chosen = reference::largest(row, o.topK);
            for (const int64_t e : chosen) result.pairs.add(e, row[static_cast<size_t>(e)] * o.scale);
            result.pairs.endToken();
            result.margin.push_back(reference::cutMargin(row, chosen));
        }
        return wide(result);
    }
    const reference::RouterShape shape{o.experts, o.topK, o.groups, o.keptGroups, o.scale};
    const auto routed =
        reference::route(given, o.selection ? fetched(m_backend, m_selection) : std::vector<float>{}, shape);
    result.scores = routed.scores;
    result.margin = routed.margin;
    for (int64_t t = 0; t < o.tokens; ++t) {
        for (int64_t j = 0; j < o.topK; ++j) {
            const auto place = static_cast<size_t>(t * o.topK + j);
            if (o.forced.empty()) result.pairs.add(routed.expert[place], routed.gate(t, j));
        }
        result.pairs.endToken();
    }
    return wide(result);
}

reference::MoeLayerOutput<double> MoeCase::computed() {
    const MoeOptions& o = m_options;
    const Matrix<double> x(o.tokens, o.width, m_x);
    Matrix<double> routed = reference::routedSum(x, recordedPairs(), [&](const Matrix<double>& row, int64_t e) {
        return mlp(row, m_in, m_outward, o.gated, e);
    });
    Matrix<double> shared = m_sharedIn     ? mlp(x, *m_sharedIn, *m_sharedOut, o.gated, 0)
                            : o.addNothing ? Matrix<double>(o.tokens, o.width)
                                           : x;
    Matrix<double> sum = routed;
    for (size_t i = 0; i < sum.data.size(); ++i) sum.data[i] += shared.data[i];
    return {std::move(routed), std::move(shared), std::move(sum)};
}

std::vector<double> MoeCase::computedRow(int64_t token, const reference::Pairs<double>& recorded) const {
    const MoeOptions& o = m_options;
    const auto first = m_x.begin() + token * o.width;
    const Matrix<double> x(1, o.width, std::vector<float>(first, first + o.width));
    std::vector<double> sum(static_cast<size_t>(o.width));
    const auto add = [&](const Matrix<double>& row, double gate) {
        for (size_t i = 0; i < sum.size(); ++i) sum[i] += gate * row.data[i];
    };
    if (m_sharedIn)
        add(mlp(x, *m_sharedIn, *m_sharedOut, o.gated, 0), 1);
    else if (!o.addNothing)
        add(x, 1);
    for (auto p = static_cast<size_t>(recorded.start[static_cast<size_t>(token)]);
         p < static_cast<size_t>(recorded.start[static_cast<size_t>(token) + 1]); ++p)
        add(mlp(x, m_in, m_outward, o.gated, recorded.expert[p]), recorded.gate[p]);
    return sum;
}

std::vector<float> MoeCase::everything() {
    std::vector<float> all = out();
    for (const DeviceTensor* tensor : {&mass, &logits, &scores, &margin, &inputNorm, &routedNorm, &sharedNorm}) {
        const auto values = fetched(m_backend, *tensor);
        all.insert(all.end(), values.begin(), values.end());
    }
    const auto pairs = recordedPairs();
    for (const int64_t start : pairs.start) all.push_back(static_cast<float>(start));
    for (const int64_t e : pairs.expert) all.push_back(static_cast<float>(e));
    for (const double g : pairs.gate) all.push_back(static_cast<float>(g));
    for (const int32_t count : record<int32_t>(counts)) all.push_back(static_cast<float>(count));
    return all;
}

}  // namespace moescope::test
