// SPDX-License-Identifier: GPL-3.0-or-later
// `moescope-cli bench`: times forward passes, runs, decoding and loading, and what capture and memory cost.
#include <algorithm>
#include <vector>

#include "app/cli/bench_cases.h"
#include "app/cli/bench_operations.h"
#include "app/cli/console.h"
#include "app/cli/interrupt.h"
#include "app/cli/model_arguments.h"
#include "engine/backend/work_meter.h"
#include "engine/core/system_memory.h"
#include "engine/model/companion_files.h"
#include "engine/model/random_weights.h"

namespace moescope::cli {
namespace {

using Json = nlohmann::ordered_json;

const std::vector<std::string> kForwardSizes{"DSMoE-S-E16", "DSMoE-S-E48", "DSMoE-B-E48", "JiTMoE-B16-E16"};

struct BenchArguments {
    std::string benchCase = "forward";
    ModelArguments model;
    std::vector<std::string> sizes;
    std::vector<int> batches;
    std::string vae;
    BenchPlan plan;
    DeviceArguments device;
};

/// Those that were named; else released sizes for forward passes and the embedded model for the rest.
std::vector<BenchModel> modelsOf(BenchArguments& a, bool modelGiven) {
    if (a.sizes.empty() && !modelGiven && a.benchCase == "forward") a.sizes = kForwardSizes;
    if (modelGiven && !a.sizes.empty())
        throw EngineException(ErrorCode::InvalidArgument,
                              "--model names a file and --size a shape with random weights; give one of them");
    std::vector<BenchModel> models;
    for (const std::string& size : a.sizes)
        models.push_back({size, Checkpoint::fromSource(makeRandomWeights(describeReleased(size).orThrow())).orThrow()});
    if (!a.sizes.empty()) return models;
    const auto checkpoint = a.model.open().orThrow();
    return {{checkpoint->name(), checkpoint}};
}

void print(const Console& console, const BenchArguments& a, const std::string& name, const Backend& backend,
           const BenchResult& result) {
    Json line = {{"case", a.benchCase},           {"model", name},
                 {"batch", a.plan.batch},         {"dtype", a.device.dtype},
                 {"device", deviceText(backend)}, {"description", backend.description()}};
    const std::vector<double>& times = result.milliseconds;
    if (!times.empty()) {
        line["repeat"] = times.size();
        line["median_ms"] = median(times);
        line["min_ms"] = *std::min_element(times.begin(), times.end());
        line["max_ms"] = *std::max_element(times.begin(), times.end());
    }
    line.update(result.facts);
    if (console.json) return console.result(line.dump());
    if (a.benchCase == "operations")
        return console.result(fmt::format("{} batch {}, {}, {} weights: {}", name, a.plan.batch, backend.description(),
                                          a.device.dtype, operationsTable(result)));
    std::string text = fmt::format("{:<8} {:<16} batch {:<3}", a.benchCase, name, a.plan.batch);
    if (!times.empty())
        text += fmt::format(" {:8.2f} ms (min {:.2f}, max {:.2f}, {} times)", median(times),
                            line["min_ms"].get<double>(), line["max_ms"].get<double>(), times.size());
    for (const auto& [key, value] : result.facts.items()) text += fmt::format("  {} {}", key, value.dump());
    console.result(fmt::format("{}  {}, {} weights", text, backend.description(), a.device.dtype));
}

void benchModel(const Console& console, BenchArguments& a, const BenchModel& model) {
    const auto backend = a.device.makeBackend(console, model.checkpoint->memoryNeeded(a.plan.storage));
    if (a.benchCase == "load" || a.benchCase == "memory") {
        a.plan.batch = a.batches.front();
        return print(console, a, model.name, *backend,
                     a.benchCase == "load" ? benchLoad(model, *backend, a.plan) : benchMemory(model, *backend, a.plan));
    }
    LoadOptions options;
    options.storage = a.plan.storage;
    options.stop = interruptToken();
    if (a.benchCase == "operations") {
        WorkMeter meter(backend->table());
        Backend watched(meter.table(), a.device.options());
        const auto denoiser = model.checkpoint->load(watched, options).orThrow();
        for (const int batch : a.batches) {
            a.plan.batch = batch;
            print(console, a, model.name, watched, benchOperations(*denoiser, meter, a.plan));
        }
        return;
    }
    const auto denoiser = model.checkpoint->load(*backend, options).orThrow();
    for (const int batch : a.batches) {
        a.plan.batch = batch;
        BenchResult result = a.benchCase == "run"       ? benchRun(*denoiser, a.plan)
                             : a.benchCase == "capture" ? benchCapture(*denoiser, a.plan)
                                                        : benchForward(*denoiser, a.plan);
        result.facts["parameters"] = model.checkpoint->description().totalParameters();
        result.facts["active"] = model.checkpoint->description().activeParameters();
        print(console, a, model.name, *backend, result);
    }
}

int bench(const Console& console, BenchArguments& a, bool modelGiven) {
    a.plan.storage = a.device.storage();
    if (a.batches.empty())
        a.batches = a.benchCase == "forward"      ? std::vector<int>{1, 2}
                    : a.benchCase == "operations" ? std::vector<int>{2}
                                                  : std::vector<int>{1};
    if (a.benchCase == "decode") {
        if (a.vae.empty())
            throw EngineException(ErrorCode::InvalidArgument,
                                  "decoding is measured with a VAE; name its folder or file with --vae");
        const auto backend = a.device.makeBackend(console);
        print(console, a, std::filesystem::path(a.vae).filename().string(), *backend,
              benchDecode(*backend, a.vae, a.plan));
        return ExitOk;
    }
    for (const BenchModel& model : modelsOf(a, modelGiven)) benchModel(console, a, model);
    return ExitOk;
}

}  // namespace

void addBenchCommand(CLI::App& root, Console& console, int& exitStatus) {
    addCommand(
        root, console, exitStatus, "bench",
        "Time passes, runs, decoding and loading; measure what capture and memory cost", [&console](CLI::App& command) {
            auto a = std::make_shared<BenchArguments>();
            command
                .add_option("--case", a->benchCase,
                            "What to measure: a forward pass, its operations against the device's limits, a whole "
                            "run, VAE decoding, loading, what keeping assignments costs, memory")
                ->check(CLI::IsMember({"forward", "operations", "run", "decode", "load", "capture", "memory"}))
                ->capture_default_str();
            a->model.addTo(command);
            command.add_option("--size", a->sizes,
                               "Released sizes with random weights instead of a file, such as DSMoE-S-E48 or JiT-B/16");
            command
                .add_option("--batch", a->batches,
                            "Samples in one pass (2: both branches of one guided picture), pictures in one run")
                ->check(CLI::Range(1, 256));
            command.add_option("--steps", a->plan.steps, "Steps of a run")
                ->check(CLI::Range(1, 10000))
                ->capture_default_str();
            command.add_option("--repeat", a->plan.repeat, "Timed repetitions; pairs of runs for capture")
                ->check(CLI::Range(1, 100000))
                ->capture_default_str();
            command.add_option("--warmup", a->plan.warmup, "Repetitions before them")
                ->check(CLI::Range(0, 1000))
                ->capture_default_str();
            command.add_option("--vae", a->vae, "Folder or file of the VAE, for decoding");
            a->device.addTo(command, true);
            const CLI::Option* model = command.get_option("--model");
            return [a, model, &console] { return bench(console, *a, model->count() > 0); };
        });
}

}  // namespace moescope::cli
