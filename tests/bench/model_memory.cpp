// SPDX-License-Identifier: GPL-3.0-or-later
// Opens a checkpoint, loads it, runs one forward, unloads it, and holds the memory of each stage to the rule: anonymous
// memory at most packed weights x 1.15 + 64 MB, given back on unload. Then measures how long a request to stop takes to
// act, in the middle of a forward and in the middle of loading.
//   model_memory PATH [--bf16] [--cold] [--batch N] [--threads N] [--forward-cancels N] [--load-cancels N]
// Prints one JSON object; exit status 1 where a stage lies outside of its limit.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>

#include "engine/core/system_memory.h"
#include "engine/model/checkpoint.h"

namespace moescope {
namespace {

using Clock = std::chrono::steady_clock;
using Json = nlohmann::ordered_json;

constexpr double kFixed = 64e6;       // bytes that the rule grants besides the weights
constexpr double kCancelLimit = 0.1;  // seconds
constexpr double kInfoLimit = 1.0;    // seconds

double since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Bytes of a "Name:  123 kB" line of /proc/self/status.
int64_t statusBytes(const std::string& name) {
    std::ifstream stream("/proc/self/status");
    for (std::string line; std::getline(stream, line);)
        if (line.starts_with(name + ":")) return std::stoll(line.substr(name.size() + 1)) * 1024;
    return 0;
}

/// Bytes that the disk delivered to this process, read-ahead included.
int64_t diskBytes() {
    std::ifstream stream("/proc/self/io");
    for (std::string line; std::getline(stream, line);)
        if (line.starts_with("read_bytes:")) return std::stoll(line.substr(11));
    return 0;
}

/// Largest anonymous and file-backed resident memory while it lives, looked at every 5 ms.
class Peaks {
public:
    Peaks()
        : m_thread([this](std::stop_token stop) {
              while (!stop.stop_requested()) {
                  look();
                  std::this_thread::sleep_for(std::chrono::milliseconds(5));
              }
          }) {}
    ~Peaks() { finish(); }
    void finish() {
        if (!m_thread.joinable()) return;
        m_thread.request_stop();
        m_thread.join();
        look();
    }
    int64_t anonymous = 0, file = 0;

private:
    void look() {
        anonymous = std::max(anonymous, statusBytes("RssAnon"));
        file = std::max(file, statusBytes("RssFile"));
    }
    std::jthread m_thread;
};

struct Options {
    std::filesystem::path path;
    MsDType storage = MS_F32;
    int64_t batch = 2;
    int threads = 0, forwardCancels = 20, loadCancels = 5;
    bool cold = false;  // the file is read from the disk
};

Options parse(int count, char** words) {
    Options options;
    for (int i = 1; i < count; ++i) {
        const std::string word = words[i];
        const auto number = [&] { return i + 1 < count ? std::atoi(words[++i]) : 0; };
        if (word == "--bf16")
            options.storage = MS_BF16;
        else if (word == "--cold")
            options.cold = true;
        else if (word == "--batch")
            options.batch = std::max(1, number());
        else if (word == "--threads")
            options.threads = number();
        else if (word == "--forward-cancels")
            options.forwardCancels = number();
        else if (word == "--load-cancels")
            options.loadCancels = number();
        else
            options.path = word;
    }
    return options;
}

/// A network with everything that one forward needs.
struct Run {
    Run(const Denoiser& model, int64_t batch) : denoiser(model), workspace(model.makeWorkspace(batch)) {
        const TransformerConfig& c = model.description().config;
        Backend& backend = model.backend();
        HostTensor picture({batch, c.inChannels, c.inputSide(), c.inputSide()});
        for (size_t i = 0; i < picture.data.size(); ++i)
            picture.data[i] = static_cast<float>(i * 7919 % 2003) / 1001.5f - 1.0f;
        x = backend.tensorFrom(picture.shape, picture.data);
        t = backend.tensorFrom({batch}, std::vector<float>(static_cast<size_t>(batch), 0.5f));
        labels = backend.tensor({batch}, MS_I32);
        const std::vector<int32_t> classes(static_cast<size_t>(batch), 1);
        backend.upload(labels, std::span<const int32_t>(classes));
    }
    void forward() {
        denoiser.forward(*workspace, x, t, {labels}, nullptr);
        denoiser.backend().synchronize();
    }
    const Denoiser& denoiser;
    std::unique_ptr<DenoiserWorkspace> workspace;
    DeviceTensor x, t, labels;
};

double cpuSeconds() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& t) {
        return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/// What passed from a request to stop until it had acted; `cpu` (of all threads) does not count waiting for other
/// programs.
struct Delay {
    double seconds = 0, cpu = 0;
};

/// Asks to stop `delay` seconds after `begun` became true; nothing where `work` finished before.
template <class Work>
std::optional<Delay> cancelDelay(const std::atomic<bool>& begun, double delay, Work&& work) {
    std::stop_source source;
    Clock::time_point requested;
    double cpuRequested = 0;
    std::jthread asker([&](std::stop_token over) {
        while (!begun && !over.stop_requested()) std::this_thread::sleep_for(std::chrono::microseconds(200));
        std::this_thread::sleep_for(std::chrono::duration<double>(delay));
        cpuRequested = cpuSeconds();
        requested = Clock::now();
        source.request_stop();
    });
    const bool cancelled = work(source.get_token());
    const Clock::time_point ended = Clock::now();
    const double cpuEnded = cpuSeconds();
    asker.request_stop();
    asker.join();
    if (!cancelled) return std::nullopt;
    return Delay{std::chrono::duration<double>(ended - requested).count(), cpuEnded - cpuRequested};
}

/// Takes the files out of the system's cache, as far as the system does what it is asked.
void evict(const Checkpoint& checkpoint) {
    for (const auto& file : checkpoint.source().files()) {
        const int descriptor = ::open(file.c_str(), O_RDONLY);
        if (descriptor < 0) continue;
        ::posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED);
        ::close(descriptor);
    }
}

void keep(std::vector<Delay>& delays, std::optional<Delay> delay) {
    if (delay) delays.push_back(*delay);
}

Json summary(std::vector<Delay> delays) {
    if (delays.empty()) return Json{{"count", 0}};
    const auto byCpu = std::ranges::max_element(delays, {}, &Delay::cpu);
    const double cpu = byCpu->cpu;
    std::ranges::sort(delays, {}, &Delay::seconds);
    return {{"count", delays.size()},
            {"medianMs", delays[delays.size() / 2].seconds * 1e3},
            {"worstMs", delays.back().seconds * 1e3},
            {"worstCpuMs", cpu * 1e3}};
}

int measure(const Options& options) {
    Json out = {{"file", options.path.filename().string()}};
    bool inside = true;
    const auto hold = [&](const char* what, double value, double limit) {
        if (value <= limit) return;
        inside = false;
        out["outside"].push_back(fmt::format("{}: {:.6g} over {:.6g}", what, value, limit));
    };

    const int64_t diskBefore = diskBytes();
    auto start = Clock::now();
    auto checkpoint = Checkpoint::open(options.path).orThrow();
    out["model"] = checkpoint->name();
    out["openSeconds"] = since(start);
    out["fingerprint"] = checkpoint->fingerprint();
    out["infoSeconds"] = since(start);
    out["infoDiskBytes"] = diskBytes() - diskBefore;
    hold("info", since(start), kInfoLimit);
    checkpoint->runnable().orThrow();
    out["estimateBytes"] = checkpoint->memoryNeeded(options.storage);

    auto backend = std::make_unique<Backend>(cpuBackendTable(), BackendOptions{options.threads, "auto"});
    out["device"] = backend->description();
    const int64_t before = statusBytes("RssAnon");
    out["anonymous"]["before"] = before;
    LoadOptions load;
    load.storage = options.storage;

    if (options.cold) evict(*checkpoint);
    const double cpuBefore = cpuSeconds();
    Peaks loading;
    start = Clock::now();
    auto denoiser = checkpoint->load(*backend, load).orThrow();
    const double loadSeconds = since(start);
    loading.finish();
    out["loadSeconds"] = loadSeconds;
    out["loadCpuSeconds"] = cpuSeconds() - cpuBefore;
    const auto packed = static_cast<double>(denoiser->packedBytes());
    const double limit = packed * 1.15 + kFixed;
    out["packedBytes"] = denoiser->packedBytes();
    out["limitBytes"] = limit;
    out["anonymous"]["peakLoading"] = loading.anonymous;
    out["filePeakLoading"] = loading.file;
    out["anonymous"]["loaded"] = statusBytes("RssAnon");
    out["anonymous"]["loadedOverPacked"] = static_cast<double>(statusBytes("RssAnon")) - packed;
    hold("anonymous memory while loading", static_cast<double>(loading.anonymous), limit);

    {
        const uint64_t held = backend->memoryUsed();
        Peaks running;
        Run run(*denoiser, options.batch);
        start = Clock::now();
        run.forward();
        out["firstForwardSeconds"] = since(start);
        start = Clock::now();
        run.forward();
        const double forwardSeconds = since(start);
        running.finish();
        out["forwardSeconds"] = forwardSeconds;
        const auto activations = static_cast<double>(backend->memoryUsed() - held);
        out["activationBytes"] = activations;
        out["anonymous"]["peakRunning"] = running.anonymous;
        hold("anonymous memory while running", static_cast<double>(running.anonymous), limit);

        std::vector<Delay> delays;
        for (int i = 0; i < options.forwardCancels; ++i)
            keep(delays,
                 cancelDelay(true, forwardSeconds * (i + 0.5) / options.forwardCancels, [&](std::stop_token stop) {
                     try {
                         const Backend::CancelScope scope(*backend, std::move(stop));
                         run.forward();
                     } catch (const EngineException& e) {
                         return e.error().code == ErrorCode::Cancelled;
                     }
                     return false;
                 }));
        out["forwardCancel"] = summary(delays);
        for (const Delay& delay : delays) hold("cancel inside a forward", delay.seconds, kCancelLimit);
    }

    start = Clock::now();
    denoiser.reset();
    out["unloadSeconds"] = since(start);
    out["anonymous"]["unloaded"] = statusBytes("RssAnon");
    hold("anonymous memory after unloading", static_cast<double>(statusBytes("RssAnon")), kFixed);

    std::vector<Delay> delays;
    for (int i = 0; i < options.loadCancels; ++i) {
        if (options.cold) evict(*checkpoint);
        std::atomic<bool> begun = false;
        load.progress = [&](int64_t done, int64_t total) {
            if (static_cast<double>(done) >= static_cast<double>(total) * (i + 0.5) / options.loadCancels) begun = true;
        };
        keep(delays, cancelDelay(begun, 0.003 * i, [&](std::stop_token stop) {
                 load.stop = std::move(stop);
                 const auto loaded = checkpoint->load(*backend, load);
                 return !loaded.ok() && loaded.error().code == ErrorCode::Cancelled;
             }));
    }
    out["loadCancel"] = summary(delays);
    for (const Delay& delay : delays) hold("cancel while loading", delay.seconds, kCancelLimit);

    backend.reset();
    out["anonymous"]["backendGone"] = statusBytes("RssAnon");
    checkpoint.reset();
    out["anonymous"]["closed"] = statusBytes("RssAnon");
    out["inside"] = inside;
    fmt::print("{}\n", out.dump(2));
    return inside ? 0 : 1;
}

}  // namespace
}  // namespace moescope

int main(int count, char** words) {
    const moescope::Options options = moescope::parse(count, words);
    if (options.path.empty()) {
        fmt::print(stderr,
                   "usage: model_memory PATH [--bf16] [--cold] [--batch N] [--threads N] [--forward-cancels N] "
                   "[--load-cancels N]\n");
        return 2;
    }
    const auto status = moescope::guarded([&] { return moescope::measure(options); });
    if (status.ok()) return *status;
    fmt::print(stderr, "{}\n", status.error().message);
    return 1;
}
