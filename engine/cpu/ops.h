// SPDX-License-Identifier: Apache-2.0
// The CPU device's implementations of the table's operations; contracts in engine/backend/backend_table.h.
#pragma once

#include "engine/cpu/cpu_context.h"

namespace moescope::cpu {

// weights.cpp
MsStatus linearCreate(MsContext*, const MsLinearDesc*, MsLinear**);
void linearDestroy(MsContext*, MsLinear*);
MsStatus linearLoadRows(MsContext*, MsLinear*, int64_t index, int64_t first, int64_t count, const float* rows);
MsStatus linearLoadBias(MsContext*, MsLinear*, int64_t index, const float* bias);
uint64_t linearBytes(const MsLinear*);
// linear.cpp
MsStatus linear(MsContext*, const MsTensor* x, const MsLinear*, MsActivation, MsTensor* out);
// moe_layer.cpp
MsStatus moeLayer(MsContext*, const MsTensor* x, const MsMoeLayerDesc*, const MsRouting*, MsTensor* out);
// attention.cpp
MsStatus attention(MsContext*, const MsTensor* qkv, const MsAttentionDesc*, MsTensor* out);
MsStatus crossAttention(MsContext*, const MsTensor* q, const MsTensor* kv, int64_t samples, int64_t heads, MsTensor* out);
// conv2d.cpp
MsStatus conv2d(MsContext*, const MsTensor* x, const MsLinear* weights, const MsConvDesc*, MsTensor* out);
// embedding.cpp
MsStatus patchify(MsContext*, const MsTensor* image, int64_t patch, MsTensor* out);
MsStatus unpatchify(MsContext*, const MsTensor* tokens, int64_t patch, MsTensor* image);
MsStatus timestepWaves(MsContext*, const MsTensor* t, float maxPeriod, MsTensor* out);
MsStatus gatherRows(MsContext*, const MsTensor* table, const MsTensor* index, MsTensor* out);
MsStatus addRows(MsContext*, MsTensor* x, const MsTensor* table);
MsStatus prependTokens(MsContext*, const MsTensor* x, const MsTensor* embedding, const MsTensor* position, MsTensor* out);
MsStatus dropLeadTokens(MsContext*, const MsTensor* x, int64_t samples, MsTensor* out);
// norms.cpp
MsStatus modulatedNorm(MsContext*, const MsTensor* x, MsNorm, float eps, const MsTensor* weight, const MsTensor* modulation,
                       int32_t shiftChunk, int32_t scaleChunk, MsTensor* out);
// group_norm.cpp
MsStatus groupNorm(MsContext*, const MsTensor* x, int64_t groups, float eps, const MsTensor* weight, const MsTensor* bias,
                   MsActivation, MsTensor* out);
// elementwise.cpp
MsStatus activate(MsContext*, const MsTensor* x, MsActivation, MsTensor* out);
MsStatus add(MsContext*, const MsTensor* a, const MsTensor* b, MsTensor* out);
MsStatus gatedAdd(MsContext*, MsTensor* x, const MsTensor* y, const MsTensor* modulation, int32_t gateChunk);
MsStatus guidedVelocity(MsContext*, const MsTensor* prediction, const MsTensor* z, const MsTensor* params, MsTensor* velocity);
MsStatus advance(MsContext*, const MsTensor* z, const MsTensor* v, const MsTensor* dt, MsTensor* out);
MsStatus mean(MsContext*, const MsTensor* a, const MsTensor* b, MsTensor* out);
MsStatus repeatBatch(MsContext*, const MsTensor* z, MsTensor* out);
// diffusion.cpp
MsStatus guidedPrediction(MsContext*, const MsTensor* prediction, const MsTensor* params, int64_t guidedChannels, MsTensor* out);
MsStatus diffusionStep(MsContext*, const MsTensor* prediction, const MsTensor* z, const MsTensor* noise, const MsTensor* params,
                       MsTensor* clean, MsTensor* next);
// picture_rows.cpp
MsStatus waves(MsContext*, const MsTensor* t, const MsTensor* frequencies, int32_t sinFirst, MsTensor* out);
MsStatus addPerSample(MsContext*, MsTensor* x, const MsTensor* rows);
MsStatus concatColumns(MsContext*, const MsTensor* a, const MsTensor* b, MsTensor* out);
// geglu.cpp
MsStatus geglu(MsContext*, const MsTensor* x, MsTensor* out);

}  // namespace moescope::cpu
