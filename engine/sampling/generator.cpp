// SPDX-License-Identifier: Apache-2.0
#include "engine/sampling/generator.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include <fmt/format.h>

#include "engine/backend/plugin.h"
#include "engine/core/system_memory.h"
#include "engine/ensemble/network_choice.h"
#include "engine/model/autoencoder_kl.h"
#include "engine/model/network_request.h"
#include "engine/model/prompt_tokenizer.h"
#include "engine/sampling/device_noise.h"
#include "engine/sampling/latent_preview.h"
#include "engine/sampling/noise_stream.h"
#include "engine/sampling/run_recorder.h"

namespace moescope {
namespace {

constexpr int64_t kLargestBatch = 4096;
constexpr int64_t kRowsPerPass = 512;   // tokens of both branches that one forward pass takes at a time: as many as fit the caches
constexpr int64_t kRowsPerReplay = 4096; // the same on devices that replay graphs, which larger passes keep busy
constexpr int64_t kLatentReduction = 8; // picture pixels per latent pixel and side

/// Images that go through the network together: as many as fit the caches, all where they compete for experts.
int64_t groupSize(const ModelDescription& description, const GenerationRequest& request, int64_t rowsPerPass = kRowsPerPass) {
    const TransformerConfig& c = description.config;
    const int64_t images = static_cast<int64_t>(request.classes.size());
    if (description.routesOverBatch() && request.sampler.pool == RoutingPool::Batch) return images;
    const int64_t rowsPerImage = 2 * (c.imageTokens() + c.contextTokens);
    return std::clamp<int64_t>(rowsPerPass / rowsPerImage, 1, images);
}

/// Pairs of one image that a record holds. Where capacities are predicted, nobody knows before: twice the average of training.
int64_t recordedPairs(const MoeLayerDescriptor& layer, const MoeConfig& moe) {
    if (layer.policy != RoutingPolicy::BatchPool) return layer.mostPairs(1);
    return std::min(layer.mostPairs(1), 2 * static_cast<int64_t>(std::ceil(moe.capacity * static_cast<double>(layer.tokensPerSample()))));
}

/// Hidden rows of the experts that a pass holds at most, which the device keeps small by working in chunks.
int64_t expertMemory(int64_t rows, const TransformerConfig& c) {
    constexpr int64_t kChunk = 64ll << 20;
    const double hidden = static_cast<double>(rows) * static_cast<double>(c.moe.expertWidth + c.width) * c.moe.expertsPerToken() * 4;
    return static_cast<int64_t>(std::min(hidden, static_cast<double>(kChunk)));
}

std::string noiseHash(const HostTensor& noise) {
    uint64_t hash = 14695981039346656037ull;
    for (const std::byte b : std::as_bytes(std::span(noise.data))) hash = (hash ^ static_cast<uint64_t>(b)) * 1099511628211ull;
    return fmt::format("{:016x}", hash);
}

Picture linearPicture(const HostTensor& latent) {
    const int64_t channels = latent.shape[0], height = latent.shape[1], width = latent.shape[2];
    const std::vector<float> rgb = linearRgb(latent.data.data(), channels, height * width);
    HostTensor large({3, height * kLatentReduction, width * kLatentReduction});
    for (int64_t c = 0; c < 3; ++c)
        for (int64_t y = 0; y < large.shape[1]; ++y)
            for (int64_t x = 0; x < large.shape[2]; ++x)
                large.data[static_cast<size_t>((c * large.shape[1] + y) * large.shape[2] + x)] =
                    rgb[static_cast<size_t>((c * height + y / kLatentReduction) * width + x / kLatentReduction)];
    return toPicture(large).orThrow();
}

/// Bytes of decoded pictures as the published samplers write them: clamp(127.5 x + 128, 0, 255) cut to whole numbers.
Picture decodedPicture(const AutoencoderKl& vae, const HostTensor& latent) {
    const HostTensor levels = pictureLevels(vae.decode(unscaleLatent(vae.config(), latent)));
    const int64_t height = levels.shape[1], width = levels.shape[2];
    Picture picture{static_cast<int>(width), static_cast<int>(height), std::vector<uint8_t>(static_cast<size_t>(3 * height * width))};
    for (int64_t c = 0; c < 3; ++c)
        for (int64_t i = 0; i < height * width; ++i)
            picture.rgb[static_cast<size_t>(3 * i + c)] = static_cast<uint8_t>(levels.data[static_cast<size_t>(c * height * width + i)]);
    return picture;
}

/// What the networks did between two counts.
std::vector<NetworkUse> usedSince(const std::vector<NetworkUse>& before, std::vector<NetworkUse> now) {
    for (size_t i = 0; i < now.size(); ++i) {
        now[i].samples -= before[i].samples;
        now[i].seconds -= before[i].seconds;
        now[i].loads -= before[i].loads;
        now[i].evictions -= before[i].evictions;
    }
    return now;
}

class Run {
public:
    Run(const Denoiser& denoiser, AutoencoderKl* vae, const GenerationRequest& request, GenerationObserver* observer)
        : m_denoiser(denoiser), m_vae(vae), m_request(request), m_observer(observer), m_config(denoiser.description().config),
          m_images(static_cast<int64_t>(request.classes.size())),
          m_perGroup(groupSize(denoiser.description(), request, denoiser.backend().recordsGraphs() ? kRowsPerReplay : kRowsPerPass)),
          m_capture(denoiser.backend(), denoiser.description(), request.capture, request.sampler.pool) {
        const GenerationParameters& p = request.parameters;
        m_networks.words = p.prompt.empty() ? p.className : p.prompt;
        m_networks.negativeWords = p.negativePrompt;
        m_networks.edits = request.networkEdits;
    }

    GenerationResult execute(std::stop_token stop) {
        const auto start = std::chrono::steady_clock::now();
        const std::vector<NetworkUse> before = m_denoiser.networkUse();
        GenerationResult result;
        const HostTensor noise =
            makeNoise(m_request.noise, m_request.seed, m_images,
                      {m_config.inChannels, m_config.inputSide(), m_config.inputSide()}, &m_denoiser.backend())
                .orThrow();
        describeRun(noise);
        try {
            for (int64_t first = 0; first < m_images; first += m_perGroup)
                runGroup(noise, first, std::min(m_perGroup, m_images - first), stop, result.statistics);
            m_run.complete = true;
        } catch (const EngineException& e) {
            result.stopped = e.error();
        }
        for (const EvaluationRecord& evaluation : m_run.evaluations) m_run.parameters.nfe.push_back(evaluation.info.timestep);
        m_run.routing.text = textPieces(m_denoiser.description(), m_request);
        if (!m_run.routing.text.prompts.empty()) m_run.routing.text.prompts.resize(static_cast<size_t>(m_run.images));
        result.record = std::make_shared<const RunRecord>(std::move(m_run));
        result.statistics.captureAssignmentSeconds = m_capture.assignmentSeconds();
        result.statistics.networks = usedSince(before, m_denoiser.networkUse());
        result.statistics.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        return result;
    }

private:
    void describeRun(const HostTensor& noise) {
        m_run.parameters = recordedParameters(m_denoiser.description(), m_request);
        m_run.parameters.noiseHash = noiseHash(noise);
        m_run.parameters.device = deviceText(m_denoiser.backend());
    }

    std::vector<std::string> promptsFrom(int64_t first, int64_t images) const {
        if (m_request.prompts.empty()) return std::vector<std::string>(static_cast<size_t>(images), m_request.parameters.prompt);
        return {m_request.prompts.begin() + first, m_request.prompts.begin() + first + images};
    }

    /// What the record carries: nothing of a network that reads prompts, whose class numbers mean nothing.
    std::vector<int> shownClasses(const std::vector<int>& classes) const {
        return m_denoiser.description().conditioning == Conditioning::Prompt ? std::vector<int>() : classes;
    }

    void runGroup(const HostTensor& noise, int64_t first, int64_t images, std::stop_token stop, GenerationStatistics& statistics) {
        Backend& backend = m_denoiser.backend();
        const std::vector<int> classes(m_request.classes.begin() + first, m_request.classes.begin() + first + images);
        if (m_sampler && m_samplerImages == images) {
            m_sampler->setClasses(classes);
            m_sampler->setPrompts(promptsFrom(first, images));
        } else {
            m_sampler.reset();
            m_sampler =
                makeSampler(m_denoiser, m_request.sampler,
                            {classes, m_request.negativeClass, [this](DeviceTensor& drawn) { m_stepNoise(drawn); },
                             m_denoiser.description().networks.empty() ? nullptr : &m_networks,
                             promptsFrom(first, images), m_request.parameters.negativePrompt});
            m_samplerImages = images;
        }
        const Shape shape{images, m_config.inChannels, m_config.inputSide(), m_config.inputSide()};
        const int64_t elements = elementCount(shape);
        std::vector<float> start(noise.data.begin() + first * elements / images, noise.data.begin() + first * elements / images + elements);
        for (float& value : start) value *= static_cast<float>(m_request.sampler.noiseScale);
        DeviceTensor z = backend.tensorFrom(shape, start);
        if (drawsStepNoise(m_request.sampler)) m_stepNoise = stepNoise(first, images, elements / images);

        const int perGroup = m_sampler->evaluationCount();
        const int groups = static_cast<int>((m_images + m_perGroup - 1) / m_perGroup);
        RunRecorder recorder(m_denoiser, m_request, m_capture, m_observer, first, images, m_groupsDone * perGroup, groups * perGroup);
        try {
            m_sampler->run(z, &recorder, stop);
        } catch (const EngineException&) {
            if (m_run.images == 0) {  // nothing is finished: keep what this group saw
                RunRecord partial = recorder.take();
                partial.classIds = shownClasses(classes);
                appendImages(m_run, std::move(partial));
            }
            throw;
        }
        RunRecord group = recorder.take();
        group.classIds = shownClasses(classes);
        group.finalLatents = backend.fetch(z);
        const Backend::CancelScope cancel(backend, stop);
        for (int64_t image = 0; image < images; ++image) {
            group.pictures.push_back(decode(group.finalLatents, image));
            if (m_observer) m_observer->pictureFinished(first + image, group.pictures.back());
        }
        statistics.networkPasses += recorder.networkPasses();
        appendImages(m_run, std::move(group));
        ++m_groupsDone;
    }

    /// Fresh noise for images [first, first + images) of `perImage` values: drawn by the device where it can, else
    /// uploaded.
    StepNoise stepNoise(int64_t first, int64_t images, int64_t perImage) const {
        Backend& backend = m_denoiser.backend();
        if (drawsOnDevice(m_request.noise, backend))
            return [stream = DeviceNoiseStream(m_request.noise, m_request.seed + static_cast<uint64_t>(first), perImage,
                                               backend)](DeviceTensor& noise) mutable { stream.next(noise); };
        return [stream = NoiseStream(m_request.noise, m_request.seed, m_images, first, images, perImage),
                values = std::vector<float>(static_cast<size_t>(images * perImage)),
                &backend](DeviceTensor& noise) mutable {
            stream.next(values);
            backend.upload(noise, std::span<const float>(values));
        };
    }

    Picture decode(const HostTensor& latents, int64_t image) const {
        for (const float value : latents.data)
            if (!std::isfinite(value))
                throw EngineException(ErrorCode::Numeric, "the run ended in NaN or infinite values; lower --cfg-scale or --noise-scale, "
                                                          "raise --steps, or check the weights with info");
        const int64_t elements = elementCount(latents.shape) / latents.shape[0];
        HostTensor one({latents.shape[1], latents.shape[2], latents.shape[3]});
        std::copy_n(latents.data.begin() + image * elements, elements, one.data.begin());
        return finishedPicture(m_denoiser.description().space, m_vae, one);
    }

    const Denoiser& m_denoiser;
    AutoencoderKl* m_vae;
    const GenerationRequest& m_request;
    GenerationObserver* m_observer;
    const TransformerConfig& m_config;
    int64_t m_images, m_perGroup;
    RunRecord m_run;
    int m_groupsDone = 0;
    NetworkRequest m_networks;
    StepNoise m_stepNoise;  // of the group that runs
    RoutingCapture m_capture;
    std::unique_ptr<Sampler> m_sampler;  // after what its recordings write to
    int64_t m_samplerImages = 0;
};

}  // namespace

Status checkRequest(const ModelDescription& description, const GenerationRequest& request) {
    const auto refuse = [](std::string message) { return Status(ErrorCode::InvalidArgument, std::move(message)); };
    if (!description.notAlone.empty()) return {ErrorCode::Unsupported, description.notAlone};
    const SamplerSettings& s = request.sampler;
    const int64_t images = static_cast<int64_t>(request.classes.size());
    if (images < 1 || images > kLargestBatch) return refuse(fmt::format("the batch should have 1 to {} pictures, found {}", kLargestBatch, images));
    std::vector<int> labels = request.classes;
    if (request.negativeClass >= 0) labels.push_back(request.negativeClass);
    for (const int label : labels)
        if (label < 0 || label > description.config.classes)
            return refuse(fmt::format("class {} is out of range: this model has classes 0 to {} ({} is the null class); list them with "
                                      "'moescope-cli label'", label, description.config.classes - 1, description.config.classes));
    if (!request.prompts.empty() && static_cast<int64_t>(request.prompts.size()) != images)
        return refuse(fmt::format("expected one prompt for each of {} pictures, found {}", images, request.prompts.size()));
    if (Status fits = checkSampler(description, s); !fits.ok()) return fits;
    if (!std::isfinite(s.cfgScale) || std::abs(s.cfgScale) > 1000)
        return refuse(fmt::format("the guidance scale should be a number between -1000 and 1000, found {}", s.cfgScale));
    if (!(s.cfgLow >= 0 && s.cfgHigh <= 1 && s.cfgLow <= s.cfgHigh))
        return refuse(fmt::format("the guidance interval should be two times 0 <= LO <= HI <= 1, found {},{}", s.cfgLow, s.cfgHigh));
    if (!std::isfinite(s.noiseScale) || s.noiseScale < 0 || s.noiseScale > 100)
        return refuse(fmt::format("the noise scale should be between 0 and 100, found {}", s.noiseScale));
    if (!(s.tEps > 0 && s.tEps <= 1)) return refuse(fmt::format("t_eps should be above 0 and at most 1, found {}", s.tEps));
    for (const int block : request.capture.blocks) {
        const auto& blocks = description.config.moeBlocks;
        if (std::find(blocks.begin(), blocks.end(), block) == blocks.end())
            return refuse(fmt::format("block {} has no mixture of experts; this model has them in blocks {} to {} (see 'moescope-cli "
                                      "info')", block, blocks.empty() ? 0 : blocks.front(), blocks.empty() ? 0 : blocks.back()));
    }
    if (Status edits = checkEdits(description.networks, request.networkEdits, s.steps); !edits.ok()) return edits;
    for (const int step : request.capture.steps)
        if (step < 0 || step >= s.steps) return refuse(fmt::format("step {} is not one of the steps 0 to {}", step, s.steps - 1));
    return {};
}

TextPieces textPieces(const ModelDescription& description, const GenerationRequest& request) {
    TextPieces text;
    const PromptTokenizer* tokenizer = description.prompt.tokenizer.get();
    if (!tokenizer) return text;
    const auto piecesOf = [&](const std::string& prompt) {
        const TokenizedPrompt tokens = tokenizer->encode(prompt, description.config.contextTokens);
        std::vector<std::string> pieces;
        for (int64_t i = 0; i < tokens.pieces; ++i) pieces.emplace_back(tokenizer->piece(tokens.ids[static_cast<size_t>(i)]));
        return pieces;
    };
    text.negative = piecesOf(request.parameters.negativePrompt);
    if (request.prompts.empty()) text.prompts.assign(request.classes.size(), piecesOf(request.parameters.prompt));
    for (const std::string& prompt : request.prompts) text.prompts.push_back(piecesOf(prompt));
    return text;
}

GenerationParameters recordedParameters(const ModelDescription& description, const GenerationRequest& request) {
    GenerationParameters p = request.parameters;
    const SamplerSettings& s = request.sampler;
    p.seed = request.seed;
    p.batch = static_cast<int64_t>(request.classes.size());
    p.steps = s.steps;
    p.sampler = samplerName(s.sampler);
    p.cfgScale = s.cfgScale;
    p.cfgLow = s.cfgLow;
    p.cfgHigh = s.cfgHigh;
    p.noiseScale = s.noiseScale;
    p.tEps = description.prediction == Prediction::CleanImage ? s.tEps : 0.0;
    p.shift = description.prediction == Prediction::Noise ? 1.0 : s.shift;
    p.eta = s.sampler == SamplerKind::Ddim ? s.eta : 0.0;
    p.respacing = s.respacing;
    p.rng = rngText(request.noise);
    p.noiseBatch = noiseBatchText(request.noise);
    p.noiseFile = request.noise.file.filename().string();
    if (!request.classes.empty() && description.conditioning != Conditioning::Prompt) p.classId = request.classes.front();
    p.pool = description.routesOverBatch() ? std::string(poolName(s.pool)) : std::string();
    p.family = description.family;
    p.networkEdits = request.networkEdits;
    p.version = MOESCOPE_VERSION;
    const int64_t reduction = description.space == PictureSpace::Pixels ? 1 : kLatentReduction;
    p.width = p.height = static_cast<int>(description.config.inputSide() * reduction);
    return p;
}

Picture finishedPicture(PictureSpace space, const AutoencoderKl* vae, const HostTensor& clean) {
    if (space == PictureSpace::Pixels) return toPicture(clean).orThrow();
    return vae ? decodedPicture(*vae, clean) : linearPicture(clean);
}

int64_t runMemoryNeeded(const ModelDescription& description, const GenerationRequest& request) {
    const TransformerConfig& c = description.config;
    const int64_t images = static_cast<int64_t>(request.classes.size());
    const int64_t evaluations = plannedEvaluations(description.prediction, request.sampler);
    const int64_t latent = c.inChannels * c.inputSide() * c.inputSide();
    int64_t perEvaluation = request.keepLatents ? latent * 2 * (request.precision == LatentPrecision::F16 ? 2 : 4) : 0;
    for (const MoeLayerDescriptor& layer : description.moeLayers) {
        perEvaluation += 2 * layer.experts * 8;
        if (request.capture.level >= CaptureLevel::Assignments)
            perEvaluation += 2 * (layer.tokensPerSample() * 4 + recordedPairs(layer, c.moe) * 6);
    }
    const int64_t rows = 2 * groupSize(description, request) * (c.imageTokens() + c.contextTokens);
    const int64_t activations = rows * (10 * c.width + c.denseWidth * 2) * 4 + expertMemory(rows, c);
    return images * evaluations * perEvaluation + activations;
}

Result<GenerationResult> generate(const Denoiser& denoiser, AutoencoderKl* vae, const GenerationRequest& request,
                                  GenerationObserver* observer, std::stop_token stop) {
    if (const Status valid = checkRequest(denoiser.description(), request); !valid.ok()) return valid.error();
    const int64_t needed = runMemoryNeeded(denoiser.description(), request), available = availableMemory();
    if (needed > available)
        return EngineError{ErrorCode::OutOfMemory, fmt::format("the run would keep {} and {} are available; make fewer pictures or steps, or "
                                                               "keep less with --capture counts", bytesText(needed), bytesText(available))};
    return guarded([&] { return Run(denoiser, vae, request, observer).execute(stop); });
}

}  // namespace moescope
