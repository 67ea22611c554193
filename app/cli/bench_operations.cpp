// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/cli/bench_operations.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <random>

#include "app/cli/bench_pass.h"
#include "app/cli/interrupt.h"
#include "engine/backend/work_meter.h"

namespace moescope::cli {
namespace {

using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

constexpr double kLongEnough = 0.02;    // seconds of one product or copy that are measured well
constexpr int64_t kLargestSide = 8192;  // of a product
constexpr int64_t kLargestCopy = int64_t{1} << 30;

std::vector<float> randomValues(int64_t count) {
    std::vector<float> values(static_cast<size_t>(count));
    std::minstd_rand draw(1);
    for (float& value : values) value = static_cast<float>(draw()) / static_cast<float>(std::minstd_rand::max()) - 0.5f;
    return values;
}

/// Seconds of `what`, the median of some.
template <class What>
double secondsOf(Backend& backend, int repeat, const What& what) {
    std::vector<double> seconds;
    for (int i = -1; i < repeat; ++i) {
        backend.synchronize();
        const auto start = Clock::now();
        what();
        backend.synchronize();
        if (i >= 0) seconds.push_back(std::chrono::duration<double>(Clock::now() - start).count());
    }
    return median(seconds);
}

/// FLOP/s of a square product.
double productRate(Backend& backend, MsDType storage, int64_t side, int repeat, double& seconds) {
    const PackedLinear weights = backend.linear({sizeof(MsLinearDesc), side, side, 1, storage, MS_LINEAR_PLAIN, 0});
    const std::vector<float> values = randomValues(side * side);
    backend.check(backend.table().linear_load_rows(backend.context(), weights.get(), 0, 0, side, values.data()));
    const DeviceTensor x = backend.tensorFrom({side, side}, values), out = backend.tensor({side, side});
    seconds = secondsOf(backend, repeat, [&] {
        backend.check(backend.table().linear(backend.context(), x.get(), weights.get(), MS_ACT_NONE, out.get()));
    });
    return 2.0 * static_cast<double>(side) * static_cast<double>(side) * static_cast<double>(side) / seconds;
}

/// Bytes read plus bytes written per second.
double copyRate(Backend& backend, int64_t bytes, int repeat, double& seconds) {
    const DeviceTensor from = backend.tensorFrom({bytes / 4}, std::vector<float>(static_cast<size_t>(bytes / 4), 1.0f));
    const DeviceTensor to = backend.tensor({bytes / 4});
    seconds = secondsOf(backend, repeat,
                        [&] { backend.check(backend.table().copy(backend.context(), from.get(), to.get())); });
    return 2.0 * static_cast<double>(bytes) / seconds;
}

/// The least time for some work.
double leastSeconds(const DeviceRates& rates, const OperationWork& work, bool withOperands) {
    const double bytes = work.weightBytes + (withOperands ? work.operandBytes : 0);
    return std::max(2 * work.multiplyAdds / rates.flops, bytes / rates.copiedBytes);
}

}  // namespace

DeviceRates measureRates(Backend& backend, MsDType storage, int repeat) {
    const Backend::CancelScope cancel(backend, interruptToken());
    DeviceRates rates;
    double seconds = 0;
    for (int64_t side = 512; side <= kLargestSide && seconds < kLongEnough; side *= 2)
        rates.flops = std::max(rates.flops, productRate(backend, storage, side, repeat, seconds));
    seconds = 0;
    for (int64_t bytes = int64_t{64} << 20; bytes <= kLargestCopy && seconds < kLongEnough; bytes *= 4)
        rates.copiedBytes = copyRate(backend, bytes, repeat, seconds);
    return rates;
}

BenchResult benchOperations(const Denoiser& denoiser, WorkMeter& meter, const BenchPlan& plan) {
    Backend& backend = denoiser.backend();
    const DeviceRates rates = measureRates(backend, plan.storage, std::min(plan.repeat, 10));
    const Backend::CancelScope cancel(backend, interruptToken());
    BenchPass pass(denoiser, plan.batch);
    BenchResult result;
    result.milliseconds = timePasses(pass, plan);
    pass.upload(0);
    meter.start(true);
    for (int run = 0; run < plan.repeat; ++run) pass.forward();
    meter.stop();

    const auto perPass = [&plan](double value) { return value / plan.repeat; };
    const OperationWork all = meter.total();
    const double least = leastSeconds(rates, all, false);
    result.facts = {{"replayed", pass.replayed()},
                    {"dense_flop_per_second", rates.flops},
                    {"copied_bytes_per_second", rates.copiedBytes},
                    {"flop", perPass(2 * all.multiplyAdds)},
                    {"weight_bytes", perPass(all.weightBytes)},
                    {"least_ms", perPass(1000 * least)},
                    {"percent_of_limit", perPass(100 * 1000 * least) / median(result.milliseconds)}};
    double together = 0;
    for (const OperationShare& share : meter.shares()) together += share.seconds;
    Json operations = Json::array();
    for (const OperationShare& share : meter.shares())
        operations.push_back({{"operation", share.operation},
                              {"calls", share.calls / plan.repeat},
                              {"ms", perPass(1000 * share.seconds)},
                              {"percent_of_time", 100 * share.seconds / together},
                              {"flop", perPass(2 * share.work.multiplyAdds)},
                              {"weight_bytes", perPass(share.work.weightBytes)},
                              {"operand_bytes", perPass(share.work.operandBytes)},
                              {"percent_of_limit", 100 * leastSeconds(rates, share.work, true) / share.seconds}});
    std::sort(operations.begin(), operations.end(),
              [](const Json& a, const Json& b) { return a["ms"].get<double>() > b["ms"].get<double>(); });
    result.facts["operations"] = std::move(operations);
    return result;
}

std::string operationsTable(const BenchResult& result) {
    const Json& f = result.facts;
    const auto number = [](const Json& of, const char* key) { return of[key].get<double>(); };
    std::string text = fmt::format(
        "{:.2f} ms a pass, {:.2f} ms at the least ({:.0f} % of the limit): {:.2f} GFLOP at {:.0f} GFLOP/s, {:.1f} MB "
        "of weights at {:.1f} GB/s\n\n"
        "{:<18} {:>6} {:>9} {:>7} {:>9} {:>9} {:>11} {:>10}\n",
        median(result.milliseconds), number(f, "least_ms"), number(f, "percent_of_limit"), number(f, "flop") / 1e9,
        number(f, "dense_flop_per_second") / 1e9, number(f, "weight_bytes") / 1e6,
        number(f, "copied_bytes_per_second") / 1e9, "operation", "calls", "ms", "time", "GFLOP", "weights", "operands",
        "of limit");
    for (const Json& row : f["operations"])
        text +=
            fmt::format("{:<18} {:>6} {:>9.3f} {:>5.1f} % {:>9.3f} {:>6.1f} MB {:>8.1f} MB {:>8.0f} %\n",
                        row["operation"].get<std::string>(), row["calls"].get<int64_t>(), number(row, "ms"),
                        number(row, "percent_of_time"), number(row, "flop") / 1e9, number(row, "weight_bytes") / 1e6,
                        number(row, "operand_bytes") / 1e6, number(row, "percent_of_limit"));
    return text;
}

}  // namespace moescope::cli
