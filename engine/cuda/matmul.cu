// SPDX-License-Identifier: Apache-2.0
#include <cublasLt.h>

#include <algorithm>
#include <tuple>

#include "engine/cuda/context.h"
#include "engine/cuda/matmul.h"
#include "engine/cuda/plain_product.cuh"

namespace moescope::cuda {
namespace {

constexpr size_t kWorkspace = size_t{32} << 20;

/// Largest power of two up to 256 that divides an address.
uint32_t alignmentOf(const void* address) {
    const auto bits = reinterpret_cast<uintptr_t>(address) | 256;
    return static_cast<uint32_t>(bits & (~bits + 1));
}

void expect(cublasStatus_t status, const char* doing) {
    if (status != CUBLAS_STATUS_SUCCESS)
        fail(MS_INTERNAL, sentence("cuBLASLt failed at ", doing, " with status ", static_cast<int>(status)));
}

template <class T>
void set(cublasLtMatmulDesc_t desc, cublasLtMatmulDescAttributes_t attribute, const T& value) {
    expect(cublasLtMatmulDescSetAttribute(desc, attribute, &value, sizeof value), "describing a product");
}

template <class T>
void set(cublasLtMatmulPreference_t preference, cublasLtMatmulPreferenceAttributes_t attribute, const T& value) {
    expect(cublasLtMatmulPreferenceSetAttribute(preference, attribute, &value, sizeof value), "choosing an algorithm");
}

}  // namespace

/// What distinguishes two products for the choice of an algorithm.
struct MatmulPlans::Key {
    int type, byDepth, bias;
    int64_t rows, columns, depth, xStride, rightStride, outStride;
    uint32_t xAlignment, rightAlignment, outAlignment;

    auto tied() const {
        return std::tie(type, byDepth, bias, rows, columns, depth, xStride, rightStride, outStride, xAlignment,
                        rightAlignment, outAlignment);
    }
    bool operator<(const Key& other) const { return tied() < other.tied(); }
};

struct MatmulPlans::Plan {
    cublasLtMatmulDesc_t desc = nullptr;
    cublasLtMatrixLayout_t right = nullptr, x = nullptr, out = nullptr;
    cublasLtMatmulAlgo_t algorithm{};
    bool found = false, addsBias = false;

    Plan() = default;
    Plan(const Plan&) = delete;
    ~Plan() {
        if (out) cublasLtMatrixLayoutDestroy(out);
        if (x) cublasLtMatrixLayoutDestroy(x);
        if (right) cublasLtMatrixLayoutDestroy(right);
        if (desc) cublasLtMatmulDescDestroy(desc);
    }
};

struct MatmulPlans::State {
    cublasLtHandle_t handle = nullptr;
    std::map<Key, std::unique_ptr<Plan>> plans;

    ~State() {
        plans.clear();
        if (handle) cublasLtDestroy(handle);
    }
};

MatmulPlans::MatmulPlans() = default;
MatmulPlans::~MatmulPlans() = default;

void MatmulPlans::open() {
    m_state = std::make_unique<State>();
    expect(cublasLtCreate(&m_state->handle), "starting");
}

// cuBLASLt sees columns: a row-major [r, c] is its [c, r]. So out^T [columns, rows] = right' x^T, with right' the
// transposed weights.
const MatmulPlans::Plan& MatmulPlans::planFor(const Product& p) {
    const Key key{p.type,
                  p.rightByDepth,
                  p.bias != nullptr,
                  p.rows,
                  p.columns,
                  p.depth,
                  p.xStride,
                  p.rightStride,
                  p.outStride,
                  alignmentOf(p.x),
                  alignmentOf(p.right),
                  alignmentOf(p.out)};
    std::unique_ptr<Plan>& plan = m_state->plans[key];
    if (plan) return *plan;
    auto made = std::make_unique<Plan>();
    const cudaDataType_t type = p.type == MS_BF16 ? CUDA_R_16BF : CUDA_R_32F;
    const auto u = [](int64_t value) { return static_cast<uint64_t>(value); };
    expect(cublasLtMatmulDescCreate(&made->desc, CUBLAS_COMPUTE_32F, CUDA_R_32F), "describing a product");
    set(made->desc, CUBLASLT_MATMUL_DESC_TRANSA, p.rightByDepth ? CUBLAS_OP_N : CUBLAS_OP_T);
    set(made->desc, CUBLASLT_MATMUL_DESC_TRANSB, CUBLAS_OP_N);
    expect(cublasLtMatrixLayoutCreate(&made->right, type, u(p.rightByDepth ? p.columns : p.depth),
                                      u(p.rightByDepth ? p.depth : p.columns), p.rightStride),
           "describing a matrix");
    expect(cublasLtMatrixLayoutCreate(&made->x, type, u(p.depth), u(p.rows), p.xStride), "describing a matrix");
    expect(cublasLtMatrixLayoutCreate(&made->out, CUDA_R_32F, u(p.columns), u(p.rows), p.outStride),
           "describing a matrix");

    cublasLtMatmulPreference_t preference = nullptr;
    expect(cublasLtMatmulPreferenceCreate(&preference), "choosing an algorithm");
    const std::unique_ptr<std::remove_pointer_t<cublasLtMatmulPreference_t>, decltype(&cublasLtMatmulPreferenceDestroy)>
        owner(preference, cublasLtMatmulPreferenceDestroy);
    set(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, static_cast<uint64_t>(kWorkspace));
    set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, key.rightAlignment);
    set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, key.xAlignment);
    set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, key.outAlignment);
    set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, key.outAlignment);
    // With the bias inside where there is such a kernel, else without.
    for (const bool withBias : {true, false}) {
        if (withBias && !p.bias) continue;
        set(made->desc, CUBLASLT_MATMUL_DESC_EPILOGUE, withBias ? CUBLASLT_EPILOGUE_BIAS : CUBLASLT_EPILOGUE_DEFAULT);
        if (withBias) {
            set(made->desc, CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, CUDA_R_32F);
            set(made->desc, CUBLASLT_MATMUL_DESC_BIAS_POINTER, static_cast<const void*>(p.bias));
        }
        cublasLtMatmulHeuristicResult_t result{};
        int count = 0;
        const cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(
            m_state->handle, made->desc, made->right, made->x, made->out, made->out, preference, 1, &result, &count);
        if (status != CUBLAS_STATUS_SUCCESS || count == 0 || result.state != CUBLAS_STATUS_SUCCESS) continue;
        made->algorithm = result.algo;
        made->found = true;
        made->addsBias = withBias;
        break;
    }
    plan = std::move(made);
    return *plan;
}

void MatmulPlans::run(MsContext& context, const Product& p) {
    if (p.rows == 0 || p.columns == 0) return;
    const Plan& plan = planFor(p);
    if (!plan.found) {
        const dim3 grid(static_cast<unsigned>((p.columns + 31) / 32),
                        static_cast<unsigned>(std::min<int64_t>((p.rows + 7) / 8, 65535)));
        const PlainProduct job{p.x,         p.xStride, p.right,   p.rightStride, p.rightByDepth, p.out,
                               p.outStride, p.rows,    p.columns, p.depth,       p.bias,         p.factor};
        context.launch(p.type == MS_BF16 ? plainProduct<uint16_t> : plainProduct<float>, grid, dim3(32, 8), 0, job);
        return;
    }
    const float zero = 0.0f;
    void* workspace = context.scratchBytes(Slot::Product, kWorkspace);
    if (plan.addsBias) set(plan.desc, CUBLASLT_MATMUL_DESC_BIAS_POINTER, static_cast<const void*>(p.bias));
    const cublasStatus_t status =
        cublasLtMatmul(m_state->handle, plan.desc, &p.factor, p.right, plan.right, p.x, plan.x, &zero, p.out, plan.out,
                       p.out, plan.out, &plan.algorithm, workspace, kWorkspace, context.work);
    if (status != CUBLAS_STATUS_SUCCESS) {
        // The library has no status for a device that an earlier kernel broke: ask the device.
        size_t available = 0, total = 0;
        context.check(cudaMemGetInfo(&available, &total), "multiplying");
        expect(status, "a product");
    }
    if (p.bias && !plan.addsBias) {
        const int64_t values = p.rows * p.columns;
        context.launch(addBias, dim3(static_cast<unsigned>((values + 255) / 256)), dim3(256), 0, p.out, p.outStride,
                       p.rows, p.columns, p.bias);
    }
}

}  // namespace moescope::cuda
