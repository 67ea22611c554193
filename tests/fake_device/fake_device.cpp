// SPDX-License-Identifier: GPL-3.0-or-later
// The fake device's table: every operation is queued with its arguments and handed to the CPU's table later.
#include <fmt/format.h>

#include <cstdlib>
#include <deque>
#include <mutex>
#include <tuple>
#include <type_traits>
#include <utility>

#include "tests/fake_device/fake_context.h"

namespace moescope::fake {
namespace {

Context& of(MsContext* context) {
    return *reinterpret_cast<Context*>(context);
}
const Context& of(const MsContext* context) {
    return *reinterpret_cast<const Context*>(context);
}
const MsBackendTable& cpu() {
    return cpuBackendTable();
}

// Arguments as they are kept until an operation runs: what a pointer to a description points to may be gone by then.
template <class T>
struct Kept {
    T value;
    T get() const { return value; }
};
template <class Desc>
struct KeptDesc {
    Desc value{};
    bool given = false;
    const Desc* get() const { return given ? &value : nullptr; }
};
template <class T>
Kept<T> keep(T value) {
    return {value};
}
template <class Desc>
KeptDesc<Desc> keepDesc(const Desc* desc) {
    return desc ? KeptDesc<Desc>{*desc, true} : KeptDesc<Desc>{};
}
auto keep(const MsAttentionDesc* desc) {
    return keepDesc(desc);
}
auto keep(const MsMoeLayerDesc* desc) {
    return keepDesc(desc);
}
auto keep(const MsRouting* desc) {
    return keepDesc(desc);
}
auto keep(const MsConvDesc* desc) {
    return keepDesc(desc);
}

template <class T>
void sign(const Context& context, std::string& signature, T argument) {
    if constexpr (std::is_same_v<T, const MsTensor*> || std::is_same_v<T, MsTensor*>) {
        const auto shape = context.shapes.find(argument);
        signature += shape == context.shapes.end() ? " none" : " " + shapeText(shape->second);
    }
}

template <class Function>
struct Forward;

template <class... Args>
struct Forward<MsStatus (*)(MsContext*, Args...)> {
    template <auto Entry>
    static MsStatus call(MsContext* context, Args... args) {
        Context& c = of(context);
        std::string signature =
            fmt::format("{}", static_cast<const void*>(reinterpret_cast<const char*>(&(cpu().*Entry))));
        (sign(c, signature, args), ...);
        return c.submit(std::move(signature), [&c, kept = std::make_tuple(keep(args)...)] {
            return std::apply([&](const auto&... each) { return (cpu().*Entry)(c.cpu(), each.get()...); }, kept);
        });
    }
};

template <auto Entry>
void forward(MsBackendTable& table) {
    using Function = std::remove_reference_t<decltype(table.*Entry)>;
    table.*Entry = Forward<Function>::template call<Entry>;
}

std::string createError;

MsStatus contextCreate(const MsContextOptions* options, MsContext** out) {
    if (!deviceThere()) {
        createError = "the fake GPU was lost and does not come back";
        return MS_DEVICE_LOST;
    }
    MsContext* context = nullptr;
    if (const MsStatus status = cpu().context_create(options, &context); status != MS_OK) return status;
    *out = reinterpret_cast<MsContext*>(new Context(context));
    return MS_OK;
}

MsStatus tensorCreate(MsContext* context, MsDType dtype, int32_t rank, const int64_t* shape, MsTensor** out) {
    Context& c = of(context);
    const uint64_t before = cpu().memory_used(c.cpu());
    MsTensor* tensor = nullptr;
    if (const MsStatus status = cpu().tensor_create(c.cpu(), dtype, rank, shape, &tensor); status != MS_OK)
        return status;
    const uint64_t bytes = cpu().memory_used(c.cpu()) - before;
    if (const MsStatus status = c.allocate(bytes); status != MS_OK) {
        cpu().tensor_destroy(c.cpu(), tensor);
        return status;
    }
    c.tensorBytes[tensor] = bytes;
    c.shapes[tensor].assign(shape, shape + rank);
    *out = tensor;
    return MS_OK;
}

MsStatus tensorView(MsContext* context, MsTensor* base, uint64_t offset, MsDType dtype, int32_t rank,
                    const int64_t* shape, MsTensor** out) {
    Context& c = of(context);
    if (const MsStatus status = c.outside("tensor_view"); status != MS_OK) return status;
    const MsStatus status = cpu().tensor_view(c.cpu(), base, offset, dtype, rank, shape, out);
    if (status != MS_OK) return c.fail(status, cpu().last_error(c.cpu()));
    c.shapes[*out].assign(shape, shape + rank);
    return MS_OK;
}

void tensorDestroy(MsContext* context, MsTensor* tensor) {
    Context& c = of(context);
    static_cast<void>(c.synchronize());
    if (const auto bytes = c.tensorBytes.find(tensor); bytes != c.tensorBytes.end()) {
        c.release(bytes->second);
        c.tensorBytes.erase(bytes);
    }
    c.shapes.erase(tensor);
    cpu().tensor_destroy(c.cpu(), tensor);
}

MsStatus tensorReshape(MsContext* context, MsTensor* tensor, int32_t rank, const int64_t* shape) {
    Context& c = of(context);
    std::vector<int64_t> wanted(shape, shape + rank);
    c.shapes[tensor] = wanted;
    return c.submit("reshape", [&c, tensor, wanted] {
        return cpu().tensor_reshape(c.cpu(), tensor, static_cast<int32_t>(wanted.size()), wanted.data());
    });
}

MsStatus upload(MsContext* context, MsTensor* tensor, const void* host, size_t bytes) {
    Context& c = of(context);
    if (const MsStatus status = c.outside("upload"); status != MS_OK) return status;
    const auto* first = static_cast<const std::byte*>(host);
    return c.submit("upload", [&c, tensor, copy = std::vector<std::byte>(first, first + bytes)] {
        return cpu().upload(c.cpu(), tensor, copy.data(), copy.size());
    });
}

MsStatus linearCreate(MsContext* context, const MsLinearDesc* desc, MsLinear** out) {
    Context& c = of(context);
    MsLinear* linear = nullptr;
    if (const MsStatus status = cpu().linear_create(c.cpu(), desc, &linear); status != MS_OK) return status;
    if (const MsStatus status = c.allocate(cpu().linear_bytes(linear)); status != MS_OK) {
        cpu().linear_destroy(c.cpu(), linear);
        return status;
    }
    c.linearBytes[linear] = cpu().linear_bytes(linear);
    *out = linear;
    return MS_OK;
}

void linearDestroy(MsContext* context, MsLinear* linear) {
    Context& c = of(context);
    static_cast<void>(c.synchronize());
    c.release(c.linearBytes[linear]);
    c.linearBytes.erase(linear);
    cpu().linear_destroy(c.cpu(), linear);
}

MsStatus loadRows(MsContext* context, MsLinear* linear, int64_t index, int64_t first, int64_t count,
                  const float* rows) {
    Context& c = of(context);
    if (const MsStatus status = c.outside("linear_load_rows"); status != MS_OK) return status;
    return cpu().linear_load_rows(c.cpu(), linear, index, first, count, rows);
}

MsStatus loadBias(MsContext* context, MsLinear* linear, int64_t index, const float* bias) {
    Context& c = of(context);
    if (const MsStatus status = c.outside("linear_load_bias"); status != MS_OK) return status;
    return cpu().linear_load_bias(c.cpu(), linear, index, bias);
}

MsStatus memoryFree(MsContext* context, uint64_t* free, uint64_t* total) {
    *free = of(context).memoryFree();
    *total = of(context).memoryTotal();
    return of(context).outside("memory_free");
}

/// Every operation that the CPU's table has, wherever in the table it stands.
void forwardOperations(MsBackendTable& t) {
    forward<&MsBackendTable::copy>(t);
    forward<&MsBackendTable::patchify>(t);
    forward<&MsBackendTable::unpatchify>(t);
    forward<&MsBackendTable::timestep_waves>(t);
    forward<&MsBackendTable::gather_rows>(t);
    forward<&MsBackendTable::add_rows>(t);
    forward<&MsBackendTable::prepend_tokens>(t);
    forward<&MsBackendTable::drop_lead_tokens>(t);
    forward<&MsBackendTable::linear>(t);
    forward<&MsBackendTable::activate>(t);
    forward<&MsBackendTable::add>(t);
    forward<&MsBackendTable::modulated_norm>(t);
    forward<&MsBackendTable::gated_add>(t);
    forward<&MsBackendTable::attention>(t);
    forward<&MsBackendTable::moe_layer>(t);
    forward<&MsBackendTable::conv2d>(t);
    forward<&MsBackendTable::group_norm>(t);
    forward<&MsBackendTable::guided_velocity>(t);
    forward<&MsBackendTable::advance>(t);
    forward<&MsBackendTable::mean>(t);
    forward<&MsBackendTable::repeat_batch>(t);
}

MsBackendTable makeTable() {
    MsBackendTable t = cpu();
    t.version = static_cast<uint32_t>(setting("MOESCOPE_FAKE_VERSION", MS_BACKEND_VERSION));
    t.name = "cuda";
    t.context_create = contextCreate;
    t.context_destroy = [](MsContext* context) { delete &of(context); };
    t.last_error = [](const MsContext* context) { return context ? of(context).error() : createError.c_str(); };
    t.description = [](const MsContext*) { return "Fake GPU"; };
    t.set_cancel = [](MsContext* context, int (*poll)(void*), void* user) {
        cpu().set_cancel(of(context).cpu(), poll, user);
    };
    t.synchronize = [](MsContext* context) { return of(context).synchronize(); };
    t.memory_used = [](const MsContext* context) { return of(context).memoryUsed(); };
    t.tensor_create = tensorCreate;
    t.tensor_destroy = tensorDestroy;
    t.tensor_reshape = tensorReshape;
    t.upload = upload;
    t.download = [](MsContext* context, const MsTensor* tensor, void* host, size_t bytes) {
        return of(context).download(tensor, host, bytes);
    };
    t.linear_create = linearCreate;
    t.linear_destroy = linearDestroy;
    t.linear_load_rows = loadRows;
    t.linear_load_bias = loadBias;
    t.graph_begin = [](MsContext* context) { return of(context).beginRecording(); };
    t.graph_end = [](MsContext* context, MsGraph** graph) { return of(context).endRecording(graph); };
    t.graph_launch = [](MsContext* context, MsGraph* graph) { return of(context).launch(graph); };
    t.graph_destroy = [](MsContext* context, MsGraph* graph) {
        static_cast<void>(of(context).synchronize());
        delete reinterpret_cast<Graph*>(graph);
    };
    forwardOperations(t);
    t.memory_free = memoryFree;
    t.tensor_view = tensorView;
    t.mark = [](MsContext* context, uint64_t* point) { return of(context).mark(point); };
    t.wait_mark = [](MsContext* context, uint64_t point) { return of(context).wait(point); };
    if (setting("MOESCOPE_FAKE_PLAIN", 0)) {
        t.graph_begin = [](MsContext* context) { return of(context).fail(MS_UNSUPPORTED, "no graphs here"); };
        t.size = offsetof(MsBackendTable, tensor_view);
    }
    return t;
}

}  // namespace
}  // namespace moescope::fake

#define EXPORTED extern "C" __attribute__((visibility("default")))

EXPORTED const FakeCounts* moescope_fake_counts() {
    return &moescope::fake::counts();
}

EXPORTED const MsBackendTable* moescope_backend(uint32_t, const char** reason) {
    static std::string refusal;
    const char* refuse = std::getenv("MOESCOPE_FAKE_REFUSE");
    if (refuse && *refuse) {
        refusal = refuse;
        *reason = refusal.c_str();
        return nullptr;
    }
    // As the settings of now say; tables that were given out stay as they are.
    static std::mutex mutex;
    static std::deque<MsBackendTable> tables;
    const std::lock_guard lock(mutex);
    return &tables.emplace_back(moescope::fake::makeTable());
}
