// SPDX-License-Identifier: GPL-3.0-or-later
// Memory, lazy streams, events and graphs of the emulated device. Environment, for tests:
// MOESCOPE_EMULATED_DEVICES (number of devices, default 1; "driver" = an old driver), MOESCOPE_EMULATED_MAJOR (compute
// capability, default 9), MOESCOPE_EMULATED_MEMORY (bytes, default 4 GiB), MOESCOPE_EMULATED_SHARED (bytes of shared memory
// that a block can be given, default that of the smallest supported device; Hopper's 232448 brings its own kernels),
// MOESCOPE_EMULATED_ORDER=descending: threads run in descending order and every second stream does its work at once instead
// of when it is waited for.
#include <cuda_runtime.h>

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
    bool over() const { return !stream || stream->done >= place; }
};

namespace {

cudaError_t lastError = cudaSuccess;
cudaError_t stuck = cudaSuccess;  // a broken kernel breaks every later call
std::map<void*, size_t> allocations;
size_t allocated = 0;

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

std::vector<Stream*> streams;

}  // namespace

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

unsigned __ballot_sync(unsigned mask, int predicate) {
    return shareInWarp(mask, predicate, [mask](const auto& of) {
        unsigned bits = 0;
        for (int lane = 0; lane < 32; ++lane)
            if (((mask >> lane) & 1u) && of(lane)) bits |= 1u << lane;
        return bits;
    });
}

unsigned __match_any_sync(unsigned mask, int value) {
    return shareInWarp(mask, value, [mask, value](const auto& of) {
        unsigned bits = 0;
        for (int lane = 0; lane < 32; ++lane)
            if (((mask >> lane) & 1u) && of(lane) == value) bits |= 1u << lane;
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
    properties->sharedMemPerBlockOptin = moescope::cuda::emulatedSharedLimit();
    properties->maxThreadsPerMultiProcessor = 2048;
    return cudaSuccess;
}

cudaError_t cudaSetDevice(int) {
    return answer(cudaSuccess);
}

cudaError_t cudaDeviceReset() {
    stuck = lastError = cudaSuccess;
    for (Stream* stream : streams) stream->queue.clear();
    return cudaSuccess;
}

cudaError_t cudaDeviceSynchronize() {
    for (Stream* stream : streams) stream->runTo(stream->submitted);
    return answer(cudaSuccess);
}

cudaError_t cudaMemGetInfo(size_t* available, size_t* total) {
    *total = capacity();
    *available = *total - std::min(*total, allocated);
    return answer(cudaSuccess);
}

cudaError_t cudaMalloc(void** out, size_t bytes) {
    if (stuck != cudaSuccess) return answer(stuck);
    if (allocated + bytes > capacity()) return answer(cudaErrorMemoryAllocation);
    *out = ::operator new(bytes, std::align_val_t(256), std::nothrow);
    if (!*out) return answer(cudaErrorMemoryAllocation);
    std::memset(*out, 0xff, bytes);
    allocations[*out] = bytes;
    allocated += bytes;
    return answer(cudaSuccess);
}

cudaError_t cudaFree(void* memory) {
    if (!memory) return answer(cudaSuccess);
    if (stuck == cudaSuccess) cudaDeviceSynchronize();
    const auto found = allocations.find(memory);
    if (found == allocations.end()) return answer(cudaErrorInvalidValue);
    allocated -= found->second;
    std::memset(memory, 0xfe, found->second);
    allocations.erase(found);
    ::operator delete(memory, std::align_val_t(256));
    return answer(cudaSuccess);
}

cudaError_t cudaHostAlloc(void** out, size_t bytes, unsigned) {
    *out = std::malloc(bytes);
    if (!*out) return answer(cudaErrorMemoryAllocation);
    std::memset(*out, 0xfd, bytes);
    return answer(cudaSuccess);
}

cudaError_t cudaFreeHost(void* memory) {
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
    stream->runTo(stream->submitted);
    return answer(cudaSuccess);
}

cudaError_t cudaStreamQuery(cudaStream_t stream) {
    stream->step();
    return answer(stream->queue.empty() ? cudaSuccess : cudaErrorNotReady);
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
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
    return answer(cudaSuccess);
}

cudaError_t cudaEventQuery(cudaEvent_t event) {
    if (event->stream && !event->over()) {
        event->stream->step();
        if (!event->over()) return answer(cudaErrorNotReady);
    }
    return answer(cudaSuccess);
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
    if (event->stream) event->stream->runTo(event->place);
    return answer(cudaSuccess);
}

cudaError_t cudaMemcpyAsync(void* target, const void* source, size_t bytes, cudaMemcpyKind, cudaStream_t stream) {
    enqueue(stream, [=] {
        if (bytes) std::memmove(target, source, bytes);
        return true;
    });
    return answer(cudaSuccess);
}

cudaError_t cudaMemcpy2DAsync(void* target, size_t targetPitch, const void* source, size_t sourcePitch, size_t width,
                              size_t height, cudaMemcpyKind, cudaStream_t stream) {
    enqueue(stream, [=] {
        for (size_t row = 0; row < height; ++row)
            std::memmove(static_cast<char*>(target) + row * targetPitch,
                         static_cast<const char*>(source) + row * sourcePitch, width);
        return true;
    });
    return answer(cudaSuccess);
}

cudaError_t cudaMemsetAsync(void* target, int value, size_t bytes, cudaStream_t stream) {
    enqueue(stream, [=] {
        std::memset(target, value, bytes);
        return true;
    });
    return answer(cudaSuccess);
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
    if (stream->recording) return answer(cudaErrorStreamCaptureUnsupported);
    stream->recording = new Graph;
    return answer(cudaSuccess);
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* out) {
    *out = stream->recording;
    stream->recording = nullptr;
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

size_t emulatedSharedLimit() {
    return setting("MOESCOPE_EMULATED_SHARED", 99 * 1024);
}

float roundToHalf(float value) {
    return static_cast<float>(static_cast<_Float16>(value));
}

cudaError_t launchEmulated(cudaStream_t stream, dim3 grid, dim3 block, size_t sharedBytes,
                           std::function<void()> kernel) {
    if (stuck != cudaSuccess) return answer(stuck);
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
