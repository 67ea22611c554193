// SPDX-License-Identifier: GPL-3.0-or-later
// Time of the operations of one training step, by operation, in the order and at the sizes of a small network on
// pixels: width 128, 8 blocks, 4 heads, 64 image tokens and from block 3 on 8 tokens in front, mixtures in odd blocks.
// Usage: training_ops [threads] [steps] [batch]
//
// Times are of the process (all threads), so that others on the machine disturb little. Medians over the steps.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "engine/train/training_device.h"

namespace moescope::bench {
namespace {

using namespace train;

double seconds() {
    timespec now{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

struct Shape {
    int64_t samples = 64, width = 128, depth = 8, heads = 4, image = 64, lead = 8, start = 3, inner = 341;
    int64_t experts = 8, topK = 2, expertWidth = 128;
};

class Step {
public:
    Step(TrainingDevice& device, const Shape& shape) : m_device(device), m_shape(shape) {}

    void run(std::map<std::string, double>& times, double& operations) {
        m_times = &times;
        m_operations = 0;
        m_next = 0;
        step();
        operations = m_operations;
    }

private:
    /// Memory that stays from step to step, all in one block as a trainer has it: the same request gets the same place.
    float* values(int64_t count, float scale = 0) {
        const size_t index = m_next++;
        if (index < m_places.size()) return m_places[index];
        const int64_t bytes = (count * 4 + 63) / 64 * 64;
        if (m_used + bytes > m_block->bytes()) std::abort();
        m_places.push_back(reinterpret_cast<float*>(m_block->data() + m_used));
        m_used += bytes;
        std::vector<float> start(static_cast<size_t>(count));
        std::normal_distribution<float> normal(0, scale > 0 ? scale : 1);
        if (scale > 0)
            for (float& value : start) value = normal(m_random);
        m_device.upload(start.data(), m_places.back(), count * 4);
        return m_places.back();
    }
    /// Memory of the backward that all blocks use in turn.
    float* temporary(const char* name, int64_t count) {
        float*& place = m_temporaries[name];
        if (!place) {
            place = reinterpret_cast<float*>(m_block->data() + m_used);
            m_used += (count * 8 + 63) / 64 * 64;  // twice the first request: later blocks have more tokens
            if (m_used > m_block->bytes()) std::abort();
        }
        return place;
    }
    int32_t* integers(int64_t count) { return reinterpret_cast<int32_t*>(values(count)); }

    void timed(const std::string& name, double multiplyAdds, const std::function<void()>& work) {
        const double begin = seconds();
        work();
        (*m_times)[name] += seconds() - begin;
        m_operations += 2 * multiplyAdds;
    }

    struct Linear {
        LinearShape shape;
        float *weight, *bias, *dWeight, *dBias;
    };
    Linear makeLinear(int64_t rows, int64_t in, int64_t out) {
        return {{rows, in, out}, values(in * out, 0.05f), values(out, 0.05f), values(in * out), values(out)};
    }
    void forward(const char* name, const Linear& l, const float* x, float* y) {
        timed(std::string(name) + " forward", static_cast<double>(l.shape.rows * l.shape.in * l.shape.out),
              [&] { m_device.linear(l.shape, x, l.weight, l.bias, y); });
    }
    void backward(const char* name, const Linear& l, const float* x, const float* dy, float* dx) {
        timed(std::string(name) + " backward", 2.0 * static_cast<double>(l.shape.rows * l.shape.in * l.shape.out),
              [&] { m_device.linearBackward(l.shape, x, l.weight, dy, dx, false, l.dWeight, l.dBias); });
    }

    void step() {
        const Shape& s = m_shape;
        float* x = values(s.samples * (s.image + s.lead) * s.width, 1.0f);
        float* dx = values(s.samples * (s.image + s.lead) * s.width, 0.01f);
        float* condition = values(s.samples * s.width, 1.0f);
        std::vector<std::function<void(float*)>> backwards;
        for (int64_t i = 0; i < s.depth; ++i) x = block(i, x, condition, backwards);
        for (auto run = backwards.rbegin(); run != backwards.rend(); ++run) (*run)(dx);
        const int64_t parameters = int64_t{2600} * 1000;
        float *gradient = values(parameters, 0.01f), *p = values(parameters, 1), *m = values(parameters),
              *v = values(parameters);
        float *one = values(parameters), *other = values(parameters);
        timed("adam", 0, [&] { m_device.adam(parameters, {}, gradient, p, m, v); });
        timed("averages", 0, [&] {
            m_device.average(parameters, 0.999, p, one);
            m_device.average(parameters, 0.9996, p, other);
        });
        timed("norm of gradient", 0, [&] { m_device.squareSum(parameters, gradient); });
        timed("zero", 0, [&] { m_device.zero(parameters, one); });
    }

    float* block(int64_t index, float* x, float* condition, std::vector<std::function<void(float*)>>& backwards) {
        const Shape& s = m_shape;
        const int64_t lead = index >= s.start ? s.lead : 0, tokens = s.image + lead, rows = s.samples * tokens,
                      width = s.width;
        const Linear modulate = makeLinear(s.samples, width, 6 * width);
        float *active = values(s.samples * width), *modulation = values(s.samples * 6 * width);
        float* dModulation = values(s.samples * 6 * width);
        timed("activate", 0, [&] { m_device.activate(Activation::Silu, s.samples * width, condition, active); });
        forward("modulation", modulate, active, modulation);
        float* dActive = temporary("dActive", s.samples * width);
        backwards.push_back([=, this](float*) { backward("modulation", modulate, active, dModulation, dActive); });
        float* attended = branch(x, rows, tokens, modulation, dModulation, 0, backwards,
                                 [&](const float* in, float* out) { attention(rows, tokens, lead, in, out); });
        float* fed =
            branch(attended, rows, tokens, modulation, dModulation, 3, backwards,
                   [&](const float* in, float* out) { index % 2 ? mixture(rows, in, out) : dense(rows, in, out); });
        return fed;
    }

    /// x + gate * inside(norm(x)).
    template <class Inside>
    float* branch(float* x, int64_t rows, int64_t tokens, float* modulation, float* dModulation, int64_t chunk,
                  std::vector<std::function<void(float*)>>& backwards, const Inside& inside) {
        const int64_t width = m_shape.width, stride = 6 * width, samples = m_shape.samples;
        const NormShape norm{NormKind::Rms, samples, tokens, width, 1e-6f};
        float *weight = values(width, 1.0f), *dWeight = values(width), *scale = values(rows),
              *normed = values(rows * width);
        // Room for the tokens that later blocks have in front.
        float *inner = values(rows * width), *y = values(samples * (m_shape.image + m_shape.lead) * width);
        float *dInner = temporary("dInner", rows * width), *dNormed = temporary("dNormed", rows * width);
        const Modulation places{modulation + chunk * width, modulation + (chunk + 1) * width, stride};
        const ModulationGradient gradients{dModulation + chunk * width, dModulation + (chunk + 1) * width, stride};
        const float* gate = modulation + (chunk + 2) * width;
        float* dGate = dModulation + (chunk + 2) * width;
        timed("norm forward", 0, [&] { m_device.norm(norm, x, weight, places, scale, nullptr, normed); });
        m_dInner = dInner;
        m_dNormed = dNormed;
        const size_t before = m_inside.size();
        inside(normed, inner);
        timed("gatedAdd forward", 0, [&] { m_device.gatedAdd(samples, tokens, width, x, inner, gate, stride, y); });
        std::vector<std::function<void()>> own(m_inside.begin() + static_cast<int64_t>(before), m_inside.end());
        m_inside.resize(before);
        backwards.push_back([=, this](float* dx) {
            timed("gatedAdd backward", 0,
                  [&] { m_device.gatedAddBackward(samples, tokens, width, inner, gate, stride, dx, dInner, dGate); });
            for (auto run = own.rbegin(); run != own.rend(); ++run) (*run)();
            timed("norm backward", 0, [&] {
                m_device.normBackward(norm, x, weight, places, scale, nullptr, dNormed, dx, dWeight, gradients);
            });
        });
        return y;
    }

    void attention(int64_t rows, int64_t tokens, int64_t lead, const float* in, float* out) {
        const Shape& s = m_shape;
        const int64_t width = s.width, d = width / s.heads;
        const AttentionShape shape{s.samples, tokens, s.heads, s.heads, d, true, 1e-6f, RopeKind::AdjacentPairs, lead};
        const Linear first = makeLinear(rows, width, 3 * width), last = makeLinear(rows, width, width);
        float *qkv = values(rows * 3 * width), *mixed = values(rows * width),
              *saved = values(m_device.attentionSaved(shape));
        float *queryNorm = values(d, 1.0f), *keyNorm = values(d, 1.0f), *dQuery = values(d), *dKey = values(d);
        const RopeAngles angles{values(s.image * d / 2, 0.5f), values(s.image * d / 2, 0.5f)};
        float *dMixed = temporary("dMixed", rows * width), *dQkv = temporary("dQkv", rows * 3 * width);
        float *dInner = m_dInner, *dNormed = m_dNormed;
        const double products = static_cast<double>(s.samples * s.heads * tokens * tokens * d);
        forward("qkv", first, in, qkv);
        timed("attention forward", 2 * products,
              [&] { m_device.attention(shape, qkv, queryNorm, keyNorm, angles, saved, mixed); });
        forward("projection", last, mixed, out);
        m_inside.push_back([=, this] { backward("qkv", first, in, dQkv, dNormed); });
        m_inside.push_back([=, this] {
            timed("attention backward", 5 * products, [&] {
                m_device.attentionBackward(shape, qkv, queryNorm, keyNorm, angles, saved, mixed, dMixed, dQkv, dQuery,
                                           dKey);
            });
        });
        m_inside.push_back([=, this] { backward("projection", last, mixed, dInner, dMixed); });
    }

    void dense(int64_t rows, const float* in, float* out) {
        const int64_t width = m_shape.width, inner = m_shape.inner;
        const Linear first = makeLinear(rows, width, 2 * inner), last = makeLinear(rows, inner, width);
        float *hidden = values(rows * 2 * inner), *gated = values(rows * inner);
        float *dHidden = temporary("dHidden", rows * 2 * inner), *dGated = temporary("dGated", rows * inner);
        float *dInner = m_dInner, *dNormed = m_dNormed;
        forward("dense in", first, in, hidden);
        timed("gate forward", 0, [&] { m_device.gate(rows, inner, hidden, gated); });
        forward("dense out", last, gated, out);
        m_inside.push_back([=, this] { backward("dense in", first, in, dHidden, dNormed); });
        m_inside.push_back([=, this] {
            timed("gate backward", 0, [&] { m_device.gateBackward(rows, inner, hidden, dGated, dHidden); });
        });
        m_inside.push_back([=, this] { backward("dense out", last, gated, dInner, dGated); });
    }

    void mixture(int64_t rows, const float* in, float* out) {
        const Shape& s = m_shape;
        const int64_t width = s.width, inner = s.expertWidth, e = s.experts, pairs = rows * s.topK;
        MoeShape shape;
        shape.rows = rows;
        shape.width = width;
        shape.experts = e;
        shape.topK = s.topK;
        shape.expertWidth = shape.sharedWidth = inner;
        shape.biased = true;
        shape.scale = 2.5f;
        const auto parameters = [&](float scale) {
            return MoeParameters<float>{values(e * width, scale),     values(e * 2 * inner * width, scale),
                                        values(e * 2 * inner, scale), values(e * width * inner, scale),
                                        values(e * width, scale),     values(2 * inner * width, scale),
                                        values(2 * inner, scale),     values(width * inner, scale),
                                        values(width, scale)};
        };
        const MoeParameters<float> w = parameters(0.05f), gradients = parameters(0);
        const MoeParameters<const float> weights{w.router,   w.in,           w.inBias,    w.out,          w.outBias,
                                                 w.sharedIn, w.sharedInBias, w.sharedOut, w.sharedOutBias};
        MoeSaved saved;
        saved.logits = values(rows * e);
        saved.scores = values(rows * e);
        saved.experts = integers(pairs);
        saved.gates = values(pairs);
        saved.pairRows = integers(pairs);
        saved.pairOf = integers(pairs);
        saved.offsets = integers(e + 1);
        saved.hidden = values(pairs * 2 * inner);
        saved.inner = values(pairs * inner);
        saved.outputs = values(pairs * width);
        saved.sharedHidden = values(rows * 2 * inner);
        saved.sharedInner = values(rows * inner);
        float *dInner = m_dInner, *dNormed = m_dNormed;
        const double products = static_cast<double>(rows * width * (e + 3 * inner * (1 + s.topK)));
        timed("moe forward", products, [&] { m_device.moe(shape, weights, nullptr, in, saved, out); });
        m_inside.push_back([=, this] {
            timed("moe backward", 2 * products,
                  [&] { m_device.moeBackward(shape, weights, in, saved, dInner, {}, 1, dNormed, gradients); });
        });
    }

    TrainingDevice& m_device;
    Shape m_shape;
    std::mt19937 m_random{1};
    std::unique_ptr<MemoryBlock> m_block = m_device.reserve(int64_t{2} << 30);
    std::vector<float*> m_places;
    int64_t m_used = 0;
    std::map<std::string, float*> m_temporaries;
    size_t m_next = 0;
    std::map<std::string, double>* m_times = nullptr;
    double m_operations = 0;
    std::vector<std::function<void()>> m_inside;
    float *m_dInner = nullptr, *m_dNormed = nullptr;
};

int run(int threads, int steps, int64_t batch) {
    const auto device = makeCpuTrainingDevice(threads);
    Shape shape;
    shape.samples = batch;
    Step step(*device, shape);
    std::map<std::string, std::vector<double>> all;
    std::vector<double> totals;
    double operations = 0;
    for (int i = 0; i <= steps; ++i) {
        std::map<std::string, double> times;
        step.run(times, operations);
        if (i == 0) continue;  // memory is touched for the first time
        double total = 0;
        for (const auto& [name, time] : times) {
            all[name].push_back(time);
            total += time;
        }
        totals.push_back(total);
    }
    const auto median = [](std::vector<double> values) {
        std::nth_element(values.begin(), values.begin() + static_cast<int64_t>(values.size() / 2), values.end());
        return values[values.size() / 2];
    };
    const double total = median(totals);
    for (const auto& [name, times] : all)
        std::printf("%-22s %8.2f ms %5.1f %%\n", name.c_str(), median(times) * 1e3, 100 * median(times) / total);
    std::printf("%-22s %8.2f ms, least %.2f ms, %.1f GFLOP, %.1f GFLOP/s\n", "step", total * 1e3,
                *std::min_element(totals.begin(), totals.end()) * 1e3, operations / 1e9, operations / total / 1e9);
    return 0;
}

}  // namespace
}  // namespace moescope::bench

int main(int argc, char** argv) {
    return moescope::bench::run(argc > 1 ? std::atoi(argv[1]) : 1, argc > 2 ? std::atoi(argv[2]) : 20,
                                argc > 3 ? std::atoi(argv[3]) : 64);
}
