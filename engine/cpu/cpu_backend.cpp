// SPDX-License-Identifier: Apache-2.0
// The CPU device's table: contexts, tensors, and where each operation lives.
#include <cstring>
#include <new>
#include <string>

#include "engine/backend/backend.h"
#include "engine/cpu/isa.h"
#include "engine/cpu/ops.h"

namespace moescope {
namespace {

using namespace cpu;

thread_local std::string createError;  // why the last context_create on this thread failed

size_t elementBytes(MsDType dtype) { return dtype == MS_F32 || dtype == MS_I32 ? 4 : 2; }

MsStatus contextCreate(const MsContextOptions* options, MsContext** out) {
    const auto level = selectIsa(options->isa ? options->isa : "auto");
    if (!level.ok()) {
        createError = level.error().message;
        return MS_UNSUPPORTED;
    }
    try {
        auto* context = new MsContext(options->threads);
        context->isa = level.value();
        context->description = fmt::format("{}, {} thread{}", context->isa, context->pool.threads(),
                                           context->pool.threads() == 1 ? "" : "s");
        *out = context;
        return MS_OK;
    } catch (const std::exception& e) {
        createError = fmt::format("the CPU device could not start its threads: {}", e.what());
        return MS_INTERNAL;
    }
}

void contextDestroy(MsContext* context) { delete context; }

const char* lastError(const MsContext* context) { return context ? context->error.c_str() : createError.c_str(); }

const char* describe(const MsContext* context) { return context->description.c_str(); }

void setCancel(MsContext* context, int (*poll)(void*), void* user) {
    context->poll = poll;
    context->pollUser = user;
    context->cancelled = false;
}

MsStatus synchronize(MsContext* context) { return context->cancelled ? MS_CANCELLED : MS_OK; }

uint64_t memoryUsed(const MsContext* context) { return context->bytesHeld; }

MsStatus tensorCreate(MsContext* context, MsDType dtype, int32_t rank, const int64_t* shape, MsTensor** out) {
    try {
        auto tensor = std::make_unique<MsTensor>();
        tensor->dtype = dtype;
        tensor->shape.assign(shape, shape + rank);
        tensor->memory = AlignedBytes(static_cast<size_t>(tensor->elements()) * elementBytes(dtype));
        context->bytesHeld += tensor->memory.size();
        *out = tensor.release();
        return MS_OK;
    } catch (const std::bad_alloc&) {
        return context->fail(MS_OUT_OF_MEMORY, "the system refused memory for a tensor of the run; close other programs or "
                                               "choose a smaller model or batch");
    }
}

MsStatus tensorView(MsContext* context, MsTensor* base, uint64_t offset, MsDType dtype, int32_t rank, const int64_t* shape, MsTensor** out) {
    auto view = std::make_unique<MsTensor>();
    view->dtype = dtype;
    view->shape.assign(shape, shape + rank);
    view->viewedBytes = static_cast<size_t>(view->elements()) * elementBytes(dtype);
    MS_REQUIRE(context, offset % 256 == 0 && offset + view->viewedBytes <= base->bytes(),
               "[tensor_view] {} bytes from byte {} of a tensor of {}", view->viewedBytes, offset, base->bytes());
    view->viewed = base->data() + offset;
    *out = view.release();
    return MS_OK;
}

void tensorDestroy(MsContext* context, MsTensor* tensor) {
    if (!tensor) return;
    context->bytesHeld -= tensor->memory.size();
    delete tensor;
}

MsStatus tensorReshape(MsContext* context, MsTensor* tensor, int32_t rank, const int64_t* shape) {
    int64_t elements = 1;
    for (int32_t axis = 0; axis < rank; ++axis) elements *= shape[axis];
    MS_REQUIRE(context, static_cast<size_t>(elements) * elementBytes(tensor->dtype) <= tensor->bytes(),
               "[tensor_reshape] {} elements do not fit into a tensor of {} bytes", elements, tensor->bytes());
    tensor->shape.assign(shape, shape + rank);
    return MS_OK;
}

MsStatus upload(MsContext* context, MsTensor* tensor, const void* host, size_t bytes) {
    MS_REQUIRE(context, bytes <= tensor->bytes(), "[upload] {} bytes into a tensor of {}", bytes, tensor->bytes());
    if (bytes) std::memcpy(tensor->data(), host, bytes);
    return MS_OK;
}

MsStatus download(MsContext* context, const MsTensor* tensor, void* host, size_t bytes) {
    MS_REQUIRE(context, bytes <= tensor->bytes(), "[download] {} bytes of a tensor of {}", bytes, tensor->bytes());
    if (bytes) std::memcpy(host, tensor->data(), bytes);
    return MS_OK;
}

MsStatus copyTensor(MsContext* context, const MsTensor* source, MsTensor* target) {
    MS_REQUIRE(context, source->dtype == target->dtype && source->elements() == target->elements(),
               "[copy] {} elements into {}", source->elements(), target->elements());
    const size_t bytes = static_cast<size_t>(source->elements()) * elementBytes(source->dtype);
    if (bytes) std::memcpy(target->data(), source->data(), bytes);
    return MS_OK;
}

MsStatus graphBegin(MsContext* context) { return context->fail(MS_UNSUPPORTED, "the CPU device runs operations at once"); }
MsStatus graphEnd(MsContext* context, MsGraph**) { return graphBegin(context); }
MsStatus graphLaunch(MsContext* context, MsGraph*) { return graphBegin(context); }
void graphDestroy(MsContext*, MsGraph*) {}

MsBackendTable makeTable() {
    MsBackendTable t{};
    t.version = MS_BACKEND_VERSION;
    t.size = sizeof(MsBackendTable);
    t.name = "cpu";
    t.context_create = contextCreate;
    t.context_destroy = contextDestroy;
    t.last_error = lastError;
    t.description = describe;
    t.set_cancel = setCancel;
    t.synchronize = synchronize;
    t.memory_used = memoryUsed;
    t.tensor_create = tensorCreate;
    t.tensor_destroy = tensorDestroy;
    t.tensor_reshape = tensorReshape;
    t.upload = upload;
    t.download = download;
    t.copy = copyTensor;
    t.linear_create = linearCreate;
    t.linear_destroy = linearDestroy;
    t.linear_load_rows = linearLoadRows;
    t.linear_load_bias = linearLoadBias;
    t.linear_bytes = linearBytes;
    t.graph_begin = graphBegin;
    t.graph_end = graphEnd;
    t.graph_launch = graphLaunch;
    t.graph_destroy = graphDestroy;
    t.patchify = patchify;
    t.unpatchify = unpatchify;
    t.timestep_waves = timestepWaves;
    t.gather_rows = gatherRows;
    t.add_rows = addRows;
    t.prepend_tokens = prependTokens;
    t.drop_lead_tokens = dropLeadTokens;
    t.linear = linear;
    t.activate = activate;
    t.add = add;
    t.modulated_norm = modulatedNorm;
    t.gated_add = gatedAdd;
    t.attention = attention;
    t.moe_layer = moeLayer;
    t.conv2d = conv2d;
    t.group_norm = groupNorm;
    t.guided_velocity = guidedVelocity;
    t.advance = advance;
    t.mean = mean;
    t.repeat_batch = repeatBatch;
    t.guided_prediction = guidedPrediction;
    t.diffusion_step = diffusionStep;
    t.tensor_view = tensorView;
    t.waves = waves;
    t.add_per_sample = addPerSample;
    t.concat_columns = concatColumns;
    t.geglu = geglu;
    t.cross_attention = crossAttention;
    return t;
}

}  // namespace

const MsBackendTable& cpuBackendTable() {
    static const MsBackendTable table = makeTable();
    return table;
}

}  // namespace moescope
