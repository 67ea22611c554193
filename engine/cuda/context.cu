// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "engine/cuda/context.h"

namespace moescope::cuda {
namespace {

constexpr int kMarkEvery = 256;  // launches between two marks of the pace; a whole graph counts as many
constexpr auto kSpin = std::chrono::microseconds(50);
constexpr auto kNap = std::chrono::microseconds(40);

std::atomic<int> livingContexts{0};

}  // namespace

bool isUsable(int device, std::string& reason) {
    cudaDeviceProp properties;
    if (const cudaError_t error = cudaGetDeviceProperties(&properties, device); error != cudaSuccess) {
        cudaGetLastError();
        reason = sentence("the GPU number ", device, " does not answer (", cudaGetErrorString(error), ")");
        return false;
    }
    if (properties.major >= 8) return true;
    reason = sentence(properties.name, " has compute capability ", properties.major, ".", properties.minor,
                      ", this program needs 8.0 or later (Ampere, Ada, Hopper or newer)");
    return false;
}

}  // namespace moescope::cuda

using namespace moescope::cuda;

MsContext::MsContext(const MsContextOptions& options) {
    const bool hasDevice = options.size >= offsetof(MsContextOptions, compute) + sizeof(options.compute);
    device = hasDevice ? options.deviceIndex : 0;
    compute = hasDevice ? options.compute : MS_F32;
    MS_CUDA_REQUIRE(compute == MS_F32 || compute == MS_BF16, "the GPU computes in fp32 or bf16, not in type ",
                    static_cast<int>(compute));
    size_t available = 0, total = 0;
    if (livingContexts == 0 &&
        (cudaSetDevice(device) != cudaSuccess || cudaMemGetInfo(&available, &total) != cudaSuccess)) {
        // A kernel that broke has taken the process's context on the device with it; nobody else uses it: start it
        // anew.
        cudaDeviceReset();
        cudaGetLastError();
    }
    int count = 0;
    check(cudaGetDeviceCount(&count), "looking for a GPU");
    MS_CUDA_REQUIRE(device >= 0 && device < count, "there is no GPU number ", device, ", there are ", count);
    std::string reason;
    if (!isUsable(device, reason)) fail(MS_UNSUPPORTED, reason);
    check(cudaSetDevice(device), "choosing the GPU");
    cudaDeviceProp properties;
    check(cudaGetDeviceProperties(&properties, device), "reading the GPU's properties");
    multiprocessors = properties.multiProcessorCount;
    capability = 10 * properties.major + properties.minor;
    if (const char* text = std::getenv("MOESCOPE_CUDA_CAPABILITY")) capability = std::min(capability, std::atoi(text));
    sharedLimit = properties.sharedMemPerBlockOptin;
    description = sentence(properties.name, ", ", compute == MS_BF16 ? "bf16" : "fp32");
    if (const char* text = std::getenv("MOESCOPE_CUDA_FAIL_LAUNCH")) m_failLaunch = std::strtoull(text, nullptr, 10);
    if (const char* text = std::getenv("MOESCOPE_CUDA_ONE_BLOCK_PAIRS")) oneBlockPairs = std::atoll(text);
    try {
        check(cudaStreamCreateWithFlags(&work, cudaStreamNonBlocking), "creating a stream");
        check(cudaStreamCreateWithFlags(&copies, cudaStreamNonBlocking), "creating a stream");
        check(cudaEventCreateWithFlags(&handOver, cudaEventDisableTiming), "creating an event");
        for (cudaEvent_t& mark : m_marks)
            check(cudaEventCreateWithFlags(&mark, cudaEventDisableTiming), "creating an event");
        products.open();
    } catch (const Failure&) {
        if (work) cudaStreamDestroy(work);
        if (copies) cudaStreamDestroy(copies);
        throw;
    }
    ++livingContexts;
}

MsContext::~MsContext() {
    cudaSetDevice(device);
    if (lost.empty()) {
        cudaStreamSynchronize(work);
        cudaStreamSynchronize(copies);
    }
    for (const cudaEvent_t mark : m_marks) cudaEventDestroy(mark);
    cudaEventDestroy(handOver);
    cudaStreamDestroy(copies);
    cudaStreamDestroy(work);
    cudaGetLastError();
    --livingContexts;
}

void* MsContext::scratchBytes(Slot slot, size_t bytes) {
    twins.forgetIn(slot);
    reserveScratch(slot, bytes);
    return scratchBlocks[static_cast<size_t>(slot)]->data();
}

void MsContext::reserveScratch(Slot slot, size_t bytes) {
    std::shared_ptr<DeviceBlock>& block = scratchBlocks[static_cast<size_t>(slot)];
    if (block && block->bytes() >= bytes) return;
    twins.forgetIn(slot);
    if (capturing)
        fail(MS_INVALID,
             "[graph] an operation needs more working memory than is there; run the same operations once before "
             "recording them");
    block.reset();  // a graph that was recorded with it keeps it
    block = std::make_shared<DeviceBlock>(memory.allocate(bytes));
}

void MsContext::check(cudaError_t result, const char* doing) {
    if (result == cudaSuccess) return;
    cudaGetLastError();
    if (result == cudaErrorMemoryAllocation)
        fail(MS_OUT_OF_MEMORY, sentence("there was no memory left for the GPU while ", doing,
                                        "; close other programs or choose a smaller model or batch"));
    size_t available = 0, total = 0;
    if (cudaMemGetInfo(&available, &total) != cudaSuccess) {
        cudaGetLastError();
        lost = sentence("the GPU stopped while ", doing, " (", cudaGetErrorString(result),
                        "); load the model again, or use the CPU if that fails too");
        fail(MS_DEVICE_LOST, lost);
    }
    fail(MS_INTERNAL, sentence("CUDA refused ", doing, " (", cudaGetErrorString(result), ")"));
}

void MsContext::countLaunch() {
    if (++m_launches != m_failLaunch) return;
    lost =
        "the GPU stopped while starting a kernel (a failure made for a test); load the model again, or use the CPU if "
        "that fails too";
    fail(MS_DEVICE_LOST, lost);
}

bool MsContext::isOver(cudaEvent_t event) {
    const cudaError_t state = cudaEventQuery(event);
    if (state == cudaErrorNotReady) {
        cudaGetLastError();
        return false;
    }
    check(state, "waiting for the GPU");
    return true;
}

void MsContext::waitFor(cudaEvent_t event) {
    const auto start = std::chrono::steady_clock::now();
    while (!isOver(event)) {
        if (stopRequested()) fail(MS_CANCELLED, "cancelled");
        if (std::chrono::steady_clock::now() - start > kSpin) std::this_thread::sleep_for(kNap);
    }
}

bool MsContext::stopRequested() {
    if (!cancelled && poll && poll(pollUser)) cancelled = true;
    return cancelled;
}

void MsContext::pace(int cost) {
    if (capturing) return;
    m_sinceMark += cost;
    if (m_sinceMark < kMarkEvery) return;
    m_sinceMark = 0;
    waitFor(m_marks[m_nextMark]);
    check(cudaEventRecord(m_marks[m_nextMark], work), "recording an event");
    m_nextMark = (m_nextMark + 1) % m_marks.size();
}
