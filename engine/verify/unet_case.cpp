// SPDX-License-Identifier: Apache-2.0
// One forward pass of a U-Net, with the embedding of its time and the pictures after every level.
#include <fmt/format.h>

#include <cmath>
#include <optional>

#include "engine/verify/golden_kind.h"

namespace moescope::verify {
namespace {

constexpr double kUnetLimit = 1e-5;  // fp32 against fp64 of the published code: below 2e-6

/// Levels are tapped in the order in which they run: so many down, the middle, the rest up.
std::string levelKey(int number, int downLevels) {
    if (number < downLevels) return fmt::format("down.{}", number);
    return number == downLevels ? "mid" : fmt::format("up.{}", number - downLevels - 1);
}

int countDown(const GoldenFile& file) {
    int levels = 0;
    while (file.find(fmt::format("down.{}", levels))) ++levels;
    return levels;
}

/// [samples, pixels, C] -> [samples, C, side, side]
HostTensor channelsFirst(const HostTensor& rows) {
    const int64_t samples = rows.shape[0], pixels = rows.shape[1], channels = rows.shape[2];
    const auto side = static_cast<int64_t>(std::llround(std::sqrt(static_cast<double>(pixels))));
    HostTensor picture({samples, channels, side, side});
    for (int64_t sample = 0; sample < samples; ++sample)
        for (int64_t pixel = 0; pixel < pixels; ++pixel)
            for (int64_t c = 0; c < channels; ++c)
                picture.data[static_cast<size_t>((sample * channels + c) * pixels + pixel)] =
                    rows.data[static_cast<size_t>((sample * pixels + pixel) * channels + c)];
    return picture;
}

/// Fetches what the reference file has a key for.
class LevelRecorder final : public DenoiserObserver {
public:
    LevelRecorder(Backend& backend, const GoldenFile& file, NamedTensors& outputs)
        : m_backend(backend), m_file(file), m_outputs(outputs), m_downLevels(countDown(file)) {}

    bool wants(Tap) const override { return true; }
    void tapped(Tap tap, int block, const DeviceTensor& tensor) override {
        if (tap == Tap::TimeEmbed)
            keep("time", tensor, false);
        else if (tap == Tap::PatchEmbed)
            keep("conv_in", tensor, true);
        else if (tap == Tap::BlockOutput)
            keep(levelKey(block, m_downLevels), tensor, true);
    }

private:
    void keep(const std::string& key, const DeviceTensor& tensor, bool picture) {
        if (!m_file.find(key)) return;
        const HostTensor values = m_backend.fetch(tensor);
        m_outputs.tensors.insert_or_assign(key, floatTensor(picture ? channelsFirst(values) : values));
    }
    Backend& m_backend;
    const GoldenFile& m_file;
    NamedTensors& m_outputs;
    int m_downLevels;
};

std::vector<int32_t> labelsOf(const GoldenFile& file, const TransformerConfig& config, int64_t samples) {
    if (!file.find("labels"))
        return std::vector<int32_t>(static_cast<size_t>(samples), static_cast<int32_t>(config.classes));
    const std::vector<int64_t> stored = file.integerInput("labels");
    for (const int64_t label : stored)
        if (label < 0 || label > config.classes || static_cast<int64_t>(stored.size()) != samples)
            throw EngineException(ErrorCode::Format,
                                  fmt::format("'{}': expected {} labels from 0 to {}, found {} with a {} among them",
                                              file.name, samples, config.classes, stored.size(), label));
    return {stored.begin(), stored.end()};
}

std::vector<ComputedFile> run(CaseContext& context, const GoldenFile& file) {
    const Denoiser& denoiser = context.denoiser(file.weights);
    const TransformerConfig& config = denoiser.description().config;
    Backend& backend = context.backend();
    const HostTensor x = file.input("x"), t = file.input("t");
    const int64_t samples = t.size();
    const Shape expected{samples, config.inChannels, config.inputSide(), config.inputSide()};
    if (samples < 1 || t.shape.size() != 1 || x.shape != expected)
        throw EngineException(ErrorCode::Format,
                              fmt::format("'{}': with {} times this model takes x {}; found {}", file.name, samples,
                                          shapeText(expected), shapeText(x.shape)));
    DeviceTensor labels = backend.tensor({samples}, MS_I32);
    backend.upload(labels, std::span<const int32_t>(labelsOf(file, config, samples)));
    Condition condition{labels};
    std::optional<HostTensor> text, pooled, ids;
    const auto take = [&](const char* key, std::optional<HostTensor>& place, const HostTensor*& target) {
        if (file.find(key)) target = &place.emplace(file.input(key));
    };
    take("context", text, condition.context);
    take("text_embeds", pooled, condition.pooledText);
    take("time_ids", ids, condition.timeIds);

    ComputedFile computed;
    computed.weights = context.weightSet();
    computed.dumpStem = file.stem();
    computed.limit = kUnetLimit;
    const DeviceTensor input = backend.tensorFrom(x.shape, x.data), times = backend.tensorFrom(t.shape, t.data);
    const auto workspace = denoiser.makeWorkspace(samples);
    LevelRecorder recorder(backend, file, computed.outputs);
    const Backend::CancelScope cancel(backend, context.stop());
    denoiser.forward(*workspace, input, times, condition, &recorder);
    computed.outputs.tensors.insert_or_assign("output", floatTensor(backend.fetch(workspace->output())));
    std::vector<ComputedFile> all;
    all.push_back(std::move(computed));
    return all;
}

}  // namespace

const GoldenKind& unetKind() {
    static const GoldenKind kind{
        "forward pass of a U-Net",
        [](const auto& keys) {
            const bool others = keys.contains("y") || keys.contains("prompt") || keys.contains("encoder_hidden_states");
            return keys.contains("x") && keys.contains("t") && keys.contains("output") && !others;
        },
        {"x", "t", "labels", "context", "text_embeds", "time_ids"},
        run,
        true};
    return kind;
}

}  // namespace moescope::verify
