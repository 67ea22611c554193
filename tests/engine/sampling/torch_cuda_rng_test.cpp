// SPDX-License-Identifier: GPL-3.0-or-later
// torch's CUDA random numbers against every reference draw and the published Philox vectors.
#include "engine/sampling/torch_cuda_rng.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <memory>

#include "tests/support/rng_golden.h"

namespace moescope {
namespace {

constexpr double kTolerance = 5e-6;  // angles are fp32 on the card, and its multiply-adds are fused

const test::RngGolden& golden() {
    static const test::RngGolden instance("cuda");
    return instance;
}

template <size_t N>
std::array<uint32_t, N> hexWords(const nlohmann::json& words) {
    std::array<uint32_t, N> values;
    for (size_t i = 0; i < N; ++i)
        values[i] = static_cast<uint32_t>(std::stoul(words.at(i).get<std::string>(), nullptr, 16));
    return values;
}

void checkDraw(TorchCudaGenerator& generator, const nlohmann::json& entry) {
    const std::string key = entry.at("key"), call = entry.at("call");
    if (entry.contains("philox_offset_before")) {
        EXPECT_EQ(generator.offset(), entry.at("philox_offset_before")) << key;
    }
    std::vector<float> values(entry.at("n").get<size_t>());
    if (call.starts_with("randn"))
        generator.randn(values);
    else
        generator.rand(values);
    if (entry.contains("offset_after")) {
        EXPECT_EQ(generator.offset(), entry.at("offset_after")) << key;
    }
    const auto expected = golden().floats(key);
    ASSERT_EQ(values.size(), expected.size()) << key;
    const double tolerance = call == "rand" ? 0 : kTolerance;
    for (size_t i = 0; i < values.size(); ++i)
        ASSERT_LE(std::abs(static_cast<double>(values[i]) - expected[i]), tolerance)
            << key << " at " << i << ": " << values[i] << " instead of " << expected[i];
}

TEST(Philox, GivesThePublishedKnownAnswers) {
    ASSERT_EQ(golden().description.at("known_answers").size(), 3U);
    for (const auto& answer : golden().description.at("known_answers"))
        EXPECT_EQ(philox4x32(hexWords<4>(answer.at("counter")), hexWords<2>(answer.at("key"))),
                  hexWords<4>(answer.at("output")));
}

TEST(TorchCudaGenerator, DrawsEveryReferenceEntry) {
    size_t checked = 0;
    std::unique_ptr<TorchCudaGenerator> generator;  // entries of a sequence follow each other and share it
    for (const auto& entry : golden().description.at("entries")) {
        const std::string key = entry.at("key");
        const bool continues = entry.value("index", 0) > 0 || key.ends_with(".next");
        if (!continues)
            generator = std::make_unique<TorchCudaGenerator>(
                test::seedOf(entry), entry.value("multiprocessors", TorchCudaGenerator::defaultMultiprocessors),
                entry.value("threads_per_multiprocessor", TorchCudaGenerator::defaultThreadsPerMultiprocessor));
        checkDraw(*generator, entry);
        if (HasFatalFailure()) return;
        ++checked;
    }
    EXPECT_EQ(checked, golden().tensorCount());
}

TEST(TorchCudaGenerator, DependsOnTheCardOnlyBeyondItsResidentThreads) {
    const auto draw = [](int multiprocessors, size_t count) {
        std::vector<float> values(count);
        TorchCudaGenerator(3, multiprocessors, 1536).randn(values);
        return values;
    };
    const size_t resident = 28 * 1536;
    EXPECT_EQ(draw(28, resident), draw(132, resident));
    EXPECT_NE(draw(28, resident + 1), draw(132, resident + 1));
}

TEST(TorchCudaGenerator, CountsAll64BitsOfASeed) {
    std::vector<float> low(1), high(1);
    TorchCudaGenerator(5).randn(low);
    TorchCudaGenerator((uint64_t{1} << 32) + 5).randn(high);
    EXPECT_NE(low, high);
}

TEST(TorchCudaGenerator, StandsStillForZeroValues) {
    TorchCudaGenerator generator(1);
    std::vector<float> none;
    generator.randn(none);
    EXPECT_EQ(generator.offset(), 0U);
}

}  // namespace
}  // namespace moescope
