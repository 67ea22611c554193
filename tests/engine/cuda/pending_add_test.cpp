// SPDX-License-Identifier: GPL-3.0-or-later
// A gated_add may wait for the norm that follows it: nobody can tell, but by the launches.
#include <functional>

#include "engine/backend/device_graph.h"
#include "tests/engine/cuda/plugin_under_test.h"

namespace moescope::test {
namespace {

constexpr int64_t kRows = 6;

/// Tensors of a block, the same each time they are made.
struct Tensors {
    Tensors(Backend& backend, int64_t width) : m_backend(backend) {
        const auto random = [&](int64_t rows, int64_t columns, uint32_t seed) {
            return onDevice(backend, {rows, columns}, spread(rows * columns, seed));
        };
        x = random(kRows, width, 1);
        y = random(kRows, width, 2);
        modulation = random(2, 4 * width, 3);
        other = random(kRows, width, 4);
        out = random(kRows, width, 5);
        weight = onDevice(backend, {width}, spread(width, 6));
        if (width != 64) return;  // else a row is 256 bytes: where a view may begin
        firstRow = backend.view(x, 0, {width}, MS_F32);
        someRows = backend.view(x, 0, {kRows - 2, width}, MS_F32);
        someOut = backend.view(out, 256, {kRows - 2, width}, MS_F32);
    }
    void gatedAdd(const DeviceTensor& to, const DeviceTensor& of) {
        m_backend.check(m_backend.table().gated_add(m_backend.context(), to.get(), of.get(), modulation.get(), 2));
    }
    void gatedAdd() { gatedAdd(x, y); }
    void norm(const DeviceTensor& from, const DeviceTensor& to, MsNorm kind = MS_NORM_LAYER) {
        m_backend.check(m_backend.table().modulated_norm(m_backend.context(), from.get(), kind, 1e-6f,
                                                         kind == MS_NORM_RMS ? weight.get() : nullptr, modulation.get(),
                                                         0, 1, to.get()));
    }
    std::vector<float> everything() {
        std::vector<float> all;
        for (const DeviceTensor* tensor : {&x, &y, &modulation, &other, &out})
            if (tensor->get()) {
                const auto values = fetched(m_backend, *tensor);
                all.insert(all.end(), values.begin(), values.end());
            }
        return all;
    }

    Backend& m_backend;
    DeviceTensor x, y, modulation, other, out, weight, firstRow, someRows, someOut;
};

class CudaPendingAdd : public OnCuda {
protected:
    /// What the tensors hold after gated_add and `after`, where nothing can wait in between or where it can.
    std::vector<float> result(Backend& backend, int64_t width, bool waits, const std::function<void(Tensors&)>& after) {
        Tensors t(backend, width);
        t.gatedAdd();
        if (!waits) backend.synchronize();
        after(t);
        return t.everything();
    }
};

TEST_P(CudaPendingAdd, GoesAlongWithANormToTheBit) {
    for (const MsDType compute : {MS_F32, MS_BF16}) {
        const auto backend = open(compute);
        for (const int64_t width : {4, 7, 128, 130, 300})
            for (const MsNorm kind : {MS_NORM_LAYER, MS_NORM_RMS}) {
                const auto norm = [&](Tensors& t) { t.norm(t.x, t.out, kind); };
                EXPECT_EQ(result(*backend, width, true, norm), result(*backend, width, false, norm))
                    << "width " << width << ", norm " << kind;
            }
    }
}

TEST_P(CudaPendingAdd, IsDoneBeforeAnythingElseHappens) {
    const auto backend = open();
    constexpr int64_t kWidth = 64;
    MsContext* context = backend->context();
    const auto check = [&](MsStatus status) { backend->check(status); };
    const std::vector<float> numbers = spread(kRows * kWidth, 7), gates = spread(8 * kWidth, 8);
    const std::vector<std::pair<const char*, std::function<void(Tensors&)>>> cases = {
        {"nothing", [](Tensors&) {}},
        {"y is uploaded", [&](Tensors& t) { backend->upload(t.y, std::span<const float>(numbers)); }},
        {"the gates are uploaded", [&](Tensors& t) { backend->upload(t.modulation, std::span<const float>(gates)); }},
        {"x is uploaded", [&](Tensors& t) { backend->upload(t.x, std::span<const float>(numbers)); }},
        {"y is freed and its memory taken",
         [&](Tensors& t) {
             t.y = {};
             const DeviceTensor next = onDevice(*backend, {kRows, kWidth}, numbers);
             t.norm(t.x, t.out);
         }},
        {"the gates are freed and their memory taken",
         [&](Tensors& t) {
             t.modulation = {};
             const DeviceTensor next = onDevice(*backend, {2, 4 * kWidth}, gates);
             check(table().modulated_norm(context, t.x.get(), MS_NORM_LAYER, 1e-6f, nullptr, nullptr, -1, -1,
                                          t.out.get()));
         }},
        {"x takes another shape",
         [&](Tensors& t) {
             backend->reshape(t.x, {2 * kRows, kWidth / 2});
             backend->reshape(t.out, {2 * kRows, kWidth / 2});
             check(table().modulated_norm(context, t.x.get(), MS_NORM_LAYER, 1e-6f, nullptr, nullptr, -1, -1,
                                          t.out.get()));
         }},
        {"x is copied", [&](Tensors& t) { check(table().copy(context, t.x.get(), t.out.get())); }},
        {"y is changed", [&](Tensors& t) { check(table().add(context, t.y.get(), t.other.get(), t.y.get())); }},
        {"another gated_add", [&](Tensors& t) { t.gatedAdd(t.x, t.other), t.norm(t.x, t.out); }},
        {"a gated_add of another tensor", [&](Tensors& t) { t.gatedAdd(t.other, t.x), t.norm(t.other, t.out); }},
        {"a norm of another tensor", [&](Tensors& t) { t.norm(t.other, t.out), t.norm(t.x, t.other); }},
        {"a norm over y", [&](Tensors& t) { t.norm(t.x, t.y); }},
        {"a norm of y", [&](Tensors& t) { t.norm(t.y, t.out); }},
        {"a norm in place", [&](Tensors& t) { t.norm(t.x, t.x); }},
        {"a norm with x as its weight",
         [&](Tensors& t) {
             check(table().modulated_norm(context, t.other.get(), MS_NORM_RMS, 1e-6f, t.firstRow.get(), nullptr, -1, -1,
                                          t.out.get()));
         }},
        {"a norm of some of its rows", [&](Tensors& t) { t.norm(t.someRows, t.someOut); }},
        {"a norm of x with x as its weight",
         [&](Tensors& t) {
             check(table().modulated_norm(context, t.x.get(), MS_NORM_RMS, 1e-6f, t.firstRow.get(), nullptr, -1, -1,
                                          t.out.get()));
         }},
        {"a norm that is refused",
         [&](Tensors& t) {
             EXPECT_EQ(table().modulated_norm(context, t.x.get(), MS_NORM_RMS, 1e-6f, t.x.get(), nullptr, -1, -1,
                                              t.out.get()),
                       MS_INVALID);
         }},
    };
    for (const auto& [name, after] : cases)
        EXPECT_EQ(result(*backend, kWidth, true, after), result(*backend, kWidth, false, after)) << name;
}

TEST_P(CudaPendingAdd, StaysOnItsSideOfARecording) {
    const auto backend = open();
    const auto after = [&](int adds, bool norms) {
        Tensors t(*backend, 20);
        for (int i = 0; i < adds; ++i) {
            t.gatedAdd();
            backend->synchronize();
        }
        if (norms) t.norm(t.x, t.out);
        return t.everything();
    };
    {
        Tensors t(*backend, 20);
        t.gatedAdd();
        DeviceGraph norm = DeviceGraph::record(*backend, [&] { t.norm(t.x, t.out); });
        norm.launch();
        norm.launch();
        EXPECT_EQ(t.everything(), after(1, true)) << "what was asked for before a recording is no part of it";
    }
    {
        Tensors t(*backend, 20);
        DeviceGraph add = DeviceGraph::record(*backend, [&] { t.gatedAdd(); });
        EXPECT_EQ(t.everything(), after(0, false)) << "what is recorded is not run";
        t.norm(t.x, t.out);
        add.launch();
        add.launch();
        t.norm(t.x, t.out);
        EXPECT_EQ(t.everything(), after(2, true)) << "what was asked for last is recorded too";
    }
    {
        Tensors t(*backend, 20);
        DeviceGraph both = DeviceGraph::record(*backend, [&] { t.gatedAdd(), t.norm(t.x, t.out); });
        const uint64_t before = emulated() ? emulatedWork() : 0;
        both.launch();
        if (emulated()) {
            EXPECT_EQ(emulatedWork() - before, 1u);
        }
        both.launch();
        EXPECT_EQ(t.everything(), after(2, true));
    }
}

MOESCOPE_ON_CUDA(CudaPendingAdd);

}  // namespace
}  // namespace moescope::test
