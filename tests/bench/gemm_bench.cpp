// SPDX-License-Identifier: GPL-3.0-or-later
// Speed of the CPU device's matrix products against a loop of multiply-adds measured in the same process.
// Usage: gemm_bench [auto|avx512|avx2|sse4] [threads]
//
// Each figure is a median over runs that alternate with the loop. Run it alone.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tests/bench/gemm_bench.cpp"
// The order matters: everything below foreach_target is compiled once per instruction level.
// clang-format off
#include "engine/cpu/vector_targets.h"
#include "hwy/foreach_target.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <numeric>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "engine/cpu/gemm.h"
#include "engine/cpu/isa.h"
#include "engine/cpu/ops.h"
#include "hwy/highway.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace moescope::bench {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <size_t... I>
HWY_INLINE float chains(std::index_sequence<I...>, int64_t rounds) {
    const hn::CappedTag<float, 16> d;
    using V = hn::Vec<decltype(d)>;
    const V factor = hn::Set(d, 0.999f), addend = hn::Set(d, 0.001f);
    V sum[] = {hn::Set(d, static_cast<float>(I))...};
    for (int64_t i = 0; i < rounds; ++i) ((sum[I] = hn::MulAdd(sum[I], factor, addend)), ...);
    V all = hn::Zero(d);
    ((all = hn::Add(all, sum[I])), ...);
    return hn::GetLane(hn::SumOfLanes(d, all));
}

/// Twelve independent chains: enough to hide a latency of four cycles at two a cycle. Returns the operations done.
double multiplyAdds(int64_t rounds, float* sink) {
    *sink = chains(std::make_index_sequence<12>(), rounds);
    return 2.0 * 12 * static_cast<double>(rounds) * hn::MaxLanes(hn::CappedTag<float, 16>());
}

}  // namespace HWY_NAMESPACE
}  // namespace moescope::bench
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moescope::bench {

HWY_EXPORT(multiplyAdds);

namespace {

using namespace cpu;

double seconds() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Operations per second of the multiply-add loop on all threads at once, for about a third of a millisecond.
double loopRate(MsContext& context) {
    const auto loop = HWY_DYNAMIC_DISPATCH(multiplyAdds);
    const int threads = context.pool.threads();
    std::vector<double> operations(static_cast<size_t>(threads));
    std::vector<float> sinks(operations.size());
    const double begin = seconds();
    context.pool.parallelFor(threads, [&](int64_t task, int) {
        operations[static_cast<size_t>(task)] = loop(100000, &sinks[static_cast<size_t>(task)]);
    });
    return std::accumulate(operations.begin(), operations.end(), 0.0) / (seconds() - begin);
}

struct Measured {
    double rate = 0;   // operations per second, median
    double share = 0;  // of the loop's rate just before, median: the clock of a processor drifts with what it does
};

Measured measure(MsContext& context, double operations, double budget, const std::function<void()>& work) {
    std::vector<double> rates, shares;
    const double end = seconds() + budget;
    while (rates.size() < 9 || seconds() < end) {
        const double loop = loopRate(context), begin = seconds();
        work();
        rates.push_back(operations / (seconds() - begin));
        shares.push_back(rates.back() / loop);
    }
    std::nth_element(rates.begin(), rates.begin() + rates.size() / 2, rates.end());
    std::nth_element(shares.begin(), shares.begin() + shares.size() / 2, shares.end());
    return {rates[rates.size() / 2], shares[shares.size() / 2]};
}

struct Shape {
    int64_t m, k, n;
    MsDType storage = MS_F32;
    MsLinearLayout layout = MS_LINEAR_PLAIN;
    int64_t matrices = 1;  // more than one: every matrix once per run, as experts are used, so that none is in a cache
};

std::vector<float> randomFloats(int64_t count) {
    static std::mt19937 generator(1);
    std::vector<float> values(static_cast<size_t>(count));
    for (float& value : values) value = static_cast<float>(generator() % 2048) / 1024.0f - 1.0f;
    return values;
}

Measured measureShape(MsContext& context, const Shape& s) {
    MsLinearDesc desc{sizeof desc, s.k, s.n, s.matrices, s.storage, s.layout, 1};
    MsLinear* weights = nullptr;
    if (linearCreate(&context, &desc, &weights) != MS_OK) return {};
    const int64_t rows = s.layout == MS_LINEAR_GATED ? 2 * s.n : s.n;
    const auto values = randomFloats(rows * s.k), x = randomFloats(s.m * s.k);
    for (int64_t i = 0; i < s.matrices; ++i) linearLoadRows(&context, weights, i, 0, rows, values.data());
    std::vector<float> y(static_cast<size_t>(s.m * s.n));
    std::vector<GemmJob> jobs;
    for (int64_t i = 0; i < s.matrices; ++i) {
        GemmJob job;
        job.rows = {x.data(), s.k, nullptr};
        job.rowCount = s.m;
        job.index = i;
        job.out = y.data();
        job.outStride = s.n;
        jobs.push_back(job);
    }
    // Short runs are repeated until they are as long as the loop they are compared with.
    const double operations = 2.0 * static_cast<double>(s.m * s.k * rows * s.matrices);
    const int repeats = static_cast<int>(std::max(1.0, 1e8 / operations));
    const Measured measured = measure(context, operations * repeats, 0.5, [&] {
        for (int i = 0; i < repeats; ++i) gemm(context, *weights, jobs.data(), s.matrices, MS_ACT_NONE);
    });
    linearDestroy(&context, weights);
    return measured;
}

int run(const char* level, int threads) {
    const auto isa = selectIsa(level);
    if (!isa.ok()) {
        std::printf("%s\n", isa.error().message.c_str());
        return 2;
    }
    MsContext context(threads);
    std::vector<double> loops;
    for (int i = 0; i < 200; ++i) loops.push_back(loopRate(context));
    std::nth_element(loops.begin(), loops.begin() + 100, loops.end());
    std::printf("%s, %d threads, multiply-add loop %.1f GFLOP/s\n", isa.value().c_str(), context.pool.threads(),
                loops[100] / 1e9);
    const Shape shapes[] = {{256, 384, 1536},
                            {512, 384, 1152},
                            {512, 768, 3072},
                            {512, 768, 3072, MS_BF16},
                            {1024, 1024, 4096},
                            {512, 4608, 512},
                            {256, 384, 16},
                            {16, 384, 768, MS_F32, MS_LINEAR_GATED},
                            {16, 384, 768, MS_BF16, MS_LINEAR_GATED},
                            {27, 384, 256},
                            {27, 384, 256, MS_F32, MS_LINEAR_PLAIN, 533},
                            {27, 384, 256, MS_BF16, MS_LINEAR_PLAIN, 1066},
                            {32, 768, 1536, MS_F32, MS_LINEAR_PLAIN, 43},
                            {4, 768, 3072},
                            {1, 768, 4608},
                            {1, 768, 4608, MS_BF16},
                            {1, 768, 4608, MS_F32, MS_LINEAR_PLAIN, 15}};
    std::printf("%6s %6s %6s  %-5s %-6s %-5s %9s %7s\n", "M", "K", "N", "type", "layout", "cache", "GFLOP/s",
                "of loop");
    for (const Shape& s : shapes) {
        const Measured measured = measureShape(context, s);
        std::printf("%6lld %6lld %6lld  %-5s %-6s %-5s %9.1f %6.0f%%\n", static_cast<long long>(s.m),
                    static_cast<long long>(s.k), static_cast<long long>(s.n), s.storage == MS_BF16 ? "bf16" : "f32",
                    s.layout == MS_LINEAR_GATED ? "gated" : "plain", s.matrices > 1 ? "cold" : "warm",
                    measured.rate / 1e9, 100 * measured.share);
        std::fflush(stdout);
    }
    return 0;
}

}  // namespace
}  // namespace moescope::bench

int main(int argc, char** argv) {
    return moescope::bench::run(argc > 1 ? argv[1] : "auto", argc > 2 ? std::atoi(argv[2]) : 1);
}
#endif
