// SPDX-License-Identifier: GPL-3.0-or-later
// bf16 twins of tensors: they save roundings and change no bit, whatever happens to the tensor in between.
#include <functional>

#include "engine/backend/device_graph.h"
#include "tests/engine/cuda/moe_case.h"

namespace moescope::test {
namespace {

constexpr int64_t kRows = 10;

class CudaRoundedTwins : public OnCuda {
protected:
    void SetUp() override {
        OnCuda::SetUp();
        if (IsSkipped()) return;
        m_backend = open(MS_BF16);
        m_result = m_backend->tensor({10 * kRows, 24});
    }
    Backend& backend() { return *m_backend; }
    MsContext* context() { return m_backend->context(); }
    void check(MsStatus status) { m_backend->check(status); }
    DeviceTensor random(const Shape& shape, uint32_t seed) {
        return onDevice(*m_backend, shape, spread(elementCount(shape), seed));
    }
    void norm(const DeviceTensor& x, const DeviceTensor& out) {
        check(table().modulated_norm(context(), x.get(), MS_NORM_LAYER, 1e-6f, nullptr, nullptr, -1, -1, out.get()));
    }
    void attend(const DeviceTensor& qkv, const DeviceTensor& out) {
        MsAttentionDesc desc{};
        desc.size = sizeof desc;
        desc.samples = 2;
        desc.heads = 1;
        check(table().attention(context(), qkv.get(), &desc, out.get()));
    }
    void product(const DeviceTensor& x, const RandomLinear& weights, const DeviceTensor& out) {
        check(table().linear(context(), x.get(), weights.linear.get(), MS_ACT_NONE, out.get()));
    }
    std::vector<float> product(const DeviceTensor& x, const RandomLinear& weights) {
        m_backend->reshape(m_result, {x.elements() / weights.in, weights.rows});  // a new tensor would forget the twins
        product(x, weights, m_result);
        return fetched(*m_backend, m_result);
    }
    /// The same with a twin, where there is one, and without.
    void expectTheSameWithoutTwin(const DeviceTensor& x, const RandomLinear& weights) {
        const auto first = product(x, weights);
        EXPECT_EQ(first, productWithoutTwin(x, weights));
    }
    /// Every download and wait forgets the twins.
    std::vector<float> productWithoutTwin(const DeviceTensor& x, const RandomLinear& weights) {
        m_backend->synchronize();
        return product(x, weights);
    }

private:
    std::unique_ptr<Backend> m_backend;
    DeviceTensor m_result;
};

TEST_P(CudaRoundedTwins, ChangeNoBit) {
    for (const int64_t width : {7, 16, 40, 128, 150}) {
        SCOPED_TRACE(width);
        const RandomLinear weights(backend(), width, 24, 1, MS_LINEAR_PLAIN, true, 1, MS_BF16);
        const DeviceTensor x = random({kRows, width}, 2), qkv = random({kRows, 3 * width}, 3),
                           rows = backend().tensor({kRows, width});
        norm(x, rows);
        const auto normed = product(rows, weights);
        EXPECT_EQ(normed, productWithoutTwin(rows, weights));
        if (width <= 128) {
            attend(qkv, rows);
            const auto attended = product(rows, weights);
            EXPECT_EQ(attended, productWithoutTwin(rows, weights));
            EXPECT_NE(attended, normed);
        }
        MoeOptions options;
        options.width = width;
        options.storage = MS_BF16;
        options.tokens = kRows;
        MoeCase layer(backend(), options);
        norm(x, layer.m_input);
        ASSERT_EQ(layer.run(), MS_OK);
        const auto once = layer.everything();
        ASSERT_EQ(layer.run(), MS_OK);
        EXPECT_EQ(layer.everything(), once);
    }
}

TEST_P(CudaRoundedTwins, FollowEveryChangeOfTheirTensor) {
    constexpr int64_t kWidth = 32;  // two rows are 256 bytes: where a view may begin
    const RandomLinear weights(backend(), kWidth, 24, 1, MS_LINEAR_PLAIN, true, 1, MS_BF16);
    const RandomLinear square(backend(), kWidth, kWidth, 1, MS_LINEAR_PLAIN, true, 4, MS_BF16);
    const DeviceTensor x = random({kRows, kWidth}, 2), other = random({kRows, kWidth}, 3);
    const DeviceTensor qkv = random({kRows, 3 * kWidth}, 5), modulation = random({2, 6 * kWidth}, 6);
    const DeviceTensor ones = onDevice(backend(), {kWidth}, std::vector<float>(kWidth, 1.0f));
    DeviceTensor rows = backend().tensor({kRows, kWidth});
    DeviceTensor tail = backend().view(rows, 256, {kRows - 2, kWidth}, MS_F32);
    const DeviceTensor someRows = random({kRows - 2, kWidth}, 10), someQkv = random({kRows - 2, 3 * kWidth}, 11);
    const std::vector<float> values = spread(kRows * kWidth, 12), someValues = spread(kWidth, 13);
    MoeOptions options;
    options.tokens = kRows, options.width = kWidth, options.storage = MS_F32;  // so that it takes no scratch of twins
    MoeCase layer(backend(), options);
    product(x, square, rows);  // once, so that it can be recorded
    DeviceGraph graph = DeviceGraph::record(backend(), [&] { product(x, square, rows); });
    const std::vector<std::pair<const char*, std::function<void()>>> writers = {
        {"upload", [&] { backend().upload(rows, std::span<const float>(values)); }},
        {"upload to a view", [&] { backend().upload(tail, std::span<const float>(someValues)); }},
        {"copy", [&] { check(table().copy(context(), other.get(), rows.get())); }},
        {"copy to a view", [&] { check(table().copy(context(), someRows.get(), tail.get())); }},
        {"add", [&] { check(table().add(context(), rows.get(), other.get(), rows.get())); }},
        {"add to a view", [&] { check(table().add(context(), tail.get(), someRows.get(), tail.get())); }},
        {"mean", [&] { check(table().mean(context(), rows.get(), other.get(), rows.get())); }},
        {"activate", [&] { check(table().activate(context(), rows.get(), MS_ACT_SILU, rows.get())); }},
        {"gated_add", [&] { check(table().gated_add(context(), rows.get(), other.get(), modulation.get(), 1)); }},
        {"gated_add to a view",
         [&] { check(table().gated_add(context(), tail.get(), someRows.get(), modulation.get(), 1)); }},
        {"add_rows", [&] { check(table().add_rows(context(), rows.get(), other.get())); }},
        {"linear", [&] { product(other, square, rows); }},
        {"linear to a view", [&] { product(someRows, square, tail); }},
        {"modulated_norm", [&] { norm(other, rows); }},
        {"modulated_norm in place and shifted",
         [&] {
             check(table().modulated_norm(context(), rows.get(), MS_NORM_RMS, 1e-6f, nullptr, modulation.get(), 2, 3,
                                          rows.get()));
         }},
        {"modulated_norm to a view", [&] { norm(someRows, tail); }},
        {"attention", [&] { attend(qkv, rows); }},
        {"attention to a view", [&] { attend(someQkv, tail); }},
        {"moe_layer",
         [&] { check(table().moe_layer(context(), layer.m_input.get(), &layer.m_desc, nullptr, rows.get())); }},
        {"what moe_layer records",
         [&] {
             MsRouting routing{};
             routing.size = sizeof routing;
             routing.inputNorm = rows.get();
             check(table().moe_layer(context(), layer.m_input.get(), &layer.m_desc, &routing, layer.m_out.get()));
         }},
        {"group_norm",
         [&] {
             check(
                 table().group_norm(context(), other.get(), 4, 1e-6f, ones.get(), ones.get(), MS_ACT_NONE, rows.get()));
         }},
        {"a replayed graph", [&] { graph.launch(); }},
    };
    // The twin of an activation stands where nothing else but another activation takes its place.
    const std::vector<std::function<void()>> producers = {
        [&] { norm(x, rows); },
        [&] { check(table().activate(context(), x.get(), MS_ACT_SILU, rows.get())); },
    };
    for (const auto& produce : producers)
        for (const auto& [name, write] : writers) {
            SCOPED_TRACE(name);
            produce();
            const auto before = product(rows, weights);
            produce();
            write();
            const auto after = product(rows, weights);
            EXPECT_EQ(after, productWithoutTwin(rows, weights));
            EXPECT_NE(after, before) << "the tensor was to change";
        }
}

TEST_P(CudaRoundedTwins, AreNotThoseOfOtherTensors) {
    const RandomLinear weights(backend(), 32, 24, 1, MS_LINEAR_PLAIN, true, 1, MS_BF16);
    const RandomLinear halves(backend(), 16, 24, 1, MS_LINEAR_PLAIN, true, 2, MS_BF16);
    const DeviceTensor x = random({kRows, 32}, 3), y = random({kRows, 32}, 4), much = random({kRows * 9, 32}, 5);
    DeviceTensor first = backend().tensor({kRows, 32}), second = backend().tensor({kRows, 32}),
                 third = backend().tensor({kRows * 9, 32});
    norm(x, first);
    norm(y, second);
    const auto one = product(first, weights);
    EXPECT_EQ(one, productWithoutTwin(first, weights)) << "the second norm took the first one's scratch";

    // A new view would forget the twins.
    const DeviceTensor part = backend().view(first, 256, {4, 32}, MS_F32),
                       start = backend().view(first, 0, {4, 32}, MS_F32),
                       narrow = backend().view(first, 0, {2 * kRows, 16}, MS_F32);
    norm(x, first);
    expectTheSameWithoutTwin(part, weights);
    norm(x, first);
    expectTheSameWithoutTwin(start, weights);
    norm(x, first);
    expectTheSameWithoutTwin(narrow, halves);
    norm(x, first);
    backend().reshape(first, {2 * kRows, 16});
    expectTheSameWithoutTwin(first, halves);
    backend().reshape(first, {kRows, 32});

    norm(x, first);
    const auto many = product(much, weights);  // its scratch has to grow
    EXPECT_EQ(product(first, weights), one);
    norm(x, first);
    norm(much, third);
    EXPECT_EQ(product(first, weights), one);
    EXPECT_EQ(product(much, weights), many);
}

TEST_P(CudaRoundedTwins, EndWhereAPredictorTakesTheirScratch) {
    MoeOptions options;
    options.policy = MS_POLICY_EXPERT_CHOICE;
    options.capacity = 3;
    options.storage = MS_BF16;
    options.recordsPredictions = true;
    MoeCase layer(backend(), options);
    const RandomLinear in(backend(), options.width, 16, 1, MS_LINEAR_PLAIN, true, 2, MS_BF16),
        out(backend(), 16, options.experts, 1, MS_LINEAR_PLAIN, true, 3, MS_BF16);
    layer.m_desc.predictorIn = in.linear.get();
    layer.m_desc.predictorOut = out.linear.get();
    ASSERT_EQ(layer.run(), MS_OK);
    const auto predicted = layer.out();
    layer.m_desc.predictorIn = layer.m_desc.predictorOut = nullptr;
    layer.m_routing.capacityLogits = nullptr;
    ASSERT_EQ(layer.run(), MS_OK);
    EXPECT_EQ(layer.out(), predicted) << "the predictor is only recorded";
}

TEST_P(CudaRoundedTwins, DoNotCrossTheEndsOfARecording) {
    const RandomLinear weights(backend(), 32, 24, 1, MS_LINEAR_PLAIN, true, 1, MS_BF16);
    DeviceTensor x = random({kRows, 32}, 2), rows = backend().tensor({kRows, 32});
    const DeviceTensor out = backend().tensor({kRows, 24});
    const auto bytesOf = [&](const DeviceTensor& tensor) { return fetched(backend(), tensor); };
    norm(x, rows);
    const auto wanted = product(rows, weights);
    const std::vector<float> other = spread(kRows * 32, 3);

    // Made before: the graph rounds what the tensor holds when it is replayed.
    norm(x, rows);
    DeviceGraph reader = DeviceGraph::record(backend(), [&] { product(rows, weights, out); });
    backend().upload(rows, std::span<const float>(other));
    const auto wantedOther = product(rows, weights);
    reader.launch();
    EXPECT_EQ(bytesOf(out), wantedOther);
    norm(x, rows);
    reader.launch();
    EXPECT_EQ(bytesOf(out), wanted);

    // Recorded but not run: the tensor holds something else.
    backend().upload(rows, std::span<const float>(other));
    DeviceGraph writer = DeviceGraph::record(backend(), [&] { norm(x, rows); });
    EXPECT_EQ(product(rows, weights), wantedOther);
    writer.launch();
    EXPECT_EQ(product(rows, weights), wanted);

    // Inside one recording the norm's twin serves, in every replay.
    DeviceGraph both = DeviceGraph::record(backend(), [&] {
        norm(x, rows);
        product(rows, weights, out);
    });
    const uint64_t before = emulated() ? emulatedWork() : 0;
    both.launch();
    if (emulated()) {
        EXPECT_EQ(emulatedWork() - before, 2u);
    }
    EXPECT_EQ(bytesOf(out), wanted);
    const std::vector<float> input = bytesOf(x);
    backend().upload(x, std::span<const float>(other));
    both.launch();
    EXPECT_NE(bytesOf(out), wanted);
    backend().upload(x, std::span<const float>(input));
    both.launch();
    EXPECT_EQ(bytesOf(out), wanted);
}

TEST_P(CudaRoundedTwins, LeaveScratchForARecordingThatHasToRound) {
    const RandomLinear weights(backend(), 32, 24, 1, MS_LINEAR_PLAIN, true, 1, MS_BF16);
    const DeviceTensor x = random({kRows, 32}, 2), rows = backend().tensor({kRows, 32}),
                       out = backend().tensor({kRows, 24});
    check(table().activate(context(), x.get(), MS_ACT_SILU, rows.get()));
    product(rows, weights, out);  // takes the twin
    DeviceGraph reader = DeviceGraph::record(backend(), [&] { product(rows, weights, out); });
    reader.launch();
    const auto replayed = fetched(backend(), out);
    EXPECT_EQ(replayed, productWithoutTwin(rows, weights));
}

MOESCOPE_ON_CUDA(CudaRoundedTwins);

}  // namespace
}  // namespace moescope::test
