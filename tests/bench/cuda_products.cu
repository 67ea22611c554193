// SPDX-License-Identifier: GPL-3.0-or-later
// The experts' products of the CUDA plugin alone, against cuBLASLt on a dense product of the same size, in turn.
// Without arguments: shapes of released models; else EXPERTS ROWS DEPTH COLUMNS (rows of all experts together).
//
//     cmake --build --preset release --target cuda_products && build/release/tests/bench/cuda_products
//
// Both sides multiply bf16 by bf16 and write fp32. "fused" is the same product of gated weights that writes bf16, as a
// MoE layer runs it; it has no peer. Loads: even, or uneven (expert e gets a share in proportion to 1 / (e + 1)).
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "engine/cuda/context.h"
#include "engine/cuda/expert_gemm.h"
#include "engine/cuda/ops.h"

namespace moescope::cuda {
namespace {

constexpr int kRounds = 21, kLaunches = 8;  // medians of rounds of so many launches

struct Shape {
    const char* name;
    int64_t experts, rows, depth, columns;
};

constexpr Shape kShapes[] = {
    {"L-E16 gate and up, 32 pictures", 16, 16384, 1024, 4096}, {"L-E16 down, 32 pictures", 16, 16384, 2048, 1024},
    {"B-E48 gate and up, 32 pictures", 48, 40960, 768, 512},   {"S-E48 gate and up, 1 guided", 48, 2560, 384, 256},
    {"L-E16 gate and up, 1 guided", 16, 1024, 1024, 4096},     {"L-E16 down, 1 guided", 16, 1024, 2048, 1024},
};

std::vector<float> randomValues(int64_t count, unsigned seed) {
    std::vector<float> values(static_cast<size_t>(count));
    std::minstd_rand draw(seed);
    for (float& value : values) value = static_cast<float>(draw()) / static_cast<float>(std::minstd_rand::max()) - 0.5f;
    return values;
}

/// Weights of `count` matrices; the same numbers in each.
std::unique_ptr<MsLinear> weightsOf(MsContext& context, int64_t count, int64_t depth, int64_t columns,
                                    MsLinearLayout layout) {
    const MsLinearDesc desc{
        sizeof(MsLinearDesc), depth, layout == MS_LINEAR_GATED ? columns / 2 : columns, count, MS_BF16, layout, 0};
    MsLinear* made = nullptr;
    linearCreate(context, &desc, &made);
    const std::vector<float> values = randomValues(depth * columns, 7);
    for (int64_t index = 0; index < count; ++index) linearLoadRows(context, made, index, 0, columns, values.data());
    return std::unique_ptr<MsLinear>(made);
}

/// Values of a type that the device holds as they are.
template <class T>
std::unique_ptr<MsTensor> onDevice(MsContext& context, MsDType type, const std::vector<T>& values) {
    const auto count = static_cast<int64_t>(values.size());
    MsTensor* made = nullptr;
    tensorCreate(context, type, 1, &count, &made);
    std::unique_ptr<MsTensor> owner(made);
    upload(context, made, values.data(), values.size() * sizeof(T));
    return owner;
}

/// First slots and row tiles of the experts.
struct Places {
    std::vector<int32_t> start{0}, tileStart{0};
};

Places placesOf(const Shape& shape, int32_t tileRows, bool even) {
    double shares = 0;
    for (int64_t e = 0; e < shape.experts; ++e) shares += even ? 1.0 : 1.0 / static_cast<double>(e + 1);
    Places places;
    double until = 0;
    for (int64_t e = 0; e < shape.experts; ++e) {
        until += (even ? 1.0 : 1.0 / static_cast<double>(e + 1)) / shares;
        const auto end = e + 1 == shape.experts ? static_cast<int32_t>(shape.rows)
                                                : static_cast<int32_t>(until * static_cast<double>(shape.rows));
        const int32_t count = end - places.start.back();
        places.start.push_back(end);
        places.tileStart.push_back(places.tileStart.back() + (count + tileRows - 1) / tileRows);
    }
    return places;
}

template <class What>
double secondsOf(MsContext& context, const What& what) {
    context.check(cudaStreamSynchronize(context.work), "waiting");
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < kLaunches; ++i) what();
    context.check(cudaStreamSynchronize(context.work), "waiting");
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count() / kLaunches;
}

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

void measure(MsContext& context, const Shape& shape, bool even) {
    const int32_t tileRows = expertTileRows(MS_BF16, shape.rows, shape.experts);
    const Places places = placesOf(shape, tileRows, even);
    const auto plain = weightsOf(context, shape.experts, shape.depth, shape.columns, MS_LINEAR_PLAIN);
    const auto gated = weightsOf(context, shape.experts, shape.depth, shape.columns, MS_LINEAR_GATED);
    const std::vector<float> values = randomValues(shape.rows * shape.depth, 3);
    std::vector<uint16_t> bits(values.size());
    for (size_t i = 0; i < values.size(); ++i) {
        uint32_t word;
        std::memcpy(&word, &values[i], sizeof word);
        bits[i] = static_cast<uint16_t>(word >> 16);
    }
    DeviceBlock out = context.memory.allocate(static_cast<size_t>(shape.rows * shape.columns) * sizeof(float));

    ExpertProduct product = productWith(*plain);
    const auto rounded = onDevice(context, MS_BF16, bits), start = onDevice(context, MS_I32, places.start),
               tileStart = onDevice(context, MS_I32, places.tileStart);
    product.x = rounded->start;
    product.xStride = shape.depth;
    product.start = start->i32();
    product.tileStart = tileStart->i32();
    product.out = out.data();
    product.outStride = product.outColumns = shape.columns;
    ExpertProduct fused = product;
    const ExpertProduct own = productWith(*gated);
    fused.weights = own.weights;
    fused.gated = true;
    fused.outStride = fused.outColumns = shape.columns / 2;
    Product dense;
    dense.type = MS_BF16;
    dense.x = product.x;
    dense.xStride = shape.depth;
    dense.right = plain->values.data();
    dense.rightStride = plain->stride;
    dense.out = static_cast<float*>(out.data());
    dense.outStride = shape.columns;
    dense.rows = shape.rows;
    dense.columns = shape.columns;
    dense.depth = shape.depth;

    std::vector<double> ours, fusing, peer;
    for (int round = -1; round < kRounds; ++round) {
        const double a =
            secondsOf(context, [&] { expertProduct(context, product, MS_BF16, MS_F32, tileRows, shape.rows); });
        const double b = secondsOf(context, [&] { context.products.run(context, dense); });
        const double c =
            secondsOf(context, [&] { expertProduct(context, fused, MS_BF16, MS_BF16, tileRows, shape.rows); });
        if (round < 0) continue;
        ours.push_back(a);
        peer.push_back(b);
        fusing.push_back(c);
    }
    const double flop = 2.0 * static_cast<double>(shape.rows * shape.depth * shape.columns);
    const auto rate = [flop](const std::vector<double>& seconds) { return flop / median(seconds) / 1e12; };
    std::printf("| %s | %lld x %lld x %lld x %lld | %s | %.3f | %.1f | %.3f | %.1f | %.2f | %.3f |\n", shape.name,
                static_cast<long long>(shape.experts), static_cast<long long>(shape.rows),
                static_cast<long long>(shape.depth), static_cast<long long>(shape.columns), even ? "even" : "uneven",
                1e3 * median(ours), rate(ours), 1e3 * median(peer), rate(peer), median(peer) / median(ours),
                1e3 * median(fusing));
    std::fflush(stdout);
}

int run(int count, char** words) {
    Shape given{"given", 0, 0, 0, 0};
    if (count == 5) {
        given = {"given", std::atoll(words[1]), std::atoll(words[2]), std::atoll(words[3]), std::atoll(words[4])};
        if (given.experts <= 0 || given.rows <= 0 || given.depth <= 0 || given.columns <= 0 ||
            given.columns % 32 != 0 || given.depth % 16 != 0) {
            std::fprintf(stderr,
                         "expected positive EXPERTS ROWS DEPTH COLUMNS, DEPTH a multiple of 16 and COLUMNS of 32\n");
            return 2;
        }
    } else if (count != 1) {
        std::fprintf(stderr, "expected no arguments, or EXPERTS ROWS DEPTH COLUMNS\n");
        return 2;
    }
    std::string reason;
    if (!isUsable(0, reason)) {
        std::fprintf(stderr, "%s\n", reason.c_str());
        return 1;
    }
    MsContextOptions options{};
    options.size = sizeof options;
    options.compute = MS_BF16;
    MsContext context(options);
    std::printf("%s, compute capability %d.%d\n\n", context.description.c_str(), context.capability / 10,
                context.capability % 10);
    std::printf(
        "| case | experts x rows x depth x columns | load | experts, ms | TFLOP/s | cuBLASLt, ms | TFLOP/s | ratio | "
        "fused, ms |\n"
        "|---|---|---|---|---|---|---|---|---|\n");
    for (const bool even : {true, false}) {
        if (given.experts) {
            measure(context, given, even);
            continue;
        }
        for (const Shape& shape : kShapes) measure(context, shape, even);
    }
    return 0;
}

}  // namespace
}  // namespace moescope::cuda

int main(int count, char** words) {
    try {
        return moescope::cuda::run(count, words);
    } catch (const moescope::cuda::Failure& failure) {
        std::fprintf(stderr, "%s\n", failure.message.c_str());
        return 1;
    }
}
