// SPDX-License-Identifier: Apache-2.0
#include "engine/backend/work_meter.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <string_view>
#include <type_traits>

namespace moescope {
namespace {

thread_local WorkMeter* current = nullptr;
thread_local bool recording = false;  // a graph: nothing runs, nobody may wait

/// A name as a template argument.
template <size_t kLength>
struct Name {
    char text[kLength];
    constexpr Name(const char (&given)[kLength]) { std::copy_n(given, kLength, text); }
};

/// The device's entries, of which an older device has fewer.
MsBackendTable wholeTable(const MsBackendTable& device) {
    MsBackendTable table{};
    std::memcpy(&table, &device, std::min(sizeof table, device.size));
    table.size = sizeof table;
    return table;
}

}  // namespace

/// What stands in the table instead of the device's entries.
struct WorkMeter::Entries {
    // --- work, operand by operand -------------------------------------------------------------------------------
    static Extent extentOf(const MsTensor* tensor) {
        const auto found = current->m_tensors.find(tensor);
        return found == current->m_tensors.end() ? Extent{} : found->second;
    }
    template <class Argument>
    static void addOperand(OperationWork& work, const Argument& argument) {
        if constexpr (std::is_convertible_v<Argument, const MsTensor*>)
            work.operandBytes += static_cast<double>(extentOf(argument).bytes);
    }
    static double lastBytes(const MsTensor*, const MsTensor*, const MsTensor* out) {
        return static_cast<double>(extentOf(out).bytes);
    }
    /// Bytes and multiply-adds per row of `matrices` of the stacked ones.
    static double addWeights(OperationWork& work, const MsLinear* linear, double matrices = 1) {
        const auto found = current->m_linears.find(linear);
        if (found == current->m_linears.end()) return 0;
        const MsLinearDesc& desc = found->second;
        work.weightBytes +=
            static_cast<double>(current->m_device.linear_bytes(linear)) * matrices / static_cast<double>(desc.count);
        return static_cast<double>(desc.in) * static_cast<double>(desc.out) * (desc.layout == MS_LINEAR_GATED ? 2 : 1);
    }

    // --- multiply-adds of the operations that have products -------------------------------------------------------
    template <class... Arguments>
    static void addProducts(OperationWork&, const Arguments&...) {}
    static void addProducts(OperationWork& work, const MsTensor* x, const MsLinear* weights, const MsActivation&,
                            MsTensor*) {
        work.multiplyAdds += static_cast<double>(extentOf(x).rows) * addWeights(work, weights);
    }
    static void addProducts(OperationWork& work, const MsTensor* qkv, const MsAttentionDesc* desc, MsTensor*) {
        const Extent e = extentOf(qkv);
        work.multiplyAdds += 2.0 * static_cast<double>(e.rows) * static_cast<double>(e.rows / desc->samples) *
                             static_cast<double>(e.columns / 3);
    }
    static void addProducts(OperationWork& work, const MsTensor* q, const MsTensor* kv, const int64_t& samples,
                            const int64_t&, MsTensor*) {
        work.multiplyAdds += 2.0 * static_cast<double>(extentOf(q).rows) *
                             static_cast<double>(extentOf(kv).rows / std::max<int64_t>(1, samples)) *
                             static_cast<double>(extentOf(q).columns);
    }
    static void addProducts(OperationWork& work, const MsTensor*, const MsLinear* weights, const MsConvDesc*,
                            MsTensor* out) {
        work.multiplyAdds += static_cast<double>(extentOf(out).rows) * addWeights(work, weights);
    }
    static void addProducts(OperationWork& work, const MsTensor* x, const MsMoeLayerDesc* desc, const MsRouting*,
                            MsTensor*) {
        const auto tokens = static_cast<double>(extentOf(x).rows), experts = static_cast<double>(desc->experts);
        double pairs = tokens * static_cast<double>(desc->topK);
        if (desc->policy == MS_POLICY_EXPERT_CHOICE)
            pairs = static_cast<double>(desc->samples / desc->samplesPerPool * desc->capacity) * experts;
        if (desc->policy == MS_POLICY_POOL_THRESHOLD) pairs = tokens;
        const double reached = std::min(experts, pairs);
        work.multiplyAdds += tokens * addWeights(work, desc->router);
        work.multiplyAdds +=
            pairs * (addWeights(work, desc->expertIn, reached) + addWeights(work, desc->expertOut, reached));
        if (desc->sharedIn)
            work.multiplyAdds += tokens * (addWeights(work, desc->sharedIn) + addWeights(work, desc->sharedOut));
        if (desc->predictorIn)
            work.multiplyAdds += tokens * (addWeights(work, desc->predictorIn) + addWeights(work, desc->predictorOut));
    }

    // --- operations -----------------------------------------------------------------------------------------------
    template <class Call>
    static MsStatus measured(MsContext* context, const char* name, const OperationWork& work, const Call& call) {
        WorkMeter& meter = *current;
        auto share = std::find_if(meter.m_shares.begin(), meter.m_shares.end(),
                                  [name](const OperationShare& s) { return s.operation == name; });
        if (share == meter.m_shares.end()) share = meter.m_shares.insert(share, {name, 0, 0, {}});
        ++share->calls;
        share->work.multiplyAdds += work.multiplyAdds;
        share->work.weightBytes += work.weightBytes;
        share->work.operandBytes += work.operandBytes;
        if (!meter.m_timed || recording) return call();
        if (const MsStatus status = meter.m_device.synchronize(context); status != MS_OK) return status;
        const auto start = std::chrono::steady_clock::now();
        MsStatus status = call();
        if (status == MS_OK) status = meter.m_device.synchronize(context);
        share->seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        return status;
    }

    template <auto kEntry, Name kName, class... Arguments>
    static MsStatus operation(MsContext* context, Arguments... arguments) {
        const auto call = [&] { return (current->m_device.*kEntry)(context, arguments...); };
        if (!current->m_counts) return call();
        OperationWork work;
        (addOperand(work, arguments), ...);
        addProducts(work, arguments...);
        // Of a table only the rows that are taken count.
        if constexpr (std::string_view(kName.text) == "gather_rows") work.operandBytes = 2.0 * lastBytes(arguments...);
        return measured(context, kName.text, work, call);
    }

    template <auto kEntry, Name kName, class... Arguments>
    static void watch(MsBackendTable& table, MsStatus (*MsBackendTable::*)(MsContext*, Arguments...)) {
        if (table.*kEntry) table.*kEntry = operation<kEntry, kName, Arguments...>;
    }

    // --- sizes ----------------------------------------------------------------------------------------------------
    static Extent extent(MsDType type, int32_t rank, const int64_t* shape) {
        Extent e{1, rank ? shape[rank - 1] : 1, 0};
        for (int32_t axis = 0; axis + 1 < rank; ++axis) e.rows *= shape[axis];
        e.bytes = e.rows * e.columns * (type == MS_F32 || type == MS_I32 ? 4 : 2);
        return e;
    }
    static MsStatus tensorCreate(MsContext* context, MsDType type, int32_t rank, const int64_t* shape, MsTensor** out) {
        const MsStatus status = current->m_device.tensor_create(context, type, rank, shape, out);
        if (status == MS_OK) current->m_tensors[*out] = extent(type, rank, shape);
        return status;
    }
    static MsStatus tensorView(MsContext* context, MsTensor* base, uint64_t offset, MsDType type, int32_t rank,
                               const int64_t* shape, MsTensor** out) {
        const MsStatus status = current->m_device.tensor_view(context, base, offset, type, rank, shape, out);
        if (status == MS_OK) current->m_tensors[*out] = extent(type, rank, shape);
        return status;
    }
    static MsStatus tensorReshape(MsContext* context, MsTensor* tensor, int32_t rank, const int64_t* shape) {
        const MsStatus status = current->m_device.tensor_reshape(context, tensor, rank, shape);
        const auto found = current->m_tensors.find(tensor);
        if (status != MS_OK || found == current->m_tensors.end()) return status;
        const int64_t cells = found->second.rows * found->second.columns;
        const bool wide = found->second.bytes == 4 * cells;
        found->second = extent(wide ? MS_F32 : MS_U16, rank, shape);
        return status;
    }
    static void tensorDestroy(MsContext* context, MsTensor* tensor) {
        current->m_tensors.erase(tensor);
        current->m_device.tensor_destroy(context, tensor);
    }
    static MsStatus linearCreate(MsContext* context, const MsLinearDesc* desc, MsLinear** out) {
        const MsStatus status = current->m_device.linear_create(context, desc, out);
        if (status == MS_OK) current->m_linears[*out] = *desc;
        return status;
    }
    static void linearDestroy(MsContext* context, MsLinear* linear) {
        current->m_linears.erase(linear);
        current->m_device.linear_destroy(context, linear);
    }
    static MsStatus graphBegin(MsContext* context) {
        const MsStatus status = current->m_device.graph_begin(context);
        recording = status == MS_OK;
        return status;
    }
    static MsStatus graphEnd(MsContext* context, MsGraph** out) {
        recording = false;
        return current->m_device.graph_end(context, out);
    }

    static void standBefore(MsBackendTable& t) {
        t.tensor_create = tensorCreate;
        t.tensor_destroy = tensorDestroy;
        t.tensor_reshape = tensorReshape;
        if (t.tensor_view) t.tensor_view = tensorView;
        t.linear_create = linearCreate;
        t.linear_destroy = linearDestroy;
        t.graph_begin = graphBegin;
        t.graph_end = graphEnd;
#define MOESCOPE_WATCH(entry) watch<&MsBackendTable::entry, #entry>(t, &MsBackendTable::entry)
        MOESCOPE_WATCH(copy);
        MOESCOPE_WATCH(patchify);
        MOESCOPE_WATCH(unpatchify);
        MOESCOPE_WATCH(timestep_waves);
        MOESCOPE_WATCH(gather_rows);
        MOESCOPE_WATCH(add_rows);
        MOESCOPE_WATCH(prepend_tokens);
        MOESCOPE_WATCH(drop_lead_tokens);
        MOESCOPE_WATCH(linear);
        MOESCOPE_WATCH(activate);
        MOESCOPE_WATCH(add);
        MOESCOPE_WATCH(modulated_norm);
        MOESCOPE_WATCH(gated_add);
        MOESCOPE_WATCH(attention);
        MOESCOPE_WATCH(moe_layer);
        MOESCOPE_WATCH(conv2d);
        MOESCOPE_WATCH(group_norm);
        MOESCOPE_WATCH(guided_velocity);
        MOESCOPE_WATCH(advance);
        MOESCOPE_WATCH(mean);
        MOESCOPE_WATCH(repeat_batch);
        MOESCOPE_WATCH(guided_prediction);
        MOESCOPE_WATCH(diffusion_step);
        MOESCOPE_WATCH(waves);
        MOESCOPE_WATCH(add_per_sample);
        MOESCOPE_WATCH(concat_columns);
        MOESCOPE_WATCH(geglu);
        MOESCOPE_WATCH(cross_attention);
#undef MOESCOPE_WATCH
    }
};

WorkMeter::WorkMeter(const MsBackendTable& device) : m_device(wholeTable(device)), m_table(m_device) {
    Entries::standBefore(m_table);
    current = this;
    recording = false;
}

WorkMeter::~WorkMeter() {
    current = nullptr;
}

void WorkMeter::start(bool timed) {
    m_shares.clear();
    m_counts = true;
    m_timed = timed;
}

OperationWork WorkMeter::total() const {
    OperationWork sum;
    for (const OperationShare& share : m_shares) {
        sum.multiplyAdds += share.work.multiplyAdds;
        sum.weightBytes += share.work.weightBytes;
        sum.operandBytes += share.work.operandBytes;
    }
    return sum;
}

}  // namespace moescope
