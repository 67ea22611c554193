/* SPDX-License-Identifier: Apache-2.0 */
/* The table of operations that every device offers. Plain C: a device may live in a plugin built by another compiler.
 *
 * Rules for all entries
 * - Calls are asynchronous and run in the order given, on one context from one thread. A device that computes at once (the
 *   CPU) is a special case of that. Only `synchronize` waits; data copied by `download` are valid after it.
 * - No operation returns host data. Row counts and offsets of routing are device tensors, so that a whole evaluation can be
 *   recorded once and replayed (`graph_begin` .. `graph_end`).
 * - Tensors are opaque, dense and row-major. Activations are F32. "rows" are tokens image by image: row = sample *
 *   tokensPerSample + token. Sizes come from the tensors' shapes; an operation checks them and answers MS_INVALID.
 * - Outputs must not overlap inputs unless the entry says "in place".
 * - After any status but MS_OK `last_error` is one sentence.
 * - Every struct begins with `size` (bytes, set by the caller), so that later versions can append fields.
 */
#ifndef MOESCOPE_BACKEND_TABLE_H
#define MOESCOPE_BACKEND_TABLE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MS_BACKEND_VERSION 2u

typedef struct MsContext MsContext; /* a device with its stream, scratch memory and threads */
typedef struct MsTensor MsTensor;
typedef struct MsLinear MsLinear; /* one or more weight matrices in the device's own packed form */
typedef struct MsGraph MsGraph;

typedef enum MsStatus {
    MS_OK = 0,
    MS_INVALID = 1,       /* a shape or an argument that does not fit: our own mistake */
    MS_OUT_OF_MEMORY = 2,
    MS_CANCELLED = 3,     /* the cancel poll answered yes; tensors written by the call are undefined */
    MS_UNSUPPORTED = 4,
    MS_DEVICE_LOST = 5,
    MS_INTERNAL = 6
} MsStatus;

typedef enum MsDType { MS_F32 = 0, MS_BF16 = 1, MS_I32 = 2, MS_U16 = 3 } MsDType;

typedef enum MsActivation { MS_ACT_NONE = 0, MS_ACT_SILU = 1, MS_ACT_GELU_TANH = 2 } MsActivation;

typedef enum MsNorm { MS_NORM_LAYER = 0 /* mean and variance, no weights needed */, MS_NORM_RMS = 1 } MsNorm;

typedef enum MsRope {
    MS_ROPE_NONE = 0,
    MS_ROPE_SPLIT_HALVES = 1,  /* head = (row half | column half), each half rotates its first against its second half */
    MS_ROPE_ADJACENT_PAIRS = 2 /* channels 2i and 2i+1 rotate by angle i */
} MsRope;

typedef enum MsLinearLayout {
    MS_LINEAR_PLAIN = 0, /* y = W x + b, W [out, in] */
    MS_LINEAR_GATED = 1  /* W [2 out, in]: first half gate, second half up; y = silu(gate) * up, so y has `out` columns */
} MsLinearLayout;

/* How tokens and experts find each other. "Pool": the tokens that compete for an expert, see samplesPerPool. */
typedef enum MsPolicy {
    MS_POLICY_TOKEN_CHOICE_SIGMOID = 0, /* sigmoid affinities, selection by affinity + bias, groups, normalised gates */
    MS_POLICY_TOKEN_CHOICE_SOFTMAX = 1, /* softmax over the experts; a token's topK best; gate = probability * scale, not renormalised */
    MS_POLICY_EXPERT_CHOICE = 2,        /* softmax over the experts; each expert takes the `capacity` tokens of each pool with the largest
                                           probability; gate = probability * scale */
    MS_POLICY_POOL_THRESHOLD = 3,       /* as expert choice, but an expert's capacity in a pool is the number of its tokens with
                                           sigmoid(predictor(x)) > threshold of the expert (arXiv 2503.14487) */
    MS_POLICY_PROTOTYPE = 4,            /* affinity = cosine of token and prototype (the router's rows, of length 1); a token's topK best; gate =
                                           affinity * scale (arXiv 2510.24711) */
    /* Appended to version 2; devices without it answer MS_INVALID. */
    MS_POLICY_TOKEN_CHOICE_SOFTMAX_NORMALISED = 5 /* softmax over the experts, all else as for sigmoid affinities */
} MsPolicy;

typedef struct MsContextOptions {
    size_t size;
    int32_t threads;     /* 0: one per core */
    const char* isa;     /* "auto", or a level the device knows ("avx512", "avx2", "sse4") */
    int32_t deviceIndex; /* which of several devices of the kind, from 0; the CPU is only one */
    MsDType compute;     /* MS_F32, or MS_BF16: products with weights stored as BF16 round the activations to bf16 too and add up
                            in fp32; weights stored as F32 (routers) keep fp32 products. The CPU always computes as MS_F32 */
} MsContextOptions;

typedef struct MsLinearDesc {
    size_t size;
    int64_t in, out;     /* columns of x, columns of y */
    int64_t count;       /* stacked matrices (experts); 1 otherwise */
    MsDType storage;     /* MS_F32 or MS_BF16 (rounded to nearest even on loading, arithmetic stays fp32) */
    MsLinearLayout layout;
    int32_t hasBias;
} MsLinearDesc;

typedef struct MsAttentionDesc {
    size_t size;
    int64_t samples, heads;
    const MsTensor* queryNorm; /* [headDim] weights of a per-head RMS norm, or NULL */
    const MsTensor* keyNorm;
    float eps;
    MsRope rope;
    /* Tables [imageTokens, headDim / 2]: SPLIT_HALVES: (row angles of headDim/4 | column angles); ADJACENT_PAIRS: angle of each pair. */
    const MsTensor* ropeCos;
    const MsTensor* ropeSin;
    int64_t leadTokens; /* tokens of each sample in front of the image tokens: not rotated */
    /* Since version 2 */
    const MsTensor* queryNormBias; /* [headDim] or NULL; given: the per-head norms are LayerNorms (mean removed), not RMS norms */
    const MsTensor* keyNormBias;
    int32_t roundQueryKeyToHalf;   /* not 0: q and k are rounded to fp16 after norm and rotation, as published half-precision code does */
} MsAttentionDesc;

typedef struct MsMoeLayerDesc {
    size_t size;
    MsPolicy policy;
    int64_t samples;
    int64_t experts, topK;
    int64_t groups, keptGroups; /* selection limited to `keptGroups` of `groups` (by the sum of a group's two best); equal: no limit.
                                   Refused groups are filled with 0.0, as the published code does. */
    float scale;                /* gates of a token sum to this (topK > 1); with topK == 1 gate = affinity * scale */
    const MsLinear* router;        /* [E, D], F32 storage */
    const MsTensor* selectionBias; /* [E] or NULL */
    const MsLinear* expertIn;      /* E stacked matrices D -> I: gated, or plain with `expertActivation` behind */
    const MsLinear* expertOut;     /* E stacked matrices I -> D */
    const MsLinear* sharedIn;      /* D -> I', gated or plain with `sharedActivation`; NULL: see `addNothing` */
    const MsLinear* sharedOut;
    const MsTensor* forcedExperts; /* I32 [T, topK] ascending, or NULL: use these choices (gates from the affinities); token choice only */
    /* Since version 2 */
    MsActivation expertActivation, sharedActivation; /* of plain expertIn, sharedIn; MS_ACT_NONE for gated ones */
    int32_t addNothing;            /* without a shared expert: 0 adds the layer's input to the routed sum, 1 adds nothing */
    int64_t samplesPerPool;        /* EXPERT_CHOICE, POOL_THRESHOLD: neighbouring samples whose tokens compete; divides `samples` */
    int64_t capacity;              /* EXPERT_CHOICE: tokens per expert and pool */
    const MsLinear* predictorIn;   /* POOL_THRESHOLD: D -> D' with SiLU behind, then D' -> E */
    const MsLinear* predictorOut;
    const MsTensor* thresholds;    /* POOL_THRESHOLD: F32 [E] */
    const MsTensor* bypass;        /* PROTOTYPE: I32 [samples] or NULL; samples with a value other than 0 send all their tokens to the last
                                      expert (number E - 1, which has no prototype: the router has E - 1 rows then) with gate 1 */
} MsMoeLayerDesc;

/* Where a MoE layer leaves what it decided. All device tensors; NULL = not wanted. Pairs are sorted by token, then expert.
 * Most pairs a layer can have: T topK (token choice, prototypes), pools * E * capacity (expert choice), T E (pool threshold). */
typedef struct MsRouting {
    size_t size;
    MsTensor* rowPtr;       /* I32 [T + 1]: pairs of token t are rowPtr[t] .. rowPtr[t+1] */
    MsTensor* expert;       /* U16 [most pairs] */
    MsTensor* gate;         /* F32 [most pairs] combine weights */
    MsTensor* counts;       /* I32 [samples, E] tokens received */
    MsTensor* mass;         /* F32 [samples, E] sum of gates */
    MsTensor* logits;       /* F32 [T, E]; prototypes: the cosines, 0 for an expert without a prototype and for bypassing samples */
    MsTensor* scores;       /* F32 [T, E] affinities before the selection bias; prototypes: as logits */
    MsTensor* margin;       /* F32 [T] last chosen minus first refused selection value, or between groups where that is smaller. Expert choice
                               and pools: F32 [pools, E] last taken minus first refused probability of an expert in a pool */
    MsTensor* inputNorm;    /* F32 [T] L2 norms: of the layer's input, the routed sum and the shared output (or input) */
    MsTensor* routedNorm;
    MsTensor* sharedNorm;
    /* Since version 2 */
    MsTensor* capacityLogits; /* F32 [T, E] POOL_THRESHOLD, and EXPERT_CHOICE where a predictor is given: the predictor before its sigmoid */
} MsRouting;

typedef struct MsConvDesc {
    size_t size;
    int64_t height, width;            /* of the input; pixels are rows: row = (sample * height + y) * width + x */
    int64_t kernel;                   /* 1 or 3 */
    int64_t stride;                   /* 1 or 2 */
    int64_t padTop, padBottom, padLeft, padRight; /* zeros */
    int64_t upsample;                 /* 1, or 2: the input is read as if enlarged by nearest neighbour first */
    int64_t stripRows;                /* output rows gathered at a time; 0: the device chooses within its scratch limit */
    MsActivation activation;
    /* Since version 2 */
    int64_t samples;                  /* pictures one after the other, all of this height and width; 0 means 1 */
} MsConvDesc;

typedef struct MsBackendTable {
    uint32_t version; /* MS_BACKEND_VERSION */
    size_t size;
    const char* name; /* "cpu", "cuda" */

    /* --- context ------------------------------------------------------------------------------------------------ */
    MsStatus (*context_create)(const MsContextOptions*, MsContext**);
    void (*context_destroy)(MsContext*);
    const char* (*last_error)(const MsContext*);       /* valid until the next call; NULL context: why create failed */
    const char* (*description)(const MsContext*);      /* "AVX-512, 2 threads" */
    /* Polled inside long operations; a non-zero answer makes the running and all later operations return MS_CANCELLED
       until the poll is replaced. NULL removes it. */
    void (*set_cancel)(MsContext*, int (*poll)(void*), void* user);
    MsStatus (*synchronize)(MsContext*);               /* whatever it answers, no download given before writes to the host any more */
    uint64_t (*memory_used)(const MsContext*);         /* bytes held for tensors, packed weights and scratch */

    /* --- memory ------------------------------------------------------------------------------------------------- */
    MsStatus (*tensor_create)(MsContext*, MsDType, int32_t rank, const int64_t* shape, MsTensor**); /* contents undefined */
    void (*tensor_destroy)(MsContext*, MsTensor*);
    /* Another shape over the same memory, with at most as many elements as the tensor was created with. */
    MsStatus (*tensor_reshape)(MsContext*, MsTensor*, int32_t rank, const int64_t* shape);
    MsStatus (*upload)(MsContext*, MsTensor*, const void* host, size_t bytes);         /* host may be reused on return */
    MsStatus (*download)(MsContext*, const MsTensor*, void* host, size_t bytes);       /* the first `bytes`; valid after synchronize */
    MsStatus (*copy)(MsContext*, const MsTensor* source, MsTensor* target);            /* equal shape */

    /* --- weights ------------------------------------------------------------------------------------------------ */
    MsStatus (*linear_create)(MsContext*, const MsLinearDesc*, MsLinear**);
    void (*linear_destroy)(MsContext*, MsLinear*);
    /* Rows [first, first+count) of stacked matrix `index`, as fp32 [count, in]; GATED: rows 0..out-1 gate, out..2out-1 up. */
    MsStatus (*linear_load_rows)(MsContext*, MsLinear*, int64_t index, int64_t first, int64_t count, const float* rows);
    MsStatus (*linear_load_bias)(MsContext*, MsLinear*, int64_t index, const float* bias); /* [out], GATED: [2 out] */
    uint64_t (*linear_bytes)(const MsLinear*);

    /* --- graphs (MS_UNSUPPORTED where the device runs operations at once) ---------------------------------------- */
    /* Between begin and end operations are recorded and not run; everything else but tensor_reshape and copy is MS_INVALID
       there. Whatever was recorded has run once before with tensors of the same shapes, so that no scratch memory has to grow;
       the scratch that a graph uses stays in place until the graph is destroyed. After a failure in between, graph_end answers
       that failure and leaves no graph. A graph reads and writes the tensors it was recorded with. */
    MsStatus (*graph_begin)(MsContext*);
    MsStatus (*graph_end)(MsContext*, MsGraph**);
    MsStatus (*graph_launch)(MsContext*, MsGraph*);
    void (*graph_destroy)(MsContext*, MsGraph*);

    /* --- embedding ---------------------------------------------------------------------------------------------- */
    /* image [B, C, H, W] -> out [B * H/p * W/p, C p p], channel first inside a patch (as a convolution's weights lie). */
    MsStatus (*patchify)(MsContext*, const MsTensor* image, int64_t patch, MsTensor* out);
    /* tokens [B * h * w, p p C], channel last inside a token -> image [B, C, h p, w p]. */
    MsStatus (*unpatchify)(MsContext*, const MsTensor* tokens, int64_t patch, MsTensor* image);
    /* t [B] -> out [B, W]: cos(t f_i) then sin(t f_i), f_i = maxPeriod^(-i / (W/2)); an odd last column is zero. */
    MsStatus (*timestep_waves)(MsContext*, const MsTensor* t, float maxPeriod, MsTensor* out);
    /* out[i] = table[index[i]]; table [N, D] F32 or I32, out of the same type; index I32 [B]. */
    MsStatus (*gather_rows)(MsContext*, const MsTensor* table, const MsTensor* index, MsTensor* out);
    /* x [samples * n, D] += table [n, D] for every sample, in place. */
    MsStatus (*add_rows)(MsContext*, MsTensor* x, const MsTensor* table);
    /* out [B (C+S), D]: in front of each sample's S rows of x stand C rows embedding[b] + position[c]. */
    MsStatus (*prepend_tokens)(MsContext*, const MsTensor* x, const MsTensor* embedding, const MsTensor* position, MsTensor* out);
    /* The last S rows of each sample: x [B (C+S), D] -> out [B S, D]. */
    MsStatus (*drop_lead_tokens)(MsContext*, const MsTensor* x, int64_t samples, MsTensor* out);

    /* --- layers ------------------------------------------------------------------------------------------------- */
    MsStatus (*linear)(MsContext*, const MsTensor* x, const MsLinear*, MsActivation, MsTensor* out);
    MsStatus (*activate)(MsContext*, const MsTensor* x, MsActivation, MsTensor* out);  /* out may be x */
    MsStatus (*add)(MsContext*, const MsTensor* a, const MsTensor* b, MsTensor* out);  /* out may be a or b */
    /* out = norm(x) (* weight [D]) then * (1 + scale) + shift; modulation [samples, chunks D], chunk < 0: none. */
    MsStatus (*modulated_norm)(MsContext*, const MsTensor* x, MsNorm, float eps, const MsTensor* weight,
                               const MsTensor* modulation, int32_t shiftChunk, int32_t scaleChunk, MsTensor* out);
    /* x += gate * y, gate = chunk of modulation [samples, chunks D]; in place on x. */
    MsStatus (*gated_add)(MsContext*, MsTensor* x, const MsTensor* y, const MsTensor* modulation, int32_t gateChunk);
    /* qkv [B S, 3 D] rows (q | k | v), each (head, channel) -> out [B S, D]; softmax(q k^T / sqrt(headDim)) v per head. */
    MsStatus (*attention)(MsContext*, const MsTensor* qkv, const MsAttentionDesc*, MsTensor* out);
    /* x [T, D] -> out [T, D] = routed + shared (or routed + x). Experts are added in ascending order. */
    MsStatus (*moe_layer)(MsContext*, const MsTensor* x, const MsMoeLayerDesc*, const MsRouting*, MsTensor* out);

    /* --- pictures as rows of pixels [H W, C] ---------------------------------------------------------------------- */
    /* weights: MsLinear with in = C k k, column order (ky, kx, c). */
    MsStatus (*conv2d)(MsContext*, const MsTensor* x, const MsLinear* weights, const MsConvDesc*, MsTensor* out);
    /* Statistics over all pixels and the channels of a group; weight, bias [C]; out may be x. x [samples, H W, C]: of each sample. */
    MsStatus (*group_norm)(MsContext*, const MsTensor* x, int64_t groups, float eps, const MsTensor* weight,
                           const MsTensor* bias, MsActivation, MsTensor* out);

    /* --- sampling: elementwise over tensors of equal size ----------------------------------------------------------- */
    /* prediction [P, C', ...] with P = B or 2B (conditional samples first) and the first C channels used; z, velocity [B, C, ...];
       params F32 [3] on the device = {kind, span, cfgScale}: kind 0: v = prediction; kind 1: v = (prediction - z) / span.
       P = 2B: velocity = vu + cfgScale (vc - vu). */
    MsStatus (*guided_velocity)(MsContext*, const MsTensor* prediction, const MsTensor* z, const MsTensor* params, MsTensor* velocity);
    /* out = z + dt v; dt F32 [1] on the device; out may be z. */
    MsStatus (*advance)(MsContext*, const MsTensor* z, const MsTensor* v, const MsTensor* dt, MsTensor* out);
    /* out = 0.5 (a + b); out may be a or b. */
    MsStatus (*mean)(MsContext*, const MsTensor* a, const MsTensor* b, MsTensor* out);
    /* z [B, ...] twice along the first axis -> out [2B, ...] (the two guidance branches see the same input). */
    MsStatus (*repeat_batch)(MsContext*, const MsTensor* z, MsTensor* out);
    /* Guidance that acts on some channels only. prediction [P, C', ...] with P = B or 2B (conditional samples first) -> its first C
       channels, out [B, C, ...]; params F32 [2] on the device = {cfgScale, sign}. P = 2B: the first `guidedChannels` channels are
       sign (pu + cfgScale (pc - pu)), the others sign pc. P = B: sign p. */
    MsStatus (*guided_prediction)(MsContext*, const MsTensor* prediction, const MsTensor* params, int64_t guidedChannels, MsTensor* out);
    /* A step of a discrete diffusion. z, clean, next [B, C, ...]; noise the same or NULL (none); prediction [B, C', ...]: predicted
       noise e in channels 0 .. C-1 and, where C' >= 2C, v in channels C .. 2C-1 (without them f below is 0). params F32 [8] on the
       device = {a0, a1, b0, b1, b2, high, low, spread}:
         clean = a0 z - a1 e
         next  = b0 clean + b1 z + b2 e + spread exp((f high + (1 - f) low) / 2) noise,   f = (v + 1) / 2 */
    MsStatus (*diffusion_step)(MsContext*, const MsTensor* prediction, const MsTensor* z, const MsTensor* noise, const MsTensor* params,
                               MsTensor* clean, MsTensor* next);

    /* --- appended to version 2: NULL, or beyond `size`, where a device does not have them ------------------------------ */
    /* Bytes of the device's own memory, free and in all. NULL: the device works in the system's memory. */
    MsStatus (*memory_free)(MsContext*, uint64_t* free, uint64_t* total);
    /* A tensor in part of another's memory, from byte `offset` (a multiple of 256) on; `base` outlives it. So that many small
       results leave in one download. NULL: there are no views. */
    MsStatus (*tensor_view)(MsContext*, MsTensor* base, uint64_t offset, MsDType, int32_t rank, const int64_t* shape, MsTensor**);
    /* `mark` notes a point in the order of calls; `wait_mark` waits until everything given before it is done, so that downloads
       given before it are valid, while what was given after it goes on. NULL: `synchronize` is the only wait. */
    MsStatus (*mark)(MsContext*, uint64_t* point);
    MsStatus (*wait_mark)(MsContext*, uint64_t point);

    /* --- networks over pictures of several resolutions: all of these or none; NULL on a device that does not run them --- */
    /* t [N], frequencies [F] -> out [N, 2 F]: cos(t f) then sin(t f); with sinFirst not 0 the sines come first. */
    MsStatus (*waves)(MsContext*, const MsTensor* t, const MsTensor* frequencies, int32_t sinFirst, MsTensor* out);
    /* x [samples n, D] += rows [samples, D], each to all n rows of its sample; in place. */
    MsStatus (*add_per_sample)(MsContext*, MsTensor* x, const MsTensor* rows);
    /* a [T, A], b [T, B] -> out [T, A + B], row by row a then b. */
    MsStatus (*concat_columns)(MsContext*, const MsTensor* a, const MsTensor* b, MsTensor* out);
    /* x [T, 2 I] rows (value | gate) -> out [T, I] = value gelu(gate), gelu(g) = g/2 (1 + erf(g / sqrt 2)) (arXiv 2002.05202). */
    MsStatus (*geglu)(MsContext*, const MsTensor* x, MsTensor* out);
    /* q [samples S, D], kv [samples T, 2 D] rows (k | v), each (head, channel) -> out [samples S, D] = softmax(q k^T / sqrt(headDim)) v
       per sample and head, T >= 1. */
    MsStatus (*cross_attention)(MsContext*, const MsTensor* q, const MsTensor* kv, int64_t samples, int64_t heads, MsTensor* out);

    /* --- random numbers; NULL: the host draws and uploads ------------------------------------------------------------- */
    /* out F32 [draws, ...], of `values` numbers each: draw i is what torch.Generator("cuda").manual_seed(seed + i), the seed modulo
       2^64, at Philox offset `offset` (a multiple of 4) gives for torch.randn of `values` numbers on a card with `residentThreads`
       threads (multiprocessors * threads per multiprocessor; a multiple of 256, at least 256). T = min(residentThreads, values
       rounded up to a multiple of 256) threads make ceil(values / (4 T)) rounds; thread t writes in round r the numbers 4 r T + t,
       .. + T, .. + 2 T and .. + 3 T, where they lie below `values`: both normals, sine first, of words 0 and 1, then of 2 and 3 of
       Philox4x32-10 with counter (offset / 4 + r, t) and key seed + i, all three of 64 bits with the low word first.
       The next draw of that generator is at offset + 4 rounds. Recorded in a graph it draws the same numbers at every launch. */
    MsStatus (*torch_normals)(MsContext*, uint64_t seed, uint64_t offset, int64_t residentThreads, MsTensor* out);
} MsBackendTable;

/* A plugin exports this symbol; version: the caller's MS_BACKEND_VERSION. NULL where it can not serve, with a reason. */
typedef const MsBackendTable* (*MsBackendEntry)(uint32_t version, const char** reason);
#define MS_BACKEND_ENTRY_NAME "moescope_backend"

#ifdef __cplusplus
}
#endif
#endif
