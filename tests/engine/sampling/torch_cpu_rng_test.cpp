// SPDX-License-Identifier: GPL-3.0-or-later
// torch's CPU random numbers against every reference draw.
#include "engine/sampling/torch_cpu_rng.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <regex>
#include <set>

#include "tests/support/rng_golden.h"

namespace moescope {
namespace {

const test::RngGolden& golden() {
    static const test::RngGolden instance("cpu");
    return instance;
}

DType typeNamed(const std::string& name) {
    static const std::map<std::string, DType> types{{"float32", DType::F32},
                                                    {"float64", DType::F64},
                                                    {"float16", DType::F16},
                                                    {"bfloat16", DType::BF16},
                                                    {"int64", DType::I64}};
    return types.at(name);
}

/// fp32 normals: torch's scalar and vector kernels are up to 2e-6 apart. Everything else has one right answer, but for
/// fp64 normals, where C libraries may differ by a few units in the last place of a value below 6 (9e-16 each).
double toleranceOf(const std::string& call, DType type) {
    if (!call.starts_with("randn")) return 0;
    return type == DType::F32 ? 2e-6 : type == DType::F64 ? 1e-14 : 0;
}

template <class T>
void expectClose(const std::vector<T>& ours, const std::vector<T>& theirs, double tolerance, const std::string& key) {
    ASSERT_EQ(ours.size(), theirs.size()) << key;
    for (size_t i = 0; i < ours.size(); ++i)
        ASSERT_LE(std::abs(static_cast<double>(ours[i]) - static_cast<double>(theirs[i])), tolerance)
            << key << " at " << i << ": " << ours[i] << " instead of " << theirs[i];
}

/// Repeats the call of one entry on `generator` and compares what comes out.
void checkDraw(TorchCpuGenerator& generator, const nlohmann::json& entry) {
    const std::string key = entry.at("key"), call = entry.at("call");
    const DType type = typeNamed(entry.at("dtype"));
    size_t count = 1;
    for (const auto& extent : entry.at("shape")) count *= extent.get<size_t>();
    const double tolerance = toleranceOf(call, type);
    if (type == DType::I64) {
        std::vector<int64_t> values(count);
        std::smatch range;
        if (key.find(".big") != std::string::npos) {
            generator.randint(0, int64_t{1} << 40, values);
        } else if (std::regex_search(call, range, std::regex(R"(randint\((-?\d+),(-?\d+),)"))) {
            generator.randint(std::stoll(range[1]), std::stoll(range[2]), values);
        } else {
            ASSERT_TRUE(call.starts_with("randperm(")) << call;
            generator.randperm(values);
        }
        EXPECT_EQ(values, golden().raw<int64_t>(key)) << key;
    } else if (type == DType::F64) {
        std::vector<double> values(count);
        if (call.starts_with("randn"))
            generator.randn(values);
        else
            generator.rand(values);
        expectClose(values, golden().raw<double>(key), tolerance, key);
    } else {
        std::vector<float> values(count);
        if (call.starts_with("randn"))
            generator.randn(values, type);
        else
            generator.rand(values, type);
        expectClose(values, golden().floats(key), tolerance, key);
    }
}

TEST(TorchCpuGenerator, DrawsEveryReferenceEntry) {
    size_t checked = 0;
    for (const auto& entry : golden().description.at("entries")) {
        const std::string key = entry.at("key");
        if (entry.contains("sequence")) continue;  // below
        TorchCpuGenerator generator(test::seedOf(entry));
        if (key.starts_with("diffusers.list.")) {
            const auto all = golden().floats(key);
            const size_t images = entry.at("shape").at(0).get<size_t>();
            std::vector<float> ours;
            for (size_t image = 0; image < images; ++image) {
                TorchCpuGenerator own(test::seedOf(entry) + image);
                std::vector<float> values(all.size() / images);
                own.randn(values);
                ours.insert(ours.end(), values.begin(), values.end());
            }
            expectClose(ours, all, 2e-6, key);
        } else {
            if (key.starts_with("reseed.")) {
                std::vector<float> first(3);
                generator.randn(first);
                generator.seed(test::seedOf(entry));
            }
            checkDraw(generator, entry);
        }
        ++checked;
        if (HasFatalFailure()) return;
    }
    size_t inSequences = 0;
    for (const auto& entry : golden().description.at("entries")) inSequences += entry.contains("sequence");
    EXPECT_EQ(checked + inSequences, golden().tensorCount());
    EXPECT_GT(checked, 100U);
}

TEST(TorchCpuGenerator, KeepsHalfAPairOfNormalsBetweenCalls) {
    std::map<std::string, std::map<int, nlohmann::json>> sequences;
    for (const auto& entry : golden().description.at("entries"))
        if (entry.contains("sequence")) sequences[entry.at("sequence")][entry.at("index")] = entry;
    ASSERT_FALSE(sequences.empty());
    for (const auto& [name, entries] : sequences) {
        TorchCpuGenerator generator(test::seedOf(entries.begin()->second));
        for (const auto& [index, entry] : entries) checkDraw(generator, entry);
    }
}

TEST(TorchCpuGenerator, GivesTheRecordedFirstWords) {
    // The record took each number from two words (a range of 2^28 or more does), modulo 2^32 - 1.
    for (const auto& [seed, words] : golden().description.at("mt19937_first_words_mod_4294967295").items()) {
        TorchCpuGenerator generator(std::stoull(seed));
        std::vector<int64_t> values(words.size());
        generator.randint(0, 4294967295, values);
        EXPECT_EQ(values, words.get<std::vector<int64_t>>()) << "seed " << seed;
    }
}

TEST(TorchCpuGenerator, CountsOnlyTheLow32BitsOfASeed) {
    TorchCpuGenerator small(5), big((uint64_t{1} << 32) + 5), other(6);
    const uint32_t word = small.random32();
    EXPECT_EQ(word, big.random32());
    EXPECT_NE(word, other.random32());
}

TEST(TorchCpuGenerator, FoldsSixteenBitUniformsThatRoundToOneOntoZero) {
    for (DType type : {DType::BF16, DType::F16}) {
        TorchCpuGenerator exact(1), rounded(1);
        std::vector<float> fine(100000), coarse(fine.size());
        exact.rand(fine);
        rounded.rand(coarse, type);
        const auto nearOne = std::ranges::max_element(fine) - fine.begin();
        EXPECT_EQ(coarse[static_cast<size_t>(nearOne)], 0.0F);
        EXPECT_LT(*std::ranges::max_element(coarse), 1.0F);
    }
}

TEST(TorchCpuGenerator, TakesTwoWordsForRangesFrom2To28) {
    TorchCpuGenerator words(0), narrow(0), wide(0);
    const uint32_t first = words.random32(), second = words.random32();
    std::vector<int64_t> one(1);
    narrow.randint(0, (int64_t{1} << 28) - 1, one);
    EXPECT_EQ(one[0], first % ((1U << 28) - 1));
    wide.randint(0, int64_t{1} << 28, one);
    EXPECT_EQ(one[0], second % (1U << 28));
}

TEST(TorchCpuGenerator, DrawsNothingForZeroValues) {
    TorchCpuGenerator untouched(7), asked(7);
    std::vector<float> none;
    std::vector<int64_t> noInts;
    asked.randn(none);
    asked.rand(none);
    asked.randperm(noInts);
    EXPECT_EQ(asked.random32(), untouched.random32());
}

}  // namespace
}  // namespace moescope
