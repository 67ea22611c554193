// SPDX-License-Identifier: Apache-2.0
// The network of a diffusion model: const after loading; what changes during a run lives in a workspace.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/backend/backend.h"
#include "engine/model/model_description.h"

namespace moescope {

/// Places inside a forward pass that an observer may look at. `block` is the block index where there is one.
enum class Tap : uint8_t {
    PatchEmbed,   // [samples * imageTokens, D] before position tables are added; or after the first convolution
    TimeEmbed,    // [samples, D]
    LabelEmbed,   // [samples, D]
    Condition,    // [samples, D]
    BlockOutput,  // [samples * tokens, D] residual stream after a block; networks of several resolutions: after each level, pixels as tokens
    MoeInput,     // normed and modulated input of a MoE layer
    MoeOutput,    // what the layer returns, before gate and residual
    FinalTokens,  // [samples * imageTokens, patch patch outChannels]
};

/// Follows a forward pass on the calling thread. A null observer costs one branch; no observer changes a bit of the output
/// except through `forcedExperts`.
class DenoiserObserver {
public:
    virtual ~DenoiserObserver() = default;
    virtual bool wants(Tap) const { return false; }
    virtual void tapped(Tap, int /*block*/, const DeviceTensor&) {}
    /// Where MoE layer `layer` (index among the MoE layers) leaves its decisions; null: nowhere.
    virtual const MsRouting* routingFor(int /*layer*/) { return nullptr; }
    /// Choices to use instead of the router's, I32 [tokens, topK] ascending; null: the router decides.
    virtual const DeviceTensor* forcedExperts(int /*layer*/) { return nullptr; }
    /// Called when layer `layer` has been queued: its routing tensors may be downloaded now.
    virtual void routed(int /*layer*/) {}
};

/// What one run needs besides the weights, sized for a number of samples. Used by one thread.
class DenoiserWorkspace {
public:
    virtual ~DenoiserWorkspace() = default;
    /// [samples, outChannels, side, side] of the last forward.
    virtual const DeviceTensor& output() const = 0;
};

struct NetworkRequest;

/// What a network made of the prompts of its samples. Filled by its own encodePrompts; once filled for as many samples, the memory stays
/// in place.
struct PromptStates {
    DeviceTensor tokens;  // [samples (L + imageTokens), D]: the text tokens of a sample, zeros where its image tokens are
    DeviceTensor pooled;  // [samples, D]
    DeviceTensor zeros;   // [samples, D]
};

/// What the samples of one pass are to show, and who belongs together. Referred to during the call only.
struct Condition {
    const DeviceTensor& labels;         // I32 [samples] class indices; the null class where there is no condition
    int64_t branches = 1;               // 2: the first half of the samples is conditional, the second the same pictures without condition
    RoutingPool pool = RoutingPool::Batch;  // for batch-wide routing: each branch is a pool, or each sample
    const HostTensor* prompt = nullptr;     // F32 [samples, P] prompt embeddings, for networks that take prompts
    std::span<const float> flowTimes{};     // [samples] 1 - noise level on the host, for routers over networks; may be empty
    bool trainingSelection = false;         // batch-wide routing: experts choose by the fixed capacity of training, not by the predicted one
    // For mixtures of networks; others do not look at it.
    const NetworkRequest* networks = nullptr;
    int step = 0;                   // of the run
    float nextFlowTime = -1;        // of the evaluation after this one; negative: not known
    // Networks with Conditioning::Text; all F32. The same for all evaluations of a run.
    const HostTensor* context = nullptr;    // [samples, T, contextWidth] text tokens for cross-attention
    const HostTensor* pooledText = nullptr; // [samples, P], where the network adds a pooled text to its time ...
    const HostTensor* timeIds = nullptr;    // [samples, N] ... with N numbers (sizes and crops of the picture)
    const PromptStates* prompts = nullptr;  // of as many samples, for networks with Conditioning::Prompt
};

/// What one network of a mixture did since it was loaded.
struct NetworkUse {
    std::string name;
    int64_t samples = 0;   // pictures (of both branches) that it computed
    double seconds = 0;    // in its forward passes
    int64_t loads = 0;     // times its weights were brought into memory
    int64_t evictions = 0; // times they had to make room
    uint64_t bytes = 0;    // of its weights in memory now
};

class Denoiser {
public:
    virtual ~Denoiser() = default;
    virtual const ModelDescription& description() const = 0;
    virtual Backend& backend() const = 0;
    virtual uint64_t packedBytes() const = 0;
    virtual std::unique_ptr<DenoiserWorkspace> makeWorkspace(int64_t samples) const = 0;
    /// Of a mixture's networks, in their order; empty for a single network.
    virtual std::vector<NetworkUse> networkUse() const { return {}; }
    /// Networks with Conditioning::Prompt: reads one prompt per sample; an empty one is no condition. Done once for all evaluations of a
    /// run. Throws EngineException.
    virtual void encodePrompts(std::span<const std::string> /*prompts*/, PromptStates& /*into*/) const {}
    /// Whether `forward` decides on the host what runs, so that a pass can not be recorded and replayed.
    virtual bool decidesOnHost() const { return false; }
    /// x [samples, inChannels, side, side], t [samples] as the network receives it -> workspace output.
    /// No allocation. Throws EngineException (cancelled, device errors).
    virtual void forward(DenoiserWorkspace& workspace, const DeviceTensor& x, const DeviceTensor& t, const Condition& condition,
                         DenoiserObserver* observer) const = 0;
    /// Whether the operations of a pass depend on shapes alone, so that they can be recorded and replayed with other times, labels and
    /// inputs. No: something is decided on the host.
    virtual bool recordable() const { return !decidesOnHost(); }
};

}  // namespace moescope
