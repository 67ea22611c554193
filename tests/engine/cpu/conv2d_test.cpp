// SPDX-License-Identifier: GPL-3.0-or-later
// Convolutions over rows of pixels against plain loops.
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "engine/backend/backend.h"
#include "tests/support/random_tensor.h"

namespace moescope {
namespace {

using test::randomTensor;

struct Case {
    int64_t height, width, in, out;
    MsConvDesc desc;
    int64_t outHeight() const {
        return (height * desc.upsample + desc.padTop + desc.padBottom - desc.kernel) / desc.stride + 1;
    }
    int64_t outWidth() const {
        return (width * desc.upsample + desc.padLeft + desc.padRight - desc.kernel) / desc.stride + 1;
    }
};

Case makeCase(int64_t height, int64_t width, int64_t in, int64_t out, int64_t kernel, int64_t stride = 1,
              int64_t upsample = 1) {
    Case made{height, width, in, out, {sizeof(MsConvDesc), height, width, kernel, stride}};
    made.desc.upsample = upsample;
    made.desc.padBottom = made.desc.padRight = kernel / 2;
    made.desc.padTop = made.desc.padLeft = stride == 2 ? 0 : kernel / 2;
    return made;
}

/// Weights [out, kernel, kernel, in], bias [out], pixels [height width, in].
struct Values {
    HostTensor x, weight, bias;
    explicit Values(const Case& c)
        : x(randomTensor({c.height * c.width, c.in}, 1)),
          weight(randomTensor({c.out, c.desc.kernel, c.desc.kernel, c.in}, 2)),
          bias(randomTensor({c.out}, 3)) {}
};

std::vector<float> onDevice(Backend& backend, const Case& c, const Values& v) {
    const int64_t columns = c.in * c.desc.kernel * c.desc.kernel;
    PackedLinear weights = backend.linear({sizeof(MsLinearDesc), columns, c.out, 1, MS_F32, MS_LINEAR_PLAIN, 1});
    const MsBackendTable& table = backend.table();
    backend.check(table.linear_load_rows(backend.context(), weights.get(), 0, 0, c.out, v.weight.data.data()));
    backend.check(table.linear_load_bias(backend.context(), weights.get(), 0, v.bias.data.data()));
    const DeviceTensor x = backend.tensorFrom(v.x.shape, v.x.data);
    const DeviceTensor out = backend.tensor({c.outHeight() * c.outWidth(), c.out});
    backend.check(table.conv2d(backend.context(), x.get(), weights.get(), &c.desc, out.get()));
    return backend.fetch(out).data;
}

struct Expected {
    std::vector<double> values,
        magnitudes;  // magnitudes: sums of absolute products, what rounding errors are relative to
};

Expected byHand(const Case& c, const Values& v) {
    const auto& d = c.desc;
    Expected result;
    for (int64_t oy = 0; oy < c.outHeight(); ++oy)
        for (int64_t ox = 0; ox < c.outWidth(); ++ox)
            for (int64_t o = 0; o < c.out; ++o) {
                double sum = v.bias.data[static_cast<size_t>(o)], magnitude = std::abs(sum);
                for (int64_t ky = 0; ky < d.kernel; ++ky)
                    for (int64_t kx = 0; kx < d.kernel; ++kx) {
                        const int64_t y = oy * d.stride - d.padTop + ky, x = ox * d.stride - d.padLeft + kx;
                        if (y < 0 || x < 0 || y >= c.height * d.upsample || x >= c.width * d.upsample) continue;
                        const int64_t pixel = y / d.upsample * c.width + x / d.upsample;
                        for (int64_t i = 0; i < c.in; ++i) {
                            const double product =
                                static_cast<double>(v.x.data[static_cast<size_t>(pixel * c.in + i)]) *
                                v.weight.data[static_cast<size_t>(((o * d.kernel + ky) * d.kernel + kx) * c.in + i)];
                            sum += product;
                            magnitude += std::abs(product);
                        }
                    }
                result.values.push_back(sum);
                result.magnitudes.push_back(magnitude);
            }
    return result;
}

/// A chain of n fp32 operations errs by at most n * 2^-24 of the sum of the absolute terms.
void expectCorrect(const Case& c) {
    Backend backend(cpuBackendTable(), {2});
    const Values values(c);
    const std::vector<float> found = onDevice(backend, c, values);
    const Expected expected = byHand(c, values);
    ASSERT_EQ(found.size(), expected.values.size());
    const double unit = static_cast<double>(c.in * c.desc.kernel * c.desc.kernel + 1) * 0x1p-24;
    for (size_t i = 0; i < found.size(); ++i)
        ASSERT_NEAR(found[i], expected.values[i], unit * expected.magnitudes[i]) << "output " << i;
}

TEST(Conv2d, ThreeByThreeKeepsTheSize) {
    expectCorrect(makeCase(5, 7, 6, 9, 3));
}

TEST(Conv2d, PicturesOfOneRowOrColumnAreMostlyPadding) {
    expectCorrect(makeCase(1, 6, 3, 4, 3));
    expectCorrect(makeCase(6, 1, 3, 4, 3));
    expectCorrect(makeCase(1, 1, 3, 4, 3));
}

TEST(Conv2d, StrideTwoPadsOnlyRightAndBottom) {
    expectCorrect(makeCase(8, 6, 5, 7, 3, 2));
    expectCorrect(makeCase(7, 9, 5, 7, 3, 2));  // odd sizes lose the last row and column
}

TEST(Conv2d, UpsamplingReadsEveryPixelTwiceInEachDirection) {
    expectCorrect(makeCase(3, 4, 5, 7, 3, 1, 2));
}

TEST(Conv2d, OneByOneNeedsNoGathering) {
    Backend backend(cpuBackendTable(), {2});
    const Case c = makeCase(5, 3, 6, 9, 1);
    const uint64_t before = backend.memoryUsed();
    onDevice(backend, c, Values(c));
    EXPECT_EQ(backend.memoryUsed(), before) << "no scratch is left behind";
    expectCorrect(c);
    expectCorrect(makeCase(5, 3, 6, 9, 1, 1, 2));
    expectCorrect(makeCase(5, 3, 6, 9, 1, 2));
}

TEST(Conv2d, StripsAndThreadsChangeNoBit) {
    Case c = makeCase(11, 13, 8, 40, 3);
    const Values values(c);
    Backend one(cpuBackendTable(), {1});
    const std::vector<float> plain = onDevice(one, c, values);
    for (const int threads : {1, 2, 3}) {
        Backend backend(cpuBackendTable(), {threads});
        for (const int64_t strip : {1, 3, 4, 100}) {
            c.desc.stripRows = strip;
            EXPECT_EQ(onDevice(backend, c, values), plain) << threads << " threads, strips of " << strip;
        }
    }
}

TEST(Conv2d, GatheredStripsStayBelowSixteenMegabytes) {
    Backend backend(cpuBackendTable(), {2});
    const Case c = makeCase(80, 64, 128, 1, 3);  // 5120 pixels of 1152 columns: 22.5 MB at once
    const uint64_t before = backend.memoryUsed();
    onDevice(backend, c, Values(c));
    EXPECT_GT(backend.memoryUsed(), before);
    EXPECT_LE(backend.memoryUsed(), before + (uint64_t{16} << 20));
}

TEST(Conv2d, RefusesShapesThatDoNotFit) {
    Backend backend(cpuBackendTable(), {1});
    Case c = makeCase(4, 4, 3, 2, 3);
    const Values values(c);
    for (const auto& change :
         std::vector<void (*)(MsConvDesc&)>{[](MsConvDesc& d) { d.kernel = 5; }, [](MsConvDesc& d) { d.height = 5; },
                                            [](MsConvDesc& d) { d.stride = 3; }, [](MsConvDesc& d) { d.padLeft = -1; },
                                            [](MsConvDesc& d) { d.stripRows = -1; }}) {
        const PackedLinear weights = backend.linear({sizeof(MsLinearDesc), 27, 2, 1, MS_F32, MS_LINEAR_PLAIN, 1});
        const DeviceTensor x = backend.tensorFrom(values.x.shape, values.x.data);
        const DeviceTensor out = backend.tensor({16, 2});
        MsConvDesc desc = c.desc;
        change(desc);
        EXPECT_EQ(backend.table().conv2d(backend.context(), x.get(), weights.get(), &desc, out.get()), MS_INVALID);
    }
}

}  // namespace
}  // namespace moescope
