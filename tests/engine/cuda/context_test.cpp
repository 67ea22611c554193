// SPDX-License-Identifier: GPL-3.0-or-later
// What the device promises around its operations: downloads, graphs, cancel, memory, and failures that stay sentences.
#include <set>

#include "engine/backend/device_graph.h"
#include "tests/engine/cuda/moe_case.h"

namespace moescope::test {
namespace {

class CudaContext : public OnCuda {
protected:
    MsStatus add(Backend& backend, const DeviceTensor& a, const DeviceTensor& b, const DeviceTensor& out) {
        return table().add(backend.context(), a.get(), b.get(), out.get());
    }
};

TEST_P(CudaContext, DescribesItself) {
    EXPECT_NE(open()->description().find(", fp32"), std::string::npos) << open()->description();
    EXPECT_NE(open(MS_BF16)->description().find(", bf16"), std::string::npos);
    EXPECT_STREQ(table().name, "cuda");
    uint64_t available = 0, total = 0;
    const auto backend = open();
    backend->check(table().memory_free(backend->context(), &available, &total));
    EXPECT_GT(available, 0u);
    EXPECT_LE(available, total);
}

TEST_P(CudaContext, DownloadsWhatWasThereWhenItWasAsked) {
    const auto backend = open();
    DeviceTensor x = onDevice(*backend, {3}, {1, 2, 3});
    std::vector<float> first(3), second(3);
    backend->download(x, std::span(first));
    backend->check(add(*backend, x, x, x));
    backend->download(x, std::span(second));
    const std::vector<float> other = {7, 8, 9};
    backend->upload(x, std::span<const float>(other));
    backend->synchronize();
    EXPECT_EQ(first, (std::vector<float>{1, 2, 3}));
    EXPECT_EQ(second, (std::vector<float>{2, 4, 6}));
    EXPECT_EQ(fetched(*backend, x), other);
}

TEST_P(CudaContext, KeepsManyTransfersApart) {
    const auto backend = open();
    constexpr size_t kCount = 200;
    std::vector<DeviceTensor> tensors;
    std::vector<std::vector<float>> got(kCount);
    for (size_t i = 0; i < kCount; ++i) {
        const auto size = static_cast<int64_t>(1 + i * 97 % 9000);
        tensors.push_back(
            onDevice(*backend, {size}, std::vector<float>(static_cast<size_t>(size), static_cast<float>(i))));
        got[i].resize(static_cast<size_t>(size));
        backend->download(tensors.back(), std::span(got[i]));
        if (i % 3 == 0) tensors.back() = {};  // its memory may be handed out again
    }
    backend->synchronize();
    for (size_t i = 0; i < kCount; ++i)
        EXPECT_EQ(std::set<float>(got[i].begin(), got[i].end()), std::set<float>{static_cast<float>(i)}) << i;
}

TEST_P(CudaContext, MovesLargeTensorsInPieces) {
    const auto backend = open();
    const std::vector<float> values = spread((int64_t{9} << 20) + 5, 1);  // longer than a piece of either way
    const DeviceTensor x = onDevice(*backend, {static_cast<int64_t>(values.size())}, values);
    EXPECT_TRUE(fetched(*backend, x) == values);
}

TEST_P(CudaContext, WaitsForAMarkWhileLaterWorkGoesOn) {
    const auto backend = open();
    const DeviceTensor x = onDevice(*backend, {2}, {1, 2});
    std::vector<float> before(2), after(2);
    backend->download(x, std::span(before));
    const uint64_t point = backend->mark();
    backend->check(add(*backend, x, x, x));
    backend->download(x, std::span(after));
    backend->wait(point);
    EXPECT_EQ(before, (std::vector<float>{1, 2}));
    backend->wait(point);
    backend->synchronize();
    EXPECT_EQ(after, (std::vector<float>{2, 4}));
    EXPECT_EQ(table().wait_mark(backend->context(), point + 5), MS_INVALID);
}

TEST_P(CudaContext, ViewsShareTheirBasesMemory) {
    const auto backend = open();
    DeviceTensor base = onDevice(*backend, {128}, spread(128, 2));
    const DeviceTensor view = backend->view(base, 256, {4, 2}, MS_F32);
    const DeviceTensor more = onDevice(*backend, {4, 2}, std::vector<float>(8, 5.0f));
    backend->check(table().copy(backend->context(), more.get(), view.get()));
    const auto all = fetched(*backend, base);
    EXPECT_EQ(std::vector<float>(all.begin() + 64, all.begin() + 72), std::vector<float>(8, 5.0f));
    MsTensor* none = nullptr;
    const int64_t shape[] = {128};
    EXPECT_EQ(table().tensor_view(backend->context(), base.get(), 256, MS_F32, 1, shape, &none), MS_INVALID);
}

TEST_P(CudaContext, ReshapesWithinItsMemory) {
    const auto backend = open();
    DeviceTensor x = backend->tensor({4, 6});
    backend->reshape(x, {3, 8});
    EXPECT_THROW(backend->reshape(x, {5, 5}), EngineException);
    std::vector<float> one(1);
    EXPECT_THROW(backend->upload(x, std::span<const float>(std::vector<float>(25))), EngineException);
}

TEST_P(CudaContext, ReplaysARecordedLayer) {
    for (const MsDType compute : {MS_F32, MS_BF16}) {
        const auto backend = open(compute);
        MoeOptions options;
        options.storage = compute;
        MoeCase c(*backend, options);
        ASSERT_EQ(c.run(), MS_OK);
        const auto once = c.everything();
        DeviceGraph graph = DeviceGraph::record(*backend, [&] { backend->check(c.run()); });
        // Other numbers through the same tensors.
        std::vector<float> doubled = c.m_x;
        for (float& value : doubled) value *= 2;
        backend->upload(c.m_input, std::span<const float>(doubled));
        graph.launch();
        EXPECT_NE(c.everything(), once);
        backend->upload(c.m_input, std::span<const float>(c.m_x));
        graph.launch();
        EXPECT_EQ(c.everything(), once);

        // A larger layer makes the scratch grow; the graph keeps what it was recorded with.
        options.tokens = 400;
        MoeCase larger(*backend, options);
        ASSERT_EQ(larger.run(), MS_OK);
        graph.launch();
        EXPECT_EQ(c.everything(), once);
    }
}

TEST_P(CudaContext, ExplainsWhatAGraphCanNotHold) {
    const auto backend = open();
    MoeCase c(*backend, {});
    EXPECT_THROW(
        {
            try {
                DeviceGraph::record(*backend, [&] { backend->check(c.run()); });
            } catch (const EngineException& e) {
                EXPECT_NE(std::string(e.what()).find("run the same operations once before recording them"),
                          std::string::npos);
                throw;
            }
        },
        EngineException);
    std::vector<float> host(4);
    const DeviceTensor x = onDevice(*backend, {4}, {1, 2, 3, 4});
    EXPECT_THROW(DeviceGraph::record(*backend, [&] { backend->download(x, std::span(host)); }), EngineException);
    EXPECT_THROW(
        DeviceGraph::record(
            *backend,
            [&] {
                static_cast<void>(backend->linear({sizeof(MsLinearDesc), 4, 4, 1, MS_F32, MS_LINEAR_PLAIN, 0}));
            }),
        EngineException)
        << "every replay would clear the weights";
    EXPECT_EQ(fetched(*backend, x), (std::vector<float>{1, 2, 3, 4})) << "the device works on";
    EXPECT_EQ(c.run(), MS_OK);
    MsGraph* none = nullptr;
    EXPECT_EQ(table().graph_end(backend->context(), &none), MS_INVALID);
}

TEST_P(CudaContext, StopsWhenAskedAndWorksAgain) {
    const auto backend = open();
    const DeviceTensor x = onDevice(*backend, {3}, {1, 2, 3}), out = backend->tensor({3});
    std::vector<float> untouched(3, -1.0f);
    {
        std::stop_source stop;
        const Backend::CancelScope scope(*backend, stop.get_token());
        EXPECT_EQ(add(*backend, x, x, out), MS_OK);
        backend->download(out, std::span(untouched));
        stop.request_stop();
        EXPECT_EQ(add(*backend, x, x, out), MS_CANCELLED);
        EXPECT_EQ(table().synchronize(backend->context()), MS_CANCELLED);
    }
    EXPECT_EQ(add(*backend, x, x, out), MS_OK);
    EXPECT_EQ(fetched(*backend, out), (std::vector<float>{2, 4, 6}));
    EXPECT_EQ(untouched, std::vector<float>(3, -1.0f)) << "nobody waits for a cancelled download";
}

TEST_P(CudaContext, StopsWhileItWaits) {
    if (!emulated()) GTEST_SKIP() << "the emulated device answers polls one by one";
    const auto backend = open();
    const DeviceTensor x = onDevice(*backend, {3}, {1, 2, 3});
    for (int i = 0; i < 50; ++i) backend->check(add(*backend, x, x, x));
    int polls = 0;
    table().set_cancel(
        backend->context(), [](void* user) { return ++*static_cast<int*>(user) > 5 ? 1 : 0; }, &polls);
    EXPECT_EQ(table().synchronize(backend->context()), MS_CANCELLED);
    EXPECT_LT(polls, 10);
    table().set_cancel(backend->context(), nullptr, nullptr);
    backend->synchronize();
}

TEST_P(CudaContext, ReturnsItsMemory) {
    const auto backend = open();
    const uint64_t before = backend->memoryUsed();
    {
        std::vector<DeviceTensor> tensors;
        for (int64_t i = 0; i < 60; ++i) tensors.push_back(backend->tensor({1 + i * 12345}));
        for (size_t i = 0; i < tensors.size(); i += 2) tensors[i] = {};
        for (int64_t i = 0; i < 30; ++i) tensors.push_back(backend->tensor({1 + i * 3456}));
        EXPECT_GT(backend->memoryUsed(), before);
    }
    EXPECT_EQ(backend->memoryUsed(), before);
}

TEST_P(CudaContext, KeepsLargeBlocksUntilWeightsGo) {
    if (GetParam() != Where::Emulated)
        GTEST_SKIP() << "only the emulated runtime counts, and reversed it pools nothing";
    const auto backend = open();
    constexpr int64_t kValues = int64_t{4} << 20;  // 16 MiB
    const uint64_t before = emulatedAllocated();
    {
        const RandomLinear weights(*backend, 8, 4, 1, MS_LINEAR_PLAIN, false, 1);
        backend->synchronize();
        const uint64_t loaded = emulatedAllocated();
        for (int i = 0; i < 3; ++i) backend->tensor({kValues});
        const uint64_t asked = emulatedAllocations();
        for (int i = 0; i < 9; ++i) {
            const DeviceTensor one = backend->tensor({kValues - 1000 * i}), other = backend->tensor({1000});
        }
        EXPECT_EQ(emulatedAllocations(), asked) << "about the same size is taken again";
        backend->tensor({kValues / 2});
        EXPECT_EQ(emulatedAllocations(), asked + 1) << "half of it is too little to block the rest";
        EXPECT_GT(emulatedAllocated(), loaded);
        for (int64_t i = 1; i < 60; ++i) backend->tensor({kValues * i});
        EXPECT_LT(emulatedAllocated(), loaded + (uint64_t{1} << 30)) << "what is kept is limited";
    }
    EXPECT_LE(emulatedAllocated(), before + (uint64_t{64} << 20))
        << "a pooled chunk at most, and pinned rings are the host's";
}

TEST_P(CudaContext, TakesWhatIsKeptWhereTheDeviceIsFull) {
    if (GetParam() != Where::Emulated) GTEST_SKIP() << "reversed nothing is kept";
    const Setting memory("MOESCOPE_EMULATED_MEMORY", "200000000");
    const auto backend = open();
    for (int64_t millions : {10, 15, 20, 3, 40}) EXPECT_NO_THROW(backend->tensor({millions * 1000 * 1000})) << millions;
}

TEST_P(CudaContext, SaysHowMuchMemoryIsMissing) {
    const auto backend = open();
    MsTensor* none = nullptr;
    const int64_t shape[] = {int64_t{1} << 40};
    EXPECT_EQ(table().tensor_create(backend->context(), MS_F32, 1, shape, &none), MS_OUT_OF_MEMORY);
    const std::string message = table().last_error(backend->context());
    EXPECT_NE(message.find("4194304 MiB more are needed"), std::string::npos) << message;
    EXPECT_NE(message.find("are free"), std::string::npos) << message;
    const DeviceTensor x = onDevice(*backend, {2}, {1, 2});
    EXPECT_EQ(fetched(*backend, x), (std::vector<float>{1, 2}));
}

TEST_P(CudaContext, SurvivesEveryRefusedAllocation) {
    for (int n = 1; n < 200; ++n) {
        const Setting setting("MOESCOPE_CUDA_FAIL_ALLOCATION", std::to_string(n));
        const auto backend = open();
        bool refused = false;
        try {
            MoeOptions options;
            options.storage = MS_BF16;
            MoeCase c(*backend, options);
            backend->check(c.run());
            c.everything();
        } catch (const EngineException& e) {
            refused = true;
            EXPECT_NE(std::string(e.what()).find("the GPU has no room"), std::string::npos) << e.what();
        }
        if (!refused) {
            EXPECT_GT(n, 20) << "a layer and its record take more allocations than that";
            return;
        }
        MoeCase again(*backend, {});
        EXPECT_EQ(again.run(), MS_OK) << "after refusal " << n;
        EXPECT_FALSE(again.everything().empty());
    }
    FAIL() << "the allocations did not end";
}

TEST_P(CudaContext, StaysLostOnceItIsLost) {
    for (const int n : {1, 2, 4, 6}) {
        const Setting setting("MOESCOPE_CUDA_FAIL_LAUNCH", std::to_string(n));
        const auto backend = open();
        MoeCase c(*backend, {});
        EXPECT_EQ(c.run(), MS_DEVICE_LOST);
        const std::string why = table().last_error(backend->context());
        EXPECT_NE(why.find("the GPU stopped"), std::string::npos) << why;
        EXPECT_EQ(c.run(), MS_DEVICE_LOST);
        EXPECT_EQ(table().synchronize(backend->context()), MS_DEVICE_LOST);
        EXPECT_EQ(table().last_error(backend->context()), why);
    }
}

TEST_P(CudaContext, SaysWhyItCanNotServe) {
    if (!emulated()) GTEST_SKIP() << "a real driver can not be taken away";
    const auto reason = [] {
        std::string text;
        EXPECT_EQ(pluginTable(Where::Emulated, text), nullptr);
        return text;
    };
    {
        const Setting none("MOESCOPE_EMULATED_DEVICES", "0");
        EXPECT_EQ(reason(), "no NVIDIA GPU was found");
    }
    {
        const Setting none("MOESCOPE_EMULATED_DEVICES", "nodriver");
        EXPECT_EQ(reason(), "no NVIDIA driver is installed");
    }
    {
        const Setting old("MOESCOPE_EMULATED_DEVICES", "driver");
        EXPECT_EQ(reason(),
                  "the NVIDIA driver supports CUDA 12.2, this program needs one for CUDA 13.0; install a newer driver");
    }
    {
        const Setting old("MOESCOPE_EMULATED_MAJOR", "7");
        EXPECT_EQ(reason(),
                  "emulated device 0 has compute capability 7.0, this program needs 8.0 or later (Ampere, Ada, Hopper "
                  "or newer)");
    }
    MsContextOptions options{sizeof(MsContextOptions), 0, "auto", 3, MS_F32};
    MsContext* made = nullptr;
    EXPECT_NE(table().context_create(&options, &made), MS_OK);
    EXPECT_STREQ(table().last_error(nullptr), "there is no GPU number 3, there are 1");
}

MOESCOPE_ON_CUDA(CudaContext);

}  // namespace
}  // namespace moescope::test
