// SPDX-License-Identifier: GPL-3.0-or-later
// Whole runs on the device: a picture of a batch beside the picture made alone, and the same request twice.
#include <cmath>
#include <limits>

#include "engine/model/checkpoint.h"
#include "engine/sampling/generator.h"
#include "tests/engine/cuda/plugin_under_test.h"
#include "tests/support/test_data.h"

namespace moescope::test {
namespace {

// A batch may take other algorithms for its products, whose sums differ in the last bits. fp32: no colour moves by more
// than one level, which is 48.1 dB if all of them do. bf16: a last bit is 2^-9 and some choices of experts differ.
constexpr double kDecibels = 48, kBf16Decibels = 30;

double psnr(const Picture& a, const Picture& b) {
    EXPECT_EQ(a.rgb.size(), b.rgb.size());
    double squares = 0;
    for (size_t i = 0; i < a.rgb.size(); ++i) squares += std::pow(static_cast<double>(a.rgb[i]) - b.rgb[i], 2);
    if (squares == 0) return std::numeric_limits<double>::infinity();
    return 10 * std::log10(255.0 * 255.0 * static_cast<double>(a.rgb.size()) / squares);
}

class CudaRuns : public OnCuda {
protected:
    static GenerationRequest request(const Denoiser& denoiser, const std::vector<int>& classes, uint64_t seed) {
        GenerationRequest request;
        request.sampler = denoiser.description().defaults;
        request.sampler.steps = 3;
        request.classes = classes;
        request.seed = seed;
        return request;
    }
    static GenerationResult run(const Denoiser& denoiser, const std::vector<int>& classes, uint64_t seed) {
        GenerationResult result = generate(denoiser, nullptr, request(denoiser, classes, seed), nullptr, {}).orThrow();
        EXPECT_FALSE(result.stopped);
        return result;
    }
    std::unique_ptr<Denoiser> model(Backend& backend, MsDType storage) {
        const std::filesystem::path path = goldenFolder() / "dsmoe-tiny/checkpoints/0000100.pt";
        LoadOptions options;
        options.storage = storage;
        return Checkpoint::open(path, {}).orThrow()->load(backend, options).orThrow();
    }
};

TEST_P(CudaRuns, APictureOfABatchIsThePictureMadeAlone) {
    for (const MsDType type : {MS_F32, MS_BF16}) {
        SCOPED_TRACE(type == MS_F32 ? "fp32" : "bf16");
        const auto backend = open(type);
        const auto denoiser = model(*backend, type);
        const GenerationResult together = run(*denoiser, {1, 2, 0}, 7);
        for (int image = 0; image < 3; ++image) {
            const GenerationResult alone = run(*denoiser,
                                               {image == 0   ? 1
                                                : image == 1 ? 2
                                                             : 0},
                                               7 + static_cast<uint64_t>(image));
            EXPECT_GE(psnr(together.record->pictures[static_cast<size_t>(image)], alone.record->pictures[0]),
                      type == MS_F32 ? kDecibels : kBf16Decibels)
                << "picture " << image;
        }
        EXPECT_LT(psnr(together.record->pictures[0], together.record->pictures[1]), kBf16Decibels)
            << "others are others";
    }
}

TEST_P(CudaRuns, TheSameRequestGivesTheSameBytes) {
    for (const MsDType type : {MS_F32, MS_BF16}) {
        const auto backend = open(type);
        const auto denoiser = model(*backend, type);
        const GenerationResult first = run(*denoiser, {1, 2}, 3), second = run(*denoiser, {1, 2}, 3);
        EXPECT_EQ(first.record->finalLatents.data, second.record->finalLatents.data);
        const auto other = open(type);
        const auto again = model(*other, type);
        EXPECT_EQ(run(*again, {1, 2}, 3).record->finalLatents.data, first.record->finalLatents.data)
            << "in a context of its own";
    }
}

MOESCOPE_ON_CUDA(CudaRuns);

}  // namespace
}  // namespace moescope::test
