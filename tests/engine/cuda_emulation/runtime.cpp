// SPDX-License-Identifier: GPL-3.0-or-later
// Memory, lazy streams, events and graphs of the emulated device. Environment, for tests:
// MOESCOPE_EMULATED_DEVICES (number of devices, default 1; "driver" = an old driver), MOESCOPE_EMULATED_MAJOR (compute
// capability, default 9), MOESCOPE_EMULATED_MEMORY (bytes, default 4 GiB), MOESCOPE_EMULATED_SHARED (bytes of shared
// memory that a block can be given, default that of the smallest supported device; Hopper's 232448 brings its own
// kernels), MOESCOPE_EMULATED_ORDER=descending: threads run in descending order and every second stream does its work
// at once instead of when it is waited for. MOESCOPE_EMULATED_GUARD=1: device memory ends where its pages end, and is
// gone when it is freed: a kernel that reads behind a block or a freed one crashes.
#include <cuda_runtime.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <engine/cuda/launch.cuh>
#include <engine/cuda/ptx.cuh>
#include <map>
#include <memory>
#include <new>
#include <string>

namespace moescope::emulation {

class Graph {
public:
    std::deque<std::function<bool()>> work;
};

class Stream {
public:
    std::deque<std::function<bool()>> queue;
    uint64_t submitted = 0, done = 0;
    Graph* recording = nullptr;
    bool spoilt = false;  // the recording: something was asked that can not be part of it
    bool second = false;

    /// The oldest piece of work. False if there is none.
    bool step();
    void runTo(uint64_t place) {
        while (done < place && step()) {
        }
    }
};

class Event {
public:
    Stream* stream = nullptr;
    uint64_t place = 0;
    bool captured = false;  // recorded while its stream was: belongs to the graph
    bool over() const { return !stream || stream->done >= place; }
};

namespace {

uint64_t given = 0;  // pieces of work that streams and graphs got
cudaError_t lastError = cudaSuccess;
cudaError_t stuck = cudaSuccess;  // a broken kernel breaks every later call
std::map<void*, size_t> allocations, pinned;
std::map<void*, std::pair<void*, size_t>> mapped;  // of allocations that end at the end of their pages
size_t allocated = 0;
uint64_t mallocs = 0;
std::map<const void*, size_t> sharedAllowed;  // of kernels that asked for it

constexpr size_t kPage = 4096;
constexpr size_t kSharedUnasked = 47 * 1024;  // 48 KiB less what a kernel may have declared

cudaError_t answer(cudaError_t error) {
    if (stuck != cudaSuccess) error = stuck;
    if (error != cudaSuccess && error != cudaErrorNotReady) lastError = error;
    return error;
}

size_t setting(const char* name, size_t fallback) {
    const char* text = std::getenv(name);
    return text ? static_cast<size_t>(std::strtoull(text, nullptr, 10)) : fallback;
}

size_t capacity() {
    return setting("MOESCOPE_EMULATED_MEMORY", size_t{4} << 30);
}

size_t sharedMost() {
    return setting("MOESCOPE_EMULATED_SHARED", 99 * 1024);
}

std::vector<Stream*> streams;

void finishAll() {
    for (Stream* stream : streams) stream->runTo(stream->submitted);
}

bool guards() {
    return setting("MOESCOPE_EMULATED_GUARD", 0) != 0;
}

/// Whether `bytes` from `start` on lie in one block of `blocks`.
bool lieIn(const std::map<void*, size_t>& blocks, const void* start, size_t bytes) {
    auto found = blocks.upper_bound(const_cast<void*>(start));
    if (found == blocks.begin()) return false;
    --found;
    const size_t before = static_cast<size_t>(static_cast<const char*>(start) - static_cast<const char*>(found->first));
    return before + bytes <= found->second;
}

/// Copies are between blocks of the device and pinned memory: from other memory they would not be asynchronous.
bool mayCopy(const void* target, const void* source, size_t bytes, cudaMemcpyKind kind) {
    const bool fits = lieIn(kind == cudaMemcpyDeviceToHost ? pinned : allocations, target, bytes) &&
                      lieIn(kind == cudaMemcpyHostToDevice ? pinned : allocations, source, bytes);
    if (!fits) std::fprintf(stderr, "emulated copy: %zu bytes of kind %d outside of blocks\n", bytes, kind);
    return fits;
}

/// A call that a stream can not take while it is recorded.
cudaError_t spoil(Stream* stream, cudaError_t error) {
    stream->spoilt = true;
    return answer(error);
}

}  // namespace

bool isBroken() {
    return stuck != cudaSuccess;
}
void breakDevice() {
    stuck = cudaErrorLaunchFailure;
}

bool isDescending() {
    const char* order = std::getenv("MOESCOPE_EMULATED_ORDER");
    return order && std::string(order) == "descending";
}

bool Stream::step() {
    if (queue.empty()) return false;
    auto work = std::move(queue.front());
    queue.pop_front();
    work();
    ++done;
    return true;
}

void enqueue(Stream* stream, std::function<bool()> work) {
    ++given;
    if (stream->recording) {
        stream->recording->work.push_back(std::move(work));
        return;
    }
    stream->queue.push_back(std::move(work));
    ++stream->submitted;
    if (stream->second && isDescending()) stream->runTo(stream->submitted);
}

}  // namespace moescope::emulation

using namespace moescope::emulation;

/// For tests: how many kernels, products of the library, copies and fillings were given to streams or recorded so far.
/// Calls of cudaMalloc so far.
extern "C" __attribute__((visibility("default"))) uint64_t moescope_emulated_allocations() {
    return mallocs;
}
/// Bytes that cudaMalloc has given and cudaFree not taken back.
extern "C" __attribute__((visibility("default"))) uint64_t moescope_emulated_allocated() {
    return allocated;
}

extern "C" __attribute__((visibility("default"))) uint64_t moescope_emulated_work() {
    return given;
}

unsigned __ballot_sync(unsigned mask, int predicate) {
    return shareInWarp(mask, predicate, [mask](const auto& of) {
        unsigned bits = 0;
        for (int lane = 0; lane < 32; ++lane)
            if (((mask >> lane) & 1u) && of.has(lane) && of(lane)) bits |= 1u << lane;
        return bits;
    });
}

unsigned __match_any_sync(unsigned mask, int value) {
    return shareInWarp(mask, value, [mask, value](const auto& of) {
        unsigned bits = 0;
        for (int lane = 0; lane < 32; ++lane)
            if (((mask >> lane) & 1u) && of.has(lane) && of(lane) == value) bits |= 1u << lane;
        return bits;
    });
}

const char* cudaGetErrorString(cudaError_t error) {
    switch (error) {
        case cudaSuccess:
            return "no error";
        case cudaErrorMemoryAllocation:
            return "out of memory";
        case cudaErrorInsufficientDriver:
            return "CUDA driver version is insufficient for CUDA runtime version";
        case cudaErrorNoDevice:
            return "no CUDA-capable device is detected";
        case cudaErrorLaunchFailure:
            return "unspecified launch failure";
        case cudaErrorInvalidValue:
            return "invalid argument";
        default:
            return "an emulated error";
    }
}

cudaError_t cudaGetLastError() {
    const cudaError_t error = stuck != cudaSuccess ? stuck : lastError;
    lastError = cudaSuccess;
    return error;
}

cudaError_t cudaDriverGetVersion(int* version) {
    const char* devices = std::getenv("MOESCOPE_EMULATED_DEVICES");
    *version = devices && std::string(devices) == "driver" ? 12020 : 13000;
    if (devices && std::string(devices) == "nodriver") *version = 0;
    return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int* version) {
    *version = 13000;
    return cudaSuccess;
}

cudaError_t cudaGetDeviceCount(int* count) {
    *count = 0;
    const char* devices = std::getenv("MOESCOPE_EMULATED_DEVICES");
    if (devices && std::string(devices).find("driver") != std::string::npos) return answer(cudaErrorInsufficientDriver);
    *count = static_cast<int>(setting("MOESCOPE_EMULATED_DEVICES", 1));
    return *count ? cudaSuccess : answer(cudaErrorNoDevice);
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
    int count = 0;
    if (cudaGetDeviceCount(&count) != cudaSuccess || device < 0 || device >= count)
        return answer(cudaErrorInvalidDevice);
    *properties = {};
    std::snprintf(properties->name, sizeof properties->name, "emulated device %d", device);
    properties->major = static_cast<int>(setting("MOESCOPE_EMULATED_MAJOR", 9));
    properties->multiProcessorCount = 2;
    properties->totalGlobalMem = capacity();
    properties->sharedMemPerBlockOptin = sharedMost();
    properties->maxThreadsPerMultiProcessor = 2048;
    return cudaSuccess;
}

cudaError_t cudaSetDevice(int) {
    return answer(cudaSuccess);
}

cudaError_t cudaDeviceReset() {
    stuck = lastError = cudaSuccess;
    sharedAllowed.clear();
    for (Stream* stream : streams) stream->queue.clear();
    return cudaSuccess;
}

cudaError_t cudaDeviceSynchronize() {
    for (Stream* stream : streams)
        if (stream->recording) return spoil(stream, cudaErrorStreamCaptureUnsupported);
    finishAll();
    return answer(cudaSuccess);
}

cudaError_t cudaMemGetInfo(size_t* available, size_t* total) {
    *total = capacity();
    *available = *total - std::min(*total, allocated);
    return answer(cudaSuccess);
}

cudaError_t cudaMalloc(void** out, size_t bytes) {
    ++mallocs;
    if (stuck != cudaSuccess) return answer(stuck);
    if (allocated + bytes > capacity()) return answer(cudaErrorMemoryAllocation);
    if (guards()) {
        const size_t own = (bytes + 15) / 16 * 16, pages = (own + kPage - 1) / kPage * kPage;
        void* memory = mmap(nullptr, pages + kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) return answer(cudaErrorMemoryAllocation);
        mprotect(static_cast<char*>(memory) + pages, kPage, PROT_NONE);
        *out = static_cast<char*>(memory) + pages - own;
        mapped[*out] = {memory, pages + kPage};
    } else {
        *out = ::operator new(bytes, std::align_val_t(256), std::nothrow);
    }
    if (!*out) return answer(cudaErrorMemoryAllocation);
    std::memset(*out, 0xff, bytes);
    allocations[*out] = bytes;
    allocated += bytes;
    return answer(cudaSuccess);
}

cudaError_t cudaFree(void* memory) {
    if (!memory) return answer(cudaSuccess);
    if (stuck == cudaSuccess) finishAll();
    const auto found = allocations.find(memory);
    if (found == allocations.end()) return answer(cudaErrorInvalidValue);
    allocated -= found->second;
    if (const auto pages = mapped.find(memory); pages != mapped.end()) {
        munmap(pages->second.first, pages->second.second);
        mapped.erase(pages);
    } else {
        std::memset(memory, 0xfe, found->second);
        ::operator delete(memory, std::align_val_t(256));
    }
    allocations.erase(found);
    return answer(cudaSuccess);
}

cudaError_t cudaHostAlloc(void** out, size_t bytes, unsigned) {
    *out = std::malloc(bytes);
    if (!*out) return answer(cudaErrorMemoryAllocation);
    std::memset(*out, 0xfd, bytes);
    pinned[*out] = bytes;
    return answer(cudaSuccess);
}

cudaError_t cudaFreeHost(void* memory) {
    pinned.erase(memory);
    std::free(memory);
    return answer(cudaSuccess);
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* out, unsigned) {
    *out = new Stream;
    (*out)->second = streams.size() % 2 == 1;
    streams.push_back(*out);
    return answer(cudaSuccess);
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
    if (stuck == cudaSuccess) stream->runTo(stream->submitted);
    std::erase(streams, stream);
    delete stream;
    return answer(cudaSuccess);
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
    if (stream->recording) return spoil(stream, cudaErrorStreamCaptureUnsupported);
    stream->runTo(stream->submitted);
    return answer(cudaSuccess);
}

cudaError_t cudaStreamQuery(cudaStream_t stream) {
    if (stream->recording) return spoil(stream, cudaErrorStreamCaptureUnsupported);
    stream->step();
    return answer(stream->queue.empty() ? cudaSuccess : cudaErrorNotReady);
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
    if (event->captured) return spoil(event->stream, cudaErrorStreamCaptureUnsupported);  // graphs here are one stream
    if (event->stream && event->stream != stream)
        enqueue(stream, [other = event->stream, place = event->place] {
            other->runTo(place);
            return true;
        });
    return answer(cudaSuccess);
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* out, unsigned) {
    *out = new Event;
    return answer(cudaSuccess);
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
    delete event;
    return answer(cudaSuccess);
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
    event->stream = stream;
    event->place = stream->submitted;
    event->captured = stream->recording != nullptr;
    return answer(cudaSuccess);
}

cudaError_t cudaEventQuery(cudaEvent_t event) {
    if (event->captured) return spoil(event->stream, cudaErrorCapturedEvent);
    if (event->stream && !event->over()) {
        event->stream->step();
        if (!event->over()) return answer(cudaErrorNotReady);
    }
    return answer(cudaSuccess);
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
    if (event->captured) return spoil(event->stream, cudaErrorCapturedEvent);
    if (event->stream) event->stream->runTo(event->place);
    return answer(cudaSuccess);
}

cudaError_t cudaMemcpyAsync(void* target, const void* source, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
    if (bytes && !mayCopy(target, source, bytes, kind)) return answer(cudaErrorInvalidValue);
    enqueue(stream, [=] {
        if (bytes) std::memmove(target, source, bytes);
        return true;
    });
    return answer(cudaSuccess);
}

cudaError_t cudaMemcpy2DAsync(void* target, size_t targetPitch, const void* source, size_t sourcePitch, size_t width,
                              size_t height, cudaMemcpyKind kind, cudaStream_t stream) {
    for (size_t row = 0; width && row < height; ++row)
        if (width > targetPitch || width > sourcePitch ||
            !mayCopy(static_cast<char*>(target) + row * targetPitch,
                     static_cast<const char*>(source) + row * sourcePitch, width, kind))
            return answer(cudaErrorInvalidValue);
    enqueue(stream, [=] {
        for (size_t row = 0; row < height; ++row)
            std::memmove(static_cast<char*>(target) + row * targetPitch,
                         static_cast<const char*>(source) + row * sourcePitch, width);
        return true;
    });
    return answer(cudaSuccess);
}

cudaError_t cudaMemsetAsync(void* target, int value, size_t bytes, cudaStream_t stream) {
    if (bytes && !lieIn(allocations, target, bytes)) return answer(cudaErrorInvalidValue);
    enqueue(stream, [=] {
        std::memset(target, value, bytes);
        return true;
    });
    return answer(cudaSuccess);
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
    if (stream->recording) return answer(cudaErrorStreamCaptureUnsupported);
    stream->spoilt = false;
    stream->recording = new Graph;
    return answer(cudaSuccess);
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* out) {
    *out = stream->recording;
    stream->recording = nullptr;
    if (*out && stream->spoilt) {
        delete *out;
        *out = nullptr;
        return answer(cudaErrorStreamCaptureInvalidated);
    }
    return answer(*out ? cudaSuccess : cudaErrorInvalidValue);
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* out, cudaGraph_t graph, unsigned long long) {
    *out = new Graph(*graph);
    return answer(cudaSuccess);
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t stream) {
    for (const auto& work : graph->work) enqueue(stream, work);
    return answer(cudaSuccess);
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
    delete graph;
    return answer(cudaSuccess);
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t graph) {
    delete graph;
    return answer(cudaSuccess);
}

namespace moescope::cuda {

float roundToHalf(float value) {
    return static_cast<float>(static_cast<_Float16>(value));
}

cudaError_t allowEmulated(const void* function, size_t bytes) {
    if (bytes > sharedMost()) return answer(cudaErrorInvalidValue);
    sharedAllowed[function] = bytes;
    return answer(cudaSuccess);
}

cudaError_t launchEmulated(cudaStream_t stream, const void* function, dim3 grid, dim3 block, size_t sharedBytes,
                           std::function<void()> kernel) {
    if (stuck != cudaSuccess) return answer(stuck);
    const size_t threads = static_cast<size_t>(block.x) * block.y * block.z;
    if (threads == 0 || threads > 1024 || grid.x == 0 || grid.x > 0x7fffffffu || grid.y == 0 || grid.y > 65535 ||
        grid.z == 0 || grid.z > 65535)
        return answer(cudaErrorInvalidConfiguration);
    const auto allowed = sharedAllowed.find(function);
    if (sharedBytes > (allowed == sharedAllowed.end() ? kSharedUnasked : std::max(kSharedUnasked, allowed->second)))
        return answer(cudaErrorInvalidValue);
    enqueue(stream, [=] {
        threadOrder = isDescending() ? Order::Descending : Order::Ascending;
        std::string problem;
        if (!runGrid(grid, block, sharedBytes, kernel, problem)) {
            std::fprintf(stderr, "emulated launch: %s\n", problem.c_str());
            stuck = cudaErrorLaunchFailure;
        }
        return true;
    });
    return answer(cudaSuccess);
}

}  // namespace moescope::cuda
