// SPDX-License-Identifier: Apache-2.0
// The plugin's edge: the table of operations, and where failures become status codes. No exception leaves this file.
#include <exception>
#include <new>
#include <string>

#include "engine/cuda/context.h"
#include "engine/cuda/graph.h"
#include "engine/cuda/ops.h"
#include "engine/cuda/written_tensors.h"

namespace moescope::cuda {
namespace {

thread_local std::string createError;  // why the last context_create on this thread failed

MsStatus remember(MsContext* context, MsStatus status, const std::string& message) noexcept {
    try {
        context->error = message;
    } catch (...) {
        context->error.clear();
    }
    return status;
}

/// Runs `body` on the context's device. What it throws becomes a status and a sentence.
template <class Body>
MsStatus guarded(MsContext* context, const Body& body) noexcept {
    if (!context->lost.empty()) return remember(context, MS_DEVICE_LOST, context->lost);
    try {
        context->check(cudaSetDevice(context->device), "choosing the GPU");
        body();
        return MS_OK;
    } catch (const Failure& failure) {
        if (context->capturing && context->captureFailure == MS_OK) {
            context->captureFailure = failure.status;
            context->captureError = failure.message;
        }
        return remember(context, failure.status, failure.message);
    } catch (const std::bad_alloc&) {
        return remember(context, MS_OUT_OF_MEMORY, "the system refused memory; close other programs");
    } catch (const std::exception& e) {
        return remember(context, MS_INTERNAL, std::string("the CUDA device failed unexpectedly: ") + e.what());
    }
}

/// The table's entry for an operation that manages memory.
template <auto Operation>
struct Plain;
template <class... Arguments, void (*Operation)(MsContext&, Arguments...)>
struct Plain<Operation> {
    static MsStatus call(MsContext* context, Arguments... arguments) {
        return guarded(context, [&] {
            settle<Operation>(*context, arguments...);
            Operation(*context, arguments...);
        });
    }
};

/// The table's entry for an operation that computes: not begun once a stop is requested.
template <auto Operation>
struct Computing;
template <class... Arguments, void (*Operation)(MsContext&, Arguments...)>
struct Computing<Operation> {
    static MsStatus call(MsContext* context, Arguments... arguments) {
        return guarded(context, [&] {
            if (context->stopRequested()) fail(MS_CANCELLED, "cancelled");
            settle<Operation>(*context, arguments...);
            Operation(*context, arguments...);
            context->pace(1);
        });
    }
};

MsStatus contextCreate(const MsContextOptions* options, MsContext** out) {
    try {
        *out = new MsContext(*options);
        return MS_OK;
    } catch (const Failure& failure) {
        createError = failure.message;
        return failure.status;
    } catch (const std::exception& e) {
        createError = std::string("the CUDA device could not be opened: ") + e.what();
        return MS_INTERNAL;
    }
}

void contextDestroy(MsContext* context) {
    delete context;
}

const char* lastError(const MsContext* context) {
    return context ? context->error.c_str() : createError.c_str();
}

const char* describe(const MsContext* context) {
    return context->description.c_str();
}

void setCancel(MsContext* context, int (*poll)(void*), void* user) {
    context->poll = poll;
    context->pollUser = user;
    context->cancelled = false;
}

/// The table's entry for a wait. After a failure nobody waits for the downloads: their memory may be gone soon.
template <auto Operation>
struct Waiting;
template <class... Arguments, void (*Operation)(MsContext&, Arguments...)>
struct Waiting<Operation> {
    static MsStatus call(MsContext* context, Arguments... arguments) {
        const MsStatus status = guarded(context, [&] {
            if (context->stopRequested()) fail(MS_CANCELLED, "cancelled");
            settle<Operation>(*context, arguments...);
            Operation(*context, arguments...);
        });
        if (status != MS_OK) context->downloads.forget();
        return status;
    }
};

uint64_t memoryUsed(const MsContext* context) {
    return context->memory.bytesInUse();
}

/// What waits for the memory runs, and nothing is remembered of it.
void settleBeforeFreeing(MsContext* context) {
    cudaSetDevice(context->device);
    if (context->pendingAdd.x) guarded(context, [&] { finishPendingAdd(*context); });
    context->twins.forget();
}

void tensorDestroy(MsContext* context, MsTensor* tensor) {
    settleBeforeFreeing(context);
    delete tensor;
}

void linearDestroy(MsContext* context, MsLinear* linear) {
    settleBeforeFreeing(context);
    delete linear;
    context->memory.trim();
}

uint64_t linearBytes(const MsLinear* linear) {
    return linear->values.bytes() + linear->bias.bytes();
}

void graphDestroyEntry(MsContext* context, MsGraph* graph) {
    settleBeforeFreeing(context);
    delete graph;
}

MsBackendTable makeTable() {
    MsBackendTable t{};
    t.version = MS_BACKEND_VERSION;
    t.size = sizeof(MsBackendTable);
    t.name = "cuda";
    t.context_create = contextCreate;
    t.context_destroy = contextDestroy;
    t.last_error = lastError;
    t.description = describe;
    t.set_cancel = setCancel;
    t.synchronize = Waiting<synchronize>::call;
    t.memory_used = memoryUsed;
    t.tensor_create = Plain<tensorCreate>::call;
    t.tensor_destroy = tensorDestroy;
    t.tensor_reshape = Plain<tensorReshape>::call;
    t.upload = Plain<upload>::call;
    t.download = Plain<download>::call;
    t.copy = Computing<copyTensor>::call;
    t.linear_create = Plain<linearCreate>::call;
    t.linear_destroy = linearDestroy;
    t.linear_load_rows = Plain<linearLoadRows>::call;
    t.linear_load_bias = Plain<linearLoadBias>::call;
    t.linear_bytes = linearBytes;
    t.graph_begin = Plain<graphBegin>::call;
    t.graph_end = Plain<graphEnd>::call;
    t.graph_launch = Computing<graphLaunch>::call;
    t.graph_destroy = graphDestroyEntry;
    t.patchify = Computing<patchify>::call;
    t.unpatchify = Computing<unpatchify>::call;
    t.timestep_waves = Computing<timestepWaves>::call;
    t.gather_rows = Computing<gatherRows>::call;
    t.add_rows = Computing<addRows>::call;
    t.prepend_tokens = Computing<prependTokens>::call;
    t.drop_lead_tokens = Computing<dropLeadTokens>::call;
    t.linear = Computing<linear>::call;
    t.activate = Computing<activate>::call;
    t.add = Computing<add>::call;
    t.modulated_norm = Computing<modulatedNorm>::call;
    t.gated_add = Computing<gatedAdd>::call;
    t.attention = Computing<attention>::call;
    t.moe_layer = Computing<moeLayer>::call;
    t.conv2d = Computing<conv2d>::call;
    t.group_norm = Computing<groupNorm>::call;
    t.guided_velocity = Computing<guidedVelocity>::call;
    t.advance = Computing<advance>::call;
    t.mean = Computing<mean>::call;
    t.repeat_batch = Computing<repeatBatch>::call;
    t.guided_prediction = Computing<guidedPrediction>::call;
    t.diffusion_step = Computing<diffusionStep>::call;
    t.memory_free = Plain<memoryFree>::call;
    t.tensor_view = Plain<tensorView>::call;
    t.mark = Plain<mark>::call;
    t.wait_mark = Waiting<waitMark>::call;
    t.torch_normals = Computing<torchNormals>::call;
    return t;
}

std::string versionText(int version) {
    return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

/// Why no GPU can be used; empty where one can.
std::string whyNot() {
    int driver = 0, runtime = 0, count = 0;
    cudaDriverGetVersion(&driver);
    cudaRuntimeGetVersion(&runtime);
    const cudaError_t found = cudaGetDeviceCount(&count);
    cudaGetLastError();
    if (found == cudaErrorInsufficientDriver || driver < runtime / 1000 * 1000) {
        if (driver == 0) return "no NVIDIA driver is installed";
        return sentence("the NVIDIA driver supports CUDA ", versionText(driver), ", this program needs one for CUDA ",
                        versionText(runtime), "; install a newer driver");
    }
    if (found == cudaErrorNoDevice || (found == cudaSuccess && count == 0)) return "no NVIDIA GPU was found";
    if (found != cudaSuccess) return sentence("the NVIDIA driver does not answer (", cudaGetErrorString(found), ")");
    std::string reason;
    for (int device = 0; device < count; ++device) {
        std::string why;
        if (isUsable(device, why)) return {};
        reason = why;
    }
    return reason;
}

}  // namespace
}  // namespace moescope::cuda

extern "C" __attribute__((visibility("default"))) const MsBackendTable* moescope_backend(uint32_t version,
                                                                                         const char** reason) {
    thread_local std::string answer;  // lists of devices are made on other threads than contexts
    try {
        if (version != MS_BACKEND_VERSION)
            answer = moescope::cuda::sentence("the CUDA plugin is of another version (", MS_BACKEND_VERSION,
                                              ", the program asks for ", version, "); install both from one release");
        else
            answer = moescope::cuda::whyNot();
    } catch (const std::exception& e) {
        answer = e.what();
    }
    if (!answer.empty()) {
        if (reason) *reason = answer.c_str();
        return nullptr;
    }
    static const MsBackendTable table = moescope::cuda::makeTable();
    return &table;
}
