// SPDX-License-Identifier: Apache-2.0
// The CUDA device's operations, as in backend_table.h; they throw Failure, which the table's edge turns into a status.
#pragma once

#include "engine/backend/backend_table.h"

struct MsContext;

namespace moescope::cuda {

// tensors.cu
void tensorCreate(MsContext&, MsDType, int32_t rank, const int64_t* shape, MsTensor** out);
void tensorView(MsContext&, MsTensor* base, uint64_t offset, MsDType, int32_t rank, const int64_t* shape,
                MsTensor** out);
void tensorReshape(MsContext&, MsTensor*, int32_t rank, const int64_t* shape);
void upload(MsContext&, MsTensor*, const void* host, size_t bytes);
void download(MsContext&, const MsTensor*, void* host, size_t bytes);
void copyTensor(MsContext&, const MsTensor* source, MsTensor* target);
void synchronize(MsContext&);
void mark(MsContext&, uint64_t* point);
void waitMark(MsContext&, uint64_t point);
void memoryFree(MsContext&, uint64_t* available, uint64_t* total);

// weights.cu
void linearCreate(MsContext&, const MsLinearDesc*, MsLinear** out);
void linearLoadRows(MsContext&, MsLinear*, int64_t index, int64_t first, int64_t count, const float* rows);
void linearLoadBias(MsContext&, MsLinear*, int64_t index, const float* bias);

// graph.cu
void graphBegin(MsContext&);
void graphEnd(MsContext&, MsGraph** out);
void graphLaunch(MsContext&, MsGraph*);

// embedding.cu
void patchify(MsContext&, const MsTensor* image, int64_t patch, MsTensor* out);
void unpatchify(MsContext&, const MsTensor* tokens, int64_t patch, MsTensor* image);
void timestepWaves(MsContext&, const MsTensor* t, float maxPeriod, MsTensor* out);
void gatherRows(MsContext&, const MsTensor* table, const MsTensor* index, MsTensor* out);
void addRows(MsContext&, MsTensor* x, const MsTensor* table);
void prependTokens(MsContext&, const MsTensor* x, const MsTensor* embedding, const MsTensor* position, MsTensor* out);
void dropLeadTokens(MsContext&, const MsTensor* x, int64_t samples, MsTensor* out);

// linear.cu, elementwise.cu, norms.cu, attention.cu, moe_layer.cu
void linear(MsContext&, const MsTensor* x, const MsLinear*, MsActivation, MsTensor* out);
void activate(MsContext&, const MsTensor* x, MsActivation, MsTensor* out);
void add(MsContext&, const MsTensor* a, const MsTensor* b, MsTensor* out);
void modulatedNorm(MsContext&, const MsTensor* x, MsNorm, float eps, const MsTensor* weight, const MsTensor* modulation,
                   int32_t shiftChunk, int32_t scaleChunk, MsTensor* out);
void gatedAdd(MsContext&, MsTensor* x, const MsTensor* y, const MsTensor* modulation, int32_t gateChunk);
void attention(MsContext&, const MsTensor* qkv, const MsAttentionDesc*, MsTensor* out);
void moeLayer(MsContext&, const MsTensor* x, const MsMoeLayerDesc*, const MsRouting*, MsTensor* out);

// conv.cu, group_norm.cu
void conv2d(MsContext&, const MsTensor* x, const MsLinear* weights, const MsConvDesc*, MsTensor* out);
void groupNorm(MsContext&, const MsTensor* x, int64_t groups, float eps, const MsTensor* weight, const MsTensor* bias,
               MsActivation, MsTensor* out);

// elementwise.cu, diffusion.cu
void guidedVelocity(MsContext&, const MsTensor* prediction, const MsTensor* z, const MsTensor* params,
                    MsTensor* velocity);
void advance(MsContext&, const MsTensor* z, const MsTensor* v, const MsTensor* dt, MsTensor* out);
void mean(MsContext&, const MsTensor* a, const MsTensor* b, MsTensor* out);
void repeatBatch(MsContext&, const MsTensor* z, MsTensor* out);
void guidedPrediction(MsContext&, const MsTensor* prediction, const MsTensor* params, int64_t guidedChannels,
                      MsTensor* out);
void diffusionStep(MsContext&, const MsTensor* prediction, const MsTensor* z, const MsTensor* noise,
                   const MsTensor* params, MsTensor* clean, MsTensor* next);

// noise.cu
void torchNormals(MsContext&, uint64_t seed, uint64_t offset, int64_t residentThreads, MsTensor* out);

}  // namespace moescope::cuda
