// SPDX-License-Identifier: Apache-2.0
// One generation from request to pictures: noise, sampler, captured routing, previews, decoding.
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/model/denoiser.h"
#include "engine/sampling/noise.h"
#include "engine/sampling/sampler.h"
#include "engine/trace/run_record.h"

namespace moescope {

class AutoencoderKl;

/// What a person asks for; everything resolved to numbers.
struct GenerationRequest {
    std::vector<int> classes;     // one per image
    int negativeClass = -1;       // what guidance leads away from; -1: the null class
    std::vector<std::string> prompts;  // one per image, where the network reads prompts; none: that of `parameters` for all
    uint64_t seed = 0;            // image i is made with seed + i
    SamplerSettings sampler;
    NoiseSpec noise;
    CaptureSpec capture;
    LatentPrecision precision = LatentPrecision::F16;
    NetworkEdits networkEdits;    // of a mixture of networks
    bool keepLatents = true;      // x_t and velocity of every evaluation
    GenerationParameters parameters;  // what the record will carry; the fields above are written into it
};

/// Facts of a run, on the calling thread, in this order. Keep them short: the run waits.
class GenerationObserver {
public:
    virtual ~GenerationObserver() = default;
    /// An evaluation is finished: `done` of `total` over all images. Its preview: [images, h, w, 3].
    virtual void evaluationCompleted(int /*done*/, int /*total*/, const EvaluationRecord&, int64_t /*firstImage*/) {}
    virtual void routingCaptured(const std::shared_ptr<const RoutingRecord>&, int64_t /*firstImage*/) {}
    virtual void pictureFinished(int64_t /*image*/, const Picture&) {}
};

/// CPU time and memory of a run, for benchmarks and reports.
struct GenerationStatistics {
    double seconds = 0;
    double captureAssignmentSeconds = 0;  // CPU spent only because assignments were kept
    int64_t networkPasses = 0;            // evaluations times branches
    std::vector<NetworkUse> networks;     // what each network of a mixture did in this run; empty for a single network
};

struct GenerationResult {
    std::shared_ptr<const RunRecord> record;  // of the finished images; `complete` is false when cancelled
    GenerationStatistics statistics;
    std::optional<EngineError> stopped;       // cancelled or broken off: why; what was finished is in the record
};

/// Checks a request against a model: classes, sampler, steps, guidance, interval, batch; a sentence for the first thing out of range.
Status checkRequest(const ModelDescription& description, const GenerationRequest& request);

/// What stands at the text tokens of a request's pictures; nothing for a network that reads no prompts.
TextPieces textPieces(const ModelDescription& description, const GenerationRequest& request);

/// What the record of this run will carry, but for the noise's hash, the model times and the device, which the run itself finds.
GenerationParameters recordedParameters(const ModelDescription& description, const GenerationRequest& request);

/// Runs the request. Images are made in groups that fit the caches; grouping changes no bit. `vae` may be null: latent models
/// then give a linear preview as their picture.
Result<GenerationResult> generate(const Denoiser& denoiser, AutoencoderKl* vae, const GenerationRequest& request,
                                  GenerationObserver* observer, std::stop_token stop);

/// The picture of one denoised image [C, H, W] as a finished run has it: pixels as they are, latents through the VAE, without one
/// (null) by the linear map. Throws EngineException.
Picture finishedPicture(PictureSpace space, const AutoencoderKl* vae, const HostTensor& clean);

/// Bytes that a run keeps in memory besides the weights.
int64_t runMemoryNeeded(const ModelDescription& description, const GenerationRequest& request);

}  // namespace moescope
