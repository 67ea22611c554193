// SPDX-License-Identifier: GPL-3.0-or-later
// Embedding, norms, elementwise and sampling operations against engine/reference.
#include <limits>

#include "engine/reference/activation.h"
#include "engine/reference/embedding.h"
#include "engine/reference/norm.h"
#include "engine/reference/patch.h"
#include "engine/reference/sampling.h"
#include "tests/engine/cuda/plugin_under_test.h"

namespace moescope::test {
namespace {

using reference::Matrix;

constexpr double kExact = 2e-7;  // one or two roundings
constexpr double kNorm = 2e-6;   // sums of a row

class CudaSmallOps : public OnCuda {
protected:
    void SetUp() override {
        OnCuda::SetUp();
        if (!IsSkipped()) m_backend = open();
    }
    Backend& backend() { return *m_backend; }
    MsContext* context() { return m_backend->context(); }
    DeviceTensor random(const Shape& shape, uint32_t seed) {
        return onDevice(*m_backend, shape, spread(elementCount(shape), seed));
    }
    std::vector<float> values(const DeviceTensor& tensor) { return fetched(*m_backend, tensor); }
    Matrix<double> matrix(const DeviceTensor& tensor) {
        return {tensor.dim(0), tensor.elements() / tensor.dim(0), values(tensor)};
    }
    void check(MsStatus status) { m_backend->check(status); }

private:
    std::unique_ptr<Backend> m_backend;
};

TEST_P(CudaSmallOps, CutsPicturesIntoPatchesAndBack) {
    const DeviceTensor image = random({2, 3, 6, 10}, 1), tokens = backend().tensor({2 * 3 * 5, 12});
    check(table().patchify(context(), image.get(), 2, tokens.get()));
    reference::Pictures<float> pictures(2, 3, 6, 10);
    pictures.data = values(image);
    EXPECT_EQ(values(tokens), reference::patchify(pictures, 2).data);

    const DeviceTensor back = backend().tensor({2, 3, 6, 10});
    check(table().unpatchify(context(), tokens.get(), 2, back.get()));
    EXPECT_EQ(values(back), reference::unpatchify(Matrix<float>(30, 12, values(tokens)), 2, 2, 3, 5).data);
}

TEST_P(CudaSmallOps, MakesTimeWaves) {
    const std::vector<float> times = {0.0f, 0.37f, 999.0f};
    for (const int64_t width : {1, 2, 7, 64}) {
        const DeviceTensor t = onDevice(backend(), {3}, times), out = backend().tensor({3, width});
        check(table().timestep_waves(context(), t.get(), 10000.0f, out.get()));
        const auto wanted = reference::timestepWaves<double>({0.0, static_cast<double>(0.37f), 999.0}, 10000.0, width);
        // Angles are products in fp32: at 999 wrong by up to 999 2^-23.
        EXPECT_LT(relativeDifference(values(out), wanted.data), 2.5e-4) << width;
    }
}

TEST_P(CudaSmallOps, GathersRowsAndShowsIndicesOutside) {
    const DeviceTensor rows = random({5, 3}, 2), index = indices(backend(), {4, 0, 7, -1}),
                       out = backend().tensor({4, 3});
    check(table().gather_rows(context(), rows.get(), index.get(), out.get()));
    const auto stored = values(rows), got = values(out);
    for (size_t i = 0; i < 3; ++i) {
        EXPECT_EQ(got[i], stored[12 + i]);
        EXPECT_EQ(got[3 + i], stored[i]);
        EXPECT_TRUE(std::isnan(got[6 + i]) && std::isnan(got[9 + i]));
    }
}

TEST_P(CudaSmallOps, AddsPrependsAndDropsRows) {
    const DeviceTensor x = random({2 * 5, 3}, 3), positions = random({5, 3}, 4);
    const Matrix<float> before(10, 3, values(x));
    check(table().add_rows(context(), x.get(), positions.get()));
    EXPECT_EQ(values(x), reference::addRows(before, Matrix<float>(5, 3, values(positions))).data);

    const DeviceTensor embedding = random({2, 3}, 5), lead = random({4, 3}, 6), joined = backend().tensor({2 * 9, 3});
    check(table().prepend_tokens(context(), x.get(), embedding.get(), lead.get(), joined.get()));
    const Matrix<float> all = reference::prependTokens(
        Matrix<float>(10, 3, values(x)), Matrix<float>(2, 3, values(embedding)), Matrix<float>(4, 3, values(lead)));
    EXPECT_EQ(values(joined), all.data);

    const DeviceTensor kept = backend().tensor({2 * 5, 3});
    check(table().drop_lead_tokens(context(), joined.get(), 2, kept.get()));
    EXPECT_EQ(values(kept), reference::dropLeadTokens(all, 2, 5).data);
}

TEST_P(CudaSmallOps, NormalisesRows) {
    for (const int64_t width : {1, 3, 4, 128, 129, 300, 516, 1024})
        for (const MsNorm kind : {MS_NORM_LAYER, MS_NORM_RMS})
            for (const bool modulated : {false, true}) {
                const DeviceTensor x = random({6, width}, 7), weight = random({width}, 8);
                const DeviceTensor modulation = random({3, 4 * width}, 9), out = backend().tensor({6, width});
                check(table().modulated_norm(
                    context(), x.get(), kind, 1e-6f, kind == MS_NORM_RMS ? weight.get() : nullptr,
                    modulated ? modulation.get() : nullptr, modulated ? 3 : -1, modulated ? 1 : -1, out.get()));
                const auto w = values(weight);
                Matrix<double> wanted =
                    kind == MS_NORM_LAYER
                        ? reference::layerNorm(matrix(x), 1e-6)
                        : reference::rmsNorm(matrix(x), std::vector<double>(w.begin(), w.end()), 1e-6);
                if (modulated) wanted = reference::modulate(wanted, matrix(modulation), 3, 1);
                EXPECT_LT(relativeDifference(values(out), wanted.data), kNorm)
                    << "width " << width << ", norm " << kind << ", modulated " << modulated;
            }
}

TEST_P(CudaSmallOps, NormalisesBesideALargeMean) {
    std::vector<float> row = spread(96, 10, 1.0f);
    for (float& value : row) value += 3000.0f;
    const DeviceTensor x = onDevice(backend(), {1, 96}, row), out = backend().tensor({1, 96});
    check(table().modulated_norm(context(), x.get(), MS_NORM_LAYER, 1e-6f, nullptr, nullptr, -1, -1, out.get()));
    EXPECT_LT(relativeDifference(values(out), reference::layerNorm(matrix(x), 1e-6).data), 2e-5);
}

TEST_P(CudaSmallOps, NormalisesRowsThatFillWhatABlockMayUseUnasked) {
    // With what the kernel declares itself, a row of 48 KiB is more than a block gets without asking.
    const int64_t width = 48 * 1024 / 4;
    const DeviceTensor x = random({1, width}, 21), out = backend().tensor({1, width});
    check(table().modulated_norm(context(), x.get(), MS_NORM_LAYER, 1e-6f, nullptr, nullptr, -1, -1, out.get()));
    // A thread's 96 values one after another and 12 rounds over the block: at most 108 2^-24.
    EXPECT_LT(relativeDifference(values(out), reference::layerNorm(matrix(x), 1e-6).data), 7e-6);
}

TEST_P(CudaSmallOps, AddsGatesInRowsOfEveryLength) {
    for (const int64_t width : {1, 4, 6, 8, 260})
        for (const int64_t more : {0, 1, 4}) {  // columns of the modulation behind its chunks
            const DeviceTensor x = random({6, width}, 21), y = random({6, width}, 22),
                               modulation = random({3, 2 * width + more}, 23);
            const auto before = values(x), added = values(y), gates = values(modulation);
            check(table().gated_add(context(), x.get(), y.get(), modulation.get(), 1));
            const auto after = values(x);
            for (int64_t i = 0; i < 6 * width; ++i) {
                const auto at = static_cast<size_t>(i);
                const float gate = gates[static_cast<size_t>(i / width / 2 * (2 * width + more) + width + i % width)];
                EXPECT_EQ(after[at], before[at] + gate * added[at]) << "width " << width << ", value " << i;
            }
        }
}

TEST_P(CudaSmallOps, DoesTheSameWithFourValuesAsWithOne) {
    // 1023 values are taken one by one, the first 1020 of them in fours.
    const std::vector<float> numbers = spread(1023, 24, 3.0f), others = spread(1023, 25);
    const auto some = [&](const std::vector<float>& all, int64_t count) {
        return onDevice(backend(), {count}, std::vector<float>(all.begin(), all.begin() + count));
    };
    for (const MsActivation activation : {MS_ACT_NONE, MS_ACT_SILU, MS_ACT_GELU_TANH}) {
        std::vector<float> results[2], sums[2];
        for (const int64_t count : {1020, 1023}) {
            const DeviceTensor x = some(numbers, count), y = some(others, count), out = backend().tensor({count});
            check(table().activate(context(), x.get(), activation, out.get()));
            results[count == 1020] = values(out);
            check(table().add(context(), x.get(), y.get(), out.get()));
            sums[count == 1020] = values(out);
        }
        results[0].resize(1020);
        sums[0].resize(1020);
        EXPECT_EQ(results[0], results[1]);
        EXPECT_EQ(sums[0], sums[1]);
    }
}

TEST_P(CudaSmallOps, AddsGatesAndActivates) {
    const DeviceTensor x = random({6, 5}, 11), y = random({6, 5}, 12), modulation = random({2, 15}, 13);
    const Matrix<double> wanted = reference::gatedAdd(matrix(x), matrix(y), matrix(modulation), 2);
    check(table().gated_add(context(), x.get(), y.get(), modulation.get(), 2));
    EXPECT_LT(relativeDifference(values(x), wanted.data), kExact);

    const DeviceTensor sum = backend().tensor({6, 5});
    check(table().add(context(), x.get(), y.get(), sum.get()));
    const auto a = values(x), b = values(y), s = values(sum);
    for (size_t i = 0; i < s.size(); ++i) EXPECT_EQ(s[i], a[i] + b[i]);

    check(table().activate(context(), y.get(), MS_ACT_SILU, sum.get()));
    EXPECT_LT(relativeDifference(values(sum), reference::mapped(matrix(y), reference::silu<double>).data), 5e-7);
    check(table().activate(context(), y.get(), MS_ACT_GELU_TANH, sum.get()));
    EXPECT_LT(relativeDifference(values(sum), reference::mapped(matrix(y), reference::geluTanh<double>).data), 1e-6);
    check(table().activate(context(), y.get(), MS_ACT_NONE, sum.get()));
    EXPECT_EQ(values(sum), values(y));
}

TEST_P(CudaSmallOps, ActivatesTheEndsOfTheRange) {
    const float inf = std::numeric_limits<float>::infinity();
    const DeviceTensor x = onDevice(backend(), {5}, {-200.0f, 200.0f, inf, 0.0f, std::nanf("")}),
                       out = backend().tensor({5});
    check(table().activate(context(), x.get(), MS_ACT_SILU, out.get()));
    const auto got = values(out);
    EXPECT_EQ(got[0], 0.0f);
    EXPECT_EQ(got[1], 200.0f);
    EXPECT_EQ(got[2], inf);
    EXPECT_EQ(got[3], 0.0f);
    EXPECT_TRUE(std::isnan(got[4]));
}

TEST_P(CudaSmallOps, GuidesAndAdvances) {
    for (const bool clean : {false, true})
        for (const int64_t predicted : {2, 4}) {
            const DeviceTensor prediction = random({predicted, 5, 2, 3}, 14), z = random({2, 3, 2, 3}, 15);
            const DeviceTensor params = onDevice(backend(), {3}, {clean ? 1.0f : 0.0f, 0.25f, 2.5f});
            const DeviceTensor velocity = backend().tensor({2, 3, 2, 3}), moved = backend().tensor({2, 3, 2, 3});
            check(table().guided_velocity(context(), prediction.get(), z.get(), params.get(), velocity.get()));
            const auto wanted = reference::guidedVelocity(Matrix<float>(predicted, 30, values(prediction)),
                                                          Matrix<float>(2, 18, values(z)), clean, 0.25f, 2.5f);
            EXPECT_EQ(values(velocity), wanted.data) << clean << predicted;

            const DeviceTensor step = onDevice(backend(), {1}, {0.125f});
            check(table().advance(context(), z.get(), velocity.get(), step.get(), moved.get()));
            EXPECT_EQ(values(moved), reference::advance(Matrix<float>(2, 18, values(z)), wanted, 0.125f).data);
            check(table().mean(context(), z.get(), moved.get(), moved.get()));
            check(table().advance(context(), z.get(), velocity.get(), step.get(), z.get()));
        }
    const DeviceTensor z = random({2, 3}, 16), twice = backend().tensor({4, 3});
    check(table().repeat_batch(context(), z.get(), twice.get()));
    std::vector<float> wanted = values(z);
    wanted.insert(wanted.end(), wanted.begin(), wanted.end());
    EXPECT_EQ(values(twice), wanted);
}

TEST_P(CudaSmallOps, GathersRowsOfIntegers) {
    const DeviceTensor rows = indices(backend(), {1, 2, 3, 4, 5, 6}, {3, 2}), index = indices(backend(), {2, 0, 3});
    const DeviceTensor out = backend().tensor({3, 2}, MS_I32);
    check(table().gather_rows(context(), rows.get(), index.get(), out.get()));
    EXPECT_EQ(fetchedAs<int32_t>(backend(), out), (std::vector<int32_t>{5, 6, 1, 2, -1, -1}));
}

TEST_P(CudaSmallOps, GuidesSomeChannels) {
    for (const int64_t predicted : {2, 4})
        for (const int64_t guided : {0, 2, 3}) {
            const DeviceTensor prediction = random({predicted, 5, 2, 3}, 17), out = backend().tensor({2, 3, 2, 3});
            const DeviceTensor params = onDevice(backend(), {2}, {2.5f, -1.0f});
            check(table().guided_prediction(context(), prediction.get(), params.get(), guided, out.get()));
            const Matrix<float> given(predicted, 30, values(prediction));
            EXPECT_EQ(values(out), reference::guidedPrediction(given, 2, 18, guided * 6, 2.5f, -1.0f).data);
        }
}

TEST_P(CudaSmallOps, StepsDiscreteDiffusions) {
    const std::vector<float> params = {1.25f, 0.75f, 0.5f, 0.375f, -0.125f, -1.5f, -3.0f, 0.875f};
    const reference::DiffusionCoefficients<double> c{1.25, 0.75, 0.5, 0.375, -0.125, -1.5, -3.0, 0.875};
    for (const int64_t channels : {3, 6})
        for (const bool noisy : {false, true}) {
            const DeviceTensor prediction = random({2, channels, 2, 2}, 18), z = random({2, 3, 2, 2}, 19),
                               noise = random({2, 3, 2, 2}, 20);
            const DeviceTensor given = onDevice(backend(), {8}, params);
            const DeviceTensor clean = backend().tensor({2, 3, 2, 2}), next = backend().tensor({2, 3, 2, 2});
            check(table().diffusion_step(context(), prediction.get(), z.get(), noisy ? noise.get() : nullptr,
                                         given.get(), clean.get(), next.get()));
            const auto p = values(prediction), from = values(z), drawn = values(noise);
            std::vector<double> wantedClean, wantedNext;
            for (size_t i = 0; i < from.size(); ++i) {
                const size_t at = i / 12 * static_cast<size_t>(channels) * 4 + i % 12;
                const double v = channels == 6 ? p[at + 12] : -1.0;  // without a learned variance the low one
                wantedClean.push_back(reference::diffusionClean<double>(c, p[at], from[i]));
                wantedNext.push_back(reference::diffusionNext<double>(c, p[at], v, from[i], noisy ? drawn[i] : 0.0));
            }
            EXPECT_LT(relativeDifference(values(clean), wantedClean), 1e-6);
            EXPECT_LT(relativeDifference(values(next), wantedNext), 1e-6);
        }
}

TEST_P(CudaSmallOps, SaysWhatDoesNotFit) {
    const DeviceTensor x = backend().tensor({2, 3}), other = backend().tensor({3, 2});
    EXPECT_EQ(table().add(context(), x.get(), x.get(), other.get()), MS_INVALID);
    EXPECT_STREQ(table().last_error(context()),
                 "[add] expected fp32 tensors of equal shape, got [2, 3], [2, 3] and [3, 2]");
    EXPECT_EQ(table().add_rows(context(), x.get(), other.get()), MS_INVALID);
    const DeviceTensor good = backend().tensor({2, 3});
    EXPECT_EQ(table().add(context(), x.get(), x.get(), good.get()), MS_OK) << "a refused call breaks nothing";
}

MOESCOPE_ON_CUDA(CudaSmallOps);

}  // namespace
}  // namespace moescope::test
