// SPDX-License-Identifier: GPL-3.0-or-later
// The MoE layer against its parts one token at a time, against double, and everything it records.
#include <algorithm>
#include <limits>
#include <memory>

#include "engine/cpu/router.h"
#include "tests/engine/cpu/packed_weights.h"

namespace moescope::cpu {
namespace {

MsTensor makeTensor(MsDType dtype, std::vector<int64_t> shape) {
    MsTensor tensor;
    tensor.dtype = dtype;
    tensor.shape = std::move(shape);
    const size_t bytes = static_cast<size_t>(tensor.elements()) * (dtype == MS_U16 ? 2 : 4);
    tensor.memory = AlignedBytes(bytes);
    if (bytes) std::memset(tensor.memory.data(), 0xee, bytes);  // whatever is not written shows
    return tensor;
}

std::vector<float> floats(const MsTensor& tensor) {
    return {tensor.f32(), tensor.f32() + tensor.elements()};
}

struct Options {
    int64_t tokens = 20, samples = 1, width = 24, experts = 8, topK = 2, expertWidth = 20, sharedWidth = 28;
    int64_t groups = 1, keptGroups = 1;
    float scale = 2.5f;
    bool bias = false;  // of the experts' products
    bool selection = false;
    MsDType storage = MS_F32;
};

/// A layer with random weights, its input, and room for everything it records.
struct Case {
    Case(MsContext& owner, const Options& o, uint32_t seed)
        : context(owner),
          options(o),
          router(owner, o.width, o.experts, 1, MS_F32, MS_LINEAR_PLAIN, false, seed),
          in(owner, o.width, o.expertWidth, o.experts, o.storage, MS_LINEAR_GATED, o.bias, seed + 10),
          outward(owner, o.expertWidth, o.width, o.experts, o.storage, MS_LINEAR_PLAIN, o.bias, seed + 20),
          x(makeTensor(MS_F32, {o.tokens, o.width})),
          out(makeTensor(MS_F32, {o.tokens, o.width})),
          selection(makeTensor(MS_F32, {o.experts})) {
        const auto values = randomFloats(static_cast<size_t>(o.tokens * o.width), seed + 30);
        if (!values.empty()) std::memcpy(x.memory.data(), values.data(), values.size() * 4);
        const auto biases = randomFloats(static_cast<size_t>(o.experts), seed + 40, 0.3f);
        std::memcpy(selection.memory.data(), biases.data(), biases.size() * 4);
        desc.size = sizeof desc;
        desc.samples = o.samples;
        desc.experts = o.experts;
        desc.topK = o.topK;
        desc.groups = o.groups;
        desc.keptGroups = o.keptGroups;
        desc.scale = o.scale;
        desc.router = router.linear;
        desc.selectionBias = o.selection ? &selection : nullptr;
        desc.expertIn = in.linear;
        desc.expertOut = outward.linear;
        if (o.sharedWidth) {
            sharedIn = std::make_unique<Weights>(owner, o.width, o.sharedWidth, 1, o.storage, MS_LINEAR_GATED, o.bias,
                                                 seed + 50);
            sharedOut = std::make_unique<Weights>(owner, o.sharedWidth, o.width, 1, o.storage, MS_LINEAR_PLAIN, o.bias,
                                                  seed + 60);
            desc.sharedIn = sharedIn->linear;
            desc.sharedOut = sharedOut->linear;
        }
        const int64_t t = o.tokens, e = o.experts, pairs = o.tokens * o.topK;
        rowPtr = makeTensor(MS_I32, {t + 1});
        expert = makeTensor(MS_U16, {pairs});
        gate = makeTensor(MS_F32, {pairs});
        counts = makeTensor(MS_I32, {o.samples, e});
        mass = makeTensor(MS_F32, {o.samples, e});
        logits = makeTensor(MS_F32, {t, e});
        scores = makeTensor(MS_F32, {t, e});
        margin = makeTensor(MS_F32, {t});
        inputNorm = makeTensor(MS_F32, {t});
        routedNorm = makeTensor(MS_F32, {t});
        sharedNorm = makeTensor(MS_F32, {t});
        record = {sizeof record, &rowPtr, &expert, &gate,      &counts,     &mass,
                  &logits,       &scores, &margin, &inputNorm, &routedNorm, &sharedNorm};
    }

    std::vector<float> run(const MsRouting* routing) {
        EXPECT_EQ(moeLayer(&context, &x, &desc, routing, &out), MS_OK) << context.error;
        return floats(out);
    }

    MsContext& context;
    Options options;
    Weights router, in, outward;
    std::unique_ptr<Weights> sharedIn, sharedOut;
    MsTensor x, out, selection, rowPtr, expert, gate, counts, mass, logits, scores, margin, inputNorm, routedNorm,
        sharedNorm;
    MsMoeLayerDesc desc{};
    MsRouting record{};
};

double norm(const std::vector<float>& values) {
    double sum = 0;
    for (const float v : values) sum += double{v} * v;
    return std::sqrt(sum);
}

/// What the contract says, one token at a time, from the products alone.
void expectComposition(Case& c, const std::vector<float>& out) {
    const Options& o = c.options;
    const RouterRule rule{o.experts, o.topK, o.groups, o.keptGroups, o.scale};
    std::vector<float> ranking(static_cast<size_t>(o.experts));
    std::vector<RankedValue> ranked(ranking.size());
    std::vector<int32_t> chosen(static_cast<size_t>(o.topK)), counts(static_cast<size_t>(o.samples * o.experts), 0);
    std::vector<float> gates(chosen.size()), mass(counts.size(), 0.0f), scores(ranking.size());
    for (int64_t t = 0; t < o.tokens; ++t) {
        const std::vector<float> x(c.x.f32() + t * o.width, c.x.f32() + (t + 1) * o.width);
        const auto logits = multiply(c.context, c.router, x, 1);
        affinities(logits.data(), o.experts, scores.data());
        const float* bias = o.selection ? c.selection.f32() : nullptr;
        const float margin = chooseExperts(rule, scores.data(), bias, {ranking.data(), ranked.data()}, chosen.data());
        gateWeights(rule, scores.data(), chosen.data(), gates.data());
        std::vector<float> routed(static_cast<size_t>(o.width), 0.0f);
        for (int64_t j = 0; j < o.topK; ++j) {
            const auto hidden = multiply(c.context, c.in, x, 1, MS_ACT_NONE, chosen[j]);
            const auto part = multiply(c.context, c.outward, hidden, 1, MS_ACT_NONE, chosen[j]);
            for (int64_t i = 0; i < o.width; ++i) routed[i] += part[i] * gates[j];
            const auto cell = static_cast<size_t>(t / (o.tokens / o.samples) * o.experts + chosen[j]);
            ++counts[cell];
            mass[cell] += gates[j];
            ASSERT_EQ(c.expert.u16()[t * o.topK + j], chosen[j]);
            ASSERT_EQ(c.gate.f32()[t * o.topK + j], gates[j]);
        }
        const auto added =
            o.sharedWidth ? multiply(c.context, *c.sharedOut, multiply(c.context, *c.sharedIn, x, 1), 1) : x;
        for (int64_t i = 0; i < o.width; ++i) ASSERT_EQ(out[t * o.width + i], routed[i] + added[i]) << "token " << t;
        for (int64_t e = 0; e < o.experts; ++e) {
            ASSERT_EQ(c.logits.f32()[t * o.experts + e], logits[e]);
            ASSERT_EQ(c.scores.f32()[t * o.experts + e], scores[e]);
        }
        ASSERT_EQ(c.margin.f32()[t], margin);
        ASSERT_EQ(c.rowPtr.i32()[t], t * o.topK);
        // A sum of `width` squares in fp32: at most (width + 2) roundings of 2^-24, halved by the root, doubled for
        // safety.
        const double allowed = static_cast<double>(o.width + 2) * 0x1p-24;
        EXPECT_NEAR(c.inputNorm.f32()[t], norm(x), norm(x) * allowed);
        EXPECT_NEAR(c.routedNorm.f32()[t], norm(routed), norm(routed) * allowed);
        EXPECT_NEAR(c.sharedNorm.f32()[t], norm(added), norm(added) * allowed);
    }
    ASSERT_EQ(c.rowPtr.i32()[o.tokens], o.tokens * o.topK);
    for (size_t cell = 0; cell < counts.size(); ++cell) {
        ASSERT_EQ(c.counts.i32()[cell], counts[cell]);
        ASSERT_EQ(c.mass.f32()[cell], mass[cell]);
    }
}

std::vector<Options> manyOptions() {
    std::vector<Options> all(1);
    const auto with = [&](auto change) {
        Options o;
        change(o);
        all.push_back(o);
    };
    with([](Options& o) { o.tokens = 1; });
    with([](Options& o) { o.samples = 4, o.sharedWidth = 0; });
    with([](Options& o) { o.topK = 8, o.bias = true; });  // every expert
    with([](Options& o) { o.experts = 1, o.topK = 1; });
    with([](Options& o) { o.experts = 12, o.topK = 3, o.groups = 4, o.keptGroups = 2, o.selection = true; });
    with([](Options& o) {
        o.experts = 8, o.topK = 6, o.groups = 4, o.keptGroups = 2, o.selection = true;
    });                                                                   // zeros compete
    with([](Options& o) { o.experts = 300, o.topK = 3, o.tokens = 7; });  // most experts get nothing
    with([](Options& o) { o.experts = 300, o.topK = 40, o.tokens = 5; });
    with([](Options& o) {
        o.tokens = 250, o.width = 67, o.expertWidth = 33, o.storage = MS_BF16, o.samples = 2, o.bias = true;
    });
    with([](Options& o) { o.topK = 1, o.width = 7, o.expertWidth = 1, o.sharedWidth = 3; });
    return all;
}

TEST(MoeLayer, EqualsItsPartsTokenByToken) {
    for (const std::string& level : {std::string("auto"), std::string("avx2"), std::string("sse4")}) {
        LevelScope scope(level);
        if (!scope.available) continue;
        MsContext context(2);
        uint32_t seed = 1;
        for (const Options& options : manyOptions()) {
            Case c(context, options, seed += 100);
            const auto out = c.run(&c.record);
            expectComposition(c, out);
            if (HasFatalFailure()) FAIL() << "case " << seed / 100 << " at " << level;
        }
    }
}

TEST(MoeLayer, AgreesWithDoubleArithmetic) {
    MsContext context(1);
    Options o;
    o.bias = true;
    Case c(context, o, 5);
    const auto out = c.run(&c.record);
    const auto row = [](const Weights& w, int64_t index, int64_t n, const std::vector<double>& x) {
        double sum = w.bias(index, n);
        for (size_t k = 0; k < x.size(); ++k) sum += double{w.row(index, n)[k]} * x[k];
        return sum;
    };
    const auto expert = [&](const Weights& in, const Weights& outward, int64_t index, const std::vector<double>& x) {
        const int64_t hiddenWidth = in.linear->desc.out;
        std::vector<double> hidden, y;
        for (int64_t n = 0; n < hiddenWidth; ++n) {
            const double gate = row(in, index, n, x);
            hidden.push_back(gate / (1 + std::exp(-gate)) * row(in, index, n + hiddenWidth, x));
        }
        for (int64_t n = 0; n < o.width; ++n) y.push_back(row(outward, index, n, hidden));
        return y;
    };
    double largest = 0, worst = 0;
    for (int64_t t = 0; t < o.tokens; ++t) {
        const std::vector<double> x(c.x.f32() + t * o.width, c.x.f32() + (t + 1) * o.width);
        std::vector<std::pair<double, int64_t>> affinity;
        for (int64_t e = 0; e < o.experts; ++e) affinity.emplace_back(1 / (1 + std::exp(-row(c.router, 0, e, x))), e);
        std::sort(affinity.rbegin(), affinity.rend());
        affinity.resize(static_cast<size_t>(o.topK));
        double sum = 0;
        for (const auto& [value, e] : affinity) sum += value;
        auto expected = expert(*c.sharedIn, *c.sharedOut, 0, x);
        for (const auto& [value, e] : affinity) {
            const auto part = expert(c.in, c.outward, e, x);
            for (int64_t i = 0; i < o.width; ++i) expected[i] += part[i] * value / sum * o.scale;
        }
        for (int64_t i = 0; i < o.width; ++i) {
            largest = std::max(largest, std::fabs(expected[i]));
            worst = std::max(worst, std::fabs(expected[i] - out[t * o.width + i]));
        }
    }
    EXPECT_LE(worst, 5e-6 * largest);  // the parity limit for layer outputs in fp32
}

TEST(MoeLayer, RecordingChangesNoBit) {
    MsContext context(2);
    for (const Options& options : manyOptions()) {
        Case c(context, options, 9);
        const auto plain = c.run(nullptr);
        EXPECT_TRUE(sameBytes(c.run(&c.record), plain));
        MsRouting some{};
        some.size = sizeof some;
        some.counts = &c.counts;
        some.routedNorm = &c.routedNorm;
        EXPECT_TRUE(sameBytes(c.run(&some), plain));
    }
}

TEST(MoeLayer, ThreadsAndChunksDoNotShow) {
    Options o;  // the working memory holds about 1,300 tokens of these many experts
    o.tokens = 3000, o.experts = 3000, o.topK = 2, o.width = 8, o.expertWidth = 4, o.sharedWidth = 4, o.samples = 3;
    std::vector<float> first;
    std::vector<int32_t> counts;
    for (const int threads : {1, 2, 3}) {
        MsContext context(threads);
        Case c(context, o, 3);
        const auto out = c.run(&c.record);
        const std::vector<int32_t> received(c.counts.i32(), c.counts.i32() + c.counts.elements());
        if (threads == 1) {
            first = out;
            counts = received;
            int64_t all = 0;
            for (const int32_t count : counts) all += count;
            EXPECT_EQ(all, o.tokens * o.topK);
            for (int64_t t = 0; t <= o.tokens; ++t) ASSERT_EQ(c.rowPtr.i32()[t], t * o.topK);
            // The last token, far into another chunk, alone.
            Options one = o;
            one.tokens = one.samples = 1;
            Case single(context, one, 3);
            std::memcpy(single.x.memory.data(), c.x.f32() + (o.tokens - 1) * o.width, static_cast<size_t>(o.width) * 4);
            const auto alone = single.run(&single.record);
            EXPECT_TRUE(sameBytes(alone, {out.end() - o.width, out.end()}));
            EXPECT_EQ(single.expert.u16()[1], c.expert.u16()[o.tokens * 2 - 1]);
        }
        EXPECT_TRUE(sameBytes(out, first)) << threads;
        EXPECT_EQ(received, counts) << threads;
    }
}

TEST(MoeLayer, UsesForcedExperts) {
    MsContext context(2);
    Case c(context, Options{}, 4);
    const auto own = c.run(&c.record);
    MsTensor forced = makeTensor(MS_I32, {c.options.tokens, c.options.topK});
    for (int64_t p = 0; p < forced.elements(); ++p) forced.i32()[p] = c.expert.u16()[p];
    c.desc.forcedExperts = &forced;
    EXPECT_TRUE(sameBytes(c.run(&c.record), own));  // the router's own choice, forced
    for (int64_t t = 0; t < c.options.tokens; ++t) forced.i32()[2 * t] = 1, forced.i32()[2 * t + 1] = 6;
    const auto changed = c.run(&c.record);
    EXPECT_FALSE(sameBytes(changed, own));
    EXPECT_EQ(c.counts.i32()[1], c.options.tokens);
    EXPECT_EQ(c.counts.i32()[6], c.options.tokens);
    for (int64_t t = 0; t < c.options.tokens; ++t) {
        const float a = c.scores.f32()[t * 8 + 1], b = c.scores.f32()[t * 8 + 6];
        EXPECT_FLOAT_EQ(c.gate.f32()[2 * t], a / (a + b) * 2.5f);
    }
    forced.i32()[0] = 8;
    EXPECT_EQ(moeLayer(&context, &c.x, &c.desc, nullptr, &c.out), MS_INVALID);
    forced.i32()[0] = 6;  // twice the same
    EXPECT_EQ(moeLayer(&context, &c.x, &c.desc, nullptr, &c.out), MS_INVALID);
}

TEST(MoeLayer, NanTokenSpoilsOnlyItself) {
    MsContext context(2);
    Case c(context, Options{}, 4);
    const auto clean = c.run(nullptr);
    c.x.f32()[3 * c.options.width] = NAN;
    const auto out = c.run(&c.record);
    for (int64_t t = 0; t < c.options.tokens; ++t) {
        for (int64_t i = 0; i < c.options.width; ++i) {
            const auto at = static_cast<size_t>(t * c.options.width + i);
            if (t == 3)
                EXPECT_TRUE(std::isnan(out[at]));
            else
                EXPECT_EQ(out[at], clean[at]);
        }
    }
}

TEST(MoeLayer, NoTokensAreNoError) {
    MsContext context(2);
    Options o;
    o.tokens = 0;
    Case c(context, o, 4);
    c.run(&c.record);
    EXPECT_EQ(c.rowPtr.i32()[0], 0);
    for (int64_t e = 0; e < o.experts; ++e) EXPECT_EQ(c.counts.i32()[e], 0);
}

TEST(MoeLayer, KeepsItsWorkingMemoryAndStopsWhenAsked) {
    MsContext context(2);
    Case c(context, Options{}, 4);
    c.run(nullptr);
    const uint64_t held = context.bytesHeld;
    c.run(nullptr);
    EXPECT_EQ(context.bytesHeld, held);
    context.poll = [](void*) { return 1; };
    EXPECT_EQ(moeLayer(&context, &c.x, &c.desc, nullptr, &c.out), MS_CANCELLED);
    context.poll = nullptr;
}

TEST(MoeLayer, RefusesWhatDoesNotFit) {
    MsContext context(1);
    Case c(context, Options{}, 4);
    const auto refused = [&](auto change) {
        MsMoeLayerDesc desc = c.desc;
        MsRouting record = c.record;
        change(desc, record);
        context.error.clear();
        EXPECT_EQ(moeLayer(&context, &c.x, &desc, &record, &c.out), MS_INVALID);
        EXPECT_FALSE(context.error.empty());
    };
    refused([](MsMoeLayerDesc& d, MsRouting&) { d.topK = 9; });
    refused([](MsMoeLayerDesc& d, MsRouting&) { d.topK = 0; });
    refused([](MsMoeLayerDesc& d, MsRouting&) { d.experts = 7; });
    refused([](MsMoeLayerDesc& d, MsRouting&) { d.groups = 3; });
    refused([](MsMoeLayerDesc& d, MsRouting&) { d.keptGroups = 2; });
    refused([](MsMoeLayerDesc& d, MsRouting&) { d.samples = 3; });
    refused([](MsMoeLayerDesc& d, MsRouting&) { d.sharedOut = nullptr; });
    refused([](MsMoeLayerDesc& d, MsRouting&) { std::swap(d.expertIn, d.expertOut); });
    refused([](MsMoeLayerDesc&, MsRouting& r) { r.rowPtr = r.counts; });
    refused([](MsMoeLayerDesc&, MsRouting& r) { r.expert = r.rowPtr; });
}

}  // namespace
}  // namespace moescope::cpu
