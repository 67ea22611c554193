// SPDX-License-Identifier: Apache-2.0
// Making, filling and reading tensors.
#include <algorithm>
#include <cstring>
#include <memory>

#include "engine/cuda/context.h"
#include "engine/cuda/ops.h"

namespace moescope::cuda {
namespace {

void refuseWhileRecording(const MsContext& context, const char* what) {
    MS_CUDA_REQUIRE(!context.capturing, "[graph] ", what,
                    " can not be part of a graph: its host memory is known only now; "
                    "make it before graph_begin or after graph_launch");
}

}  // namespace

std::string shapeOf(const MsTensor* tensor) {
    if (!tensor) return "nothing";
    std::string text = "[";
    for (const int64_t extent : tensor->shape) text += (text.size() > 1 ? ", " : "") + std::to_string(extent);
    return text + "]";
}

void tensorCreate(MsContext& context, MsDType dtype, int32_t rank, const int64_t* shape, MsTensor** out) {
    auto tensor = std::make_unique<MsTensor>();
    tensor->dtype = dtype;
    tensor->shape.assign(shape, shape + rank);
    MS_CUDA_REQUIRE(std::all_of(shape, shape + rank, [](int64_t extent) { return extent >= 0; }),
                    "[tensor_create] negative extent in ", shapeOf(tensor.get()));
    tensor->bytes = static_cast<size_t>(tensor->elements()) * tensor->elementBytes();
    tensor->memory = context.memory.allocate(tensor->bytes);
    tensor->start = tensor->memory.data();
    *out = tensor.release();
}

void tensorView(MsContext&, MsTensor* base, uint64_t offset, MsDType dtype, int32_t rank, const int64_t* shape,
                MsTensor** out) {
    auto view = std::make_unique<MsTensor>();
    view->dtype = dtype;
    view->shape.assign(shape, shape + rank);
    view->bytes = static_cast<size_t>(view->elements()) * view->elementBytes();
    MS_CUDA_REQUIRE(offset % 256 == 0 && offset + view->bytes <= base->bytes, "[tensor_view] ", view->bytes,
                    " bytes from byte ", offset, " of a tensor of ", base->bytes);
    view->start = static_cast<char*>(base->start) + offset;
    *out = view.release();
}

void tensorReshape(MsContext&, MsTensor* tensor, int32_t rank, const int64_t* shape) {
    int64_t elements = 1;
    for (int32_t axis = 0; axis < rank; ++axis) elements *= shape[axis];
    MS_CUDA_REQUIRE(static_cast<size_t>(elements) * tensor->elementBytes() <= tensor->bytes, "[tensor_reshape] ",
                    elements, " elements do not fit into a tensor of ", tensor->bytes, " bytes");
    tensor->shape.assign(shape, shape + rank);
}

void upload(MsContext& context, MsTensor* tensor, const void* host, size_t bytes) {
    refuseWhileRecording(context, "an upload");
    MS_CUDA_REQUIRE(bytes <= tensor->bytes, "[upload] ", bytes, " bytes into a tensor of ", tensor->bytes);
    for (size_t first = 0; first < bytes; first += Uploads::kLargest) {
        const size_t count = std::min(Uploads::kLargest, bytes - first);
        context.uploads.send(
            context, count, [&](char* pinned) { std::memcpy(pinned, static_cast<const char*>(host) + first, count); },
            [&](const char* pinned) {
                context.check(cudaMemcpyAsync(static_cast<char*>(tensor->start) + first, pinned, count,
                                              cudaMemcpyHostToDevice, context.work),
                              "uploading a tensor");
            });
    }
}

void download(MsContext& context, const MsTensor* tensor, void* host, size_t bytes) {
    refuseWhileRecording(context, "a download");
    MS_CUDA_REQUIRE(bytes <= tensor->bytes, "[download] ", bytes, " bytes of a tensor of ", tensor->bytes);
    context.downloads.begin(context, tensor->start, host, bytes);
}

void copyTensor(MsContext& context, const MsTensor* source, MsTensor* target) {
    MS_CUDA_REQUIRE(source->dtype == target->dtype && source->elements() == target->elements(), "[copy] ",
                    source->elements(), " elements into ", target->elements());
    const size_t bytes = static_cast<size_t>(source->elements()) * source->elementBytes();
    if (bytes == 0 || source == target) return;
    context.check(cudaMemcpyAsync(target->start, source->start, bytes, cudaMemcpyDeviceToDevice, context.work),
                  "copying a tensor");
}

void synchronize(MsContext& context) {
    refuseWhileRecording(context, "waiting");
    context.check(cudaEventRecord(context.handOver, context.work), "recording an event");
    context.waitFor(context.handOver);
    context.downloads.finish(context);
    context.marks.clear();
}

void mark(MsContext& context, uint64_t* point) {
    refuseWhileRecording(context, "a mark");
    *point = context.marks.add(context);
}

void waitMark(MsContext& context, uint64_t point) {
    refuseWhileRecording(context, "waiting");
    context.marks.waitFor(context, point);
}

void memoryFree(MsContext& context, uint64_t* available, uint64_t* total) {
    size_t now = 0, all = 0;
    context.check(cudaMemGetInfo(&now, &all), "asking for the GPU's memory");
    *available = now + context.memory.bytesSpare();
    *total = all;
}

}  // namespace moescope::cuda
