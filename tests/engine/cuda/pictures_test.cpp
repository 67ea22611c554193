// SPDX-License-Identifier: GPL-3.0-or-later
// Convolutions and group norms against engine/reference.
#include "engine/reference/activation.h"
#include "engine/reference/conv2d.h"
#include "engine/reference/group_norm.h"
#include "tests/engine/cuda/plugin_under_test.h"

namespace moescope::test {
namespace {

constexpr double kTolerance = 1e-5;
constexpr double kBf16Tolerance = 1e-2;

struct Picture {
    int64_t height, width, channels, out, kernel, stride, upsample, strip;
    int64_t pad[4];  // top, bottom, left, right
};

class CudaPictures : public OnCuda {
protected:
    double convolutionError(Backend& backend, const Picture& p, MsDType storage) {
        const RandomLinear weights(backend, p.channels * p.kernel * p.kernel, p.out, 1, MS_LINEAR_PLAIN, true, 3,
                                   storage);
        const std::vector<float> x = spread(p.height * p.width * p.channels, 4);
        const reference::ConvShape shape{p.height, p.width,  p.kernel, p.stride,  p.pad[0],
                                         p.pad[1], p.pad[2], p.pad[3], p.upsample};
        const DeviceTensor input = onDevice(backend, {p.height * p.width, p.channels}, x);
        const DeviceTensor out = backend.tensor({shape.outHeight() * shape.outWidth(), p.out});
        const MsConvDesc desc{sizeof(MsConvDesc), p.height, p.width,  p.kernel,   p.stride, p.pad[0],
                              p.pad[1],           p.pad[2], p.pad[3], p.upsample, p.strip,  MS_ACT_NONE};
        backend.check(backend.table().conv2d(backend.context(), input.get(), weights.linear.get(), &desc, out.get()));
        const auto wanted = reference::conv2d(reference::Matrix<double>(p.height * p.width, p.channels, x),
                                              weights.matrix(), weights.biasOf(), shape);
        return relativeDifference(fetched(backend, out), wanted.data);
    }
};

const std::vector<Picture> kPictures = {
    {5, 7, 3, 4, 3, 1, 1, 0, {1, 1, 1, 1}},  {5, 7, 3, 4, 3, 1, 1, 2, {1, 1, 1, 1}},
    {4, 4, 2, 5, 3, 2, 1, 0, {0, 1, 0, 1}},  {3, 5, 2, 17, 3, 1, 2, 3, {1, 1, 1, 1}},
    {6, 3, 9, 2, 1, 1, 1, 0, {0, 0, 0, 0}},  {3, 3, 1, 1, 1, 2, 1, 0, {0, 0, 0, 0}},
    {1, 1, 20, 3, 3, 1, 1, 0, {1, 1, 1, 1}},
};

TEST_P(CudaPictures, ConvolveAsTheFormula) {
    const auto backend = open(), rounded = open(MS_BF16);
    for (const Picture& p : kPictures) {
        EXPECT_LT(convolutionError(*backend, p, MS_F32), kTolerance)
            << p.height << " x " << p.width << " kernel " << p.kernel;
        EXPECT_LT(convolutionError(*rounded, p, MS_BF16), kBf16Tolerance)
            << p.height << " x " << p.width << " kernel " << p.kernel;
    }
}

TEST_P(CudaPictures, NormaliseGroups) {
    const auto backend = open();
    for (const auto& [rows, channels, groups] :
         {std::tuple<int64_t, int64_t, int64_t>{1, 4, 2}, {5, 6, 3}, {200, 16, 8}, {70, 300, 1}, {65, 40, 40}})
        for (const MsActivation activation : {MS_ACT_NONE, MS_ACT_SILU}) {
            std::vector<float> x = spread(rows * channels, 5);
            for (float& value : x) value += 3.0f;
            const std::vector<float> weight = spread(channels, 6), bias = spread(channels, 7);
            const DeviceTensor picture = onDevice(*backend, {rows, channels}, x);
            const DeviceTensor w = onDevice(*backend, {channels}, weight), b = onDevice(*backend, {channels}, bias);
            backend->check(table().group_norm(backend->context(), picture.get(), groups, 1e-6f, w.get(), b.get(),
                                              activation, picture.get()));
            auto wanted = reference::groupNorm<double>(reference::Matrix<double>(rows, channels, x), groups, 1e-6,
                                                       {weight.begin(), weight.end()}, {bias.begin(), bias.end()});
            if (activation == MS_ACT_SILU) wanted = reference::mapped(wanted, reference::silu<double>);
            EXPECT_LT(relativeDifference(fetched(*backend, picture), wanted.data), kTolerance)
                << rows << " pixels, " << channels << " channels in " << groups << " groups";
        }
}

MOESCOPE_ON_CUDA(CudaPictures);

}  // namespace
}  // namespace moescope::test
