// SPDX-License-Identifier: GPL-3.0-or-later
// `moescope-cli bench`: times forward passes of the released shapes with random weights, and what capturing routing costs.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>
#include <vector>

#include "app/cli/console.h"
#include "app/cli/interrupt.h"
#include "app/cli/model_arguments.h"
#include "app/resource_paths.h"
#include "engine/core/system_memory.h"
#include "engine/model/random_weights.h"
#include "engine/sampling/generator.h"
#include "engine/sampling/noise.h"

namespace moescope::cli {
namespace {

using Json = nlohmann::ordered_json;

const std::vector<std::string> kDefaultCases{"DSMoE-S-E16", "DSMoE-S-E48", "DSMoE-B-E48", "JiTMoE-B16-E16"};

struct BenchArguments {
    std::vector<std::string> cases = kDefaultCases;
    std::vector<int> batches{1, 2};
    int runs = 10, warmup = 3, pairs = 20;
    bool capture = false;
    DeviceArguments device;
};

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    const size_t half = values.size() / 2;
    return values.size() % 2 ? values[half] : 0.5 * (values[half - 1] + values[half]);
}

double secondsSince(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double processCpuSeconds() {
    timespec now{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

/// Milliseconds of each forward pass; time, labels and noise differ from run to run.
std::vector<double> timeForward(const Denoiser& denoiser, int batch, int runs, int warmup) {
    Backend& backend = denoiser.backend();
    const TransformerConfig& c = denoiser.description().config;
    const auto workspace = denoiser.makeWorkspace(batch);
    DeviceTensor x = backend.tensor({batch, c.inChannels, c.inputSide(), c.inputSide()});
    DeviceTensor t = backend.tensor({batch}), labels = backend.tensor({batch}, MS_I32);
    std::vector<double> times;
    for (int run = -warmup; run < runs; ++run) {
        const uint64_t seed = static_cast<uint64_t>(run + warmup);
        const HostTensor noise = makeNoise({}, seed, batch, {c.inChannels, c.inputSide(), c.inputSide()}).orThrow();
        const std::vector<float> time(static_cast<size_t>(batch), static_cast<float>((seed * 37 + 11) % 100) / 100.0f);
        std::vector<int32_t> classes(static_cast<size_t>(batch), static_cast<int32_t>(c.classes));
        classes[0] = static_cast<int32_t>((seed * 101 + 207) % static_cast<uint64_t>(c.classes));
        backend.upload(x, std::span<const float>(noise.data));
        backend.upload(t, std::span<const float>(time));
        backend.upload(labels, std::span<const int32_t>(classes));
        backend.synchronize();
        const auto start = std::chrono::steady_clock::now();
        denoiser.forward(*workspace, x, t, {labels}, nullptr);
        backend.synchronize();
        if (run >= 0) times.push_back(1000 * secondsSince(start));
    }
    return times;
}

void benchForward(const Console& console, const BenchArguments& a) {
    for (const std::string& name : a.cases) {
        const ModelDescription description = describeReleased(name).orThrow();
        const auto backend = a.device.makeBackend();
        const Backend::CancelScope cancel(*backend, interruptToken());
        const auto checkpoint = Checkpoint::fromSource(makeRandomWeights(description)).orThrow();
        LoadOptions options;
        options.storage = a.device.storage();
        options.stop = interruptToken();
        const int64_t before = anonymousMemory();
        const auto start = std::chrono::steady_clock::now();
        const auto denoiser = checkpoint->load(*backend, options).orThrow();
        const double loadSeconds = secondsSince(start);
        const int64_t weights = anonymousMemory() - before;
        for (const int batch : a.batches) {
            const std::vector<double> times = timeForward(*denoiser, batch, a.runs, a.warmup);
            const Json line = {{"case", name}, {"batch", batch}, {"dtype", a.device.dtype}, {"device", backend->description()},
                               {"threads", a.device.threads}, {"runs", a.runs}, {"median_ms", median(times)},
                               {"min_ms", *std::min_element(times.begin(), times.end())},
                               {"max_ms", *std::max_element(times.begin(), times.end())}, {"parameters", checkpoint->description().totalParameters()},
                               {"active", checkpoint->description().activeParameters()}, {"load_s", loadSeconds},
                               {"packed_bytes", denoiser->packedBytes()}, {"anonymous_bytes", weights}};
            if (console.json)
                console.result(line.dump());
            else
                console.result(fmt::format("{:<16} batch {}  {:8.1f} ms (min {:.1f}, max {:.1f})  {}, {} weights, loaded in {:.1f} s", name, batch,
                                           median(times), *std::min_element(times.begin(), times.end()),
                                           *std::max_element(times.begin(), times.end()), backend->description(), a.device.dtype, loadSeconds));
        }
    }
}

/// Runs of the embedded model with counts and with assignments in turn; what assignments cost in CPU time.
void benchCapture(const Console& console, const BenchArguments& a) {
    const auto backend = a.device.makeBackend();
    const auto checkpoint = Checkpoint::open(resource("embedded/emoji32.safetensors").orThrow()).orThrow();
    LoadOptions options;
    options.storage = a.device.storage();
    const auto denoiser = checkpoint->load(*backend, options).orThrow();
    GenerationRequest request;
    request.sampler = checkpoint->description().defaults;
    double measured = 0, total = 0;
    const auto cpuOf = [&](CaptureLevel level, int pair) {
        request.capture.level = level;
        request.classes = {pair * 12 % 256};
        request.seed = static_cast<uint64_t>(pair);
        const double start = processCpuSeconds();
        const GenerationResult result = generate(*denoiser, nullptr, request, nullptr, interruptToken()).orThrow();
        if (result.stopped) throw EngineException(*result.stopped);
        const double used = processCpuSeconds() - start;
        if (level == CaptureLevel::Assignments) {
            measured += result.statistics.captureAssignmentSeconds;
            total += used;
        }
        return used;
    };
    cpuOf(CaptureLevel::Assignments, 0);
    measured = total = 0;
    std::vector<double> differences;
    for (int pair = 0; pair < a.pairs; ++pair) {
        const bool countsFirst = pair % 2 == 0;
        const double first = cpuOf(countsFirst ? CaptureLevel::Counts : CaptureLevel::Assignments, pair);
        const double second = cpuOf(countsFirst ? CaptureLevel::Assignments : CaptureLevel::Counts, pair);
        const double counts = countsFirst ? first : second, assignments = countsFirst ? second : first;
        differences.push_back(100 * (assignments - counts) / counts);
    }
    double mean = 0, variance = 0;
    for (const double d : differences) mean += d / static_cast<double>(differences.size());
    for (const double d : differences) variance += (d - mean) * (d - mean) / static_cast<double>(differences.size() - 1);
    const double half = 2.093 * std::sqrt(variance / static_cast<double>(differences.size()));  // t quantile of about 20 pairs
    const double share = 100 * measured / total;
    if (console.json)
        console.result(Json{{"pairs", a.pairs}, {"capture_share_percent", share}, {"difference_percent", mean}, {"interval_percent", {mean - half, mean + half}}}
                           .dump());
    else
        console.result(fmt::format("assignments cost {:.2f} % of the run's CPU time (measured around the capture); runs with and without differ by "
                                   "{:.2f} % ({:.2f} to {:.2f}, 95 %, {} pairs)", share, mean, mean - half, mean + half, a.pairs));
}

}  // namespace

void addBenchCommand(CLI::App& root, Console& console, int& exitStatus) {
    addCommand(root, console, exitStatus, "bench", "Time forward passes of the released shapes (random weights), or the cost of capture",
               [&console](CLI::App& command) {
                   auto arguments = std::make_shared<BenchArguments>();
                   command.add_option("--cases", arguments->cases, "Released sizes, such as DSMoE-S-E48 or JiT-B/16")->capture_default_str();
                   command.add_option("--batch", arguments->batches, "Samples in one pass; 2: both branches of one guided picture")
                       ->check(CLI::Range(1, 256))
                       ->capture_default_str();
                   command.add_option("--runs", arguments->runs, "Timed passes")->check(CLI::Range(1, 100000))->capture_default_str();
                   command.add_option("--warmup", arguments->warmup, "Passes before them")->check(CLI::Range(0, 1000))->capture_default_str();
                   command.add_flag("--capture", arguments->capture, "Measure what keeping assignments costs on the embedded model instead");
                   command.add_option("--pairs", arguments->pairs, "Pairs of runs for --capture")->check(CLI::Range(2, 1000))->capture_default_str();
                   arguments->device.addTo(command, true);
                   return [arguments, &console] {
                       arguments->capture ? benchCapture(console, *arguments) : benchForward(console, *arguments);
                       return ExitOk;
                   };
               });
}

}  // namespace moescope::cli
