// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/cli/bench_cases.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>

#include "app/cli/bench_pass.h"
#include "app/cli/interrupt.h"
#include "engine/core/system_memory.h"
#include "engine/model/autoencoder_kl.h"
#include "engine/sampling/generator.h"
#include "engine/sampling/noise.h"

namespace moescope::cli {
namespace {

using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

double secondsSince(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

double processCpuSeconds() {
    timespec now{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

GenerationRequest benchRequest(const Denoiser& denoiser, const BenchPlan& plan, uint64_t seed) {
    GenerationRequest request;
    request.sampler = denoiser.description().defaults;
    request.sampler.steps = plan.steps;
    request.seed = seed;
    const auto classes = static_cast<uint64_t>(std::max<int64_t>(1, denoiser.description().config.classes));
    for (int image = 0; image < plan.batch; ++image)
        request.classes.push_back(static_cast<int>((seed * 12 + static_cast<uint64_t>(image) * 7) % classes));
    return request;
}

GenerationResult runToEnd(const Denoiser& denoiser, const GenerationRequest& request) {
    GenerationResult result = generate(denoiser, nullptr, request, nullptr, interruptToken()).orThrow();
    if (result.stopped) throw EngineException(*result.stopped);
    return result;
}

LoadOptions loadOptions(const BenchPlan& plan) {
    LoadOptions options;
    options.storage = plan.storage;
    options.stop = interruptToken();
    return options;
}

}  // namespace

double median(std::vector<double> values) {
    if (values.empty()) return 0;
    std::sort(values.begin(), values.end());
    const size_t half = values.size() / 2;
    return values.size() % 2 ? values[half] : 0.5 * (values[half - 1] + values[half]);
}

BenchResult benchForward(const Denoiser& denoiser, const BenchPlan& plan) {
    const Backend::CancelScope cancel(denoiser.backend(), interruptToken());
    BenchPass pass(denoiser, plan.batch);
    BenchResult result;
    result.milliseconds = timePasses(pass, plan);
    result.facts["replayed"] = pass.replayed();
    return result;
}

BenchResult benchRun(const Denoiser& denoiser, const BenchPlan& plan) {
    BenchResult result;
    size_t evaluations = 0;
    for (int run = -std::min(plan.warmup, 1); run < plan.repeat; ++run) {
        const GenerationRequest request = benchRequest(denoiser, plan, static_cast<uint64_t>(run + 1));
        const auto start = Clock::now();
        const GenerationResult made = runToEnd(denoiser, request);
        if (run >= 0) result.milliseconds.push_back(1000 * secondsSince(start));
        evaluations = made.record->evaluations.size();
    }
    result.facts = {{"steps", plan.steps}, {"evaluations", evaluations}};
    return result;
}

BenchResult benchDecode(Backend& backend, const std::filesystem::path& path, const BenchPlan& plan) {
    const Backend::CancelScope cancel(backend, interruptToken());
    AutoencoderLoadOptions options;
    options.encoder = false;
    options.storage = plan.storage;
    const auto vae = AutoencoderKl::load(backend, path, options).orThrow();
    BenchResult result;
    const Shape latent{vae->config().latentChannels, 32, 32};
    for (int run = -plan.warmup; run < plan.repeat; ++run) {
        HostTensor noise = makeNoise({}, static_cast<uint64_t>(run + plan.warmup), 1, latent).orThrow();
        noise.shape = latent;
        const auto start = Clock::now();
        const HostTensor picture = vae->decode(noise);
        if (run >= 0) result.milliseconds.push_back(1000 * secondsSince(start));
        result.facts["picture"] = fmt::format("{} x {}", picture.shape[2], picture.shape[1]);
    }
    return result;
}

BenchResult benchLoad(const BenchModel& model, Backend& backend, const BenchPlan& plan) {
    BenchResult result;
    for (int run = 0; run < plan.repeat; ++run) {
        const auto start = Clock::now();
        const auto denoiser = model.checkpoint->load(backend, loadOptions(plan)).orThrow();
        backend.synchronize();
        result.milliseconds.push_back(1000 * secondsSince(start));
        result.facts["packed_bytes"] = denoiser->packedBytes();
    }
    const double seconds = median(result.milliseconds) / 1000;
    result.facts["bytes_per_second"] = result.facts["packed_bytes"].get<double>() / seconds;
    return result;
}

BenchResult benchCapture(const Denoiser& denoiser, const BenchPlan& plan) {
    // A device of its own computes while we wait: there the time counts, here the CPU's work.
    const bool wall = denoiser.backend().deviceMemory().has_value();
    double captured = 0, total = 0;
    const auto cost = [&](CaptureLevel level, int pair) {
        GenerationRequest request = benchRequest(denoiser, plan, static_cast<uint64_t>(pair));
        request.capture.level = level;
        const auto start = Clock::now();
        const double cpu = processCpuSeconds();
        const GenerationResult made = runToEnd(denoiser, request);
        const double used = wall ? secondsSince(start) : processCpuSeconds() - cpu;
        if (level == CaptureLevel::Assignments) {
            captured += made.statistics.captureAssignmentSeconds;
            total += used;
        }
        return used;
    };
    cost(CaptureLevel::Assignments, 0);
    captured = total = 0;
    std::vector<double> differences;
    for (int pair = 0; pair < plan.repeat; ++pair) {
        const bool countsFirst = pair % 2 == 0;
        const double first = cost(countsFirst ? CaptureLevel::Counts : CaptureLevel::Assignments, pair);
        const double second = cost(countsFirst ? CaptureLevel::Assignments : CaptureLevel::Counts, pair);
        const double counts = countsFirst ? first : second, assignments = countsFirst ? second : first;
        differences.push_back(100 * (assignments - counts) / counts);
    }
    double mean = 0, variance = 0;
    const auto pairs = static_cast<double>(differences.size());
    for (const double d : differences) mean += d / pairs;
    for (const double d : differences) variance += (d - mean) * (d - mean) / std::max(1.0, pairs - 1);
    const double half = 2.093 * std::sqrt(variance / pairs);  // t quantile of about 20 pairs
    BenchResult result;
    result.facts = {{"pairs", plan.repeat},
                    {"of", wall ? "run time" : "CPU time"},
                    {"capture_share_percent", 100 * captured / total},
                    {"difference_percent", mean},
                    {"interval_percent", {mean - half, mean + half}}};
    return result;
}

BenchResult benchMemory(const BenchModel& model, Backend& backend, const BenchPlan& plan) {
    BenchResult result;
    const auto note = [&](const char* stage) {
        Json entry = {{"anonymous_bytes", anonymousMemory()}, {"held_bytes", backend.memoryUsed()}};
        if (const auto memory = backend.deviceMemory()) entry["device_free_bytes"] = memory->free;
        result.facts[stage] = std::move(entry);
    };
    note("before");
    {
        const auto denoiser = model.checkpoint->load(backend, loadOptions(plan)).orThrow();
        backend.synchronize();
        result.facts["packed_bytes"] = denoiser->packedBytes();
        note("loaded");
        const Backend::CancelScope cancel(backend, interruptToken());
        BenchPass pass(*denoiser, plan.batch);
        pass.upload(0);
        pass.forward();
        backend.synchronize();
        note("after_pass");
    }
    note("unloaded");
    return result;
}

}  // namespace moescope::cli
