// SPDX-License-Identifier: Apache-2.0
#include "engine/cuda/expert_gemm.h"
#include "engine/cuda/linear.cuh"
#include "engine/cuda/linear.h"
#include "engine/cuda/ops.h"

namespace moescope::cuda {

Operand operandOf(MsContext& context, const float* x, int64_t rows, int64_t columns, MsDType type, Slot slot) {
    if (type == MS_F32) return {MS_F32, x, columns};
    const int64_t stride = paddedTo(columns, kRowUnit), count = rows * stride;
    auto* rounded = context.scratch<uint16_t>(slot, count);
    const bool fours = inFours(columns, x);
    context.launch(fours ? roundKernel<4> : roundKernel<1>, dim3(blocksFor(fours ? count / 4 : count)), dim3(kThreads),
                   0, x, columns, rounded, stride, count);
    return {MS_BF16, rounded, stride};
}

namespace {

constexpr int64_t kFewRows = 64;  // below, a product is all reading of weights, which the library spreads better

/// On tensor cores, with all that follows the sums in the same kernel.
void fusedLinear(MsContext& context, const Operand& x, int64_t rows, const MsLinear& weights, MsActivation activation,
                 MsDType type, void* out, int64_t outStride) {
    ExpertProduct product = productWith(weights);
    product.x = x.data;
    product.xStride = x.stride;
    product.rows = rows;
    product.activation = activation;
    product.out = out;
    product.outStride = outStride;
    product.outColumns = type == MS_BF16 ? outStride : weights.desc.out;
    expertProduct(context, product, x.type, type, expertTileRows(x.type, rows, 1), rows);
}

}  // namespace

void denseLinear(MsContext& context, const Operand& x, int64_t rows, const MsLinear& weights, MsActivation activation,
                 MsDType type, void* out, int64_t outStride) {
    const bool gated = weights.gated(), finished = !gated && activation == MS_ACT_NONE && type == MS_F32;
    if (!finished && x.type == MS_BF16 && rows >= kFewRows)
        return fusedLinear(context, x, rows, weights, activation, type, out, outStride);
    Product product;
    product.type = x.type;
    product.x = x.data;
    product.xStride = x.stride;
    product.right = weights.values.data();
    product.rightStride = weights.stride;
    product.rows = rows;
    product.columns = finished ? weights.desc.out : weights.rows;
    // Zeros behind the last value of both sides: whole steps suit the library better.
    product.depth = x.type == MS_BF16 && x.stride == weights.stride ? weights.stride : weights.desc.in;
    product.out = finished ? static_cast<float*>(out) : context.scratch<float>(Slot::Wide, rows * weights.rows);
    product.outStride = finished ? outStride : weights.rows;
    product.bias = finished ? weights.biasData() : nullptr;
    context.products.run(context, product);
    if (finished) return;
    const ProductRows finish{product.out, weights.rows, rows, weights.biasData(), out, weights.desc.out, outStride};
    const auto kernel = type == MS_BF16
                            ? (gated ? finishProductKernel<uint16_t, true> : finishProductKernel<uint16_t, false>)
                            : (gated ? finishProductKernel<float, true> : finishProductKernel<float, false>);
    context.launch(kernel, dim3(blocksFor(rows * outStride)), dim3(kThreads), 0, finish, activation);
}

void linear(MsContext& context, const MsTensor* x, const MsLinear* weights, MsActivation activation, MsTensor* out) {
    const MsLinearDesc& desc = weights->desc;
    MS_CUDA_REQUIRE(desc.count == 1, "[linear] ", desc.count, " stacked matrices where one is needed");
    MS_CUDA_REQUIRE(x->dtype == MS_F32 && out->dtype == MS_F32, "[linear] activations must be F32");
    MS_CUDA_REQUIRE(x->lastDim() == desc.in, "[linear] ", x->lastDim(), " input columns where the weights have ",
                    desc.in);
    MS_CUDA_REQUIRE(out->lastDim() == desc.out && out->rows() == x->rows(), "[linear] output ", shapeOf(out),
                    " where [", x->rows(), ", ", desc.out, "] is needed");
    MS_CUDA_REQUIRE(desc.layout == MS_LINEAR_PLAIN || activation == MS_ACT_NONE,
                    "[linear] gated weights bring their own activation");
    const int64_t rows = x->rows();
    if (rows == 0) return;
    const Operand operand = operandOf(context, x, weights->type);
    denseLinear(context, operand, rows, *weights, activation, MS_F32, out->f32(), desc.out);
}

}  // namespace moescope::cuda
