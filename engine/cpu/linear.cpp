// SPDX-License-Identifier: Apache-2.0
// The dense layer: one product with its bias and activation.
#include "engine/cpu/gemm.h"
#include "engine/cpu/ops.h"

namespace moescope::cpu {

MsStatus linear(MsContext* context, const MsTensor* x, const MsLinear* weights, MsActivation activation,
                MsTensor* out) {
    const MsLinearDesc& desc = weights->desc;
    MS_REQUIRE(context, desc.count == 1, "[linear] {} stacked matrices where one is needed", desc.count);
    MS_REQUIRE(context, x->dtype == MS_F32 && out->dtype == MS_F32, "[linear] activations must be F32");
    MS_REQUIRE(context, x->lastDim() == desc.in, "[linear] {} input columns where the weights have {}", x->lastDim(),
               desc.in);
    MS_REQUIRE(context, out->lastDim() == desc.out && out->rows() == x->rows(),
               "[linear] output [{}, {}] where [{}, {}] is needed", out->rows(), out->lastDim(), x->rows(), desc.out);
    MS_REQUIRE(context, desc.layout == MS_LINEAR_PLAIN || activation == MS_ACT_NONE,
               "[linear] gated weights bring their own activation");
    GemmJob job;
    job.rows = {x->f32(), desc.in, nullptr};
    job.rowCount = x->rows();
    job.out = out->f32();
    job.outStride = desc.out;
    return withScratch(*context, [&] { return gemm(*context, *weights, &job, 1, activation); });
}

}  // namespace moescope::cpu
