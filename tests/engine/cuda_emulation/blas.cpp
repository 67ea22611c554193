// SPDX-License-Identifier: GPL-3.0-or-later
// MOESCOPE_EMULATED_BLAS=refuses: no algorithm for any shape; =nobias: none with a bias; =breaks: a product finds the
// device broken.
#include <cublasLt.h>

#include <algorithm>
#include <cstdlib>
#include <engine/cuda/ptx.cuh>
#include <string>

namespace {

float element(const void* matrix, const EmulatedLayout& layout, bool transposed, int64_t row, int64_t column) {
    if (transposed) std::swap(row, column);
    const int64_t at = column * layout.stride + row;
    if (layout.type == CUDA_R_32F) return static_cast<const float*>(matrix)[at];
    return moescope::cuda::fromBf16(static_cast<const uint16_t*>(matrix)[at]);
}

bool fits(const EmulatedLayout& layout, bool transposed, int64_t rows, int64_t columns) {
    if (transposed) std::swap(rows, columns);
    return static_cast<int64_t>(layout.rows) == rows && static_cast<int64_t>(layout.cols) == columns &&
           layout.stride >= rows;
}

bool isAligned(const void* address, uint64_t to) {
    return reinterpret_cast<uintptr_t>(address) % to == 0;
}

bool isSet(const char* wanted) {
    const char* setting = std::getenv("MOESCOPE_EMULATED_BLAS");
    return setting && std::string(setting) == wanted;
}

}  // namespace

cublasStatus_t cublasLtCreate(cublasLtHandle_t* out) {
    *out = new EmulatedBlas;
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) {
    delete handle;
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* out, cublasComputeType_t compute, cudaDataType scale) {
    if (compute != CUBLAS_COMPUTE_32F || scale != CUDA_R_32F) return CUBLAS_STATUS_INVALID_VALUE;
    *out = new EmulatedMatmul;
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t desc) {
    delete desc;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t desc, cublasLtMatmulDescAttributes_t attribute,
                                              const void* value, size_t bytes) {
    void* field = nullptr;
    size_t size = 4;
    cudaDataType ignored;
    switch (attribute) {
        case CUBLASLT_MATMUL_DESC_TRANSA:
            field = &desc->transA;
            break;
        case CUBLASLT_MATMUL_DESC_TRANSB:
            field = &desc->transB;
            break;
        case CUBLASLT_MATMUL_DESC_EPILOGUE:
            field = &desc->epilogue;
            break;
        case CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE:
            field = &ignored;
            break;
        case CUBLASLT_MATMUL_DESC_BIAS_POINTER:
            field = &desc->bias;
            size = sizeof(void*);
            break;
    }
    if (!field || bytes != size) return CUBLAS_STATUS_INVALID_VALUE;
    std::memcpy(field, value, size);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* out, cudaDataType type, uint64_t rows, uint64_t cols,
                                          int64_t stride) {
    *out = new EmulatedLayout{type, rows, cols, stride};
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) {
    delete layout;
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* out) {
    *out = new EmulatedPreference;
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference) {
    delete preference;
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t preference,
                                                    cublasLtMatmulPreferenceAttributes_t attribute, const void* value,
                                                    size_t bytes) {
    const bool workspace = attribute == CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES;
    if (bytes != (workspace ? sizeof(uint64_t) : sizeof(uint32_t))) return CUBLAS_STATUS_INVALID_VALUE;
    if (workspace)
        std::memcpy(&preference->workspace, value, bytes);
    else
        std::memcpy(&preference->alignment[attribute - CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES], value, bytes);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDesc_t desc, cublasLtMatrixLayout_t a,
                                              cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t c,
                                              cublasLtMatrixLayout_t d, cublasLtMatmulPreference_t preference, int,
                                              cublasLtMatmulHeuristicResult_t* results, int* found) {
    *found = 0;
    if (isSet("refuses") || (isSet("nobias") && desc->epilogue != CUBLASLT_EPILOGUE_DEFAULT))
        return CUBLAS_STATUS_NOT_SUPPORTED;
    if (a->type != b->type || d->type != CUDA_R_32F || preference->workspace < 1024) return CUBLAS_STATUS_NOT_SUPPORTED;
    const int64_t m = static_cast<int64_t>(d->rows), n = static_cast<int64_t>(d->cols);
    const int64_t k = static_cast<int64_t>(desc->transA == CUBLAS_OP_T ? a->rows : a->cols);
    const bool good = fits(*a, desc->transA == CUBLAS_OP_T, m, k) && fits(*b, desc->transB == CUBLAS_OP_T, k, n) &&
                      fits(*d, false, m, n) && c->rows == d->rows && c->cols == d->cols && c->stride == d->stride;
    if (!good) return CUBLAS_STATUS_INVALID_VALUE;
    *found = 1;
    results[0] = {{}, 1024, CUBLAS_STATUS_SUCCESS};
    std::copy_n(preference->alignment, 4, results[0].algo.data);  // an algorithm may count on what it was promised
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t, cublasLtMatmulDesc_t desc, const void* alpha, const void* a,
                              cublasLtMatrixLayout_t layoutA, const void* b, cublasLtMatrixLayout_t layoutB,
                              const void* beta, const void* c, cublasLtMatrixLayout_t, void* d,
                              cublasLtMatrixLayout_t layoutD, const cublasLtMatmulAlgo_t* algo, void* workspace,
                              size_t workspaceBytes, cudaStream_t stream) {
    if (isSet("breaks")) moescope::emulation::breakDevice();
    if (moescope::emulation::isBroken()) return CUBLAS_STATUS_EXECUTION_FAILED;
    if (workspaceBytes < 1024 || !workspace || !isAligned(workspace, 16) || *static_cast<const float*>(beta) != 0.0f)
        return CUBLAS_STATUS_INVALID_VALUE;
    const void* operands[] = {a, b, c, d};
    for (int i = 0; i < 4; ++i)
        if (!isAligned(operands[i], algo->data[i])) return CUBLAS_STATUS_INVALID_VALUE;
    if (desc->epilogue == CUBLASLT_EPILOGUE_BIAS && !desc->bias) return CUBLAS_STATUS_INVALID_VALUE;
    moescope::emulation::enqueue(stream, [=, job = *desc, left = *layoutA, right = *layoutB, result = *layoutD,
                                          factor = *static_cast<const float*>(alpha)] {
        std::memset(workspace, 0x5a, 1024);
        const bool transA = job.transA == CUBLAS_OP_T, transB = job.transB == CUBLAS_OP_T;
        const int64_t depth = static_cast<int64_t>(transA ? left.rows : left.cols);
        for (int64_t column = 0; column < static_cast<int64_t>(result.cols); ++column)
            for (int64_t row = 0; row < static_cast<int64_t>(result.rows); ++row) {
                float sum = 0;
                for (int64_t k = 0; k < depth; ++k)
                    sum = std::fma(element(a, left, transA, row, k), element(b, right, transB, k, column), sum);
                sum *= factor;
                if (job.epilogue == CUBLASLT_EPILOGUE_BIAS) sum += static_cast<const float*>(job.bias)[row];
                static_cast<float*>(d)[column * result.stride + row] = sum;
            }
        return true;
    });
    return CUBLAS_STATUS_SUCCESS;
}
